// The test cases of a run: a module names them with `test`, run.mjs runs them one after another.
import assert from 'node:assert/strict';
import { openPage, kPageFolder } from './browser.mjs';
import { ScriptedServer } from './scripted_server.mjs';

export const cases = [];

/// `body` gets {browser}. `settings.short`: it is run by script/test, too.
export function test(name, settings, body) {
  cases.push({ name, body, short: settings.short === true });
}

/// A case with a page of its own that a scripted server feeds: `body` gets {browser, server, page, open}. The page must not complain.
/// `settings`: of the window, and `prepare(server)`, called before the page is opened.
export function pageTest(name, settings, body) {
  test(name, settings, async ({ browser }) => {
    const server = await new ScriptedServer(kPageFolder).start();
    const opened = [];
    const open = async (more = {}) => {
      const one = await openPage(browser, server.url, { ...settings, ...more });
      opened.push(one);
      return one.page;
    };
    try {
      settings.prepare?.(server);
      await body({ browser, server, page: await open(), open });
      const allowed = settings.allowed ?? (() => false);
      assert.deepEqual(opened.flatMap(({ complaints }) => complaints).filter((complaint) => !allowed(complaint)), [], 'the page complains');
    } finally {
      await Promise.all(opened.map((one) => one.close()));
      await server.stop();
    }
  });
}

// The page as the admin process of a real supervisor serves it.
import assert from 'node:assert/strict';
import { eventually, openPage, textOf } from './browser.mjs';
import { test } from './cases.mjs';
import { missingBuild, RealSupervisor } from './real_supervisor.mjs';

function realTest(name, settings, body) {
  test(name, settings, async ({ browser }) => {
    if (missingBuild()) return `${missingBuild()} is not built`;
    const supervisor = await new RealSupervisor().start();
    let opened = null;
    try {
      opened = await openPage(browser, supervisor.url);
      const { page } = opened;
      await eventually('all is well', async () => (await textOf(page, '#verdict-word')) === 'Well' && (await page.$$('.pool')).length === 2, 10e3);
      await body({ page, supervisor });
      assert.deepEqual(opened.complaints.filter((complaint) => !(settings.allowed ?? /^$/).test(complaint)), [], 'the page complains');
    } catch (error) {
      error.stack += `\n${supervisor.log.slice(-3000)}`;
      throw error;
    } finally {
      await opened?.close();
      await supervisor.stop();
    }
    return undefined;
  });
}

const says = (page, word, why = /./) => eventually(`it says ${word}: ${why}`, async () => (await textOf(page, '#verdict-word')) === word && why.test(await textOf(page, '#verdict-text')), 8000);

realTest('FAULTS 450: a real supervisor: a killed worker within two seconds, and a resize by button', { short: true }, async ({ page, supervisor }) => {
  const [{ pid, worker }] = (await supervisor.pool('web')).workers;
  const began = Date.now();
  process.kill(pid, 'SIGKILL');
  await eventually('it is shown', async () => new RegExp(`web worker ${worker}[^]*killed by signal 9 \\(SIGKILL\\)`).test(await textOf(page, '.side')), 2000);
  console.log(`  a killed worker is shown after ${Date.now() - began} ms`);

  await page.click('#pool-0 [data-action=scale]');
  await page.$eval('.ask input[type=number]', (node) => { node.value = '6'; });
  await page.type('.ask input[type=password]', supervisor.token);
  await page.click('.ask button[type=submit]');
  await eventually('six workers', async () => /6 of 6 ready, configured 4/.test(await textOf(page, '#pool-0 .pool-facts')) && /6 idle/.test(await textOf(page, '#pool-0 .legend')));
  await eventually('the log names the action and the client', () => /127\.0\.0\.1:\d+/.test(supervisor.log));
});

realTest('a wrong token changes nothing', { allowed: /403/ }, async ({ page, supervisor }) => {
  await page.click('#actions [data-action=stop]');
  await page.type('.ask input[type=password]', 'a-wrong-token-of-sixteen');
  await page.click('.ask button[type=submit]');
  await eventually('refused', async () => (await textOf(page, '.refusal')).length > 5);
  assert.equal((await supervisor.status()).stopping, false);
});

realTest('a real saturation comes and goes', {}, async ({ page, supervisor }) => {
  const requests = Array.from({ length: 12 }, () => supervisor.request(2500));
  await says(page, 'Saturated', /pool web – \d+ connections? waits? for a worker/);
  assert.match(await textOf(page, '#pool-0 .legend'), /4 busy/);
  await Promise.all(requests);
  await says(page, 'Well');
});

realTest('a rollout fails, with the last words of its worker', {}, async ({ page, supervisor }) => {
  supervisor.configure({ command: ['/bin/sh', '-c', 'echo "<b>no module</b> named shop" >&2; exit 3'] });
  supervisor.signal('SIGHUP');
  await says(page, 'Rollout failed', /pool web – generation 2: exited with status 3[^]*generation 1 serves on/);
  await page.click('#pool-0 .words summary');
  assert.match(await textOf(page, '#pool-0 .words .output'), /<b>no module<\/b> named shop/);
  assert.match(await textOf(page, '.side'), /Generation 2 failed/);
});

realTest('FAULTS 454: the page goes on through an upgrade in place', { allowed: /ERR_|503|Failed to load/ }, async ({ page, supervisor }) => {
  process.kill((await supervisor.pool('web')).workers[0].pid, 'SIGKILL');
  const deaths = () => page.$$eval('.side details.entry', (nodes) => nodes.length);
  await eventually('a death is shown', async () => (await deaths()) === 1);
  supervisor.signal('SIGUSR2');
  await eventually('it is told', async () => /Upgraded from/.test(await textOf(page, '.side')), 15e3);
  await eventually('it is live', async () => (await textOf(page, '#link')) === 'Live', 10e3);
  await says(page, 'Well');
  process.kill((await supervisor.pool('web')).workers[0].pid, 'SIGKILL');
  await eventually('another death is shown beside the one of before', async () => (await deaths()) === 2, 2000);
});

realTest('all workers are stopped by a signal, and the page says so', {}, async ({ page, supervisor }) => {
  const { pools } = await supervisor.status();
  const pids = pools.flatMap((pool) => pool.workers.map((worker) => worker.pid));
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  await eventually('it says so', async () => /Not ready|Workers stopped/.test(await textOf(page, '#verdict-word')));
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  await says(page, 'Well');
});

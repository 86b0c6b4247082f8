// Steering from the page: with the token, after a confirmation; and not at all where the supervisor does not allow it.
import assert from 'node:assert/strict';
import { eventually, textOf } from './browser.mjs';
import { pageTest } from './cases.mjs';
import { poolOf, statusOf } from './scripted_status.mjs';

const may = { admin: { actions: true } };
const shown = (page, selector) => page.$$eval(selector, (nodes) => nodes.filter((node) => node.checkVisibility()).length);

async function ask(page, selector) {
  await eventually('the button is there', async () => (await shown(page, selector)) === 1);
  await page.click(selector);
  await eventually('it asks', async () => (await shown(page, '.ask')) === 1);
}

async function answer(page, token) {
  if (token) await page.type('.ask input[type=password]', token);
  await page.click('.ask button[type=submit]');
}

pageTest('FAULTS 452: without the right to act the page only reads', { short: true }, async ({ server, page }) => {
  for (const admin of [null, { actions: false }]) {
    server.show(statusOf([poolOf('web', 4)], { admin }));
    await eventually('the pool is drawn', async () => (await shown(page, '.pool')) === 1);
    assert.equal(await shown(page, '[data-action]'), 0);
  }
});

pageTest('a wrong token is refused with the words of the server, and the right one is asked for once', { short: true, allowed: (complaint) => /403/.test(complaint) }, async ({ server, page }) => {
  server.answer = (path, body) => (path === '/api/restart' ? { result: { pools: [body.pool], tried_again: [] } } : { result: { pool: body.pool, before: 4, workers: body.workers, elastic: false } });
  server.show(statusOf([poolOf('web', 4), poolOf('api', 2)], may));
  await ask(page, '#pool-0 [data-action=restart]');
  assert.match(await textOf(page, '.ask'), /Restart pool web[^]*4 workers are replaced/);
  assert.equal(await page.$eval('.ask [type=submit]', (node) => node.textContent), 'Restart web');
  await answer(page, 'a-wrong-token');
  await eventually('the refusal is shown', async () => (await textOf(page, '.refusal')) === 'the token is not the one of admin_token_file');
  await answer(page, server.token);
  await eventually('the dialog closes', async () => (await shown(page, '.ask')) === 0);
  assert.match(await textOf(page, '#notice'), /Workers are being replaced: web/);
  assert.deepEqual(server.posts.at(-1), { path: '/api/restart', authorization: `Bearer ${server.token}`, body: { pool: 'web' } });

  await ask(page, '#pool-1 [data-action=scale]');
  assert.equal(await shown(page, '.ask input[type=password]'), 0);
  await page.$eval('.ask input[type=number]', (node) => { node.value = '7'; });
  await answer(page);
  await eventually('the answer is told', async () => /api: 7 workers, before 4/.test(await textOf(page, '#notice')));
  assert.deepEqual(server.posts.at(-1).body, { pool: 'api', workers: 7 });

  server.token = 'another-right-token';
  await ask(page, '#actions [data-action=reload]');
  await answer(page);
  await eventually('the token is asked for again', async () => (await shown(page, '.ask input[type=password]')) === 1);
  await page.keyboard.press('Escape');
  assert.deepEqual(await page.evaluate(() => [localStorage.length, sessionStorage.length, document.cookie]), [0, 0, '']);
  assert.equal(await page.$eval('.ask input[type=password]', (node) => node.value), '');
});

pageTest('a refusal by the supervisor is shown, and the token stays', { allowed: (complaint) => /400/.test(complaint) }, async ({ server, page }) => {
  server.answer = (path) => (path === '/api/reload' ? { error: 'the supervisor is stopping <b>' } : { result: { stopping: true } });
  server.show(statusOf([poolOf('web', 4)], may));
  await ask(page, '#actions [data-action=reload]');
  await answer(page, server.token);
  await eventually('the refusal is shown', async () => (await textOf(page, '.refusal')) === 'the supervisor is stopping <b>');
  await page.keyboard.press('Escape');
  await ask(page, '#actions [data-action=stop]');
  assert.equal(await shown(page, '.refusal'), 0);
  assert.match(await textOf(page, '.ask'), /Pid 2292 stops, with 1 pool: .* With stop_delay, new ones are accepted for that long/);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Cancel');
  await answer(page);
  await eventually('it is sent', async () => server.posts.length === 2);
  assert.deepEqual(server.posts[1].body, { quick: false });
});

pageTest('Cancel and Escape send nothing, and the focus goes back', {}, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4, { start_failures: 2 })], may));
  await ask(page, '#pool-0 [data-action=reset_failed]');
  await page.keyboard.press('Escape');
  await eventually('it closes', async () => (await shown(page, '.ask')) === 0);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.action), 'reset_failed');
  await ask(page, '#actions [data-action=stop]');
  await page.keyboard.press('Enter');
  await eventually('Cancel has the focus, so Enter closes', async () => (await shown(page, '.ask')) === 0);
  assert.equal(server.posts.length, 0);
});

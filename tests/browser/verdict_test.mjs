// What a person sees first, and where it comes from.
import assert from 'node:assert/strict';
import { eventually, textOf } from './browser.mjs';
import { pageTest } from './cases.mjs';
import { deathOf, poolOf, statusOf, workerOf } from './scripted_status.mjs';

const word = (page) => textOf(page, '#verdict-word');
const reasons = (page) => textOf(page, '#verdict-text');

async function says(page, expected, why) {
  await eventually(`the page says "${expected}"`, async () => (await word(page)) === expected);
  if (why) await eventually(`the reason is ${why}`, async () => why.test(await reasons(page)));
}

pageTest('the page says that it is well, with the sum of the pools', {}, async ({ server, page }) => {
  await says(page, 'Connecting');
  server.show(statusOf([poolOf('web', 4), poolOf('api', 8)]));
  await says(page, 'Well', /2 pools, 12 of 12 workers ready, no connection waits/);
  assert.match(await page.title(), /^Well – 127\.0\.0\.1/);
});

pageTest('the name of the supervisor is in the head of the page and in the title, unless it is the default', { short: true }, async ({ server, page }) => {
  server.show({ ...statusOf([poolOf('web', 4)]), name: 'shop' });
  await says(page, 'Well');
  await eventually('the title has the name', async () => /^Well – shop – 127\.0\.0\.1/.test(await page.title()));
  assert.match(await textOf(page, '#facts'), /^shop\s/);
  server.show({ ...statusOf([poolOf('web', 4)]), name: 'main' });
  await eventually('main is not a name', async () => !/main/.test(`${await page.title()} ${await textOf(page, '#facts')}`));
});

pageTest('FAULTS 450: a killed worker is shown within two seconds with its cause, its last words and what it held', { short: true }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  await says(page, 'Well');
  server.event(deathOf('web', 3, { output: ['first line', 'the very last words'] }));
  const summary = '.list .entry summary';
  await eventually('the death is shown', async () => /worker 3/.test(await textOf(page, summary)), 2000);
  assert.match(await textOf(page, summary), /killed by signal 9 \(SIGKILL\)/);
  assert.match(await textOf(page, summary), /Held: 1 connection begun/);
  await page.click(summary);
  assert.equal(await textOf(page, '.list .entry .output'), 'first line\nthe very last words');
  await says(page, 'Well', /a worker died in the last 5 minutes; it was of pool web: killed by signal 9/);
});

pageTest('planned deaths are shown only when they are asked for', {}, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  server.event(deathOf('web', 3, { planned: true, text: 'exited with status 0 (recycled)' }));
  server.event(deathOf('web', 4));
  await eventually('a death is shown', async () => (await page.$$('.list details.entry')).length === 1);
  await page.click('.list input[type=checkbox]');
  await eventually('both are shown', async () => (await page.$$('.list details.entry')).length === 2);
});

pageTest('a pool without a ready worker is named first, with the last death', {}, async ({ server, page }) => {
  server.event(deathOf('web', 3, { text: 'exited with status 1, before it was ready; age 3 ms' }));
  server.show(statusOf([poolOf('api', 4, { saturated: true }), poolOf('web', 2, { ready: 0, scoreboard: 'SS', start_failures: 3 })]));
  await says(page, 'Not ready', /^pool web – has no ready worker; last death: exited with status 1, before it was ready/);
  assert.equal(await page.$eval('#verdict', (node) => node.dataset.level), 'bad');
});

pageTest('a full queue, a missing socket file and dying workers have their words', {}, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4, { queue: { now: 8, most: 8, limit: 8, wait_p50_ms: 1, wait_p99_ms: 2, wait_max_ms: 3 } })]));
  await says(page, 'Not ready', /the queue is full: 8 of 8/);
  server.show(statusOf([poolOf('web', 4, { listeners: [{ address: 'unix:/run/web.sock', accepted: 1, paused: false, file_missing: true, backlog: null, backlog_limit: null }] })]));
  await says(page, 'Not ready', /unix:\/run\/web\.sock: its file is missing/);
  server.show(statusOf([poolOf('web', 4, { start_failures: 5 })]));
  await says(page, 'Workers die', /5 starts in a row failed/);
  server.show(statusOf([poolOf('web', 4, { scoreboard: '_Z_Z' })]));
  await says(page, 'Workers stopped', /2 workers stopped by a signal/);
  server.show(statusOf([poolOf('web', 2, { scoreboard: 'ZZ', ready: 0 })]));
  await says(page, 'Not ready', /has no ready worker; 2 workers stopped by a signal/);
});

pageTest('saturation is shown while it lasts, and a burst is not', { short: true }, async ({ server, page }) => {
  await eventually('it is connected', () => server.lastIds.length === 1);
  server.showOnce(statusOf([poolOf('web', 4, { saturated: true, scoreboard: 'BBBB' })]));
  await eventually('the pool is drawn', async () => /4 busy/.test(await textOf(page, '.legend')));
  assert.equal(await word(page), 'Well');
  server.show(statusOf([poolOf('web', 4, { saturated: true, scoreboard: 'BBBB', queue: { now: 52, most: 52, limit: 1024, wait_p50_ms: 80, wait_p99_ms: 310, wait_max_ms: 400 } })]));
  await says(page, 'Saturated', /pool web – 52 connections wait for a worker; wait in the last minute p99 310 ms/);
  server.show(statusOf([poolOf('web', 4)]));
  await says(page, 'Well');
});

pageTest('a failed rollout is shown with its reason and its last words', { short: true }, async ({ server, page }) => {
  const rollout = { generation: 3, outcome: 'failed', ago_ms: 5000, text: 'exited with status 1, before it was ready; age 83 ms', output: ['Traceback:', 'ModuleNotFoundError: shop'] };
  server.show(statusOf([poolOf('web', 4, { generation: 2, rollout })]));
  server.event({ event: 'rollout', pool: 'web', stage: 'failed', generation: 3, text: rollout.text });
  await says(page, 'Rollout failed', /generation 3: exited with status 1, before it was ready; generation 2 serves on/);
  await page.click('.pool .words summary');
  assert.match(await textOf(page, '.pool .words .output'), /ModuleNotFoundError: shop/);
  assert.match(await textOf(page, '.side'), /Generation 3 failed/);
});

pageTest('a refused reload and a stop with its delay are shown', {}, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)], { reload: { applied: false, ago_ms: 3000, count: 1, mistakes: ['pools.web.workers: must be a number'] } }));
  await says(page, 'Reload refused', /pools\.web\.workers: must be a number; the configuration of before is in force/);
  server.show(statusOf([poolOf('web', 4)], { stopping: true, stop_delay_left_ms: 8000 }));
  await says(page, 'Stopping', /connections are accepted for 8 s more/);
  server.show(statusOf([poolOf('web', 4, { ready: 0, with_workers: 2, scoreboard: 'DD', scoreboard_workers: '1-2' })], { stopping: true, stop_delay_left_ms: 0 }));
  await says(page, 'Stopping', /2 connections are still served/);
});

pageTest('FAULTS 505: a stop that was announced is said, with its time, until another supervisor serves', { short: true }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)], { pid: 100 }));
  await says(page, 'Well');
  server.event({ event: 'stopped', clean: true });
  server.gone();
  await says(page, 'Stopped', /the supervisor was stopped at \d\d:\d\d:\d\d, .*; what is shown below was true before/);
  assert.match(await textOf(page, '.side'), /Supervisor stopped/);
  assert.match(await page.title(), /^Stopped/);
  server.show(statusOf([poolOf('web', 4)], { pid: 200, uptime_ms: 10 }));
  await says(page, 'Well');
});

pageTest('a resize is shown in the cells and the figures', {}, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  await eventually('four', async () => /4 idle/.test(await textOf(page, '.legend')));
  server.show(statusOf([poolOf('web', 6, { configured: 4, scoreboard: '____SS', ready: 4 })]));
  await eventually('six', async () => /4 idle\s+2 starting/.test(await textOf(page, '.legend')));
  assert.match(await textOf(page, '.pool-facts'), /4 of 6 ready, configured 4/);
  server.show(statusOf([poolOf('web', 2)]));
  await eventually('two', async () => /^2 idle$/.test((await textOf(page, '.legend')).trim()));
  server.show(statusOf([poolOf('other', 1)]));
  await eventually('the other pool takes its place', async () => (await textOf(page, '.pool h3')) === 'other' && (await page.$$('.pool')).length === 1);
});

pageTest('FAULTS 451: what workers, pools and notes say is shown as text', { short: true }, async ({ server, page }) => {
  const markup = '<img src=x onerror="document.title=1"><script>alert(1)</script>';
  const name = '__proto__<b onclick=1>';
  server.workers.set(`${name}/1`, workerOf(1, { reason: markup, last_death: markup, note: markup }));
  server.event(deathOf(name, 1, { text: markup, output: [markup, 'turned \u202eround\u0007'] }));
  server.event({ event: 'reload', applied: false, mistakes: [markup] });
  server.show(statusOf([
    poolOf(name, 2, { rollout: { generation: 2, outcome: 'failed', ago_ms: 1, text: markup, output: [markup] }, deaths: { [markup]: 1 } }),
    poolOf('__proto__', 1), poolOf('constructor', 1),
  ], { config_file: markup, version: markup }));
  await says(page, 'Rollout failed', /<img src=x/);
  assert.deepEqual(await page.$$eval('h3 bdi', (nodes) => nodes.map((node) => node.textContent)), [name, '__proto__', 'constructor']);
  await page.click('.side .entry summary');
  assert.match(await textOf(page, '.side .entry .output'), /<script>alert\(1\)<\/script>\nturned \\u202eround\\u0007/);
  await page.focus('.board');
  await page.keyboard.press('Enter');
  await eventually('its note is shown', async () => (await textOf(page, '.panel')).includes(markup));
  assert.equal(await page.$$eval('img, script:not([src]), b, [onclick], [onerror], [style*="url"]', (nodes) => nodes.length), 0);
});

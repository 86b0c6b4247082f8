// The page for every reader: colours, widths, keyboard, screen readers; and with very many workers.
import assert from 'node:assert/strict';
import { axePath, eventually, textOf } from './browser.mjs';
import { pageTest } from './cases.mjs';
import { deathOf, poolOf, statusOf, workerOf } from './scripted_status.mjs';

const kMany = 4096;
const kFrame = 16;  // ms


/// Something of everything.
function fill(server) {
  const time = Array.from({ length: 300 }, (_, index) => Math.floor(Date.now() / 1000) - 300 + index);
  const of = (value) => time.map(() => value);
  server.history = { interval_ms: 1000, time, pools: { web: { queue: of(2), wait_p50_ms: of(1), wait_p99_ms: of(9), rate: of(100), busy: of(0.5), ready: of(8) } } };
  const rollout = { generation: 3, outcome: 'failed', ago_ms: 9000, text: 'exited with status 1', output: ['ModuleNotFoundError'] };
  for (let worker = 1; worker <= 10; ++worker) server.workers.set(`web/${worker}`, workerOf(worker, { note: 'GET /' }));
  server.event(deathOf('web', 9));
  server.event({ event: 'reload', applied: true, changes: ['pool web: workers 4 → 8'], mistakes: [], warnings: [] });
  server.event({ event: 'saturation', pool: 'web', saturated: true, queued: 3 });
  server.event({ event: 'rollout', pool: 'web', stage: 'failed', generation: 3, text: 'exited with status 1' });
  const listener = { address: `unix:/run/${'directory/'.repeat(12)}socket`, accepted: 1, paused: true, file_missing: false, backlog: 1, backlog_limit: 8 };
  const pools = [
    poolOf('web', 10, { scoreboard: '_BSDKTZ_BB', ready: 8, generation: 2, saturated: true }),
    poolOf(`a-pool-whose-name-is-very-long-${'x'.repeat(60)}`, 3, { rollout, listeners: [listener] }),
    poolOf('idle', 0, { scoreboard_workers: '' }),
  ];
  server.show(statusOf(pools, { admin: { actions: true }, reload: { applied: false, ago_ms: 1, mistakes: ['x'.repeat(300)] } }));
}

const drawn = (page) => eventually('all is drawn', async () => (await page.$$('.pool')).length === 3 && /Generation 3/.test(await textOf(page, '.side')));

async function violations(page) {
  const found = await page.evaluate(async () => {
    const { violations: list } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return list.map(({ id, nodes }) => `${id}: ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join('; ')}`);
  });
  assert.deepEqual(found, []);
}

for (const scheme of ['light', 'dark']) {
  pageTest(`axe finds no violation, ${scheme}`, { short: scheme === 'dark', scheme, prepare: fill }, async ({ page }) => {
    await drawn(page);
    // As the tools of the browser do it: the policy of the page forbids scripts that are not its own.
    const session = await page.createCDPSession();
    const { readFileSync } = await import('node:fs');
    await session.send('Runtime.evaluate', { expression: readFileSync(axePath(), 'utf8') });
    await page.$$eval('.pool-tools .quiet', (buttons) => buttons.forEach((button) => button.click()));
    await page.$$eval('details', (nodes) => nodes.forEach((node) => { node.open = true; }));
    await violations(page);
    await page.click('#actions [data-action=stop]');
    await violations(page);
    await page.keyboard.press('Escape');
    await page.focus('.board');
    await page.keyboard.press('Enter');
    await eventually('the worker is shown', async () => /GET \//.test(await textOf(page, '.panel')));
    await violations(page);
  });
}

for (const width of [360, 768, 1920]) {
  pageTest(`nothing is wider than a window of ${width} pixels`, { short: width === 360, width, prepare: fill }, async ({ page }) => {
    await drawn(page);
    await page.$$eval('.pool-tools .quiet', (buttons) => buttons.forEach((button) => button.click()));
    await page.$$eval('details', (nodes) => nodes.forEach((node) => { node.open = true; }));
    const wide = () => page.evaluate(() => [document.documentElement.scrollWidth, ...[...document.querySelectorAll('main *')]
      .filter((node) => !node.closest('.scroll, .chart, .hidden')).map((node) => Math.ceil(node.getBoundingClientRect().right))].reduce((most, each) => Math.max(most, each)));
    assert.ok(await wide() <= width, `${await wide()} pixels`);
    await page.click('#actions [data-action=stop]');
    assert.ok(await page.$eval('.ask', (node) => node.getBoundingClientRect().right) <= width);
  });
}

pageTest('a worker is found and opened by keyboard, and the focus goes back', { prepare: fill, allowed: (complaint) => /404/.test(complaint) }, async ({ page, server }) => {
  await drawn(page);
  const active = () => textOf(page, '#worker-of-0');
  await page.focus('.board');
  assert.equal(await active(), 'worker 1, idle');
  await page.keyboard.press('ArrowRight');
  assert.equal(await active(), 'worker 2, busy');
  await page.keyboard.press('End');
  assert.equal(await active(), 'worker 10, busy');
  await page.keyboard.press('ArrowRight');
  assert.equal(await active(), 'worker 10, busy');
  await page.keyboard.press('Enter');
  await eventually('its row is shown', async () => /Worker 10 of web[^]*4010[^]*GET \//.test(await textOf(page, '.panel')));
  server.workers.delete('web/10');
  server.event(deathOf('web', 10, { text: 'exited with status 7; age 1 s' }));
  await eventually('its end is shown', async () => /It has ended: exited with status 7/.test(await textOf(page, '.panel-state')));
  await page.keyboard.press('Escape');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'board');
});

pageTest('a cell is opened by a click, and hovering names it', { prepare: fill }, async ({ page }) => {
  await drawn(page);
  await eventually('what is wrong is said above the cells', async () => (await page.$$('#pool-0 .problems li')).length > 0 && /Saturated/.test(await textOf(page, '#verdict')));
  const { x, y } = await page.$eval('.board', (node) => node.getBoundingClientRect().toJSON());
  await page.mouse.move(x + 24 + 10, y + 10);
  await eventually('it is named', async () => (await textOf(page, '.tip')) === 'worker 2, busy');
  await page.mouse.click(x + 24 + 10, y + 10);
  await eventually('it is opened', async () => /Worker 2 of web/.test(await textOf(page, '.panel')));
});

pageTest('the charts have words and a table', { prepare: fill }, async ({ page }) => {
  await drawn(page);
  await eventually('words', async () => /^Queue: now 0 of 1,024; at most 2 in the last 15 minutes$/.test(await page.$eval('.chart', (node) => node.getAttribute('aria-label'))));
  await page.click('.pool-tools .quiet');
  const table = await textOf(page, '.pool table');
  assert.match(table, /Wait p99, most/);
  assert.match(table, /9\.0 ms/);
  assert.equal(await page.$eval('.pool-tools .quiet', (node) => node.getAttribute('aria-expanded')), 'true');
});

pageTest('nothing moves by itself where motion is not wanted', { motion: 'reduce', prepare: fill }, async ({ page }) => {
  await drawn(page);
  await page.$eval('#link', (node) => { node.dataset.state = 'reconnecting'; });
  assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
});

pageTest(`with ${kMany} workers an update takes less script time than a frame`, { width: 1920, height: 1080 }, async ({ page, server }) => {
  let turn = 0;
  const board = () => Array.from({ length: kMany }, (_, index) => ((index * 7 + turn * 3) % 5 < 3 ? 'B' : '_')).join('');
  const status = () => statusOf([poolOf('web', kMany, { scoreboard: board() })]);
  const time = Array.from({ length: 900 }, (_, index) => Math.floor(Date.now() / 1000) - 900 + index);
  const figures = ['queue', 'wait_p50_ms', 'wait_p99_ms', 'rate', 'busy', 'ready'];
  server.history = { interval_ms: 1000, time, pools: { web: Object.fromEntries(figures.map((name) => [name, time.map((second) => second % 60)])) } };
  await page.reload();
  server.show(status());
  await eventually('all workers are drawn', async () => /busy/.test(await textOf(page, '.legend')) && (await page.$$('.chart canvas')).length === 5);
  const session = await page.createCDPSession();
  await session.send('Performance.enable');
  const seconds = async () => Object.fromEntries((await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]));
  const script = [];
  const all = [];
  for (turn = 1; turn <= 21; ++turn) {
    const before = await seconds();
    server.show(status());
    const busy = board().split('B').length - 1;
    await eventually('the update is drawn', async () => (await page.$eval('.legend', (node) => node.textContent)).includes(`${busy.toLocaleString('en')} busy`));
    const after = await seconds();
    script.push((after.ScriptDuration - before.ScriptDuration) * 1000);
    all.push((after.TaskDuration - before.TaskDuration) * 1000);
  }
  const median = (values) => values.sort((a, b) => a - b)[10];
  console.log(`  ${kMany} workers: ${median(script).toFixed(1)} ms of script, ${median(all).toFixed(1)} ms in all, for an update`);
  assert.ok(median(script) < kFrame, `${median(script).toFixed(1)} ms of script for an update`);
});

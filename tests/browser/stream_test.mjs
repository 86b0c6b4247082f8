// The live connection: lost, found again, and another supervisor behind it.
import assert from 'node:assert/strict';
import { eventually, textOf } from './browser.mjs';
import { pageTest } from './cases.mjs';
import { deathOf, poolOf, statusOf } from './scripted_status.mjs';

const link = (page) => textOf(page, '#link');
const word = (page) => textOf(page, '#verdict-word');
const deaths = (page) => page.$$eval('.side details.entry', (nodes) => nodes.length);
const refused = (complaint) => /ERR_|503|Failed to load/.test(complaint);

async function live(page) {
  await eventually('it is live', async () => (await link(page)) === 'Live', 10e3);
}

pageTest('FAULTS 453: a cut stream is connected again after the number of the last event', { short: true, allowed: refused }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  server.event(deathOf('web', 1));
  await live(page);
  await eventually('the death is shown', async () => (await deaths(page)) === 1);
  server.refusesStreams = true;
  server.cut();
  await eventually('it says that it connects again', async () => (await link(page)) === 'Reconnecting');
  await eventually('and then that there is no connection', async () => (await word(page)) === 'No connection to the supervisor', 6000);
  assert.match(await textOf(page, '#verdict-text'), /for \d+ s; what is shown below was true then/);
  server.event(deathOf('web', 2));
  server.refusesStreams = false;
  await live(page);
  await eventually('the death of meanwhile is shown', async () => (await deaths(page)) === 2);
  assert.equal(await word(page), 'Well');
  assert.match(await textOf(page, '#verdict-text'), /2 workers died/);
});

pageTest('a short cut keeps the verdict, sends Last-Event-ID, and shows no event twice', { allowed: refused }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  server.event(deathOf('web', 1));
  server.event(deathOf('web', 2));
  await eventually('both deaths are shown', async () => (await deaths(page)) === 2);
  server.cut();
  await eventually('it is connected again', async () => server.lastIds.length === 2);
  await live(page);
  assert.deepEqual(server.lastIds, [null, '2']);
  server.event(deathOf('web', 3));
  await eventually('the next one is shown', async () => (await deaths(page)) === 3);
  assert.equal(await word(page), 'Well');
});

pageTest('pools that come and go leave no charts behind', {}, async ({ server, page }) => {
  const charts = () => page.evaluate(() => [window.uPlot.sync('figures').plots.length, document.querySelectorAll('.pool').length]);
  for (let round = 0; round < 3; ++round) {
    server.show(statusOf([poolOf('web', 4), poolOf(`extra${round}`, 4)]));
    await eventually('the second pool is drawn', async () => (await charts()).join() === '10,2');
    server.show(statusOf([poolOf('web', 4)]));
    await eventually('it is gone', async () => (await charts()).join() === '5,1');
  }
});

pageTest('the end of the supervisor is said', {}, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  await live(page);
  server.gone();
  await eventually('it says so', async () => (await link(page)) === 'Supervisor gone');
  await eventually('the verdict follows', async () => (await word(page)) === 'No connection to the supervisor');
});

pageTest('FAULTS 502: a page that newer ones have replaced says so, and does not come back by itself', { short: true }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  await live(page);
  server.replace();
  await eventually('it says so', async () => (await word(page)) === 'Not live');
  assert.match(await textOf(page, '#verdict-text'), /too many pages watch this supervisor, .* load it anew to go on/);
  await new Promise((resolve) => { setTimeout(resolve, 1500); });  // longer than the pause before it would connect again
  assert.equal(server.lastIds.length, 1);
  await page.reload();
  await live(page);
});

pageTest('another supervisor in its place: the stream begins anew', { allowed: refused }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)], { pid: 100 }));
  server.event(deathOf('web', 1));
  await eventually('the death is shown', async () => (await deaths(page)) === 1);
  server.show(statusOf([poolOf('web', 4)], { pid: 200 }));
  await eventually('a stream without a number', async () => server.lastIds.length === 2);
  assert.deepEqual(server.lastIds, [null, null]);
  assert.equal(await deaths(page), 1);
});

pageTest('an upgrade in place is told, and the page goes on', { allowed: refused }, async ({ server, page }) => {
  server.show(statusOf([poolOf('web', 4)]));
  await live(page);
  server.cut();
  server.event({ event: 'upgraded', from: '0.1.0', version: '0.2.0', took_ms: 40 });
  server.show(statusOf([poolOf('web', 4)], { version: '0.2.0' }));
  await live(page);
  await eventually('told', async () => /Upgraded from 0\.1\.0 to 0\.2\.0/.test(await textOf(page, '.side')));
  assert.match(await textOf(page, '#facts'), /upgraded from 0\.1\.0: load this page anew/);
});

pageTest('the charts survive a reload of the page', {}, async ({ server, page }) => {
  const time = Array.from({ length: 600 }, (_, index) => Math.floor(Date.now() / 1000) - 600 + index);
  const of = (value) => time.map(() => value);
  server.history = { interval_ms: 1000, time, pools: { web: { queue: of(77), wait_p50_ms: of(null), wait_p99_ms: of(null), rate: of(1), busy: of(0), ready: of(4) } } };
  server.show(statusOf([poolOf('web', 4)]));
  const says = () => eventually('the history is there', async () => /at most 77 in the last 15 minutes/.test(await page.$eval('.chart', (node) => node.getAttribute('aria-label'))));
  await says();
  await page.reload();
  await says();
});

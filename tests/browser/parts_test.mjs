// The parts of the page that touch no document, called in the browser.
import assert from 'node:assert/strict';
import { pageTest } from './cases.mjs';

/// What `body` returns, which gets the module.
const within = (page, module, body) => page.evaluate(`import('/${module}.js').then(${body})`);

pageTest('numbers of workers are read from ranges, also wrong ones', {}, async ({ page }) => {
  const of = (text) => within(page, 'ranges', `({ numbersOf }) => numbersOf(${JSON.stringify(text)})`);
  assert.deepEqual(await of('1-3,7,9-10'), [1, 2, 3, 7, 9, 10]);
  assert.deepEqual(await of(''), []);
  assert.deepEqual(await of('x,2-,5-3,,4'), [4]);
  assert.equal((await of('1-999999999')).length, 100000);
});

pageTest('a worker keeps its cell, and its successor gets it', {}, async ({ page }) => {
  const after = (steps) => within(page, 'places', `({ Places }) => {
    const places = new Places();
    for (const [numbers, wanted] of ${JSON.stringify(steps)}) places.update(numbers, wanted);
    return Array.from({ length: places.size }, (_, place) => places.workerAt(place));
  }`);
  assert.deepEqual(await after([[[1, 2, 3, 4], 4], [[1, 3, 4], 4]]), [1, null, 3, 4]);
  assert.deepEqual(await after([[[1, 2, 3, 4], 4], [[1, 3, 4], 4], [[1, 3, 4, 5], 4]]), [1, 5, 3, 4]);
  assert.deepEqual(await after([[[1, 2, 3, 4], 4], [[1, 4], 2]]), [1, 4]);
  assert.deepEqual(await after([[[1], 1], [[1], 3]]), [1, null, null]);
  assert.deepEqual(await after([[[1, 2], 2], [[1, 2, 3], 2], [[2, 3], 2]]), [2, 3]);
});

pageTest('durations, rates and ages are short and exact enough', {}, async ({ page }) => {
  const words = await within(page, 'format', `({ duration, rate, span, percent, count, plain }) => [
    [0, 0.0004, 0.04, 3.44, 120, 999.7, 1250, 150e3, NaN, null].map(duration), [0, 0.44, 7, 59.7, 1240].map(rate),
    [999, 59e3, 3600e3, 3720e3, 90000e3].map(span), percent(0.994), count(12345), plain('a\\u0007\\u202eb'), plain('x'.repeat(30000)).length]`);
  assert.deepEqual(words, [
    ['0 ms', '1 µs', '40 µs', '3.4 ms', '120 ms', '1.0 s', '1.3 s', '2 min', '–', '–'], ['0', '0.4', '7', '60', '1,240'],
    ['0 s', '59 s', '1 h', '1 h 2 min', '1 d 1 h'], '99 %', '12,345', 'a\\u0007\\u202eb', 20001]);
});

pageTest('the history keeps what it has, takes what it lacks, and shows a hole', {}, async ({ page }) => {
  const [time, queue, minutes, timeAfter, queueAfter] = await within(page, 'history', `({ History, kFigures }) => {
    const of = (queue) => Object.fromEntries(kFigures.map((figure) => [figure, queue]));
    const history = new History();
    const now = 60000;
    history.merge({ time: [now - 2000, now - 2, now - 1], pools: { web: of([1, 2, 3]) } });
    history.add({ time: now + 0.3, pools: { web: of(4), api: of(1) } });
    history.add({ time: now, pools: { web: of(99) } });
    history.add({ time: now + 10, pools: { web: of(5) } });
    history.merge({ time: [now - 1, now + 5], pools: { web: of([88, 6]) } });
    const before = [[...history.time], [...history.figures('web').queue], history.minutes('web').map(({ from, queue }) => [from, queue.most])];
    history.add({ time: now - 1, pools: { web: of(7) } });  // the clock was set back
    return [...before, history.time, history.figures('web').queue];
  }`);
  assert.deepEqual(time, [59998, 59999, 60000, 60001, 60005, 60006, 60010]);
  assert.deepEqual(queue, [2, 3, 99, null, 6, null, 5]);
  assert.deepEqual(minutes, [[60000000, 99], [59940000, 3]]);
  assert.deepEqual(timeAfter, [59998, 59999]);
  assert.deepEqual(queueAfter, [2, 7]);
});

pageTest('short saturations of a pool share one line', {}, async ({ page }) => {
  const changes = await within(page, 'event_log', `({ EventLog }) => {
    const log = new EventLog(() => Date.parse('2026-01-31T12:00:10Z'));
    const add = (seq, saturated, second) => log.add({ seq, event: 'saturation', pool: 'web', saturated, queued: 1, time: '2026-01-31T12:00:' + second + 'Z' });
    add(1, true, '00'); add(2, false, '02');
    log.add({ seq: 9, time: '2026-01-31T12:00:03Z', event: 'pool_recovered', pool: 'web' });
    add(3, true, '05'); add(4, false, '06');
    const twice = log.add({ seq: 4, time: '2026-01-31T12:00:06Z', event: 'pool_recovered', pool: 'web' });
    return [twice, ...log.changes.map(({ title, text }) => [title, text])];
  }`);
  assert.deepEqual(changes, [false, ['Was saturated', '2 times within 6 s'], ['Workers start again', '']]);
});

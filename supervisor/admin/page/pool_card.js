// One pool: what is wrong with it, its workers, its figures.
import { Chart } from './charts.js';
import { h, setAttribute, setText } from './dom.js';
import { count, duration, moment, percent, plain, rate } from './format.js';
import { Scoreboard } from './scoreboard.js';

const kTones = { bad: 'bad', warn: 'warn' };

/// What the counters of a pool mean is in docs/operations.md; these are shown only when they are not 0.
const kLosses = [['lost', 'lost'], ['gave_up', 'given up'], ['rejected', 'rejected'], ['expired', 'expired'], ['discarded', 'discarded']];

function charts() {
  return {
    queue: new Chart({ label: 'Queue', lines: [{ color: '--line-a', fill: '--fill-a', stepped: true, how: 'most' }], format: count, least: 4 }),
    wait: new Chart({ label: 'Wait', lines: [{ color: '--line-a', fill: '--fill-a', name: 'p50', joined: true, how: 'mean' }, { color: '--line-b', name: 'p99', joined: true, how: 'most' }], format: duration, least: 1 }),
    rate: new Chart({ label: 'Requests a second', lines: [{ color: '--line-a', fill: '--fill-a', how: 'mean' }], format: rate, least: 1 }),
    busy: new Chart({ label: 'Busy share', lines: [{ color: '--line-a', fill: '--fill-a', how: 'mean' }], format: percent, least: 1, exact: true }),
    ready: new Chart({ label: 'Ready workers', lines: [{ color: '--line-a', fill: '--fill-a', stepped: true, how: 'least' }], format: count, least: 1, exact: true }),
  };
}

/// A button that shows and hides `target`.
function disclosure(text, id, target, shown) {
  target.id = id;
  target.hidden = true;
  const button = h('button', { type: 'button', class: 'quiet', 'aria-expanded': 'false', 'aria-controls': id }, text);
  button.addEventListener('click', () => {
    target.hidden = !target.hidden;
    button.setAttribute('aria-expanded', String(!target.hidden));
    shown();
  });
  return button;
}

export class PoolCard {
  #name;
  #charts = charts();
  #history;

  /// `openWorker(pool, worker)`; `actions(pool)`: buttons, or null.
  constructor(name, index, history, openWorker, actions) {
    this.#name = name;
    this.#history = history;
    const shown = plain(name);
    const id = `pool-${index}`;
    this.board = new Scoreboard(`worker-of-${index}`, (worker) => openWorker(name, worker));
    this.state = h('span', { class: 'chip' });
    this.facts = h('span', { class: 'pool-facts' });
    this.problems = h('ul', { class: 'problems' });
    this.lastWords = h('pre', { class: 'output' });
    this.words = h('details', { class: 'words', hidden: true }, h('summary', {}, 'What the failed worker wrote last'), this.lastWords);
    this.workers = h('div', { class: 'workers' }, this.board.box, this.board.legend);
    this.tiles = h('div', { class: 'tiles' }, ...Object.values(this.#charts).map((chart) => chart.figure));
    this.table = h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': `Figures of pool ${shown}, by the minute` });
    this.detail = h('dl', { class: 'detail' });
    const toggles = [disclosure('Table', `${id}-table`, this.table, () => this.#writeTable()), disclosure('Details', `${id}-detail`, this.detail, () => {})];
    this.element = h('section', { class: 'card pool', id, 'aria-label': `Pool ${shown}`, tabindex: '-1' },
      h('div', { class: 'pool-head' }, h('h3', {}, h('bdi', {}, shown)), this.state, this.facts, h('div', { class: 'pool-tools' }, ...toggles, actions(name))),
      this.problems, this.words,
      this.workers,
      this.tiles, this.table, this.detail);
  }

  update(pool, problems) {
    const worst = pool.removed ? null : problems.find(({ level }) => level in kTones);
    setText(this.state, pool.removed ? 'Removed' : worst?.word ?? (pool.wanted === 0 ? 'No workers wanted' : 'Well'));
    setAttribute(this.state, 'data-tone', pool.removed ? 'note' : kTones[worst?.level] ?? 'well');
    setText(this.facts, this.#factsOf(pool));
    this.#writeProblems(problems, this.state.textContent);
    const output = pool.rollout?.outcome === 'failed' ? (pool.rollout.output ?? []) : [];
    this.words.hidden = output.length === 0;
    setText(this.lastWords, output.map(plain).join('\n'));
    this.board.update(pool);
    setAttribute(this.workers, 'data-large', String(pool.scoreboard.length > 200));
    this.#charts.queue.setTone(pool.queue.limit > 0 && pool.queue.now >= pool.queue.limit ? 'bad' : problems.some(({ word }) => word === 'Saturated') ? 'warn' : 'plain');
    this.#charts.ready.setTone(pool.ready === 0 && pool.wanted > 0 ? 'bad' : 'plain');
    this.#writeDetail(pool);
    this.#drawCharts(pool);
  }

  remove() {
    for (const chart of Object.values(this.#charts)) chart.remove();
    this.element.remove();
  }

  recolor() {
    this.board.recolor();
    for (const chart of Object.values(this.#charts)) chart.recolor();
  }

  #factsOf(pool) {
    const addresses = (pool.listeners ?? []).map(({ address }) => plain(address));
    const shown = addresses.length > 2 ? `${addresses[0]} and ${addresses.length - 1} more` : addresses.join(', ');
    const trial = pool.trial ? `, ${pool.trial} on trial` : '';
    const size = pool.wanted === pool.configured ? '' : `, configured ${count(pool.configured)}`;
    return [`${count(pool.ready)} of ${count(pool.wanted)} ready${size}`, `generation ${pool.generation}${trial}`, shown].filter(Boolean).join('  ·  ');
  }

  /// `said`: the word that stands above them already.
  #writeProblems(problems, said) {
    const lines = problems.map(({ word, text, level }) => ({ text: word === said ? text : `${word}: ${text}`, level }));
    while (this.problems.children.length > lines.length) this.problems.lastChild.remove();
    lines.forEach(({ text, level }, index) => {
      const line = this.problems.children[index] ?? this.problems.appendChild(h('li', {}));
      setText(line, text);
      setAttribute(line, 'data-tone', level);
    });
    this.problems.hidden = lines.length === 0;
  }

  #drawCharts(pool) {
    const { time } = this.#history;
    const figures = this.#history.figures(this.#name);
    if (!figures) return;
    const now = this.#history.latest(this.#name);
    const charts = this.#charts;
    charts.queue.update(time, [figures.queue], count(pool.queue.now), pool.queue.limit > 0 ? `of ${count(pool.queue.limit)}` : '');
    charts.wait.update(time, [figures.wait_p50_ms, figures.wait_p99_ms], now.wait_p99_ms === null ? '–' : `${duration(now.wait_p50_ms)} / ${duration(now.wait_p99_ms)}`, '');
    charts.rate.update(time, [figures.rate], rate(now.rate), '');
    charts.busy.update(time, [figures.busy], percent(now.busy), '');
    charts.ready.update(time, [figures.ready], count(pool.ready), `of ${count(pool.wanted)}`);
    this.#writeTable();
  }

  #writeTable() {
    if (this.table.hidden) return;
    const head = ['From', 'Queue, most', 'Wait p50', 'Wait p99, most', 'Requests/s', 'Busy', 'Ready, least'];
    const row = (minute) => [
      moment(minute.from).slice(0, -3), count(minute.queue?.most), duration(minute.wait_p50_ms?.mean), duration(minute.wait_p99_ms?.most),
      rate(minute.rate?.mean), percent(minute.busy?.mean), count(minute.ready?.least),
    ];
    this.table.replaceChildren(h('table', {},
      h('thead', {}, h('tr', {}, ...head.map((text) => h('th', { scope: 'col' }, text)))),
      h('tbody', {}, ...this.#history.minutes(this.#name).map((minute) => h('tr', {}, ...row(minute).map((text) => h('td', {}, text)))))));
  }

  #writeDetail(pool) {
    const { counters } = pool;
    const losses = kLosses.filter(([name]) => counters[name] > 0).map(([name, word]) => `${count(counters[name])} ${word}`);
    const deaths = Object.entries(pool.deaths ?? {}).filter(([, number]) => number > 0).map(([cause, number]) => `${count(number)} ${plain(cause).replaceAll('_', ' ')}`);
    const rows = [
      ['Accepted', count(counters.accepted)], ['Served', count(counters.served)],
      ['Not served', losses.join(', ') || 'none'], ['Clients left', count(counters.left)],
      ['With workers', count(pool.with_workers)], ['In the lobby', `${count(pool.lobby.silent)} silent, ${count(pool.lobby.parked)} parked`],
      ['Queue, most', count(pool.queue.most)], ['Busy time', `p50 ${duration(pool.busy_time.p50_ms)}, p99 ${duration(pool.busy_time.p99_ms)}`],
      ['Sent to another worker', count(counters.redispatched)],
      ['Deaths', deaths.join(', ') || 'none'], ['Starts', count(counters.starts)],
      ...(pool.listeners ?? []).map((listener) => [plain(listener.address), this.#listenerText(listener)]),
    ];
    this.#writeRows(rows);
  }

  #listenerText({ accepted, paused, backlog, backlog_limit: limit }) {
    const waiting = backlog === null || backlog === undefined ? '' : `, ${count(backlog)} of ${count(limit)} wait in the kernel`;
    return `${count(accepted)} accepted${waiting}${paused ? ', paused' : ''}`;
  }

  #writeRows(rows) {
    while (this.detail.children.length > rows.length) this.detail.lastChild.remove();
    rows.forEach(([term, text], index) => {
      const row = this.detail.children[index] ?? this.detail.appendChild(h('div', {}, h('dt', {}), h('dd', {})));
      setText(row.firstChild, term);
      setText(row.lastChild, text);
    });
  }
}

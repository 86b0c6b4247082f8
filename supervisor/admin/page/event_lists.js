// The lists beside the pools: deaths of workers, and changes with their verdicts.
import { h, setText } from './dom.js';
import { causeOf, heldBy } from './event_log.js';
import { ago, duration, moment, plain } from './format.js';

const kShown = 12;  // before "Show all"

const timeOf = (at) => h('time', { datetime: new Date(at).toISOString(), title: moment(at), 'data-at': String(at) });

function deathEntry(death) {
  const held = heldBy(death);
  const output = (death.output ?? []).map(plain).join('\n');
  const facts = [
    ['Pid', String(death.pid || '–')], ['Age', duration(death.age_ms)], ['Served', String(death.served)],
    ['Held', held || 'no connection'], ['Generation', String(death.generation)], ['Report', plain(death.text)],
  ];
  return h('details', { class: 'entry', 'data-tone': death.planned ? 'note' : 'bad' },
    h('summary', {},
      h('span', { class: 'entry-head' }, h('bdi', { class: 'pool-name' }, plain(death.pool)), ` ${death.role === 'template' ? 'template' : `worker ${death.worker}`}`, timeOf(death.at)),
      h('span', { class: 'entry-title' }, causeOf(death)),
      held ? h('span', { class: 'entry-text' }, `Held: ${held}`) : null),
    h('dl', { class: 'detail' }, ...facts.map(([term, text]) => h('div', {}, h('dt', {}, term), h('dd', {}, text)))),
    h('p', { class: 'caption' }, output ? 'Last words' : 'It wrote nothing before it died.'),
    output ? h('pre', { class: 'output' }, output) : null);
}

function changeEntry(change) {
  return h('div', { class: 'entry', 'data-tone': change.tone },
    h('span', { class: 'entry-head' }, change.pool === undefined ? 'supervisor' : h('bdi', { class: 'pool-name' }, plain(change.pool)), timeOf(change.at)),
    h('span', { class: 'entry-title' }, change.title),
    change.text ? h('span', { class: 'entry-text' }, plain(change.text)) : null);
}

/// A list whose entries stay in the document (and open) while others come and go.
class List {
  #entries = new Map();  // key → {text, element}
  #all = false;
  #last = [];

  constructor(title, empty, make, tools) {
    this.make = make;
    this.title = title;
    this.body = h('div', { class: 'entries' });
    this.empty = h('p', { class: 'empty' }, empty);
    this.button = h('button', { type: 'button', class: 'quiet', click: () => { this.#all = !this.#all; this.update(this.#last); } });
    this.element = h('section', { class: 'card list', 'aria-label': title }, h('div', { class: 'list-head' }, h('h3', {}, title), tools), this.empty, this.body, this.button);
  }

  /// The latest first.
  update(items) {
    this.#last = items;
    const shown = this.#all ? items : items.slice(0, kShown);
    const before = this.#entries;
    this.#entries = new Map();
    shown.forEach((item, index) => {
      const text = `${item.at} ${item.tone} ${item.title} ${item.text}`;
      const known = before.get(item.key);
      const element = known?.text === text ? known.element : this.make(item);
      this.#entries.set(item.key, { text, element });
      if (this.body.children[index] !== element) this.body.insertBefore(element, this.body.children[index] ?? null);
    });
    while (this.body.children.length > shown.length) this.body.lastChild.remove();
    this.empty.hidden = items.length > 0;
    this.button.hidden = items.length <= kShown;
    setText(this.button, this.#all ? 'Show fewer' : `Show all ${items.length}`);
  }

  tick(now) {
    for (const time of this.body.querySelectorAll('time')) setText(time, ago(Math.max(0, now - Number(time.dataset.at))));
  }
}

export class EventLists {
  #log;
  #planned = false;

  constructor(log) {
    this.#log = log;
    const box = h('input', { type: 'checkbox', change: () => { this.#planned = box.checked; this.update(); } });
    this.deaths = new List('Deaths of workers', 'No worker has died unplanned.', deathEntry, h('label', { class: 'check' }, box, 'also planned'));
    this.changes = new List('What changed', 'No reload, rollout or upgrade is stored.', changeEntry, null);
    this.elements = [this.deaths.element, this.changes.element];
  }

  update() {
    this.deaths.update(this.#log.deaths.filter((death) => this.#planned || !death.planned));
    this.changes.update(this.#log.changes);
  }

  tick(now) {
    this.deaths.tick(now);
    this.changes.tick(now);
  }
}

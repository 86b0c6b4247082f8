// The workers of one pool, a cell each, drawn on one canvas.
//
// For the keyboard and for screen readers it is a list box with one option, the active cell: arrow keys, Home, End and the page keys
// move, Enter opens the worker.
import { h, setAttribute, setText } from './dom.js';
import { count } from './format.js';
import { Places } from './places.js';
import { numbersOf } from './ranges.js';
import { currentColors, drawState, kStates, wordOf } from './scoreboard_states.js';

const kSizes = [[20, 4, 120], [15, 3, 120], [11, 2, 150], [8, 2, 220], [6, 1, 400], [4, 1, Infinity]];  // cell, gap, height up to which it is used
const kMarkFor = 60e3;  // how long a cell shows that its worker has died

export class Scoreboard {
  #places = new Places();
  #drawn = '';  // what the cells show
  #states = new Map();
  #numbersText = null;
  #numbers = [];
  #marks = new Map();  // place → when its worker died
  #cell = 0;
  #gap = 0;
  #columns = 1;
  #active = 0;
  #open;
  #name = '';
  #colors = currentColors();

  /// `id`: unique on the page. `open`: called with a worker's number.
  constructor(id, open) {
    this.#open = open;
    this.canvas = h('canvas', { class: 'cells', 'aria-hidden': 'true' });
    this.ring = h('div', { class: 'ring', 'aria-hidden': 'true' });
    this.option = h('div', { role: 'option', id, class: 'hidden', 'aria-selected': 'true' });
    this.tip = h('div', { class: 'tip', 'aria-hidden': 'true', hidden: true });
    this.box = h('div', {
      class: 'board', role: 'listbox', tabindex: '0', 'aria-activedescendant': id,
      keydown: (event) => this.#key(event), click: (event) => this.#click(event),
      pointermove: (event) => this.#hover(event), pointerleave: () => { this.tip.hidden = true; },
    }, this.canvas, this.ring, this.option, this.tip);
    this.legend = h('ul', { class: 'legend' });
    new ResizeObserver(() => this.#layOut()).observe(this.box);
  }

  update(pool) {
    this.#name = pool.name;
    if (pool.scoreboard_workers !== this.#numbersText) {
      this.#numbersText = pool.scoreboard_workers;
      this.#numbers = numbersOf(pool.scoreboard_workers);
    }
    this.#states = new Map();
    for (let index = 0; index < pool.scoreboard.length; ++index) this.#states.set(this.#numbers[index] ?? index + 1, pool.scoreboard[index]);
    const before = this.#places.size;
    this.#places.update([...this.#states.keys()], pool.removed ? 0 : pool.wanted);
    if (this.#places.size !== before) this.#layOut();
    this.#draw();
    this.#writeLegend();
    this.#describe();
  }

  /// A worker has died without a plan: its cell shows it for a minute.
  mark(worker, at) {
    const place = this.#places.placeOf(worker);
    if (place !== null && Date.now() - at < kMarkFor) this.#marks.set(place, at);
  }

  /// The colours of the scheme have changed.
  recolor() {
    this.#colors = currentColors();
    this.#layOut();
    this.legend.replaceChildren();
    this.#writeLegend();
  }

  #layOut() {
    const width = this.box.clientWidth;
    if (width === 0) return;
    const size = Math.max(this.#places.size, 1);
    const fits = ([cell, gap, most]) => Math.ceil(size / Math.max(1, Math.floor((width + gap) / (cell + gap)))) * (cell + gap) <= most;
    [this.#cell, this.#gap] = kSizes.find(fits);
    const pitch = this.#cell + this.#gap;
    this.#columns = Math.max(1, Math.floor((width + this.#gap) / pitch));
    const rows = Math.ceil(size / this.#columns);
    const scale = window.devicePixelRatio || 1;
    const height = rows * pitch - this.#gap;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.#drawn = '';
    this.#active = Math.min(this.#active, size - 1);
    this.#draw();
    this.#moveRing();
  }

  #stateAt(place) {
    const worker = this.#places.workerAt(place);
    return worker === null ? '.' : this.#states.get(worker) ?? '.';
  }

  #draw() {
    if (this.#cell === 0) return;
    const now = Date.now();
    for (const [place, at] of this.#marks) if (now - at > kMarkFor) this.#marks.delete(place);
    const shown = Array.from({ length: this.#places.size }, (_, place) => this.#stateAt(place));
    const text = `${shown.join('')} ${[...this.#marks.keys()]}`;
    if (text === this.#drawn) return;
    this.#drawn = text;
    const corners = new Map();
    shown.forEach((state, place) => {
      if (!corners.has(state)) corners.set(state, []);
      corners.get(state).push(this.#at(place));
    });
    const context = this.canvas.getContext('2d');
    const scale = window.devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const [state, where] of corners) drawState(context, state, where, this.#cell, this.#colors);
    this.#drawMarks(context);
  }

  #drawMarks(context) {
    if (this.#gap < 2) return;
    context.fillStyle = this.#colors.K;
    for (const place of this.#marks.keys()) {
      const [x, y] = this.#at(place);
      context.fillRect(x, y + this.#cell + this.#gap - 2, this.#cell, 2);
    }
  }

  #at(place) {
    const pitch = this.#cell + this.#gap;
    return [(place % this.#columns) * pitch, Math.floor(place / this.#columns) * pitch];
  }

  #writeLegend() {
    const counts = new Map();
    for (const state of this.#states.values()) counts.set(state, (counts.get(state) ?? 0) + 1);
    const missing = this.#places.size - this.#states.size;
    if (missing > 0) counts.set('.', missing);
    for (const state of Object.keys(kStates)) {
      let entry = this.legend.querySelector(`[data-state="${CSS.escape(state)}"]`);
      if (!entry) this.legend.append(entry = this.#legendEntry(state));
      const number = counts.get(state) ?? 0;
      entry.hidden = number === 0;
      setText(entry.lastChild, `${count(number)} ${wordOf(state)}`);
    }
  }

  #legendEntry(state) {
    const canvas = h('canvas', { class: 'key', 'aria-hidden': 'true', width: 24, height: 24 });
    const context = canvas.getContext('2d');
    context.scale(2, 2);
    drawState(context, state, [[1, 1]], 10, this.#colors);
    return h('li', { 'data-state': state }, canvas, h('span', {}));
  }

  #describe() {
    setAttribute(this.box, 'aria-label', `Workers of pool ${this.#name}, Enter shows the worker`);
    setText(this.option, this.#textOf(this.#active));
    setAttribute(this.option, 'aria-setsize', String(Math.max(this.#places.size, 1)));
    setAttribute(this.option, 'aria-posinset', String(this.#active + 1));
  }

  #textOf(place) {
    const worker = this.#places.workerAt(place);
    return worker === null ? 'no worker here' : `worker ${worker}, ${wordOf(this.#stateAt(place))}`;
  }

  #key(event) {
    const page = this.#columns * 5;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -this.#columns, ArrowDown: this.#columns, PageUp: -page, PageDown: page, Home: -Infinity, End: Infinity };
    if (event.key === 'Enter' || event.key === ' ') this.#openAt(this.#active);
    else if (event.key in steps) this.#activate(this.#active + steps[event.key]);
    else return;
    event.preventDefault();
  }

  #activate(place) {
    this.#active = Math.min(Math.max(place, 0), this.#places.size - 1);
    this.#moveRing();
    this.#describe();
  }

  #moveRing() {
    const [x, y] = this.#at(Math.max(this.#active, 0));
    Object.assign(this.ring.style, { left: `${x - 3}px`, top: `${y - 3}px`, width: `${this.#cell + 6}px`, height: `${this.#cell + 6}px` });
  }

  #openAt(place) {
    const worker = this.#places.workerAt(place);
    if (worker !== null) this.#open(worker);
  }

  #placeAt(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const pitch = this.#cell + this.#gap;
    const column = Math.floor((event.clientX - left) / pitch);
    const place = Math.floor((event.clientY - top) / pitch) * this.#columns + column;
    return column >= 0 && column < this.#columns && place >= 0 && place < this.#places.size ? place : null;
  }

  #click(event) {
    const place = this.#placeAt(event);
    if (place === null) return;
    this.#activate(place);
    this.#openAt(place);
  }

  #hover(event) {
    const place = this.#placeAt(event);
    this.tip.hidden = place === null;
    if (place === null) return;
    setText(this.tip, this.#textOf(place));
    const [x, y] = this.#at(place);
    const right = x > this.box.clientWidth / 2;
    Object.assign(this.tip.style, {
      left: right ? 'auto' : `${x}px`, right: right ? `${this.box.clientWidth - x - this.#cell}px` : 'auto', top: `${y + this.#cell + 6}px`,
    });
  }
}

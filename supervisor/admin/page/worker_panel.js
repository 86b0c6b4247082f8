// The row of one worker, in a panel at the side; renewed each second while it is open.
import { h, setText } from './dom.js';
import { count, duration, plain, span } from './format.js';

const rowsOf = (worker) => [
  ['State', worker.state + (worker.reason ? `: ${worker.reason}` : '')],
  ['In this state', duration(worker.in_state_ms)],
  ['Load', `${count(worker.load)} of ${worker.slots === 1 ? '1 slot' : `${count(worker.slots)} slots`}`],
  ['Reported load', worker.reported_load > 0 ? `${worker.reported_load / 10} %` : 'none'],
  ['Served', count(worker.served)],
  ['Pid', worker.pid > 0 ? String(worker.pid) : 'not known yet'],
  ['Role', worker.role],
  ['Generation', String(worker.generation)],
  ['Age', span(worker.age_ms)],
  ['Deaths in its place', count(worker.restarts)],
  ['Last death there', worker.last_death || 'none'],
  ['Note', worker.note || 'none'],
];

const kPatience = 5000;  // it is asked each second: only so many requests can wait
const kEnded = 'It has ended.';

export class WorkerPanel {
  #timer = 0;
  #shown = null;

  /// `deathOf(pool, worker)`: the death record, or null.
  constructor(deathOf) {
    this.deathOf = deathOf;
    this.title = h('h2', { id: 'worker-title' });
    this.body = h('dl', { class: 'detail' });
    this.state = h('p', { class: 'panel-state', role: 'status' });
    this.element = h('dialog', { class: 'panel', 'aria-labelledby': 'worker-title', close: () => this.#closed(), click: (event) => this.#outside(event) },
      h('div', { class: 'panel-inside' },
        h('div', { class: 'panel-head' }, this.title, h('button', { type: 'button', class: 'quiet', click: () => this.element.close() }, 'Close')),
        this.state, this.body));
    document.body.append(this.element);
  }

  open(pool, worker) {
    this.#shown = { pool, worker };
    this.title.replaceChildren('Worker ', String(worker), ' of ', h('bdi', {}, plain(pool)));
    setText(this.state, '');
    this.body.replaceChildren();
    this.element.showModal();
    this.#renew();
    this.#timer = setInterval(() => this.#renew(), 1000);
  }

  async #renew() {
    const shown = this.#shown;
    const query = new URLSearchParams({ pool: shown.pool, worker: String(shown.worker) });
    let row = null;
    let trouble = '';
    try {
      const answer = await fetch(`/worker.json?${query}`, { cache: 'no-store', signal: AbortSignal.timeout(kPatience) });
      if (answer.ok) row = await answer.json();
      else trouble = answer.status === 404 || answer.status === 400 ? kEnded : 'The supervisor does not answer.';
    } catch {
      trouble = 'No connection to the supervisor.';
    }
    if (shown !== this.#shown || !this.element.open) return;
    if (row) this.#write(rowsOf(row));
    setText(this.state, trouble);
    if (trouble === kEnded) this.#end();
  }

  /// Its row does not come back. The record of its death may come a moment later than the answer that there is no such worker.
  #end() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => {
      const death = this.#shown && this.deathOf(this.#shown.pool, this.#shown.worker);
      if (death) setText(this.state, `It has ended: ${plain(death.text)}`);
    }, 250);
  }

  #write(rows) {
    rows.forEach(([term, text], index) => {
      const row = this.body.children[index] ?? this.body.appendChild(h('div', {}, h('dt', {}), h('dd', {})));
      setText(row.firstChild, term);
      setText(row.lastChild, plain(text));
    });
  }

  #outside(event) {
    if (event.target === this.element) this.element.close();
  }

  #closed() {
    clearInterval(this.#timer);
    this.#shown = null;
  }
}

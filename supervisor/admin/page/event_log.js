// The supervisor's events that the page remembers: deaths, and changes with their verdicts. Touches no document.
import { count, counted, duration, firstPart, plain, span } from './format.js';

const kMostDeaths = 300;
const kMostChanges = 200;
const kTogether = 15 * 60e3;  // saturations of a pool that follow each other so soon share a line
const kMostSeen = 5000;  // the supervisor stores 512

/// How an event reads in the list of changes: {tone, title, text}. Null: it is no change that a person asks for.
const kWords = {
  rollout: (event) => {
    const titles = {
      trial: ['busy', 'on trial'], takes_over: ['well', 'took over'], failed: ['bad', 'failed'], abandoned: ['note', 'abandoned'],
      starts: ['busy', 'starts'], serves: ['well', 'serves'], does_not_start: ['bad', 'does not start'],
    };
    const [tone, title] = titles[event.stage] ?? ['note', plain(event.stage)];
    return { tone, title: `Generation ${event.generation} ${title}`, text: event.text };
  },
  reload: (event) => {
    const lines = event.applied ? [...(event.changes ?? []), ...(event.warnings ?? [])] : event.mistakes ?? [];
    return { tone: event.applied ? 'well' : 'bad', title: event.applied ? 'Reload applied' : 'Reload refused', text: lines.join('\n') };
  },
  upgraded: (event) => ({ tone: 'well', title: `Upgraded from ${plain(event.from)} to ${plain(event.version)}`, text: `no connection was handed out for ${duration(event.took_ms)}` }),
  upgrade_refused: (event) => ({ tone: 'bad', title: 'Upgrade refused', text: event.text }),
  pool_failed: (event) => ({ tone: 'bad', title: 'Workers do not start', text: `${counted(event.failures, 'start')} in a row failed; next attempt in ${duration(event.next_attempt_ms)}` }),
  pool_recovered: () => ({ tone: 'well', title: 'Workers start again', text: '' }),
  pool_stopped: (event) => ({ tone: event.cut > 0 ? 'bad' : 'note', title: 'Pool stopped', text: event.text }),
  stopped: (event) => ({ tone: event.clean ? 'note' : 'bad', title: 'Supervisor stopped', text: event.clean ? '' : 'something was cut short' }),
};

export class EventLog {
  #seen = new Set();
  #deaths = [];  // the latest first
  #changes = [];
  #saturations = new Map();  // pool → the change that is still going on
  #now;

  /// `now`: the time of the supervisor's clock.
  constructor(now) {
    this.#now = now;
  }

  get deaths() {
    return this.#deaths;
  }

  get changes() {
    return this.#changes;
  }

  /// False if it is known already: after a reconnection the stored ones come again.
  add(event) {
    const key = `${event.seq} ${event.time}`;
    if (this.#seen.has(key)) return false;
    this.#seen.add(key);
    if (this.#seen.size > kMostSeen) this.#seen.delete(this.#seen.values().next().value);
    const at = Date.parse(event.time);
    if (event.event === 'worker_died') this.#addDeath({ ...event, key, at });
    else if (event.event === 'saturation') this.#addSaturation(event, key, at);
    else if (Object.hasOwn(kWords, event.event)) this.#addChange({ key, at, pool: event.pool, ...kWords[event.event](event) });
    return true;
  }

  lastUnplanned(pool) {
    return this.#deaths.find((death) => death.pool === pool && !death.planned) ?? null;
  }

  unplannedWithin(ms) {
    const since = this.#now() - ms;
    return this.#deaths.filter((death) => !death.planned && death.at >= since);
  }

  #addDeath(death) {
    this.#deaths.unshift(death);
    this.#deaths.sort((a, b) => b.at - a.at);
    this.#deaths.length = Math.min(this.#deaths.length, kMostDeaths);
  }

  #addChange(change) {
    this.#changes.unshift(change);
    this.#changes.sort((a, b) => b.at - a.at);
    this.#changes.length = Math.min(this.#changes.length, kMostChanges);
  }

  /// The end of a saturation is told in the same line as its begin; several that follow each other share a line, or they would hide the rest.
  #addSaturation(event, key, at) {
    const last = this.#saturations.get(event.pool);
    if (event.saturated && last && at - (last.until ?? at) < kTogether) {
      last.times += 1;
      last.until = null;
      last.at = at;
      this.#changes.sort((a, b) => b.at - a.at);
      last.most = Math.max(last.most, event.queued ?? 0);
    } else if (event.saturated) {
      const change = { key, at, pool: event.pool, times: 1, until: null, took: 0, began: at, most: event.queued ?? 0, tone: 'warn', title: '', text: '' };
      this.#saturations.set(event.pool, change);
      this.#addChange(change);
    } else if (last && last.until === null) {
      last.until = at;
    }
    const change = this.#saturations.get(event.pool);
    if (change) this.#word(change, at);
  }

  #word(change, at) {
    const goesOn = change.until === null;
    change.tone = goesOn ? 'warn' : 'note';
    change.title = goesOn ? 'Saturated' : 'Was saturated';
    change.text = change.times > 1 ? `${count(change.times)} times within ${span(Math.max(at - change.began, 1000))}` : goesOn ? '' : `for ${duration(at - change.began)}`;
  }
}

/// What a dead worker had in hand, in words; empty: nothing.
export function heldBy(death) {
  const parts = [];
  if (death.held_begun > 0) parts.push(`${counted(death.held_begun, 'connection')} begun`);
  if (death.held_unbegun > 0) parts.push(`${count(death.held_unbegun)} not begun, for other workers`);
  if (death.held_closed > 0) parts.push(`${count(death.held_closed)} not begun, closed`);
  return parts.join(', ');
}

export const causeOf = (death) => firstPart(death.text);

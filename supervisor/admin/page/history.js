// The figures of the last 15 minutes, each second: what the admin process remembers, and what has come since.

export const kSeconds = 900;
export const kFigures = ['queue', 'wait_p50_ms', 'wait_p99_ms', 'rate', 'busy', 'ready'];
const kHole = 2;  // seconds without a sample that are drawn as a gap

const numberOrNull = (value) => (typeof value === 'number' && Number.isFinite(value) ? value : null);

export class History {
  #time = [];
  #pools = new Map();  // name → {queue: […], …}, each as long as #time

  /// The answer of /history.json. Seconds that are here already stay: a new admin process has not seen them.
  merge({ time, pools }) {
    const rows = new Map();  // second → Map(name → figures)
    const take = (times, names, figuresOf) => times.forEach((second, index) => {
      for (const name of names) {
        const figures = figuresOf(name, index);
        if (figures.every((value) => value === null)) continue;
        const row = rows.get(Math.round(second)) ?? new Map();
        rows.set(Math.round(second), row.set(name, figures));
      }
    });
    take(time, Object.keys(pools), (name, index) => kFigures.map((figure) => numberOrNull(pools[name][figure]?.[index])));
    take(this.#time, [...this.#pools.keys()], (name, index) => kFigures.map((figure) => this.#pools.get(name)[figure][index]));
    this.#time = [];
    this.#pools = new Map();
    for (const second of [...rows.keys()].sort((a, b) => a - b)) this.#append(second, rows.get(second));
  }

  /// One sample of the stream.
  add({ time, pools }) {
    const second = Math.round(time);
    const repeated = this.#time.findIndex((known) => known >= second);  // the clock was set back
    if (repeated >= 0) this.#drop(repeated, this.#time.length - repeated);
    const rows = Object.entries(pools).map(([name, figures]) => [name, kFigures.map((figure) => numberOrNull(figures[figure]))]);
    this.#append(second, new Map(rows));
  }

  get time() {
    return this.#time;
  }

  figures(name) {
    return this.#pools.get(name) ?? null;
  }

  latest(name) {
    const figures = this.#pools.get(name);
    return Object.fromEntries(kFigures.map((figure) => [figure, figures?.[figure].at(-1) ?? null]));
  }

  /// A row for each minute, the latest first: {from, figure: {most, least, mean}}.
  minutes(name) {
    const figures = this.#pools.get(name);
    const rows = new Map();
    if (figures) this.#time.forEach((second, index) => {
      const minute = Math.floor(second / 60) * 60;
      rows.set(minute, [...(rows.get(minute) ?? []), index]);
    });
    return [...rows].reverse().map(([from, indices]) => ({
      from: from * 1000,
      ...Object.fromEntries(kFigures.map((figure) => [figure, summary(indices.map((index) => figures[figure][index]))])),
    }));
  }

  #append(second, row) {
    const last = this.#time.at(-1);
    if (last !== undefined && second - last > kHole) this.#push(last + 1, new Map());
    this.#push(second, row);
    const old = this.#time.findIndex((known) => known > second - kSeconds);
    if (old > 0) this.#drop(0, old);
  }

  #push(second, row) {
    const unknown = () => Object.fromEntries(kFigures.map((figure) => [figure, this.#time.map(() => null)]));
    for (const name of row.keys()) if (!this.#pools.has(name)) this.#pools.set(name, unknown());
    this.#time.push(second);
    for (const [name, figures] of this.#pools) {
      kFigures.forEach((figure, index) => figures[figure].push(row.get(name)?.[index] ?? null));
    }
  }

  #drop(begin, count) {
    this.#time.splice(begin, count);
    for (const [name, figures] of this.#pools) {
      for (const figure of kFigures) figures[figure].splice(begin, count);
      if (figures.queue.every((value) => value === null) && figures.ready.every((value) => value === null)) this.#pools.delete(name);
    }
  }
}

function summary(values) {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return null;
  return { most: Math.max(...known), least: Math.min(...known), mean: known.reduce((sum, value) => sum + value, 0) / known.length };
}

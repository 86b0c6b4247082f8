// Which cell of the scoreboard a worker has. A worker stays in its cell as long as it lives, and the worker that replaces it gets
// its cell: the board is calm while single workers come and go. Touches no document.

const kFormer = 500;

export class Places {
  #workers = [];  // by place: the worker's number, or null
  #places = new Map();
  #former = new Map();  // the places of workers that are gone, the latest of them

  get size() {
    return this.#workers.length;
  }

  workerAt(place) {
    return this.#workers[place] ?? null;
  }

  /// Also of a worker that went a moment ago.
  placeOf(worker) {
    return this.#places.get(worker) ?? this.#former.get(worker) ?? null;
  }

  /// `numbers`: the workers that there are. `wanted`: a place without a worker is kept only while one is to come.
  update(numbers, wanted) {
    const now = new Set(numbers);
    for (const [worker, place] of this.#places) {
      if (now.has(worker)) continue;
      this.#places.delete(worker);
      this.#workers[place] = null;
      this.#former.set(worker, place);
    }
    while (this.#former.size > kFormer) this.#former.delete(this.#former.keys().next().value);
    const fresh = numbers.filter((worker) => !this.#places.has(worker));
    let place = 0;
    for (const worker of fresh) {
      while (place < this.#workers.length && this.#workers[place] !== null) ++place;
      this.#put(worker, place);
    }
    if (this.#workers.length > Math.max(now.size, wanted)) this.#close(Math.max(now.size, wanted));
    while (this.#workers.length < wanted) this.#workers.push(null);
  }

  #put(worker, place) {
    this.#workers[place] = worker;
    this.#places.set(worker, place);
  }

  /// Takes away empty places, the last ones first, until `size` are left.
  #close(size) {
    let surplus = this.#workers.length - size;
    const kept = [];
    for (const worker of this.#workers.reverse()) {
      if (worker === null && surplus > 0) --surplus;
      else kept.push(worker);
    }
    this.#workers = kept.reverse();
    this.#workers.forEach((worker, place) => { if (worker !== null) this.#places.set(worker, place); });
  }
}

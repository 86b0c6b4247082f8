// The live connection: server-sent events, and what is known of their health.
//
// EventSource connects again by itself, with Last-Event-ID, but not after an answer that is an error, and it does not notice a
// connection on which nothing comes any more. Both are mended here. Times are those of performance.now(), which stands still
// for nobody's clock.

const kSilent = 5000;  // the status comes each second
const kRetry = 1000;
const kLostAfter = 2500;  // an upgrade in place, or a new admin process, is shorter

export class Stream {
  #url;
  #on;
  #source = null;
  #heard = performance.now();
  #goneSince = null;
  #replaced = false;
  #retry = 0;

  /// `on`: {status, sample, event, opened}, called with what came.
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    this.open();
    setInterval(() => this.#watch(), 500);
    document.addEventListener('visibilitychange', () => {
      if (this.#replaced && !document.hidden) this.open();
      else this.#watch();
    });
  }

  open() {
    clearTimeout(this.#retry);
    this.#source?.close();
    const source = new EventSource(this.#url);
    this.#source = source;
    this.#replaced = false;
    source.onopen = () => this.#on.opened();
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED && source === this.#source) this.#openSoon();
    };
    source.addEventListener('status', (message) => this.#take('status', message));
    source.addEventListener('sample', (message) => this.#take('sample', message));
    source.addEventListener('event', (message) => this.#take('event', message));
    source.addEventListener('gone', () => { this.#goneSince ??= performance.now(); });
    source.addEventListener('replaced', () => {  // connecting again would take the place of another page
      source.close();
      this.#replaced = true;
    });
  }

  /// 'live', 'reconnecting' (the browser tries), 'gone' (the admin process has lost the supervisor), 'replaced' (by newer pages).
  get state() {
    if (this.#replaced) return 'replaced';
    if (this.#goneSince !== null) return 'gone';
    return this.#silence() > kSilent || this.#source.readyState !== EventSource.OPEN ? 'reconnecting' : 'live';
  }

  /// How long the page has been out of date, in ms; 0: it is not, or only for the moment that an upgrade takes.
  get lostFor() {
    const since = this.state === 'live' ? 0 : this.#silence();
    return since > kLostAfter ? since : 0;
  }

  #silence() {
    return performance.now() - this.#heard;
  }

  #take(kind, message) {
    let data;
    try {
      data = JSON.parse(message.data);
    } catch {
      return;  // half a message of a connection that was cut
    }
    if (kind === 'status') {
      this.#heard = performance.now();
      this.#goneSince = null;
    }
    this.#on[kind](data);
  }

  #watch() {
    if (document.hidden || this.#replaced || this.#silence() <= kSilent) return;
    const waits = this.#source.readyState === EventSource.CONNECTING;
    if (!waits || this.#silence() > 4 * kSilent) this.#openSoon();
  }

  #openSoon() {
    this.#source.close();
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.open(), kRetry);
  }
}

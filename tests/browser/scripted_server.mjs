// Serves the page of the source tree, and plays the admin process beside it: it says what a test tells it to say.
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';

const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8' };
const kPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export class ScriptedServer {
  token = 'the-right-token-of-16';
  history = { interval_ms: 1000, time: [], pools: {} };
  workers = new Map();  // 'pool/worker' → row
  posts = [];
  lastIds = [];  // the Last-Event-ID of each stream, null: none
  refusesStreams = false;
  #folder;
  #server = createServer((request, response) => this.#serve(request, response));
  #streams = new Set();
  #status = null;
  #events = [];
  #seq = 0;
  #second = 0;  // of the last sample
  #timer = 0;

  constructor(folder) {
    this.#folder = folder;
  }

  async start(port = 0) {
    await new Promise((resolve) => { this.#server.listen(port, '127.0.0.1', resolve); });
    this.port = this.#server.address().port;
    this.url = `http://127.0.0.1:${this.port}/`;
    return this;
  }

  async stop() {
    clearInterval(this.#timer);
    this.cut();
    this.#server.closeAllConnections();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }

  /// Sends a status now, and again each second with a sample, as the admin process does.
  show(status, sample = (pool) => ({ queue: pool.queue.now, wait_p50_ms: 0.2, wait_p99_ms: 1.5, rate: 120, busy: 0.4, ready: pool.ready })) {
    this.#status = status;
    const tell = () => {
      this.#second = Math.max(this.#second + 1, Math.floor(Date.now() / 1000));
      this.#send('status', status);
      this.#send('sample', { time: this.#second, pools: Object.fromEntries(status.pools.map((pool) => [pool.name, sample(pool)])) });
    };
    tell();
    clearInterval(this.#timer);
    this.#timer = setInterval(tell, 1000);
  }

  /// One status, and no other until the next `show`.
  showOnce(status) {
    this.show(status);
    clearInterval(this.#timer);
  }

  event(event) {
    const whole = { seq: ++this.#seq, time: new Date().toISOString(), ...event };
    this.#events.push(whole);
    this.#send('event', whole, whole.seq);
  }

  /// The supervisor has ended.
  gone() {
    clearInterval(this.#timer);
    this.#send('gone', {});
  }

  /// Newer pages have taken the place of these.
  replace() {
    clearInterval(this.#timer);
    this.#send('replaced', {});
    for (const stream of this.#streams) stream.end();
  }

  cut() {
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }

  #send(kind, data, id) {
    for (const stream of this.#streams) write(stream, kind, data, id);
  }

  async #serve(request, response) {
    const url = new URL(request.url, this.url);
    const json = (status, value) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
    if (request.method === 'POST') return this.#act(request, url, json);
    if (url.pathname === '/stream') return this.#stream(request, response);
    if (url.pathname === '/history.json') return json(200, this.history);
    if (url.pathname === '/worker.json') {
      const row = this.workers.get(`${url.searchParams.get('pool')}/${url.searchParams.get('worker')}`);
      return row ? json(200, row) : json(404, { error: 'no such worker' });
    }
    const name = url.pathname === '/' ? 'index.html' : url.pathname.slice(1);
    const type = /^[a-z_]+\.[a-z]+$/.test(name) ? kTypes[extname(name)] : undefined;
    const content = type && await readFile(join(this.#folder, name)).catch(() => null);
    if (!content) return response.writeHead(404).end();
    return response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': kPolicy, 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-cache' }).end(content);
  }

  async #act(request, url, json) {
    let text = '';
    for await (const piece of request) text += piece;
    this.posts.push({ path: url.pathname, authorization: request.headers.authorization, body: JSON.parse(text) });
    if (request.headers.authorization !== `Bearer ${this.token}`) return json(403, { error: 'the token is not the one of admin_token_file' });
    const answer = this.answer?.(url.pathname, JSON.parse(text));
    return answer?.error ? json(400, answer) : json(200, answer ?? { result: {} });
  }

  #stream(request, response) {
    if (this.refusesStreams) return response.writeHead(503).end();
    const last = request.headers['last-event-id'] ?? null;
    this.lastIds.push(last);
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.write('retry: 200\n\n');
    this.#streams.add(response);
    response.on('close', () => this.#streams.delete(response));
    if (this.#status) write(response, 'status', this.#status);
    for (const event of this.#events) if (event.seq > Number(last ?? 0)) write(response, 'event', event, event.seq);
  }
}

function write(stream, kind, data, id) {
  stream.write(`event: ${kind}\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`);
}

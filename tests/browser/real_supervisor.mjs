// A real supervisor with its admin process, for a test: two pools of supervisor-worker in a directory of their own.
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, kSource } from './browser.mjs';

const kBuild = process.env.BUILD_DIRECTORY ?? join(kSource, 'build');
const kSupervisor = join(kBuild, 'supervisor/supervisor');
const kWorker = join(kBuild, 'worker/supervisor-worker');

export const missingBuild = () => [kSupervisor, kWorker, join(kBuild, 'supervisor/admin/supervisor-admin')].find((path) => !existsSync(path)) ?? null;

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export class RealSupervisor {
  token = 'a-token-of-sixteen-and-more';

  async start() {
    this.folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
    chmodSync(this.folder, 0o755);
    [this.webPort, this.apiPort, this.adminPort] = [await freePort(), await freePort(), await freePort()];
    this.url = `http://127.0.0.1:${this.adminPort}/`;
    writeFileSync(join(this.folder, 'token'), `${this.token}\n`, { mode: 0o600 });
    this.configure();
    this.process = spawn(kSupervisor, ['-c', join(this.folder, 'pool.json')], { stdio: ['ignore', 'pipe', 'pipe'] });
    this.log = '';
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on('data', (data) => { this.log += data; });
    this.ended = new Promise((resolve) => { this.process.on('exit', resolve); });
    await eventually('the supervisor is ready', async () => (await this.pool('web')).ready === 4 && (await this.pool('api')).ready === 2, 15e3)
      .catch((error) => { throw new Error(`${error.message}\n${this.log}`); });
    return this;
  }

  /// `web`: members of the pool of that name that are others than usual.
  configure(web = {}) {
    const pool = (port, workers, changes) => ({ command: [kWorker, 'http'], listen: `127.0.0.1:${port}`, workers, ...changes });
    writeFileSync(join(this.folder, 'pool.json'), JSON.stringify({
      control: join(this.folder, 'control.sock'), admin: `127.0.0.1:${this.adminPort}`, admin_token_file: join(this.folder, 'token'),
      pools: { web: pool(this.webPort, 4, web), api: pool(this.apiPort, 2, {}) },
    }));
  }

  signal(name) {
    this.process.kill(name);
  }

  async status() {
    return (await fetch(`${this.url}status.json`, { signal: AbortSignal.timeout(2000) })).json();
  }

  async pool(name) {
    return (await this.status()).pools.find((pool) => pool.name === name);
  }

  /// A request that a worker takes `ms` for; it resolves when it is over, in whatever way.
  request(ms) {
    return new Promise((resolve) => {
      get(`http://127.0.0.1:${this.webPort}/?ms=${ms}`, { agent: false }, (answer) => answer.resume().on('close', resolve)).on('error', resolve);
    });
  }

  async stop() {
    if (this.process.exitCode === null) this.signal('SIGINT');
    await this.ended;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

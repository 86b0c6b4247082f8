'use strict';
// Starts each kind of child, which says what it has got from this worker.
const { fork, spawnSync } = require('node:child_process');
const { Worker, isMainThread } = require('node:worker_threads');
const http = require('node:http');

const says = `
  const names = Object.keys(process.env).filter((name) => /^NODE_(CHANNEL|UNIQUE)_/.test(name));
  const loaded = globalThis[Symbol.for('prefork-worker')] !== undefined;
  console.log(JSON.stringify({ names, options: process.env.NODE_OPTIONS, loaded }));
`;
const primary = `
  const cluster = require('node:cluster');
  if (cluster.isPrimary) {
    const messages = [];
    cluster.fork().on('message', (message) => messages.push(message)).on('exit', () => console.log('messages', messages.length));
  } else {
    ${says}
    process.exit();
  }
`;

if (process.argv[2] === 'says') {
  eval(says);
  process.exit();
} else if (process.argv[2] === 'primary') {
  eval(primary);
} else {
  const started = [];
  started.push(new Promise((resolve) => new Worker(says, { eval: true }).on('exit', resolve)));
  started.push(new Promise((resolve) => fork(__filename, ['says']).on('exit', resolve)));
  started.push(new Promise((resolve) => fork(__filename, ['primary']).on('exit', resolve)));
  console.log(spawnSync(process.execPath, [__filename, 'says']).stdout.toString().trim());
  Promise.all(started).then(() => http.createServer((request, response) => response.end(String(isMainThread))).listen(8080));
}

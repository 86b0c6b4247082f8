// The page of `supervisor-worker http` by Node's cluster module, for script/bench: node_cluster.js WORKERS.
// A worker waits without letting its event loop go on, and so answers one request at a time, as a worker with
// one slot does. Which worker has a connection is decided once, when it is accepted: round robin.
'use strict';
const cluster = require('cluster');
const http = require('http');

function answer(request, response) {
  const ms = Number(new URL(request.url, 'http://bench').searchParams.get('ms'));
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  const body = `Hello from worker ${process.pid}.\n`;
  response.writeHead(200, { 'Content-Length': Buffer.byteLength(body), 'Content-Type': 'text/plain' });
  response.end(body);
}

if (cluster.isPrimary) {
  let listening = 0;
  const workers = Number(process.argv[2]);
  cluster.on('listening', (_, address) => {
    if (++listening === workers) console.log(`listening on ${address.address}:${address.port}`);
  });
  for (let i = 0; i < workers; ++i) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
    process.exit(0);
  });
} else {
  const server = http.createServer(answer);
  server.keepAliveTimeout = 60000;
  server.listen(0, '127.0.0.1');
}

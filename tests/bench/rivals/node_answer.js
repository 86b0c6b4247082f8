// The page of `supervisor-worker http` in Node, for script/bench. The program waits without letting its event loop go on, and
// so answers one request at a time, as a worker with one slot does.
'use strict';
const http = require('http');

function answer(request, response) {
  const ms = Number(new URL(request.url, 'http://bench').searchParams.get('ms'));
  if (ms > 0) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  const body = `Hello from worker ${process.pid}.\n`;
  response.writeHead(200, { 'Content-Length': Buffer.byteLength(body), 'Content-Type': 'text/plain' });
  response.end(body);
}

exports.listen = (port) => {
  const server = http.createServer(answer);
  server.keepAliveTimeout = 60000;
  server.listen(port, '127.0.0.1');
};

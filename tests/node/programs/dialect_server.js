'use strict';
// A Node program for the table test over dialects: `node dialect_server.js NAME`. See tests/support/line_service.h.

const fs = require('node:fs');
const net = require('node:net');

const supervisor = process.ppid;

/** Blocks the event loop. Nothing ends a blocked process when the supervisor is gone. */
function block() {
  fs.appendFileSync(`${process.env.GATES}/blocked.${process.argv[2]}`, `${process.pid}\n`);
  const shared = new Int32Array(new SharedArrayBuffer(4));
  while (process.ppid === supervisor) Atomics.wait(shared, 0, 0, 20);
  process.exit();
}

net.createServer((socket) => {
  let line = '';
  socket.on('error', () => {});
  socket.on('data', (data) => {
    line += data;
    if (line === 'half\n') socket.write('half', block);
    else if (line === 'block\n') block();
    else if (line.endsWith('\n')) socket.end(`OK ${process.pid}\n`);
  });
}).listen(process.env.PORT);

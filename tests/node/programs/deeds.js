'use strict';
// A server whose first process misbehaves on order: `node deeds.js DEED`. The others, and a first one without a deed,
// answer "OK PID" to a line, and other texts with the same text.

const fs = require('node:fs');
const net = require('node:net');

const CHANNEL = 3;
const gates = process.env.GATES;
const supervisor = process.ppid;

/** Nothing ends a blocked process when the supervisor is gone. */
function isSupervised() {
  return process.ppid === supervisor;
}

function mark(name) {
  fs.appendFileSync(`${gates}/${name}`, `${process.pid}\n`);
}

function isFirst() {
  try {
    fs.closeSync(fs.openSync(`${gates}/first.js`, 'wx'));
    return true;
  } catch {
    return false;
  }
}

function die() {
  mark('died');
  process.kill(process.pid, 'SIGKILL');
}

/** Blocks the event loop until the test has opened this for good. */
function waitFor(name) {
  const shared = new Int32Array(new SharedArrayBuffer(4));
  while (!fs.existsSync(`${gates}/${name}`)) Atomics.wait(shared, 0, 0, 2);
}

function serve(socket) {
  socket.on('error', () => {});
  socket.on('end', () => socket.destroy());
  socket.once('data', (data) => {
    const text = String(data);
    socket.end(text.endsWith('\n') ? `OK ${process.pid}\n` : text, () => socket.destroy());
  });
}

const onConnection = {
  'begin and die': die,
  'read and die': (socket) => socket.resume().once('data', die),
  'answer and die': (socket) => socket.resume().once('data', () => socket.write('half', die)),
  'end and die': (socket) => {
    mark('received');
    waitFor('go');
    socket.once('close', () => setTimeout(die, 20)); // the end is told 1 ms after, by a timer that is due before
    socket.end();
    socket.resume();
  },
  hang: () => {
    mark('hangs');
    while (isSupervised());
  },
};

const onListening = {
  garbage: () => fs.writeSync(CHANNEL, '\x01\x02garbage\n'),
  'unknown ticket': () => fs.writeSync(CHANNEL, '{"cmd":"PREFORK","act":"idle","ticket":"12345678"}\n'),
  'long line': () => process.send('x'.repeat(1000000)),
  descriptor: () => {
    const own = net.createServer();
    own.listen({ port: 0, exclusive: true }, () => process._send({}, own, {}, () => mark('sent')));  // past the module
  },
  disconnect: () => {
    process.on('SIGTERM', () => {});
    fs.closeSync(CHANNEL);
    mark('closed');
    while (isSupervised());
  },
  flood: () => {
    mark('floods');
    while (isSupervised()) {
      try {
        fs.writeSync(CHANNEL, '"x"\n'.repeat(1000));
      } catch (error) {
        if (error.code !== 'EAGAIN') throw error;
      }
    }
  },
  'close the server': (server) => {
    waitFor('go');
    server.close();
  },
};

const deed = process.argv[2] && isFirst() ? process.argv[2] : '';
const act = onConnection[deed] || serve;
const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: act !== serve }, act);
server.listen(process.env.PORT, () => onListening[deed] && setImmediate(onListening[deed], server));

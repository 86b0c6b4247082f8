'use strict';
// The worker: what the supervisor asks, and what is done then.

const { version } = require('../package.json');
const channel = require('./channel.cjs');
const connections = require('./connections.cjs');
const drain = require('./drain.cjs');
const keeping = require('./keeping.cjs');
const listening = require('./listening.cjs');
const load = require('./load.cjs');
const program = require('./program.cjs');
const proxied = require('./proxied.cjs');

function receive(message, handle) {
  if (drain.hasLeft()) {
    handle.close();  // it belongs to another worker already: no receipt
    return;
  }
  const connection = connections.follow(message.prefork, handle);
  proxied.onConnection(connection);
  keeping.onConnection(connection);
  load.onConnection();
  channel.give(message, handle, () => connections.begin(connection));
}

function pong() {
  channel.tellEnds();
  channel.tell('pong');
}

function start() {
  channel.listen({
    connection: receive,
    end: drain.channelEnded,
    ping: pong,
    yield: keeping.parkAll,
    drain: drain.drain,
  });
  keeping.start();
  listening.start();
  drain.start();
  program.offer();
  channel.tell('hello', { version, value: 1 });  // it makes sockets non-blocking
}

module.exports = { start };

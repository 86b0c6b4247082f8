'use strict';
// The worker: what the supervisor asks, and what is done then.

const { version } = require('../package.json');
const channel = require('./channel.cjs');
const connections = require('./connections.cjs');

function receive(message, handle, deliver) {
  const connection = connections.follow(message.prefork, handle);
  const accepted = channel.watchAnswer(message.seq, deliver);
  if (accepted) connections.begin(connection);  // else cluster has refused and closed it
}

function start() {
  channel.listen({
    connection: receive,
    ping: () => channel.tell('pong'),
  });
  channel.tell('hello', { version });
}

module.exports = { start };

'use strict';
// What index.js, in whatever copy of this package the program has, may call.

const channel = require('./channel.cjs');
const connections = require('./connections.cjs');
const drain = require('./drain.cjs');
const load = require('./load.cjs');

const NOTE = 224;  // bytes

function note(text) {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, NOTE);
  while (end > 0 && end < bytes.length && (bytes[end] & 0xc0) === 0x80) end--;  // not within a character
  if (end > 0) channel.tell('note', { text: bytes.toString('utf8', 0, end) });
}

function progress(connection) {
  if (!connection.closed) channel.tell('progress', { ticket: connection.ticket });
}

function offer() {
  globalThis[Symbol.for('prefork-worker')] = Object.freeze({
    connectionOf: connections.ofSocket,
    progress,
    note,
    reportLoad: load.report,
    leave: drain.leave,
  });
}

module.exports = { offer };

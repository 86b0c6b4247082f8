'use strict';
// Connections that begin with a PROXY header: the server gets them when it has been read, and sees the client's address.

const { EventEmitter } = require('node:events');
const net = require('node:net');
const connections = require('./connections.cjs');
const proxyHeader = require('./proxy_header.cjs');

const WAIT = 10000;  // ms for the header

let installed = false;

/** Called before a server gets the connection. */
function onConnection(connection) {
  if (connection.addresses) pretend(connection);
  if (!connection.proxied || installed) return;
  installed = true;
  const { emit } = EventEmitter.prototype;
  net.Server.prototype.emit = function (event, socket, ...rest) {
    const begun = event === 'connection' && socket ? connections.ofSocket(socket) : undefined;
    if (!begun?.proxied) return emit.call(this, event, socket, ...rest);
    readHeader(socket, begun, () => emit.call(this, event, socket, ...rest));
    return true;
  };
}

function readHeader(socket, connection, deliver) {
  let received = Buffer.alloc(0);
  const timer = setTimeout(() => socket.destroy(), WAIT).unref();
  function onReadable() {
    for (let data = socket.read(); data !== null; data = socket.read()) received = Buffer.concat([received, data]);
    const header = proxyHeader.parse(received);
    if (header === undefined) return;
    stop();
    if (header === null) {
      socket.destroy();
      return;
    }
    connection.proxied = false;
    connection.addresses = header.addresses;
    if (header.addresses) pretend(connection);
    if (received.length > header.length) socket.unshift(received.subarray(header.length));
    deliver();
  }
  function stop() {
    clearTimeout(timer);
    socket.removeListener('readable', onReadable).removeListener('end', onEnd).removeListener('close', stop);
    process.nextTick(() => socket.removeListener('error', ignore));
  }
  function onEnd() {
    socket.destroy();
  }
  socket.on('readable', onReadable).on('end', onEnd).on('close', stop).on('error', ignore);
}

function ignore() {}

/** What sockets, those of TLS and HTTP/2 too, ask for their addresses. */
function pretend({ handle, addresses }) {
  const { family, source, sourcePort, target, targetPort } = addresses;
  handle.getpeername = (out) => (Object.assign(out, { family, address: source, port: sourcePort }), 0);
  handle.getsockname = (out) => (Object.assign(out, { family, address: target, port: targetPort }), 0);
}

module.exports = { onConnection };

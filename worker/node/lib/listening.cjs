'use strict';
// Where the program listens. At an address of the pool cluster gets the connections of the supervisor. At any other,
// which the supervisor answers with EADDRNOTAVAIL, the program listens by itself, as it would alone.

const cluster = require('node:cluster');
const dgram = require('node:dgram');
const net = require('node:net');
const { constants } = require('node:os');

const IPV6_ONLY = 1;  // UV_TCP_IPV6ONLY, the flag of `ipv6Only`

const servers = new Set();  // that listen at an address of the pool
let ready = false;

/** Whether a server of this program listens at an address of the pool: the supervisor takes this worker for ready. */
function isReady() {
  return ready;
}

function opened(server) {
  ready = true;
  servers.add(server);
  server.once('close', () => servers.delete(server));
}

/** Takes nothing more, as after cluster's disconnect. */
function close() {
  for (const server of servers) {
    if (server.listening) server.close();
  }
}

/** What cluster was asked for, as options of listen(). Exclusive: not through cluster. */
function byItself({ address, port, addressType, fd, flags, backlog }) {
  const options = { exclusive: true, backlog };
  if (addressType === -1) return { ...options, path: address };
  if (typeof fd === 'number' && fd >= 0) return { ...options, fd };
  return { ...options, port, host: address ?? undefined, ipv6Only: (flags & IPV6_ONLY) !== 0 };
}

function start() {
  const getServer = cluster._getServer;
  cluster._getServer = function (server, options, callback) {
    return getServer.call(this, server, options, (error, handle, ...rest) => {
      if (error === -constants.errno.EADDRNOTAVAIL) return net.Server.prototype.listen.call(server, byItself(options));
      if (!error) server.once('listening', () => opened(server));
      return callback(error, handle, ...rest);
    });
  };

  // The supervisor has no datagrams.
  const { bind } = dgram.Socket.prototype;
  dgram.Socket.prototype.bind = function (port, address, ...rest) {
    if (typeof port?.recvStart === 'function') return bind.call(this, port, address, ...rest);  // a handle
    if (port !== null && typeof port === 'object') return bind.call(this, { ...port, exclusive: true }, address, ...rest);
    if (typeof port === 'function') return bind.call(this, { exclusive: true }, port);
    if (typeof address === 'function') return bind.call(this, { port, exclusive: true }, address);
    return bind.call(this, { port, address, exclusive: true }, ...rest);
  };
}

module.exports = { start, isReady, close };

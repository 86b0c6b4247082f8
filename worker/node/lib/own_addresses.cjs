'use strict';
// Addresses that are none of the pool's, such as a port for metrics: the program listens there by itself. Cluster asks
// its parent for each address. The supervisor answers with an error for those that it does not serve.

const cluster = require('node:cluster');
const dgram = require('node:dgram');
const net = require('node:net');

/** A listening handle, or the number of an error. */
function open({ address, port, addressType, fd, flags }) {
  if (address || fd >= 0) return net._createServerHandle(address, port, addressType, fd, flags);
  const both = net._createServerHandle('::', port, 6, fd, flags);
  return typeof both === 'number' ? net._createServerHandle('0.0.0.0', port, 4, fd, flags) : both;
}

function askFirst() {
  const ask = cluster._getServer;
  cluster._getServer = function (server, options, callback) {
    return ask.call(this, server, options, (error, handle, ...rest) => {
      if (!error) return callback(error, handle, ...rest);
      const own = open(options);
      return typeof own === 'number' ? callback(own, null) : callback(0, own);
    });
  };
}

/** The supervisor serves no datagrams. */
function ownDatagrams() {
  const bind = dgram.Socket.prototype.bind;
  dgram.Socket.prototype.bind = function (first, second, ...rest) {
    const isObject = first !== null && typeof first === 'object';
    if (isObject && typeof first.recvStart === 'function') return bind.call(this, first, second, ...rest);
    const options = isObject ? { ...first } : { port: typeof first === 'function' ? undefined : first };
    if (!isObject && typeof second === 'string') options.address = second;
    options.exclusive = true;
    const callback = [first, second, ...rest].findLast((each) => typeof each === 'function');
    return callback ? bind.call(this, options, callback) : bind.call(this, options);
  };
}

function start() {
  askFirst();
  ownDatagrams();
}

module.exports = { start };

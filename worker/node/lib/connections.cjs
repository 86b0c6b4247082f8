'use strict';
// The connections that the supervisor has sent. Each one is followed by its handle, the object below a socket, and
// its end is the handle's close(): a socket that was destroyed, refused by its server or parked ends there, too.

const channel = require('./channel.cjs');
const memo = require('./memo.cjs');

const MAY_PARK = 1;
const PARK_AT_ONCE = 2;
const LAST_REQUEST = 4;
const COPY_KEPT = 8;
const PROXIED = 16;
const SLOTS = Number(process.env.SUPERVISOR_SLOTS);
const NOTHING = { addresses: null, own: null };

class Connection {
  constructor(facts, handle) {
    this.ticket = facts.ticket;
    this.flags = facts.flags || 0;
    this.listener = facts.listener || 0;
    this.acceptedNs = facts.accepted_ns || 0;
    this.waitUs = facts.wait_us || 0;
    const { addresses, own } = facts.memo ? memo.unpack(Buffer.from(facts.memo, 'base64')) : NOTHING;
    this.memo = own;  // the program's
    this.addresses = addresses;  // of a PROXY header
    this.proxied = (this.flags & PROXIED) !== 0;  // the header is still to be read
    this.handle = handle;
    this.server = null;  // the HTTP server that has got a request on it, and the socket of the request
    this.socket = null;
    this.unanswered = 0;  // requests
    this.lastSign = performance.now();
    this.begun = false;  // the supervisor has the receipt
    this.shut = false;  // the client has its end
    this.closed = false;
    this.parking = false;  // its close() is to park it
  }

  /** The accept as a Date; the supervisor tells it in the time that process.hrtime has. */
  get acceptedAt() {
    return new Date(Date.now() - Number(process.hrtime.bigint() - BigInt(this.acceptedNs)) / 1e6);
  }
  get mayPark() {
    return (this.flags & MAY_PARK) !== 0;
  }
  get parkAtOnce() {
    return (this.flags & PARK_AT_ONCE) !== 0;
  }
  get copyKept() {
    return (this.flags & COPY_KEPT) !== 0;
  }
  get lastRequest() {
    return (this.flags & LAST_REQUEST) !== 0;
  }
}

const CONNECTION = Symbol('connection');  // of a handle and of the sockets that stand on it
const open = new Set();
const watched = new WeakSet();  // prototypes of handles
let onLast = null;

/** Follows `handle` to its end. begin() may come next. */
function follow(facts, handle) {
  const connection = new Connection(facts, handle);
  handle[CONNECTION] = connection;
  handle.setBlocking(false);  // the supervisor's sockets block; libuv takes those that it receives as they are
  watch(Object.getPrototypeOf(handle));
  return connection;
}

/** All handles of a kind have their close() and reset() from one prototype. */
function watch(prototype) {
  if (watched.has(prototype)) return;
  watched.add(prototype);
  const { close, reset, shutdown } = prototype;
  prototype.close = function (callback) {
    const result = close.call(this, callback);  // the descriptor is closed when this returns
    closed(this[CONNECTION]);
    return result;
  };
  prototype.shutdown = function (request) {
    if (this[CONNECTION] !== undefined) this[CONNECTION].shut = true;
    return shutdown.call(this, request);
  };
  if (!reset) return;
  prototype.reset = function (callback) {
    const error = reset.call(this, callback);
    if (!error) closed(this[CONNECTION]);
    return error;
  };
}

/** The supervisor has the receipt. */
function begin(connection) {
  connection.begun = true;
  open.add(connection);
}

function closed(connection) {
  if (connection === undefined || connection.closed) return;
  connection.closed = true;
  if (connection.begun) end(connection);
}

function end(connection) {
  open.delete(connection);
  tellEnd(connection);
  const { parkAtOnce, copyKept, shut, parking } = connection;
  // Without a shutdown the client gets its end when the supervisor closes its copy.
  if ((open.size === 0 && onLast !== null) || (copyKept && !shut && !parking)) channel.tellEnds();
  // Another connection may wait for the slot; and a worker that has nothing to do is the one to choose.
  else if (parkAtOnce || open.size >= SLOTS / 2 || open.size === 0) channel.tellEndsSoon();
  if (open.size === 0 && onLast !== null) onLast();
}

function tellEnd({ ticket, parking, addresses, memo: own }) {
  const kept = parking ? memo.pack(addresses, own) : null;
  if (kept === null) channel.tellEnd(parking ? 'park' : 'idle', ticket);
  else channel.tell('park', { ticket, memo: kept.toString('base64') });
}

/** Calls `callback` when the supervisor knows of the end of the last open connection: at once, if none is open. */
function whenNoneIsOpen(callback) {
  if (open.size === 0) callback();
  else onLast = callback;
}

/** The connection of a net.Socket, a TLSSocket, or of the socket of an HTTP request. Undefined when it is none of ours. */
function ofSocket(socket) {
  const known = socket[CONNECTION];
  if (known !== undefined) return known;
  let handle = socket._handle;
  while (handle && handle[CONNECTION] === undefined) handle = handle._parent;  // a TLS handle stands on that of the connection
  const connection = handle?.[CONNECTION];
  if (connection) socket[CONNECTION] = connection;  // a closed socket has no handle
  return connection;
}

module.exports = { follow, begin, ofSocket, whenNoneIsOpen, open };

'use strict';
// HTTP connections between two requests: they are parked, so that the next request goes to the least busy worker.
// What tells that a connection has nothing under way is Node's own server.closeIdleConnections(): it spares what is
// half read, pipelined or upgraded. It closes a socket without a shutdown, and libuv leaves its epoll before.

const diagnostics = require('node:diagnostics_channel');
const http = require('node:http');
const net = require('node:net');
const { setImmediate, setTimeout } = require('node:timers');
const channel = require('./channel.cjs');
const connections = require('./connections.cjs');

const KEEP_FOR = 10;  // ms: a client that asks again at once is served without a detour
const SIGN_EVERY = 100;  // ms between two Progress of a connection

const waiting = new Map();  // connection -> when it is to be parked; the earliest first
let timer = null;
let immediate = null;
let allowed = null;  // while closeIdleConnections() runs: the sockets that it may close
let wanted = false;  // Yield: the supervisor wants back what is kept
let leaving = false;

function onRequest({ request, response, socket, server }) {
  const connection = connections.ofSocket(socket);
  if (connection === undefined) return;
  connection.server = server;
  connection.socket = socket;
  connection.unanswered++;
  waiting.delete(connection);
  giveSign(connection);
  if (connection.lastRequest || (leaving && !connection.mayPark) || isFaulty(request)) response.shouldKeepAlive = false;
}

/** RFC 9112, 6.1: where such a request ends is not sure, and the connection must end with it. Node goes on. */
function isFaulty({ httpVersion, headers }) {
  return httpVersion === '1.0' && headers['transfer-encoding'] !== undefined;
}

/** The supervisor sees one busy period for all requests of a connection: without Progress they look like one that hangs. */
function giveSign(connection) {
  const now = performance.now();
  if (now - connection.lastSign < SIGN_EVERY) return;
  connection.lastSign = now;
  channel.tell('progress', { ticket: connection.ticket });
}

function onFinish({ socket, response }) {
  const connection = connections.ofSocket(socket);
  if (connection === undefined || connection.socket !== socket) return;
  connection.unanswered--;
  // Only a plain socket: the state of TLS is in this process.
  if (!connection.mayPark || !response.shouldKeepAlive || socket._handle !== connection.handle) return;
  if (connection.parkAtOnce || wanted || leaving) {
    waiting.set(connection, 0);
    parkSoon();
  } else {
    waiting.set(connection, performance.now() + KEEP_FOR);
    timer ??= setTimeout(parkDue, KEEP_FOR).unref();
  }
}

/** Not at once: Node is not done with the request when the event comes. */
function parkSoon() {
  immediate ??= setImmediate(() => {
    immediate = null;
    parkWhere((due) => due === 0 || wanted || leaving);
  });
}

function parkDue() {
  timer = null;
  const now = performance.now();
  parkWhere((due) => due <= now);
  for (const due of waiting.values()) {
    timer = setTimeout(parkDue, Math.max(due - now, 1)).unref();
    return;
  }
}

function parkWhere(isDue) {
  const servers = new Map();
  for (const [connection, due] of waiting) {
    if (!isDue(due)) continue;
    waiting.delete(connection);
    if (!isQuiet(connection)) continue;
    if (!servers.has(connection.server)) servers.set(connection.server, new Set());
    servers.get(connection.server).add(connection.socket);
  }
  for (const [server, sockets] of servers) park(server, sockets);
}

function isQuiet({ closed, unanswered, handle, socket }) {
  return !closed && unanswered === 0 && socket._handle === handle && !socket.destroyed && !socket.writableEnded &&
    !socket.readableEnded && socket.readableLength === 0 && socket.writableLength === 0 && handle.writeQueueSize === 0;
}

function park(server, sockets) {
  for (const socket of sockets) connections.ofSocket(socket).parking = true;
  allowed = sockets;
  try {
    server.closeIdleConnections();
  } finally {
    allowed = null;
  }
  for (const socket of sockets) connections.ofSocket(socket).parking = false;
  channel.tellEnds();
}

/** Yield: parks what is kept, and from now on at once, until a connection comes that may be kept. */
function parkAll() {
  wanted = true;
  parkSoon();
}

function onConnection(connection) {
  if (connection.mayPark && !connection.parkAtOnce) wanted = false;
}

/** This worker takes nothing more: what is kept goes to others, and answers end their connection where it cannot be parked. */
function leave() {
  leaving = true;
  parkWhere(() => true);
}

/**
 * closeIdleConnections() is for all sockets of a server: those that are not meant say no. The program's, also that in
 * server.close(), would cut a next request that is on its way: what may be parked is parked before.
 */
function guard() {
  const { closeIdleConnections } = http.Server.prototype;
  http.Server.prototype.closeIdleConnections = function () {
    if (allowed === null) parkWhere(() => true);
    return closeIdleConnections.call(this);
  };
  const { destroy } = net.Socket.prototype;
  net.Socket.prototype.destroy = function (error) {
    if (allowed !== null && !allowed.has(this)) return this;
    return destroy.call(this, error);
  };
}

function start() {
  guard();
  diagnostics.subscribe('http.server.request.start', onRequest);
  diagnostics.subscribe('http.server.response.finish', onFinish);
}

module.exports = { start, onConnection, parkAll, leave };

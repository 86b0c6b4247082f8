'use strict';
// The channel to the supervisor, which is that of Node's cluster. Our messages have the cmd PREFORK. The program
// never sees one, whatever listeners it has.

// The program may replace those that are global.
const { clearImmediate, setImmediate, setTimeout } = require('node:timers');

const CMD = 'PREFORK';
const ACTS = ['ping', 'yield', 'drain'];
const LATEST = 1;  // ms: each message costs a wake-up of the supervisor
const MOST_TICKETS = 200;  // in one message: the supervisor does not read longer lines than 8 KiB

// The program may replace process.send and process.emit later, as some process managers do.
const send = process.send;
const emit = process.emit;

function ignore() {}

/** Sends a message. A channel that has ended is no error: the process ends by itself then. */
function tell(act, fields) {
  send.call(process, { cmd: CMD, act, ...fields }, undefined, undefined, ignore);
}

// Tickets of connections that are over or parked, which the supervisor does not know yet.
const over = { idle: [], park: [] };
let timer = null;  // there is one: to set it for each connection would cost more than to tell its end
let telling = false;  // the timer runs
let told = false;  // all ends, since it began
let soon = null;
let receipts = false;  // what the supervisor says with each connection: it takes receipts, and several tickets in one message

/** Tells that a connection is over (idle) or parked: with the next receipt, or with others within twice LATEST. */
function tellEnd(act, ticket) {
  if (over[act].push(ticket) === MOST_TICKETS) tellEnds();
  else if (!telling) beginTimer();
}

function beginTimer() {
  telling = true;
  told = false;
  if (timer === null) timer = setTimeout(onTimer, LATEST).unref();
  else timer.refresh();
}

function onTimer() {
  telling = false;
  if (!told) tellEnds();
  else if (over.idle.length > 0 || over.park.length > 0) beginTimer();
}

/** Does it when the event loop is done with the events of this turn. */
function tellEndsSoon() {
  soon ??= setImmediate(tellEnds);
}

/** Does it now. */
function tellEnds() {
  told = true;
  clearImmediate(soon);
  soon = null;
  for (const act of ['idle', 'park']) {
    if (receipts && over[act].length > 0) tell(act, takeTickets(act));
    for (const ticket of over[act].splice(0)) tell(act, { ticket });
  }
}

function takeTickets(act) {
  return over[act].length > 0 ? { ticket: over[act].splice(0).join(' ') } : undefined;
}

let given = null;  // the connection that cluster is to answer

/**
 * Gives a connection to cluster, which answers it and then gives it to its server. The answer becomes the receipt for the
 * supervisor, and leaves before the program's code runs. Calls `begin()` then, if cluster takes the connection; otherwise
 * cluster closes it.
 */
function give(message, handle, begin) {
  const before = process.send;
  given = { seq: message.seq, before, begin };
  receipts = message.prefork.receipt === true;
  process.send = answer;
  try {
    deliver(message, handle);
  } finally {
    if (process.send === answer) process.send = before;
  }
}

/** In place of process.send, which cluster answers with. */
function answer(message, ...rest) {
  const { seq, before, begin } = given;
  if (!message || message.ack !== seq) return before.call(this, message, ...rest);
  process.send = before;  // at once: what follows is the program's code
  const accepted = message.accepted === true;
  if (receipts) {
    told = over.park.length === 0;
    tell('begun', { seq, accepted, ...takeTickets('idle') });
  } else {
    tellEnds();
    before.call(this, message, ...rest);
  }
  if (accepted) begin();
  return true;
}

/** Gives a message of cluster's to this process, as if the supervisor had sent it. */
function deliver(message, handle) {
  emit.call(process, 'internalMessage', message, handle);
}

/**
 * A message of the program's goes without its socket or server. The supervisor takes none, and Node would wait for the
 * acknowledgement of it for ever before it sends anything more.
 */
function sendAlone(message, handle, ...rest) {
  return send.call(this, message, typeof handle === 'function' ? handle : undefined, ...rest);
}

/**
 * Calls `handlers.connection(message, handle)` for each connection that the supervisor sends, which give() hands on, and
 * `handlers[act](message)` for its other messages. Calls `handlers.end()` when the channel has ended, before the program's
 * own listeners.
 */
function listen(handlers) {
  function hooked(event, message, handle) {
    if (event === 'internalMessage' && handle) {
      const connection = broughtBy(message);
      if (connection !== null) {
        handlers.connection(connection, handle);
        return true;
      }
    }
    if ((event === 'message' || event === 'internalMessage') && isOurs(message)) {
      if (ACTS.includes(message.act)) handlers[message.act]();
      return true;
    }
    if (event === 'disconnect') handlers.end();
    return Reflect.apply(emit, this, arguments);
  }
  Object.defineProperty(process, 'emit', { value: hooked, writable: true, configurable: true });
  process.send = sendAlone;
  process.on('exit', tellEnds);
}

/**
 * The connection that a message with a handle brings, or null. Without a descriptor Node says so. With one it sends a receipt
 * for the descriptor, and then gives the message again, without its envelope: a receipt of ours is for both. A supervisor of
 * a version that does not take it goes on with this module when an update replaces the files below it.
 */
function broughtBy(message) {
  const connection = message.cmd === 'NODE_HANDLE' ? message.msg : message;
  if (!connection?.prefork || (connection !== message && connection.prefork.receipt !== true)) return null;
  return connection;
}

function isOurs(message) {
  return message !== null && typeof message === 'object' && (message.cmd === CMD || message.cmd === `NODE_${CMD}`);
}

module.exports = { tell, tellEnd, tellEndsSoon, tellEnds, listen, give, deliver };

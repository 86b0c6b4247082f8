'use strict';
// The channel to the supervisor, which is that of Node's cluster. Our messages have the cmd PREFORK. The program
// never sees one, whatever listeners it has.

const CMD = 'PREFORK';
const ACTS = ['ping', 'yield', 'drain'];

// The program may replace process.send and process.emit later, as some process managers do.
const send = process.send;
const emit = process.emit;

function ignore() {}

/** Sends a message. A channel that has ended is no error: the process ends by itself then. */
function tell(act, fields) {
  send.call(process, { cmd: CMD, act, ...fields }, undefined, undefined, ignore);
}

/**
 * Runs `deliver`, in which cluster answers the connection `seq` and then gives it to its server. Calls `accepted` after
 * that, also where the program's own handler throws. Does not call it when cluster has refused and closed the connection.
 */
function watchAnswer(seq, deliver, accepted) {
  let answer = false;
  const before = process.send;
  function watching(message, ...rest) {
    if (message && message.ack === seq) {
      answer = message.accepted === true;
      process.send = before;  // at once: what follows is the program's code
    }
    return before.call(this, message, ...rest);
  }
  process.send = watching;
  try {
    deliver();
  } finally {
    if (process.send === watching) process.send = before;
    if (answer) accepted();
  }
}

/** Gives a message of cluster's to this process, as if the supervisor had sent it. */
function deliver(message) {
  emit.call(process, 'internalMessage', message);
}

/**
 * A message of the program's goes without its socket or server. The supervisor takes none, and Node would wait for the
 * acknowledgement of it for ever before it sends anything more.
 */
function sendAlone(message, handle, ...rest) {
  return send.call(this, message, typeof handle === 'function' ? handle : undefined, ...rest);
}

/**
 * Calls `handlers.connection(message, handle, deliver)` for each connection that the supervisor sends, and
 * `handlers[act](message)` for its other messages. The program gets a connection when `deliver()` is called.
 * Calls `handlers.end()` when the channel has ended, before the program's own listeners.
 */
function listen(handlers) {
  function hooked(event, message, handle) {
    if (event === 'internalMessage' && message.act === 'newconn' && message.prefork && handle) {
      handlers.connection(message, handle, () => emit.call(process, event, message, handle));
      return true;
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
}

function isOurs(message) {
  return message !== null && typeof message === 'object' && (message.cmd === CMD || message.cmd === `NODE_${CMD}`);
}

module.exports = { tell, listen, watchAnswer, deliver };

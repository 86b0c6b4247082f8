'use strict';
// The channel to the supervisor, which is that of Node's cluster. Our messages have the cmd PREFORK. The program
// never sees one, whatever listeners it has.

const CMD = 'PREFORK';

// The program may replace process.send and process.emit later, as some process managers do.
const send = process.send;
const emit = process.emit;

function ignore() {}

/** Sends a message. A channel that has ended is no error: the process ends by itself then. */
function tell(act, fields) {
  send.call(process, { cmd: CMD, act, ...fields }, undefined, undefined, ignore);
}

/**
 * Runs `deliver`, in which cluster answers the connection `seq`, and returns the answer: true when it was accepted.
 * Undefined when cluster did not answer.
 */
function watchAnswer(seq, deliver) {
  let answer;
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
  }
  return answer;
}

/**
 * Calls `handlers.connection(message, handle, deliver)` for each connection that the supervisor sends, and
 * `handlers[act](message)` for its other messages. The program gets a connection when `deliver()` is called.
 */
function listen(handlers) {
  function hooked(event, message, handle) {
    if (event === 'internalMessage' && message.act === 'newconn' && message.prefork && handle) {
      handlers.connection(message, handle, () => emit.call(process, event, message, handle));
      return true;
    }
    if ((event === 'message' || event === 'internalMessage') && isOurs(message)) {
      if (Object.hasOwn(handlers, message.act)) handlers[message.act](message);
      return true;
    }
    return Reflect.apply(emit, this, arguments);
  }
  Object.defineProperty(process, 'emit', { value: hooked, writable: true, configurable: true });
}

function isOurs(message) {
  return message !== null && typeof message === 'object' && (message.cmd === CMD || message.cmd === `NODE_${CMD}`);
}

module.exports = { tell, listen, watchAnswer };

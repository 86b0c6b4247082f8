'use strict';
// The end of the worker: its servers close as after cluster's disconnect, and the program ends when nothing is left.

const channel = require('./channel.cjs');
const keeping = require('./keeping.cjs');
const listening = require('./listening.cjs');

const GRACE = 1000;  // ms that a program may go on when it has no connection and no server any more

let left = false;
let draining = false;
let over = false;

/** This worker takes nothing more. The supervisor answers with Drain. It allows a Leave of ready workers only. */
function leave() {
  if (left || draining) return;
  if (!listening.isReady()) return drain();
  left = true;
  channel.tell('leave');
}

function hasLeft() {
  return left;
}

/** Finishes the connections. The channel ends with the last one. */
function drain() {
  if (draining) return;
  draining = true;
  keeping.leave();
  channel.deliver({ cmd: 'NODE_CLUSTER', act: 'disconnect' });
}

/** The channel has ended: after a drain, or the supervisor is gone. Cluster itself would cut what is under way. */
function onEnd() {
  if (over) return;
  if (draining) {
    over = true;
    setTimeout(endProgram, GRACE).unref();
    return;
  }
  process.disconnect = onEnd;  // cluster calls it when all servers are closed, and there is nothing left to disconnect
  drain();
}

/** A program with timers does not end by itself. It may have something to tidy up: it is told as process managers do. */
function endProgram() {
  const told = ['SIGINT', 'SIGTERM'].find((signal) => process.listeners(signal).some((each) => each !== onSigterm));
  if (told) process.emit(told, told);
  else process.exit();
}

/** The program's own handler goes before. */
function onSigterm() {
  if (process.listenerCount('SIGTERM') > 1) return;
  if (draining) process.exit();
  if (listening.isReady()) return leave();
  process.removeListener('SIGTERM', onSigterm);
  process.kill(process.pid, 'SIGTERM');
}

function start() {
  process.on('SIGTERM', onSigterm);
}

module.exports = { start, leave, hasLeft, drain, onEnd };

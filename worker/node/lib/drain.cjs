'use strict';
// The end of the worker: its servers close as after cluster's disconnect, and the program ends when nothing is left.

const cluster = require('node:cluster');
const channel = require('./channel.cjs');
const connections = require('./connections.cjs');
const keeping = require('./keeping.cjs');
const listening = require('./listening.cjs');

const endChannel = process.disconnect;
const GRACE = 1000;  // ms that a program may go on when it has no connection and no server any more

let left = false;
let draining = false;
let ending = null;

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

/** Finishes the connections. The channel ends with the last one, for the supervisor hears of the end of each. */
function drain() {
  if (draining) return;
  draining = true;
  keeping.leave();
  listening.close();
  connections.whenNoneIsOpen(endChannelAsCluster);
}

/** The supervisor is gone: cluster would cut what is under way, if this were not a disconnect. */
function channelEnded() {
  drain();
  endChannelAsCluster();
}

/** A program that leaves as cluster's workers do is closing its servers already; a second time would end the channel. */
function endChannelAsCluster() {
  if (!cluster.worker.exitedAfterDisconnect) channel.deliver({ cmd: 'NODE_CLUSTER', act: 'disconnect' });
}

/** In place of process.disconnect, which cluster calls when all servers are closed, also where the channel has ended before. */
function disconnect() {
  if (process.connected) {
    channel.tellEnds();
    endChannel.call(process);
  }
  if (cluster.worker.exitedAfterDisconnect) ending ??= setTimeout(endProgram, GRACE).unref();
}

/** A program with timers does not end by itself. It may have something to tidy up: it is told as process managers do. */
function endProgram() {
  if (connections.open.size > 0) {
    ending = setTimeout(endProgram, GRACE).unref();
    return;
  }
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
  process.disconnect = disconnect;
  process.on('SIGTERM', onSigterm);
}

module.exports = { start, leave, hasLeft, drain, channelEnded };

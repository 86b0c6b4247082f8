'use strict';
// Load: the share of the time in which the event loop was busy. Nothing is measured or sent while no connection is open.

const channel = require('./channel.cjs');
const connections = require('./connections.cjs');

const EVERY = 100;  // ms
const STEPS = 16;  // the supervisor compares loads in steps of a sixteenth

let timer = null;
let before = performance.eventLoopUtilization();
let step = 0;
let byProgram = false;  // the program reports its own

function measure() {
  timer = null;
  if (byProgram) return;
  const now = performance.eventLoopUtilization();
  const { utilization } = performance.eventLoopUtilization(now, before);
  before = now;
  const current = Math.round(utilization * STEPS);
  if (current !== step) {
    step = current;
    channel.tell('load', { value: Math.round((current * 1000) / STEPS) });
  }
  if (connections.open.size > 0 || step > 0) arm();
}

function arm() {
  timer = setTimeout(measure, EVERY).unref();
}

function onConnection() {
  if (timer !== null || byProgram) return;
  before = performance.eventLoopUtilization();  // the time in which nothing was open does not count
  arm();
}

/** From now on the program's own value holds, from 0 to 1000. */
function report(value) {
  byProgram = true;
  channel.tell('load', { value });
}

module.exports = { onConnection, report };

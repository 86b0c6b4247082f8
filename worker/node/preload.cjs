'use strict';
// Loaded by `--require` in NODE_OPTIONS before the program of a pool with "protocol": "node". The supervisor speaks
// Node's own cluster protocol, which lacks the end of a connection, parking and Ping: this adds them. It does
// nothing in any other process: a program without the supervisor, a child of the worker, a worker thread.

const inherited = require('./lib/inherited.cjs');

if (inherited.isWorker()) {
  inherited.hideFromChildren(__filename);
  require('./lib/worker.cjs').start();
}

// Node's cluster module, for script/bench: node_cluster.js WORKERS. Which worker has a connection is decided once, when it is
// accepted: round robin.
'use strict';
const cluster = require('cluster');
const { listen } = require('./node_answer');

if (cluster.isPrimary) {
  let listening = 0;
  const workers = Number(process.argv[2]);
  cluster.on('listening', (_, address) => {
    if (++listening === workers) console.log(`listening on ${address.address}:${address.port}`);
  });
  for (let i = 0; i < workers; ++i) cluster.fork();
  process.on('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers)) worker.process.kill('SIGKILL');
    process.exit(0);
  });
} else {
  listen(0);
}

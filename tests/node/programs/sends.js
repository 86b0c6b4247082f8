'use strict';
// Sends to its parent, as programs do that are made for process managers.
const http = require('node:http');

process.send('ready');
process.send({ type: 'process:msg', data: { text: 'x'.repeat(100000) } });
http
  .createServer((request, response) => {
    for (const message of [null, 5, true, [], {}, 'shutdown', { cmd: 'other' }]) {
      if (message !== null) process.send(message);
    }
    response.end('sent\n');
  })
  .listen(process.env.PORT || 8080, () => process.send('ready'));

'use strict';
// Blocks its event loop for ever, soon after an answer.
const http = require('node:http');

http
  .createServer((request, response) => {
    response.end('blocks soon\n');
    setTimeout(() => {
      for (;;);
    }, 100);
  })
  .listen(process.env.PORT || 8080);

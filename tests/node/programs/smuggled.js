'use strict';
// Names the target of each request that it takes for one.
const http = require('node:http');

http
  .createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(`${request.method} ${request.url}\n`));
  })
  .listen(process.env.PORT || 8080);

'use strict';
// Names the target of each request that it takes for one.
const http = require('node:http');

http
  .createServer((request, response) => {
    request.resume();
    request.on('end', () => {
      const answer = `${request.method} ${request.url}\n`;
      response.setHeader('Content-Length', answer.length);  // else Node ends a connection of HTTP/1.0 by itself
      response.end(answer);
    });
  })
  .listen(process.env.PORT || 8080);

'use strict';
const http = require('node:http');

http
  .createServer((request, response) => {
    response.setHeader('X-Pid', process.pid);
    response.end(`hello ${request.url}\n`);
  })
  .listen(process.env.PORT || 8080);

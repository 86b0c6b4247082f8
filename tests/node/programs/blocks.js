'use strict';
// Blocks its event loop soon after an answer, for as long as the supervisor lives: nothing ends it later.
const http = require('node:http');

const supervisor = process.ppid;

http
  .createServer((request, response) => {
    response.end('blocks soon\n');
    setTimeout(() => {
      while (process.ppid === supervisor);
    }, 100);
  })
  .listen(process.env.PORT || 8080);

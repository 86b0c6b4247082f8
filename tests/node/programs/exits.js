// Ends its connection and itself in one turn of the event loop.
'use strict';
const http = require('http');

http.createServer((request) => {
  request.socket.destroy();
  process.exit(0);
}).listen(8080);

// Ends a connection without a shutdown, and then never lets its event loop go on.
'use strict';
const http = require('http');

http.createServer((request) => {
  request.socket.destroy();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}).listen(8080);

'use strict';
// Never ends by itself. TIDY: the signal that it tidies up on.
const http = require('node:http');

setInterval(() => {}, 60000);
if (process.env.TIDY) {
  process.on(process.env.TIDY, () => {
    console.log('tidied up');
    process.exit(0);
  });
}
http.createServer((request, response) => setTimeout(() => response.end('hello\n'), 50)).listen(process.env.PORT || 8080);

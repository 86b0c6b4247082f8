const http = require('http');
http
  .createServer((request, response) => {
    const {remoteAddress, remotePort} = request.socket;
    response.end(`pid=${process.pid} peer=${remoteAddress}:${remotePort}\n`);
  })
  .listen(Number(process.argv[2]), process.argv[3]);

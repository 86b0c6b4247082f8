const app = require('express')();
app.get('/', (request, response) => {
  const {remoteAddress, remotePort} = request.socket;
  response.send(`pid=${process.pid} peer=${remoteAddress}:${remotePort}\n`);
});
app.listen(Number(process.argv[2]), '127.0.0.1');

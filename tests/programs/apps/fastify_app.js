const app = require('fastify')();
app.get('/', (request, reply) => {
  const {remoteAddress, remotePort} = request.raw.socket;
  reply.send(`pid=${process.pid} peer=${remoteAddress}:${remotePort}\n`);
});
app.listen({port: Number(process.argv[2]), host: '127.0.0.1'});

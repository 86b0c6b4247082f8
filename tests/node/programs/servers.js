'use strict';
// Servers that are not plain HTTP, chosen by KIND.
const fs = require('node:fs');
const prefork = require('../../../worker/node');

const tls = () => ({ key: fs.readFileSync(process.env.KEY), cert: fs.readFileSync(process.env.CERT) });

function answer(request, response) {
  const { ticket } = prefork.connectionOf(request);
  response.setHeader('X-Peer', request.socket.remoteAddress);
  response.end(`ticket ${ticket}\n`);
}

const kinds = {
  https: () => require('node:https').createServer(tls(), answer),
  http2: () => require('node:http2').createSecureServer(tls(), answer),
  h2c: () => require('node:http2').createServer(answer),
  net: () => require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.write(`ticket ${prefork.connectionOf(socket).ticket}\n`);
    socket.pipe(socket);
  }),
  destroys: () => require('node:net').createServer((socket) => socket.destroy()),
  resets: () => require('node:net').createServer((socket) => socket.resetAndDestroy()),
  throws: () => {
    process.on('uncaughtException', (error) => console.log(error.message));
    return require('node:net').createServer((socket) => {
      socket.on('data', () => socket.destroy());
      throw new Error('thrown');
    });
  },
  full: () => {
    const server = require('node:net').createServer((socket) => socket.resume());
    server.maxConnections = 1;
    return server;
  },
  closes: () => {
    const server = require('node:net').createServer((socket) => {
      server.close();
      socket.end('bye\n');
    });
    return server;
  },
};

kinds[process.env.KIND]().listen(process.env.PORT || 8080);

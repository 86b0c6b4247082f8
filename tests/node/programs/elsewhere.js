'use strict';
// Listens at the pool's address, and at others that are its own.
const dgram = require('node:dgram');
const http = require('node:http');
const net = require('node:net');

const path = process.env.OWN_PATH;
const metrics = http.createServer((request, response) => response.end('metrics\n'));
metrics.listen({ port: 0, host: '127.0.0.1' }, () => {
  const file = net.createServer((socket) => socket.end('file\n')).listen(path, () => {
    const datagrams = dgram.createSocket('udp4');
    datagrams.on('message', (data, { port }) => datagrams.send(data, port, '127.0.0.1'));
    dgram.createSocket('udp4').bind({ port: 0 }).unref();
    dgram.createSocket('udp4').bind(() => {}).unref();
    datagrams.bind(0, '127.0.0.1', () => {
      net.createServer().on('error', ({ code }) => {
        console.log(JSON.stringify({ metrics: metrics.address().port, datagrams: datagrams.address().port, code }));
        http.createServer((request, response) => response.end('hello\n')).listen(8080);
      }).listen(metrics.address().port, '127.0.0.1');
    });
  });
});

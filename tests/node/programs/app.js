'use strict';
// A server with something of everything.
const http = require('node:http');
const v8 = require('node:v8');
const vm = require('node:vm');
const prefork = require('../../../worker/node');

const routes = {
  '/hello': (request, response) => response.end('hello\n'),
  '/later': (request, response) => {
    prefork.note('later');  // the request has been read
    setTimeout(() => response.end('later\n'), Number(request.headers['x-ms'] ?? 100));
  },
  '/block': (request, response) => {
    const end = Date.now() + Number(request.headers['x-ms']);
    while (Date.now() < end);
    response.end('blocked\n');
  },
  '/unread': (request, response) => response.end('unread\n'),
  '/upload': (request, response) => {
    let size = 0;
    request.on('data', (data) => (size += data.length));
    request.on('end', () => response.end(`${size}\n`));
  },
  '/download': (request, response) => {
    const block = Buffer.alloc(1 << 16, 'x');
    let left = Number(request.headers['x-bytes']);
    const write = () => {
      while (left > 0) {
        const data = block.subarray(0, Math.min(left, block.length));
        left -= data.length;
        if (!response.write(data)) return response.once('drain', write);
      }
      response.end();
    };
    write();
  },
  '/memo': (request, response) => {
    const text = request.headers['x-memo'];
    if (text !== undefined) {
      try {
        prefork.setMemo(request, text);
        return response.end('kept');
      } catch (error) {
        return response.end(error.name);
      }
    }
    const { memo, ticket } = prefork.connectionOf(request);
    const count = memo === null ? 0 : Number(memo);
    prefork.setMemo(request, String(count + 1));
    response.end(JSON.stringify({ count, ticket }));
  },
  '/facts': (request, response) => {
    const facts = prefork.connectionOf(request);
    response.end(JSON.stringify({ ...facts, memo: facts.memo?.toString(), age: Date.now() - facts.acceptedAt, peer: request.socket.remoteAddress }));
  },
  '/leave': (request, response) => {
    prefork.leave();
    response.end('leaving\n');
  },
  '/disconnect': (request, response) => {
    require('node:cluster').worker.disconnect();
    setTimeout(() => response.end('disconnects\n'), 1500);
  },
  '/close': (request, response) => {
    server.close();
    setTimeout(() => response.end('closed\n'), Number(request.headers['x-ms']));
  },
  '/send-socket': (request, response) => {
    process.send({ text: 'a socket' }, request.socket);
    process.send({ text: 'a server' }, server, () => response.end('sent\n'));
  },
  '/end-channel': (request, response) => {
    process.disconnect();
    setTimeout(() => response.end('disconnected\n'), 100);
  },
  '/say': (request, response) => {
    prefork.note(request.headers['x-text']);
    prefork.progress(request);
    prefork.reportLoad(2000);
    response.end();
  },
  '/memory': (request, response) => {
    v8.setFlagsFromString('--expose-gc');  // Node 18 does not allow it in NODE_OPTIONS
    vm.runInNewContext('gc')();
    response.end(String(process.memoryUsage().heapUsed));
  },
  '/open': (request, response) => server.getConnections((error, count) => response.end(String(count))),
};

const server = http.createServer((request, response) => {
  const route = routes[request.url];
  if (route) return route(request, response);
  response.statusCode = 404;
  response.end();
});
server.on('upgrade', (request, socket, head) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n');
  socket.write(head);
  socket.pipe(socket);
});
server.listen(process.env.PORT || 8080);

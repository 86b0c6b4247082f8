import http from 'node:http';
import { connectionOf, setMemo, underSupervisor } from '../../../worker/node/index.js';

const server = http.createServer((request, response) => {
  response.end(JSON.stringify({ underSupervisor, known: connectionOf(request) !== undefined, kept: setMemo(request, 'memo') }));
});
await new Promise((resolve) => server.listen(8080, resolve));

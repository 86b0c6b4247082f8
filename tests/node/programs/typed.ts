import http from 'node:http';

const answer: string = 'true\n';
http.createServer((request: http.IncomingMessage, response: http.ServerResponse) => response.end(answer)).listen(8080);

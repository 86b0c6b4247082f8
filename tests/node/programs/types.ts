import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { connectionOf, leave, note, progress, reportLoad, setMemo, underSupervisor, type Connection } from 'prefork-worker';

http.createServer((request, response) => {
  const connection: Connection | undefined = connectionOf(request);
  const memo: Buffer | null | undefined = connection?.memo;
  const when: Date | undefined = connection?.acceptedAt;
  const kept: boolean = setMemo(response, memo ?? 'memo');
  progress(request.socket);
  response.end(`${connection?.ticket} ${connection?.listener} ${connection?.queuedMs} ${when} ${kept} ${underSupervisor}`);
});
net.createServer((socket) => setMemo(socket, new Uint8Array(3)));
http2.createServer((request) => progress(request));
note('text');
reportLoad(500);
leave();

// @ts-expect-error: a memo is text or bytes
setMemo(new net.Socket(), 5);
// @ts-expect-error: a connection is only read
connectionOf(new net.Socket())!.ticket = '1';
// @ts-expect-error: a load is a number
reportLoad('much');

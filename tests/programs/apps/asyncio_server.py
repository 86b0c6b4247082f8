import asyncio
import os
import sys


async def serve(reader, writer):
    try:
        await reader.readuntil(b"\r\n\r\n")
        host, port = writer.get_extra_info("peername")
        body = f"pid={os.getpid()} peer={host}:{port}\n"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
    except (asyncio.IncompleteReadError, OSError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


if len(sys.argv) > 2:
    import uvloop

    uvloop.install()
asyncio.run(main())

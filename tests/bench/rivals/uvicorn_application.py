"""The page of `supervisor-worker http` as an ASGI application that blocks its event loop, for script/bench."""
import os
import time
import urllib.parse


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    query = urllib.parse.parse_qs(scope["query_string"].decode())
    milliseconds = int(query.get("ms", ["0"])[0])
    if milliseconds:  # sleep(0) gives up the CPU, for 50 µs or more
        time.sleep(milliseconds / 1000)
    body = f"Hello from worker {os.getpid()}.\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

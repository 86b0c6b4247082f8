"""An ASGI application for the tests; its paths are what it does."""
import asyncio
import gc
import os
import socket
import time

import prefork_worker
from prefork_worker.asgi_protocol import WorkerProtocol

loaded_in = os.getpid()
if "DEFAULT_TIMEOUT" in os.environ:
    socket.setdefaulttimeout(float(os.environ["DEFAULT_TIMEOUT"]))
if "KEEP" in os.environ:
    prefork_worker.Connection.KEEP_FOR = float(os.environ["KEEP"])


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(receive, send)
    if scope["type"] == "websocket":
        return await echo(scope, receive, send)
    name, _, argument = scope["path"].strip("/").partition("/")
    headers = []
    body = b"hello\n"
    if name == "pid":
        body = b"%d\n" % os.getpid()
    elif name == "loaded":
        body = b"%d\n" % loaded_in
    elif name == "smuggled":
        body = b"/smuggled\n"
    elif name == "client":
        body = "{} {} {} {}\n".format(scope["client"][0], scope["client"][1], scope["server"][1], scope["scheme"]).encode()
    elif name == "protocols":
        gc.disable()  # what lies in a circle of references stays
        body = b"%d\n" % sum(isinstance(one, WorkerProtocol) for one in gc.get_objects())
    elif name == "block":
        time.sleep(float(argument))
    elif name == "wait":
        await asyncio.sleep(float(argument))
    elif name == "length":
        body = b"%d\n" % await length(receive)
    elif name == "echo":
        body = b"".join([piece async for piece in pieces(receive)])
    elif name == "head_first":
        return await head_first(receive, send)
    elif name == "gone":
        while (await receive())["type"] != "http.disconnect":
            pass
        print("the client is gone", flush=True)
    elif name == "raise":
        raise RuntimeError("as ordered")
    elif name == "much":
        return await much(send, int(argument))
    elif name == "close":
        headers = [(b"connection", b"close")]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
    if name == "work":
        with open(os.environ["GO_ON"], "rb"):  # a fifo: blocks until the test opens it
            pass
    if name == "after":
        await asyncio.sleep(float(argument))
        print("the work after the answer is done", flush=True)


async def pieces(receive):
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        yield bytes(message.get("body", b""))
        if not message.get("more_body"):
            return


async def length(receive):
    return sum([len(piece) async for piece in pieces(receive)])


async def much(send, size):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % size)]})
    piece = b"x" * 65536
    while size > 0:
        await send({"type": "http.response.body", "body": piece[:size], "more_body": size > len(piece)})
        size -= len(piece)


async def head_first(receive, send):
    """The head of the answer is sent before the body of the request has come."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"%05d" % await length(receive)})


async def echo(scope, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            return
        if message.get("text") == "close":
            return await send({"type": "websocket.close", "code": 1000})
        await send({"type": "websocket.send", "text": message["text"].upper()})


async def lifespan(receive, send):
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            if os.environ.get("FAIL_STARTUP"):
                await send({"type": "lifespan.startup.failed", "message": "no database, as ordered"})
                return
            print("lifespan: started", flush=True)
            await send({"type": "lifespan.startup.complete"})
        else:
            print("lifespan: stopped", flush=True)
            await send({"type": "lifespan.shutdown.complete"})
            return


def make():
    return app

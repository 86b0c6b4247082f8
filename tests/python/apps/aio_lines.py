"""A worker in an event loop: answers each line in capitals; some words make it misbehave."""
import asyncio
import os
import sys
import time

import prefork_worker.aio

if "KEEP" in os.environ:
    prefork_worker.Connection.KEEP_FOR = float(os.environ["KEEP"])


async def handler(reader, writer, connection):
    while True:
        line = await reader.readline()
        if not line.endswith(b"\n"):
            return
        word, _, argument = line.strip().partition(b" ")
        if word == b"raise":
            raise RuntimeError("as ordered")
        if word == b"block":
            time.sleep(float(argument))
        if word == b"wait":
            await asyncio.sleep(float(argument))
        if word == b"pid":
            line = b"%d\n" % os.getpid()
        if word == b"memo":
            line = connection.memo + b"\n"
        if word == b"much":
            line = b"x" * int(argument) + b"\n"
        writer.write(line.upper())
        await writer.drain()
        if word == b"bye" or not await connection.next_request(5, argument if word == b"keep" else b""):
            return


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data.upper())
        self.transport.close()


def loop_factory():
    import uvloop

    return uvloop.new_event_loop()


class Reluctant(asyncio.SelectorEventLoop):
    """Takes every second connection only."""

    _asked = 0

    async def connect_accepted_socket(self, *arguments, **options):
        self._asked += 1
        if self._asked % 2:
            raise OSError("this loop takes no connection, as ordered")
        return await super().connect_accepted_socket(*arguments, **options)


FACTORIES = {"uvloop": loop_factory, "reluctant": Reluctant}
how = {"protocol_factory": Echo} if os.environ.get("PROTOCOL") else {"handler": handler}
sys.exit(prefork_worker.aio.serve(
    **how,
    leave_after=int(os.environ.get("LEAVE_AFTER", "0")),
    report_load=bool(os.environ.get("LOAD")),
    loop_factory=FACTORIES.get(os.environ.get("LOOP")),
))

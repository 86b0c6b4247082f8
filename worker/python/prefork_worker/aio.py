"""serve() for programs with asyncio: several connections at a time in one event loop.

    async def handler(reader, writer, connection):
        writer.write((await reader.readline()).upper())

    raise SystemExit(prefork_worker.aio.serve(handler))
"""

import asyncio
import inspect
import os
import sys
import traceback
from typing import Any, Awaitable, Callable, Coroutine, Optional, Set

from .attach import NotAWorker, slots_of_environment
from .connection import Connection as BaseConnection
from .event_loop import Link, LoopWorker
from .serving import start
from .session import Session

#: More connections than any pool gives: the pool's `connections_per_worker` counts.
MANY = 1 << 20
#: A client that does not take what is written is waited for so long after the handler has returned.
_CLOSE_TIMEOUT = 30.0


class Connection:
    """What a handler knows of its connection, beside reader and writer."""

    def __init__(self, link: Link, reader: "_Reader", writer: asyncio.StreamWriter) -> None:
        self._link = link
        self._reader = reader
        self._writer = writer
        self._transport = writer.transport
        known = link.connection
        self.ticket = known.ticket
        self.listener = known.listener
        self.accepted = known.accepted
        self.waited = known.waited
        self.flags = known.flags
        self.memo = known.memo
        self.may_park = known.may_park
        self.last_request = known.last_request
        self.proxied = known.proxied

    @property
    def park_wanted(self) -> bool:
        return self._link.open and self._link.park_wanted

    @property
    def leaving(self) -> bool:
        """This worker leaves, or the pool stops: make the next answer the last."""
        return self._link.leaving

    def progress(self) -> None:
        self._link.connection.progress()

    def note(self, text: str) -> None:
        self._link.connection.note(text)

    async def park(self, memo: bytes = b"") -> bool:
        """Gives the connection back until the client sends more; then return. False: it may not be, or a request is begun."""
        if not self.may_park or not await self._flush() or self._reader.holds:
            return False
        self._link.park(self._transport, memo)
        return True

    async def next_request(self, timeout: float, memo: bytes = b"") -> bool:
        """Waits for the client's next request. False: the connection is parked, or its time is up; return.

        In a pool that parks, the connection is kept for 10 ms at most, and only while no other needs this worker.
        """
        if not self._reader.holds:
            if not await self._flush():
                return False
            if self.may_park:
                timeout = 0.0 if self.park_wanted else min(timeout, BaseConnection.KEEP_FOR)
            elif self.leaving and not self._link.unread:
                timeout = 0.0
            await self._reader.arrival(timeout)
            if not self.may_park and not self._reader.holds and self._link.unread:
                await self._reader.arrival(timeout)  # woken, because the worker leaves, and a request has come
        if self._reader.holds:
            self._link.connection.give_sign()
            return True
        await self.park(memo)
        return False

    async def _flush(self) -> bool:
        """Waits until everything is written: drain() is content with less, and uvloop writes later. False: the client is gone."""
        if self._transport.get_write_buffer_size() and not self._transport.is_closing():
            self._transport.set_write_buffer_limits(0)
            try:
                await self._writer.drain()
            except ConnectionError:
                return False
            self._transport.set_write_buffer_limits()
        return self._link.open and not self._transport.is_closing()


class _Reader(asyncio.StreamReader):
    """Tells whether it holds bytes, and waits for them without taking them."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop=loop)
        self._arrived = asyncio.Event()

    @property
    def holds(self) -> bool:
        return bool(self._buffer)  # type: ignore[attr-defined]

    def feed_data(self, data: Any) -> None:
        super().feed_data(data)
        self._arrived.set()

    def feed_eof(self) -> None:
        super().feed_eof()
        self._arrived.set()

    def wake(self) -> None:
        self._arrived.set()

    async def arrival(self, timeout: float) -> None:
        if timeout > 0 and not self.at_eof():
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout)
            except asyncio.TimeoutError:
                pass


class _Protocol(asyncio.StreamReaderProtocol):
    def __init__(self, link: Link, reader: _Reader, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(reader, loop=loop)
        self.reader = reader
        self._link = link

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self._link.lost(exc)
        super().connection_lost(exc)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter, Connection], Coroutine[Any, Any, object]]
ProtocolFactory = Callable[[], asyncio.BaseProtocol]


class _Worker(LoopWorker):
    def __init__(
        self, session: Session, slots: int, handler: Optional[Handler], factory: Optional[ProtocolFactory], **options: Any
    ) -> None:
        super().__init__(session, slots, **options)
        self._handler = handler
        self._factory = factory
        self._tasks: "Set[asyncio.Task[None]]" = set()

    def begin(self, link: Link) -> None:
        if self._factory is not None:
            self._hand_over(link, self._factory)
            return
        task = self.loop.create_task(self._serve(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def yielded(self) -> None:
        for link in self.links:
            if link.protocol is not None and link.may_park:
                link.protocol.reader.wake()

    def leave(self) -> None:
        for link in self.links:
            if isinstance(link.protocol, _Protocol):
                link.protocol.reader.wake()

    def _hand_over(self, link: Link, factory: ProtocolFactory) -> None:
        try:
            protocol = factory()
        except Exception:
            _complain(link)
            link.socket.close()
            return
        link.watch(protocol)
        self.open(link, protocol, _complain)

    async def _serve(self, link: Link) -> None:
        assert self._handler is not None
        reader = _Reader(self.loop)
        protocol = _Protocol(link, reader, self.loop)
        try:
            transport, _ = await self.loop.connect_accepted_socket(lambda: protocol, link.socket)
        except Exception:
            _complain(link)
            link.socket.close()  # ends the connection
            return
        link.protocol = protocol
        try:
            writer = asyncio.StreamWriter(transport, protocol, reader, self.loop)
            await self._handler(reader, writer, Connection(link, reader, writer))
        except Exception:
            _complain(link)
        finally:
            transport.close()
            if link.open and transport.get_write_buffer_size():
                self.loop.call_later(_CLOSE_TIMEOUT, transport.abort)


def _complain(link: Link) -> None:
    print(f"worker {os.getpid()}: connection {link.connection.ticket}:", file=sys.stderr)
    traceback.print_exc()
    sys.stderr.flush()


def run(main: Callable[[], Coroutine[Any, Any, int]], loop_factory: Optional[Callable[[], Any]] = None) -> int:
    """asyncio.run() with a loop of the caller's choice, from Python 3.9 on."""
    if loop_factory is None:
        return asyncio.run(main())
    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return int(runner.run(main()))
    loop = loop_factory()
    try:
        asyncio.set_event_loop(loop)
        return int(loop.run_until_complete(main()))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        asyncio.set_event_loop(None)
        loop.close()


def serve(
    handler: Optional[Handler] = None,
    *,
    protocol_factory: Optional[ProtocolFactory] = None,
    slots: int = MANY,
    leave_after: int = 0,
    prepare: Optional[Callable[[], Optional[Awaitable[object]]]] = None,
    report_load: bool = False,
    loop_factory: Optional[Callable[[], asyncio.AbstractEventLoop]] = None,
) -> int:
    """Awaits handler(reader, writer, connection) for each connection, many at a time; returns the status for sys.exit().

    In place of a handler, `protocol_factory` makes an asyncio.Protocol for each connection; such connections are not parked.
    `slots`: how many connections at a time, at most as many as the pool's `connections_per_worker`.
    `prepare` is called or awaited once in each worker, in its loop, before it is ready.
    `report_load`: reports how late the event loop is. `loop_factory`: makes the loop, for instance uvloop.new_event_loop.

    The worker leaves at SIGTERM, unless the program has a handler of its own: its connections are finished first.
    """
    if (handler is None) == (protocol_factory is None):
        raise ValueError("serve() needs a handler or a protocol_factory")
    try:
        channel = start()
    except NotAWorker as error:
        print(error, file=sys.stderr, flush=True)
        return 2

    async def main() -> int:
        ready = prepare() if prepare is not None else None
        if inspect.isawaitable(ready):
            await ready
        worker = _Worker(
            Session(channel), slots_of_environment(slots), handler, protocol_factory,
            leave_after=leave_after, report_load=report_load,
        )
        return await worker.run()

    return run(main, loop_factory)

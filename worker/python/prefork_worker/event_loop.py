"""A worker in an asyncio event loop: takes connections from the channel, and tells the supervisor when the loop has closed them.

Knows no application protocol: aio.serve() and the ASGI worker are built on it. Works with asyncio's own loops and uvloop.
"""

import _socket
import asyncio
import gc
import select
import signal
import socket
from typing import Any, Callable, Optional, Set

from . import wire
from .connection import Connection
from .session import MOST_AT_ONCE, Session
from .wire import Flag, Kind, Record

_TICK = 1.0
_PARK_AT_ONCE = Flag.MAY_PARK | Flag.PARK_AT_ONCE
_MOST_RECORDS = wire.MAX_DATAGRAM // wire.BLOCK


class ClientSocket(socket.socket):
    """Tells once that the event loop has let go of it: asyncio closes it; uvloop closes its descriptor, then detaches it."""

    __slots__ = ("copied", "parked", "on_closed")
    # Plain numbers: a loop asks for them once for each connection, and to look up the enumerations takes longer than to read.
    family = _socket.socket.family  # type: ignore[assignment]
    type = _socket.socket.type  # type: ignore[assignment]
    copied: bool
    parked: bool
    on_closed: Optional[Callable[[], None]]

    def end(self) -> None:
        """While the supervisor has a copy, close() ends nothing."""
        self.copied = False  # once is enough
        try:
            self.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client is gone

    def close(self) -> None:
        if self.copied and not self.parked and self.fileno() >= 0:
            self.end()
        super().close()
        self._tell()

    def detach(self) -> int:
        descriptor = super().detach()
        self._tell()
        return descriptor

    def _tell(self) -> None:
        tell, self.on_closed = self.on_closed, None
        if tell is not None:
            tell()


class Link:
    """A connection while the event loop has its socket. It ends when the loop has closed the socket."""

    #: What serves it: an event loop's protocol, for the worker that is built on this.
    protocol: Any = None
    #: It was there at the last tick.
    seen = False
    _memo = b""

    def __init__(self, worker: "LoopWorker", connection: Connection) -> None:
        self.worker = worker
        self.connection = connection
        client = connection.socket
        assert isinstance(client, ClientSocket)
        client.copied = connection.copy_kept
        client.parked = False
        client.on_closed = self._closed
        self.socket = client
        self.may_park = connection.may_park
        self.park_at_once = connection.flags & _PARK_AT_ONCE == _PARK_AT_ONCE

    @property
    def open(self) -> bool:
        return self.socket.on_closed is not None

    @property
    def park_wanted(self) -> bool:
        """Park as soon as the request is answered: other connections wait, or this worker leaves."""
        if not self.may_park or self.park_at_once:
            return self.may_park
        session = self.worker.session
        return session.yielding or session.leaving

    @property
    def leaving(self) -> bool:
        return self.connection.last_request or self.worker.session.leaving

    @property
    def unread(self) -> bool:
        """Something lies in the socket that the loop has not read."""
        poll = select.poll()
        poll.register(self.socket, select.POLLIN)
        return bool(poll.poll(0))

    def park(self, transport: asyncio.BaseTransport, memo: bytes = b"") -> None:
        """Closes the transport without an end for the client. Nothing of a request is read, nothing is left to be written."""
        self.socket.parked = True
        self._memo = memo
        transport.close()

    def lost(self, error: Optional[BaseException]) -> None:
        """For connection_lost(): the loop closes the socket next."""
        if error is not None:
            self.socket.parked = False
        if self.socket.copied and not self.socket.parked and self.socket.fileno() >= 0:
            self.socket.end()  # uvloop closes past the socket object

    def watch(self, protocol: Any) -> None:
        """lost() for a protocol of another class."""
        lost = protocol.connection_lost

        def connection_lost(error: Optional[BaseException]) -> None:
            self.lost(error)
            lost(error)

        try:
            protocol.connection_lost = connection_lost
        except AttributeError:
            pass  # no room for attributes; then, with uvloop, the client sees its end a little later

    def _closed(self) -> None:
        self.worker.before_end(self)
        if self.socket.parked:
            self.connection.park(self._memo)
        else:
            self.connection.finish()
        self.worker.after_end()
        self.protocol = None  # no circle of references is left


class LoopWorker:
    """Serves the channel of a session in a running loop. What to do with connections is for the class that is derived."""

    def __init__(self, session: Session, slots: int, *, leave_after: int = 0, report_load: bool = False) -> None:
        self.session = session
        session.socket_class, session.sockets_block = ClientSocket, False
        session.flush_later = self._flush_later
        self.loop: Any = asyncio.get_running_loop()
        self.links: Set[Link] = set()
        self._slots = slots
        self._leave_after = leave_after
        self._report_load = report_load
        self._ended = 0
        self._told_leaving = False

    def begin(self, link: Link) -> None:
        """A connection has come: give `link.socket` to the loop."""
        raise NotImplementedError

    def yielded(self) -> None:
        """Other connections wait: park those that wait for a next request."""

    def tick(self) -> None:
        """Called each second."""

    def leave(self) -> None:
        """This worker has to end: park or end the connections, at the next moment that suits them."""

    async def run(self) -> int:
        """Serves until this worker has ended its last connection; returns the exit status."""
        self._over: "asyncio.Future[None]" = self.loop.create_future()
        term = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
        if term:
            self.loop.add_signal_handler(signal.SIGTERM, self.stop)
        gc.collect()
        gc.freeze()  # what is loaded is not looked at again; each collection is shorter
        self.session.ready(self._slots)
        self.loop.add_reader(self.session.fileno(), self._on_channel)
        meter = LoadMeter(self.loop, self.session) if self._report_load else None
        self._arm()
        try:
            await self._over
        finally:
            if meter is not None:
                meter.stop()
            self._ticking.cancel()
            self.loop.remove_reader(self.session.fileno())
            if term:
                self.loop.remove_signal_handler(signal.SIGTERM)
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a process that is about to exit must not die of it
            self.session.close()
        return self.session.exit_code

    def stop(self) -> None:
        """Leaves: nothing more is begun, the supervisor starts another worker."""
        self.session.leave()
        self.look()

    def look(self) -> None:
        """Does what the session's state asks for."""
        if self.session.draining:
            self.loop.remove_reader(self.session.fileno())  # its end stays readable
        if self.session.leaving and not self._told_leaving:
            self._told_leaving = True
            self.leave()
        if self.session.finished and not self._over.done():
            self._over.set_result(None)

    def before_end(self, link: Link) -> None:
        self.links.discard(link)
        self._ended += 1
        if self._ended == self._leave_after:
            self.session.leave()  # before the slot is free: no further connection comes

    def after_end(self) -> None:
        if self.session.leaving:
            self.loop.call_soon(self.look)

    def open(self, link: Link, protocol: asyncio.BaseProtocol, failed: Callable[[Link], None]) -> None:
        """Gives the connection to the loop. A coroutine of the loop that waits once: a task for it costs as much as the rest."""
        link.protocol = protocol
        self._step(self.loop.connect_accepted_socket(lambda: protocol, link.socket), link, failed)

    def _step(self, opening: Any, link: Link, failed: Callable[[Link], None]) -> None:
        try:
            awaited = opening.send(None)
        except StopIteration:
            return
        except Exception:
            failed(link)
            link.socket.close()
            return
        awaited._asyncio_future_blocking = False  # as a task does, which has seen that it is a future
        awaited.add_done_callback(lambda _: self._step(opening, link, failed))

    def _flush_later(self) -> None:
        self.loop.call_soon(self.session.flush)

    def _arm(self) -> None:
        self._ticking = self.loop.call_later(_TICK, self._on_tick)

    def _on_tick(self) -> None:
        self._arm()
        self.tick()
        self._give_signs()

    def _give_signs(self) -> None:
        """Progress for each connection that is not new: the loop runs. `busy_timeout` is for a loop that is blocked."""
        old = [link for link in self.links if link.seen and link.open]
        for link in self.links:
            link.seen = True
        records = [wire.encode(Record(Kind.PROGRESS, ticket=link.connection.ticket)) for link in old]
        for at in range(0, len(records), _MOST_RECORDS):
            self.session.send(b"".join(records[at : at + _MOST_RECORDS]))

    def _on_channel(self) -> None:
        more = True
        while more:
            connections = self.session.receive_all()
            more = len(connections) == MOST_AT_ONCE  # otherwise nothing is left
            for connection in connections:
                link = Link(self, connection)
                self.links.add(link)
                self.begin(link)
        if self.session.yielding:
            self.yielded()
        self.look()


class LoadMeter:
    """Reports how late the loop calls what is due: of workers with equally many connections the least late is chosen."""

    _EVERY = 0.1
    #: This late, or later, is a load of 1000.
    _FULL = 0.1
    _STEP = 63  # the supervisor compares sixteenths

    def __init__(self, loop: asyncio.AbstractEventLoop, session: Session) -> None:
        self._loop = loop
        self._session = session
        self._late = 0.0
        self._told = 0
        self._arm()

    def stop(self) -> None:
        self._timer.cancel()

    def _arm(self) -> None:
        self._due = self._loop.time() + self._EVERY
        self._timer = self._loop.call_at(self._due, self._measure)

    def _measure(self) -> None:
        late = max(0.0, self._loop.time() - self._due)
        self._late = max(late, self._late * 0.5)
        load = min(1000, int(1000 * self._late / self._FULL))
        if abs(load - self._told) >= self._STEP or (load < self._STEP <= self._told):
            self._told = load
            self._session.report_load(load)
        self._arm()

"""The worker's side of the native protocol: receives connections, sends receipts, answers Ping.

Knows no application protocol, and waits only where its caller asks for it: serve() and event loops are built on it.
All calls come from one thread.
"""

import array
import errno
import os
import select
import socket
import sys
import time
from typing import Iterator, List, Optional, Tuple

from . import wire
from .wire import Flag, Kind, Record

#: A process that is out of descriptors does not recover: after so many lost descriptors in a row it leaves.
_MAX_LOST = 3
_DESCRIPTORS = 64
_GONE = (errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.EBADF, errno.ESHUTDOWN)
_SHORTAGE = (errno.ENOBUFS, errno.ENOMEM)


class Connection:
    """One connection that this worker has begun. It ends with finish() or park(); a second end does nothing."""

    #: How long a worker keeps a connection that it could park, in seconds.
    KEEP_FOR = 0.010
    _SIGN_EVERY = 0.100

    def __init__(self, session: "Session", client: socket.socket, record: Record, memo: bytes) -> None:
        self._session: Optional[Session] = session
        #: The client's socket, blocking. finish() and park() close it.
        self.socket = client
        #: The supervisor's number of this connection; the same when it comes again after park().
        self.ticket = record.ticket
        #: The index, from 0, of the pool's `listen` address that accepted it.
        self.listener = record.value
        #: When it was accepted, in the time of time.monotonic().
        self.accepted = record.time_ns / 1e9
        #: Seconds that it waited for a worker.
        self.waited = record.wait_us / 1e6
        self.flags = record.flags & 0xFF
        #: What the last park() of this connection, in any worker, left for this one.
        self.memo = memo
        self._last_sign = time.monotonic()

    @property
    def open(self) -> bool:
        return self._session is not None

    @property
    def may_park(self) -> bool:
        return bool(self.flags & Flag.MAY_PARK)

    @property
    def park_wanted(self) -> bool:
        """Park as soon as the request is answered: other connections wait, or this worker leaves."""
        session = self._session
        if session is None or not self.may_park:
            return False
        return bool(self.flags & Flag.PARK_AT_ONCE) or session.yielding or session.leaving

    @property
    def last_request(self) -> bool:
        """The pool stops: an answer should tell a client that keeps connections that it is the last."""
        return bool(self.flags & Flag.LAST_REQUEST)

    @property
    def copy_kept(self) -> bool:
        """The supervisor keeps a copy of the socket until Idle: close() alone ends nothing."""
        return bool(self.flags & Flag.COPY_KEPT)

    @property
    def proxied(self) -> bool:
        """A PROXY header comes first: see read_proxy_header()."""
        return bool(self.flags & Flag.PROXIED)

    @property
    def leaving(self) -> bool:
        """This worker leaves, or the pool stops: make the next answer the last. Reads the channel of one slot."""
        session = self._session
        if session is None or self.last_request:
            return True
        session.catch_up()
        return session.leaving

    def leave(self) -> None:
        """Session.leave(): this connection goes on, and no other comes."""
        if self._session is not None:
            self._session.leave()

    def note(self, text: str) -> None:
        """What this worker does, for the supervisor's status; dropped when the channel is full."""
        if self._session is not None:
            self._session.note(text)

    def progress(self) -> None:
        """Work on this connection goes on: `busy_timeout` begins anew."""
        if self._session is not None:
            self._session.send(wire.encode(Record(Kind.PROGRESS, ticket=self.ticket)))
            self._last_sign = time.monotonic()

    def give_sign(self) -> bool:
        """progress() if the last one was 100 ms ago or more; whether it was. For a further request."""
        due = time.monotonic() - self._last_sign >= self._SIGN_EVERY
        if due:
            self.progress()
        return due

    def must_end(self) -> bool:
        """In place of next_request() while bytes of a later request are in a buffer: make this answer the last?"""
        return self.give_sign() and (self.leaving or self.park_wanted)

    def next_request(self, timeout: float, memo: bytes = b"") -> bool:
        """Waits for the client's next request. False: the connection is parked or the time is up; return.

        Call it when every request that was read is answered, and no later byte is in a buffer. In a pool that parks,
        the connection is kept for KEEP_FOR at most, and only while no other connection needs this worker.
        """
        session = self._session
        if session is None:
            return False
        parks = self.may_park
        if not (parks and self.park_wanted):
            if session.wait_for(self.socket, min(timeout, self.KEEP_FOR) if parks else timeout, parks):
                self.give_sign()
                return True
        if parks:
            self.park(memo)
        return False

    def park(self, memo: bytes = b"") -> None:
        """Gives the connection back until the client sends more; without may_park, as finish().

        Everything that was read is answered, no later byte is in a buffer, and no epoll watches the socket.
        """
        if not self.may_park:
            return self.finish()
        session = self._session
        if session is not None:
            record = wire.encode_park(self.ticket, memo)
            self._session = None
            self.socket.close()
            session.ended(record)

    def finish(self) -> None:
        """Ends the connection and frees the slot. A socket that was detached or closed before is left alone."""
        session = self._session
        if session is None:
            return
        self._session = None
        if self.socket.fileno() >= 0:
            try:
                self.socket.shutdown(socket.SHUT_WR)  # while the supervisor has a copy, close() ends nothing
            except OSError:
                pass  # the client is gone
            self.socket.close()
        session.ended(wire.encode(Record(Kind.IDLE, ticket=self.ticket)))


class Session:
    """The channel to the supervisor."""

    def __init__(self, channel: socket.socket, waker: int = -1) -> None:
        """`waker`: a descriptor that becomes readable when stop() was called from a signal handler."""
        channel.setblocking(False)
        self._channel = channel
        self._waker = waker
        self._messages: Iterator[Tuple[Record, bytes]] = iter(())
        self._descriptors: List[int] = []
        self._lost = 0
        self._stopped = False
        self.slots = 1
        #: Connections begun and neither finished nor parked.
        self.open_connections = 0
        #: No more connections come: Drain, the end of the channel, or an error.
        self.draining = False
        #: Leave was sent.
        self.left = False
        #: Yield came: park connections that wait for a next request.
        self.yielding = False
        #: For sys.exit() at the end.
        self.exit_code = 0

    def fileno(self) -> int:
        return self._channel.fileno()

    @property
    def leaving(self) -> bool:
        return self.draining or self.left or self._stopped

    @property
    def finished(self) -> bool:
        """This worker has to leave, and has no connection in hand."""
        return self.leaving and self.open_connections == 0

    def ready(self, slots: int = 1) -> None:
        """Sends Ready: this worker serves up to `slots` connections at a time."""
        self.slots = slots
        self.send(wire.encode(Record(Kind.READY, value=wire.VERSION, ticket=slots)))

    def leave(self) -> None:
        """Sends Leave: this worker begins nothing more, and another takes its place."""
        if not self.draining and not self.left:
            self.left = True
            self.send(wire.encode(Record(Kind.LEAVE)))

    def stop(self) -> None:
        """leave(), at the next moment that allows it. For signal handlers."""
        self._stopped = True

    def report_load(self, thousandths: int) -> None:
        self.send(wire.encode(Record(Kind.LOAD, value=max(0, min(1000, thousandths)))))

    def note(self, text: str) -> None:
        data = text.encode("utf-8", "replace")
        if data:
            try:
                self._channel.send(wire.encode_note(data))
            except OSError:
                pass  # a note is not worth a wait

    def receive(self, wait: bool = True) -> Optional[Connection]:
        """The next connection, begun: its receipt is sent. None: there is none now, or `draining` or `finished`."""
        while True:
            if self._stopped:
                self.leave()
            connection = self._obey_all()
            if connection is not None:
                return connection
            if self.draining or self.finished:
                return None
            if not self._read() and not self.draining:
                if not wait:
                    return None
                self._poll(-1, None)

    def catch_up(self) -> None:
        """Obeys what has come, for a worker of one slot that has a connection in hand; with more, receive() does."""
        if self.slots == 1 and self.open_connections:
            self._obey_all()
            while not self.draining and self._read():
                self._obey_all()

    def wait_for(self, client: socket.socket, timeout: float, until_wanted: bool) -> bool:
        """Waits until `client` is readable. With `until_wanted` also until the supervisor wants it back. One slot."""
        deadline = time.monotonic() + timeout
        self._obey_all()  # what came in one datagram with the connection
        while True:
            ready = self._poll(client.fileno(), max(0.0, deadline - time.monotonic()))
            readable = client.fileno() in ready
            # The supervisor first: a client that is always quicker must not keep a worker that others need.
            if self.fileno() in ready:
                self.catch_up()
            if until_wanted and (self.yielding or (self.leaving and not readable)):
                return False
            if readable or time.monotonic() >= deadline:
                return readable

    def ended(self, record: bytes) -> None:
        """A connection has ended with this record. For Connection."""
        if self._stopped:
            self.leave()  # before its slot is free
        self.open_connections -= 1
        self.send(record)

    def send(self, data: bytes) -> bool:
        """Waits while the channel is full: the supervisor never waits for a worker. False: it has ended."""
        while True:
            try:
                self._channel.send(data)
                return True
            except BlockingIOError:
                writable = select.poll()
                writable.register(self._channel, select.POLLOUT)
                writable.poll()
            except OSError as error:
                if error.errno not in _SHORTAGE:
                    self.draining = True
                    return False
                time.sleep(0.001)

    def close(self) -> None:
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []
        self._channel.close()

    def _poll(self, client: int, timeout: Optional[float]) -> List[int]:
        """Waits for the client, the supervisor or a signal; those that are readable."""
        poll = select.poll()
        if client >= 0:
            poll.register(client, select.POLLIN)
        if not self.draining:
            poll.register(self._channel, select.POLLIN)
        if self._waker >= 0 and not self.leaving:
            poll.register(self._waker, select.POLLIN)
        ready = [descriptor for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000)]
        if self._waker in ready:
            os.read(self._waker, 4096)
        return ready

    def _read(self) -> bool:
        """Takes a datagram, if there is one."""
        space = socket.CMSG_SPACE(_DESCRIPTORS * 4)
        try:
            datagram, control, flags, _ = self._channel.recvmsg(wire.MAX_DATAGRAM, space, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno == errno.ECONNRESET:
                return True  # what was sent before the other side died comes with the next call
            if error.errno in _SHORTAGE:
                time.sleep(0.001)
                return True
            self.draining = True
            return False
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
                self._descriptors.extend(numbers)
        if not datagram:
            self.draining = True  # the supervisor is gone
        elif flags & socket.MSG_TRUNC:
            self._fail("the supervisor sent a datagram of more than 2048 bytes")
        else:
            self._messages = wire.messages(datagram)
        return True

    def _obey_all(self) -> Optional[Connection]:
        """Obeys the records of the datagram up to a connection that this worker begins."""
        try:
            for record, memo in self._messages:
                connection = self._obey(record, memo)
                if connection is not None:
                    return connection
        except wire.Malformed as error:
            self._fail(f"the supervisor sent {error}")
        return None

    def _obey(self, record: Record, memo: bytes) -> Optional[Connection]:
        if record.kind == Kind.CONNECTION:
            return self._begin(record, memo)
        if record.kind == Kind.PING:
            self.send(wire.encode(Record(Kind.PONG)))
        elif record.kind == Kind.DRAIN:
            self.draining = True
        elif record.kind == Kind.YIELD:
            self.yielding = True
        else:
            self._fail(f"the supervisor sent a record of kind {record.kind}, which no worker expects")
        return None

    def _begin(self, record: Record, memo: bytes) -> Optional[Connection]:
        descriptor = self._descriptors.pop(0) if self._descriptors else -1
        if self._stopped:
            self.leave()
        if self.left or self.draining or self.open_connections >= self.slots or descriptor < 0:
            self._turn_away(record, descriptor)
            return None
        self._lost = 0
        # A connection that may be kept after its answer tells that no connection waits any more.
        if record.flags & Flag.MAY_PARK and not record.flags & Flag.PARK_AT_ONCE:
            self.yielding = False
        # Without its receipt the supervisor takes the connection for not begun: this worker must not touch it.
        if not self.send(wire.encode(Record(Kind.BUSY, ticket=record.ticket))):
            os.close(descriptor)
            return None
        self.open_connections += 1
        client = socket.socket(fileno=descriptor)
        client.settimeout(None)  # another worker may have set O_NONBLOCK, the program a default timeout
        return Connection(self, client, record, memo)

    def _turn_away(self, record: Record, descriptor: int) -> None:
        if descriptor >= 0:
            os.close(descriptor)
        if self.left:
            return  # another worker has it: nothing is said of it
        self.send(wire.encode(Record(Kind.REFUSED, ticket=record.ticket)))
        if descriptor < 0:
            self._lost += 1
            if self._lost == _MAX_LOST:
                self.leave()
                self._fail("several connections came without their descriptor: this process is out of descriptors")

    def _fail(self, why: str) -> None:
        print(f"worker {os.getpid()} leaves: {why}", file=sys.stderr, flush=True)
        self.draining = True
        self.exit_code = 1

"""The worker's side of the native protocol: receives connections, sends receipts, answers Ping.

Knows no application protocol, and waits only where its caller asks for it: serve() and event loops are built on it.
All calls come from one thread.
"""

import errno
import os
import select
import socket
import sys
import time
import weakref
from typing import Any, Callable, Iterator, List, Optional, Tuple, Type

from . import wire
from .connection import Connection
from .outbox import Outbox
from .wire import Flag, Kind, Record

#: A process that is out of descriptors does not recover: after so many lost descriptors in a row it leaves.
_MAX_LOST = 3
#: Receipts of so many, and the ends of as many before, fit one datagram.
MOST_AT_ONCE = wire.MAX_DATAGRAM // wire.BLOCK // 2
_ANCILLARY = socket.CMSG_SPACE(64 * 4)  # room for 64 descriptors
# Plain numbers: the enumerations of `socket` take longer to combine than the call takes.
_CLOSE_ON_EXEC = int(socket.MSG_CMSG_CLOEXEC)
_TRUNCATED = int(socket.MSG_TRUNC)
_STREAM = int(socket.SOCK_STREAM)
_TCP = int(socket.IPPROTO_TCP)  # on unix sockets it means nothing
_SHORTAGE = (errno.ENOBUFS, errno.ENOMEM)
_MAY_LEAVE_OUT = Flag.LATE_RECEIPT | Flag.PROXIED  # a PROXY header may be waited for


class Session:
    """The channel to the supervisor. It belongs to one process: a child that the program forks says nothing there."""

    def __init__(self, channel: socket.socket, waker: int = -1) -> None:
        """`waker`: a descriptor that becomes readable when stop() was called from a signal handler."""
        channel.setblocking(False)
        self._channel = channel
        self._outbox = Outbox(channel)
        self._number = channel.fileno()
        self._waker = waker
        #: For an event loop: clients' sockets are of this class.
        self.socket_class: Type[socket.socket] = socket.socket
        #: False: they are as they come; nothing waits in a call on them.
        self.sockets_block = True
        #: For an event loop: called when a receipt waits for flush(). None: each receipt is sent at once.
        self.flush_later: Optional[Callable[[], object]] = None
        self._messages: Iterator[Tuple[Record, bytes]] = iter(())
        self._descriptors: List[int] = []
        self._idle: Optional[Any] = None  # a poll object
        self._lost = 0
        self._stopped = False
        self.slots = 1
        #: Receipts are left out where they may be: each connection is read from at once, or say_begun() is called.
        self.late_receipts = False
        self._left_out = b""  # the receipt of the connection in hand
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
        #: This process is a child that the program has forked: connections are its parent's.
        self.is_copy = False
        _sessions.add(self)

    def fileno(self) -> int:
        return self._number

    def become_copy(self) -> None:
        """Without the channel: an event loop that has it shares its epoll with the parent, and would end the watch there, too."""
        self.is_copy = self.draining = True
        self.open_connections = 0
        self._messages = iter(())
        self._left_out = b""
        self._outbox = Outbox(self._channel)  # what waits is the parent's
        self._channel.close()

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
            self.say_begun()  # what is not begun goes to another worker
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
            if wait:
                self._wait()  # almost always it has to; a read that finds nothing costs more
            if not self._read() and not wait and not self.draining:
                return None

    def receive_all(self) -> List[Connection]:
        """Those that have come, up to a number, begun with one datagram of receipts. For an event loop."""
        if self._stopped:
            self.leave()
        begun: List[Connection] = []
        while len(begun) < MOST_AT_ONCE:
            connection = self._obey_all()
            if connection is not None:
                begun.append(connection)
            elif self.draining or not self._read():
                break
        if begun and not self.flush():
            for connection in begun:
                os.close(socket.socket.detach(connection.socket))
            self.open_connections -= len(begun)
            return []
        return begun

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
        if self.is_copy:
            return
        if self._stopped:
            self.leave()  # before its slot is free
        self._left_out = b""  # the end says it, too
        self.open_connections -= 1
        if self.flush_later is not None and self._outbox.empty:
            self.flush_later()
        self._receipt(record)

    def say_begun(self) -> None:
        """Sends the receipt that was left out."""
        receipt, self._left_out = self._left_out, b""
        if receipt:
            self.send(receipt)

    def send(self, data: bytes) -> bool:
        """Waits while the channel is full. False: the supervisor has ended."""
        return self._sent(self._outbox.send(data))

    def flush(self) -> bool:
        """Sends the receipts that wait."""
        return self._sent(self._outbox.flush())

    def _receipt(self, record: bytes) -> bool:
        """In an event loop with others, in one datagram."""
        return self.send(record) if self.flush_later is None else self._sent(self._outbox.post(record))

    def _sent(self, sent: bool) -> bool:
        if not sent:
            self.draining = True
        return sent

    def close(self) -> None:
        self._outbox.flush()
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors = []
        self._channel.close()

    def _wait(self) -> None:
        """_poll() for the channel alone, with what a worker without a connection waits for each time."""
        if self.leaving:
            self._poll(-1, None)
            return
        if self._idle is None:
            self._idle = select.poll()
            self._idle.register(self._channel, select.POLLIN)
            if self._waker >= 0:
                self._idle.register(self._waker, select.POLLIN)
        for descriptor, _ in self._idle.poll():
            if descriptor == self._waker:
                os.read(self._waker, 4096)

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
        try:
            datagram, control, flags, _ = self._channel.recvmsg(wire.MAX_DATAGRAM, _ANCILLARY, _CLOSE_ON_EXEC)
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
                self._descriptors.extend(wire.descriptors(data))
        if not datagram:
            self.draining = True  # the supervisor is gone
        elif flags & _TRUNCATED:
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
        if record.kind == wire.CONNECTION:
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
        receipt = wire.encode_ticket(wire.BUSY, record.ticket)
        if self.late_receipts and record.flags & _MAY_LEAVE_OUT == Flag.LATE_RECEIPT:
            self._left_out = receipt
        # Without it the supervisor takes the connection for not begun: this worker must not touch it.
        elif not self._receipt(receipt):
            os.close(descriptor)
            return None
        self.open_connections += 1
        client = self.socket_class(-1, _STREAM, _TCP, descriptor)  # looks for its family
        if self.sockets_block:
            client.settimeout(None)  # another worker may have set O_NONBLOCK, the program a default timeout
        elif client.gettimeout() is not None:
            client.settimeout(0.0)  # the program has set a default timeout
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


_sessions: "weakref.WeakSet[Session]" = weakref.WeakSet()


def _in_child() -> None:
    for session in list(_sessions):
        session.become_copy()


os.register_at_fork(after_in_child=_in_child)

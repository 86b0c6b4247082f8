"""Reads from and writes to a client's socket, with a time for each: a slow client does not hold a worker for ever."""

import select
import socket
import time
from typing import Callable

from .connection import Connection

#: A client must be this quick, in bytes a second, once its time is over.
_SLOWEST = 1000
_BLOCK = 65536
_SMALL = 8192
# Plain numbers: the enumerations of `socket` take longer to combine than the call takes.
_NO_WAIT = int(socket.MSG_DONTWAIT)
_PEEK = int(socket.MSG_PEEK) | _NO_WAIT


class TooSlow(OSError):
    """The client has not sent, or not taken, enough in its time."""


class ClientStream:
    def __init__(self, connection: Connection, timeout: float) -> None:
        """Gives a sign of `connection` when bytes have gone either way."""
        self._connection = connection
        self._socket = connection.socket
        self._timeout = timeout
        self.begin()

    def begin(self) -> None:
        """The time begins anew: `timeout` seconds, and one more for each 1,000 bytes that move."""
        self._deadline = time.monotonic() + self._timeout

    def _earned(self, size: int) -> None:
        now = time.monotonic()
        self._deadline = min(self._deadline + size / _SLOWEST, now + self._timeout)
        self._connection.give_sign(now)

    def _wait(self, event: int) -> None:
        self._connection.say_begun()
        left = self._deadline - time.monotonic()
        if left <= 0 or not self._comes(event, left):
            raise TooSlow("the client is too slow")

    def _comes(self, event: int, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._socket, event)
        return bool(poll.poll(seconds * 1000))

    def read(self, earns: bool) -> bytes:
        """What has come, at most 64 KiB; b"" at its end. `earns`: the bytes lengthen the client's time."""
        size = _BLOCK if earns else _SMALL
        while True:
            try:
                data = self._socket.recv(size, _NO_WAIT)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            if earns:
                self._earned(len(data))
            return data

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                sent = self._socket.send(rest[: 4 * _BLOCK], _NO_WAIT)
            except BlockingIOError:
                self._wait(select.POLLOUT)
                continue
            self._earned(sent)
            rest = rest[sent:]

    def at_end(self) -> bool:
        """The client has closed its connection, or its sending direction."""
        try:
            return self._socket.recv(1, _PEEK) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end(self, patience: float) -> None:
        """Ends our direction and drops what the client still sends: a close over unread bytes resets the answer."""
        deadline = time.monotonic() + patience
        self._connection.end_sending()
        while self._drops_some(deadline) and time.monotonic() < deadline:
            pass

    def _drops_some(self, deadline: float) -> bool:
        """Whether more may come."""
        try:
            return self._socket.recv(_BLOCK, _NO_WAIT) != b""
        except BlockingIOError:
            left = deadline - time.monotonic()
            return left > 0 and self._comes(select.POLLIN, left)
        except OSError:
            return False  # the client is gone

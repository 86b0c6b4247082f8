"""Reads from and writes to a client's socket, with a time for each: a slow client does not hold a worker for ever."""

import select
import socket
import time
from typing import Callable

#: A client must be this quick, in bytes a second, once its time is over.
_SLOWEST = 1000
_BLOCK = 65536


class TooSlow(OSError):
    """The client has not sent, or not taken, enough in its time."""


class ClientStream:
    def __init__(self, client: socket.socket, timeout: float, moved: Callable[[], object]) -> None:
        """`moved` is called when bytes have gone either way."""
        self._socket = client
        self._timeout = timeout
        self._moved = moved
        self._poll = select.poll()
        self.begin()

    def begin(self) -> None:
        """The time begins anew: `timeout` seconds, and one more for each 1,000 bytes that move."""
        self._deadline = time.monotonic() + self._timeout

    def _earned(self, size: int) -> None:
        self._deadline = min(self._deadline + size / _SLOWEST, time.monotonic() + self._timeout)
        self._moved()

    def _wait(self, event: int) -> None:
        left = self._deadline - time.monotonic()
        self._poll.register(self._socket, event)
        if left <= 0 or not self._poll.poll(left * 1000):
            raise TooSlow("the client is too slow")

    def read(self, earns: bool) -> bytes:
        """What has come, at most 64 KiB; b"" at its end. `earns`: the bytes lengthen the client's time."""
        while True:
            try:
                data = self._socket.recv(_BLOCK, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLIN)
                continue
            if earns:
                self._earned(len(data))
            return data

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = self._socket.send(view[: 4 * _BLOCK], socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._wait(select.POLLOUT)
                continue
            view = view[sent:]
            self._earned(sent)

    def at_end(self) -> bool:
        """The client has closed its connection, or its sending direction."""
        try:
            return self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def end(self, patience: float) -> None:
        """Ends our direction and drops what the client still sends: a close over unread bytes resets the answer."""
        deadline = time.monotonic() + patience
        try:
            self._socket.shutdown(socket.SHUT_WR)
            while self._socket.recv(_BLOCK, socket.MSG_DONTWAIT) if self._came(deadline) else b"":
                if time.monotonic() >= deadline:
                    return
        except OSError:
            pass  # the client is gone

    def _came(self, deadline: float) -> bool:
        self._poll.register(self._socket, select.POLLIN)
        return bool(self._poll.poll(max(0.0, deadline - time.monotonic()) * 1000))

"""The transport of a connection whose first request has come whole: it is answered before the event loop has the socket.

Most connections need no more: to give a socket to a loop and to take it back costs more than to read and to write. When the
answer is not over after the first step of the request's task, or the client keeps the connection, the loop's own transport
takes over.
"""

import asyncio
import socket
from typing import Any, List, Optional

from .event_loop import Link, LoopWorker

# Plain numbers: the enumerations of `socket` take longer to combine than the call takes.
_NO_WAIT = int(socket.MSG_DONTWAIT)
_PEEK = int(socket.MSG_PEEK) | _NO_WAIT
_MOST = 16384
#: With more to be written the protocol is told to pause, as by a loop's transport.
_HIGH_WATER = 65536
#: What the loop's transport does from then on. Bound once: no call goes through two objects.
_HANDED_OVER = (
    "write", "writelines", "close", "abort", "is_closing", "get_extra_info", "pause_reading", "resume_reading",
    "get_write_buffer_size", "get_protocol", "set_protocol",
)


def arrived(client: socket.socket) -> bytes:
    """What lies in the socket, up to 16 KiB; it stays there. b"" also at its end, which the loop finds."""
    try:
        return client.recv(_MOST, _PEEK)
    except OSError:
        return b""


class EarlyTransport:
    """For protocols that take connection_made() a second time, with the loop's transport, and pass it to opened()."""

    _closing = False
    _aborted = False
    _error: Optional[Exception] = None
    _paused = False
    _size = 0

    def __init__(self, worker: LoopWorker, link: Link, protocol: Any) -> None:
        self._worker = worker
        self._link = link
        self._protocol = protocol
        self._socket = link.socket
        self._written: List[bytes] = []

    def begin(self, head: bytes) -> None:
        """Reads the head, which has arrived and was looked at, and gives it to the protocol."""
        try:
            self._protocol.connection_made(self)
            self._protocol.early = self
            data = self._socket.recv(len(head), _NO_WAIT)
            if data == head:  # otherwise other bytes were looked at than come
                self._protocol.expect_clear_head()
            self._protocol.data_received(data)
        except Exception as error:
            self._worker.loop.call_exception_handler({"message": "a connection could not be begun", "exception": error})
            self.abort()
        self._worker.loop.call_soon(self._settle)  # behind the first step of the task

    def opened(self, transport: Any) -> None:
        """The loop has made its transport."""
        self._protocol.early = None
        for name in _HANDED_OVER:
            setattr(self, name, getattr(transport, name))
        if self._paused:
            self._protocol.resume_writing()
        pieces, self._written = self._written, []
        if pieces:
            transport.write(b"".join(pieces))
        if self._aborted:
            transport.abort()
        elif self._closing:
            transport.close()

    # asyncio.Transport
    def write(self, data: bytes) -> None:
        if self._closing:
            return
        self._written.append(bytes(data))
        self._size += len(data)
        if self._size > _HIGH_WATER and not self._paused:
            self._paused = True
            self._protocol.pause_writing()

    def writelines(self, pieces: Any) -> None:
        self.write(b"".join(pieces))

    def close(self) -> None:
        self._closing = True

    def abort(self) -> None:
        self._closing = self._aborted = True
        self._written.clear()

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._socket if name == "socket" else default

    def pause_reading(self) -> None:
        """Nothing is read until the loop's transport takes over."""

    def resume_reading(self) -> None:
        """As pause_reading()."""

    def get_write_buffer_size(self) -> int:
        return sum(map(len, self._written))

    def get_protocol(self) -> Any:
        return self._protocol

    def flush(self) -> None:
        """Sends what was written so far, as far as the client takes it: the application may work on after its answer."""
        if not self._written:
            return
        data = b"".join(self._written)
        try:
            sent = self._socket.send(data, _NO_WAIT)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._error = error
            self.abort()
            return
        self._written = [data[sent:]] if sent < len(data) else []

    def _settle(self) -> None:
        """Sends what was written, and ends here or gives the connection to the loop."""
        self.flush()
        if not self._written and not self._closing:
            self._protocol.answer_is_written()
        if self._closing and not self._written:
            self._end(self._error)
        else:
            self._worker.open(self._link, self._protocol, self._not_opened)

    def _not_opened(self, _: Link) -> None:
        self._end(ConnectionError("the event loop cannot take the connection"))

    def _end(self, error: Optional[Exception]) -> None:
        self.abort()
        try:
            self._protocol.connection_lost(error)
        finally:
            self._socket.close()
            self._protocol = self._link = None  # no circle of references is left

"""What a worker sends on its channel, in order. Waits while the channel is full: the supervisor never waits for a worker."""

import errno
import select
import socket
import time

from . import wire

_SHORTAGE = (errno.ENOBUFS, errno.ENOMEM)


class Outbox:
    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._posted = b""

    @property
    def empty(self) -> bool:
        return not self._posted

    def post(self, data: bytes) -> bool:
        """Keeps records until the next send() or flush(): one datagram for many. False: the supervisor has ended."""
        sent = self.flush() if len(self._posted) + len(data) > wire.MAX_DATAGRAM else True
        self._posted += data
        return sent

    def flush(self) -> bool:
        posted, self._posted = self._posted, b""
        return not posted or self._send(posted)

    def send(self, data: bytes) -> bool:
        """False: the supervisor has ended."""
        return self.post(data) and self.flush() if self._posted else self._send(data)

    def _send(self, data: bytes) -> bool:
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
                    return False
                time.sleep(0.001)

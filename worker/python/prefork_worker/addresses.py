"""A connection's two addresses: from its socket, or from a PROXY header, which comes once and is kept in the memo."""

import socket
from typing import NamedTuple, Optional, Tuple

from .connection import Connection
from .proxy_header import read_proxy_header

_MARK = b"addresses "


class Addresses(NamedTuple):
    #: The client's; None on a unix socket.
    peer: Optional[Tuple[str, int]]
    #: Where it connected to.
    local: Tuple[str, object]
    #: For Connection.park().
    memo: bytes = b""

    @property
    def shown(self) -> Tuple[str, object]:
        """For REMOTE_ADDR and REMOTE_PORT."""
        return self.peer or ("", "")

    @staticmethod
    def of(connection: Connection, timeout: float) -> "Addresses":
        """Raises OSError when the client is gone, and BadHeader."""
        if connection.memo.startswith(_MARK):
            host, port, local, local_port = connection.memo[len(_MARK) :].decode("ascii").split(" ")
            return Addresses((host, int(port)), (local, int(local_port)), connection.memo)
        if connection.proxied:
            header = read_proxy_header(connection.socket, timeout)
            if header.source is not None and header.destination is not None:
                memo = _MARK + " ".join(map(str, header.source + header.destination)).encode("ascii")
                return Addresses(header.source, header.destination, memo)
        return _of_socket(connection.socket)


def _of_socket(client: socket.socket) -> Addresses:
    if client.family == socket.AF_UNIX:
        return Addresses(None, ("localhost", ""))
    peer, local = client.getpeername(), client.getsockname()
    return Addresses((_plain(peer[0]), peer[1]), (_plain(local[0]), local[1]))


def _plain(host: str) -> str:
    """Without the form that IPv4 has on a socket of IPv6, and without a zone."""
    host = host.partition("%")[0]
    return host[7:] if host.startswith("::ffff:") and "." in host else host

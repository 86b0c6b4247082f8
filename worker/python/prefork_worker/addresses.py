"""A connection's two addresses: from its socket, or from a PROXY header, which comes once and is kept in the memo."""

import socket
from typing import Dict, NamedTuple, Optional, Tuple

from .connection import Connection
from .proxy_header import read_proxy_header

_MARK = b"addresses "

Pair = Tuple[Tuple[str, int], Tuple[str, int]]


def to_memo(source: Tuple[str, int], destination: Tuple[str, int]) -> bytes:
    return _MARK + " ".join(map(str, source + destination)).encode("ascii")


def from_memo(memo: bytes) -> Optional[Pair]:
    """None: the memo says something else, for another program may have left it."""
    words = memo[len(_MARK) :].decode("ascii", "replace").split(" ") if memo.startswith(_MARK) else []
    if len(words) != 4 or not words[1].isdigit() or not words[3].isdigit():
        return None
    return (words[0], int(words[1])), (words[2], int(words[3]))


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
        if connection.memo:
            kept = from_memo(connection.memo)
            if kept is not None:
                return Addresses(*kept, connection.memo)
        if connection.proxied:
            header = read_proxy_header(connection.socket, timeout)
            if header.source is not None and header.destination is not None:
                return Addresses(header.source, header.destination, to_memo(header.source, header.destination))
        return _of_socket(connection.socket)


class KnownAddresses:
    """Remembers those of connections that may be parked and come again: a ticket is of one connection for ever."""

    _MOST = 1024

    def __init__(self) -> None:
        self._known: Dict[int, Addresses] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, connection: Connection, timeout: float) -> Addresses:
        """As Addresses.of()."""
        addresses = self._known.get(connection.ticket)
        if addresses is None:
            addresses = Addresses.of(connection, timeout)
            if connection.may_park:
                if len(self._known) == self._MOST:
                    self._known.clear()
                self._known[connection.ticket] = addresses
        return addresses


def _of_socket(client: socket.socket) -> Addresses:
    local = client.getsockname()
    if not isinstance(local, tuple):  # the path of a unix socket
        return Addresses(None, ("localhost", ""))
    peer = client.getpeername()
    return Addresses((_plain(peer[0]), peer[1]), (_plain(local[0]), local[1]))


def _plain(host: str) -> str:
    """Without the form that IPv4 has on a socket of IPv6, and without a zone."""
    if ":" not in host:
        return host
    host = host.partition("%")[0]
    return host[7:] if host.startswith("::ffff:") and "." in host else host

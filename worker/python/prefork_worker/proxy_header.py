"""The PROXY protocol's header, versions 1 and 2: the addresses that a proxy in front of the pool tells.

Reads exactly the header and no byte of what follows, never more than MAX_HEADER bytes, and never waits longer than it is
told. parse() does no I/O. The specification: haproxy.org/download/2.9/doc/proxy-protocol.txt.
"""

import ipaddress
import select
import socket
import struct
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
#: Longer headers are refused; the specification's own limit is 65,551.
MAX_HEADER = 4096
_MAX_V1 = 107
_MIN = 16
_TLV_CRC32C = 0x03
_TLV_NOOP = 0x04


class BadHeader(Exception):
    """What came is no PROXY header, or a wrong one: end the connection."""


class ProxyHeader(NamedTuple):
    #: (host, port) of the client; None when the header names none (LOCAL, UNKNOWN, a unix socket): the real address counts.
    source: Optional[Tuple[str, int]]
    #: (host, port) that the client connected to.
    destination: Optional[Tuple[str, int]]
    #: The proxy's own connection, a health check for instance.
    local: bool = False
    tlvs: Tuple[Tuple[int, bytes], ...] = ()


def parse(data: bytes) -> Tuple[Optional[ProxyHeader], int]:
    """The header and its length; or None and the number of bytes that are needed at least, more than `data` has."""
    if data[:1] == b"P":
        return _parse_v1(data)
    start = SIGNATURE[: len(data)]
    if not data.startswith(start):
        raise BadHeader("no PROXY header")
    if len(data) < _MIN:
        return None, _MIN
    size = _MIN + int.from_bytes(data[14:16], "big")
    if size > MAX_HEADER:
        raise BadHeader(f"a PROXY header of {size} bytes")
    return (_parse_v2(data[:size]), size) if len(data) >= size else (None, size)


def read_proxy_header(client: socket.socket, timeout: float) -> ProxyHeader:
    """Reads the header from a stream socket. Raises BadHeader, also when it does not come in `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        # Looked at first, so that no byte behind the header is taken.
        seen = _peek(client, deadline)
        header, size = parse(seen)
        if header is not None:
            _take(client, size)
            return header
        _await_more(client, len(seen), deadline)


def _wait(client: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    poll = select.poll()
    poll.register(client, select.POLLIN)
    if left <= 0 or not poll.poll(left * 1000):
        raise BadHeader("no PROXY header came in time")


def _peek(client: socket.socket, deadline: float) -> bytes:
    _wait(client, deadline)
    try:
        seen = client.recv(MAX_HEADER, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise BadHeader(f"the client has gone: {error.strerror}") from None
    if not seen:
        raise BadHeader("the client has gone before its PROXY header")
    return seen


def _await_more(client: socket.socket, seen: int, deadline: float) -> None:
    """MSG_PEEK leaves the socket readable, so poll() does not tell that more has come."""
    while time.monotonic() < deadline:
        time.sleep(0.002)
        try:
            now = client.recv(MAX_HEADER, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        except OSError:
            return  # the next look says it
        events = select.poll()
        events.register(client, select.POLLIN | select.POLLRDHUP)
        ended = any(event & (select.POLLRDHUP | select.POLLHUP) for _, event in events.poll(0))
        if len(now) > seen:
            return
        if ended:
            raise BadHeader("the client has gone within its PROXY header")
    raise BadHeader("no whole PROXY header came in time")


def _take(client: socket.socket, size: int) -> None:
    while size:
        size -= len(client.recv(size))


def _port(text: bytes) -> int:
    if not text.isdigit() or (len(text) > 1 and text[:1] == b"0") or len(text) > 5 or int(text) > 65535:
        raise BadHeader("a PROXY header with a wrong port")
    return int(text)


def _host(text: bytes, family: bytes) -> str:
    try:
        plain = text.decode("ascii")
        address = ipaddress.IPv4Address(plain) if family == b"TCP4" else ipaddress.IPv6Address(plain)
    except ValueError:
        raise BadHeader("a PROXY header with a wrong address") from None
    return str(address)


def _parse_v1(data: bytes) -> Tuple[Optional[ProxyHeader], int]:
    if not data.startswith(b"PROXY "[: len(data)]):
        raise BadHeader("no PROXY header")
    end = data.find(b"\r\n", 0, _MAX_V1)
    if end < 0:
        if len(data) >= _MAX_V1:
            raise BadHeader("a PROXY header line of more than 107 bytes")
        return None, len(data) + 1
    words = data[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(None, None), end + 2
    if len(words) != 6 or words[1] not in (b"TCP4", b"TCP6"):
        raise BadHeader("a PROXY header line that is wrong")
    source = (_host(words[2], words[1]), _port(words[4]))
    destination = (_host(words[3], words[1]), _port(words[5]))
    return ProxyHeader(source, destination), end + 2


def _parse_v2(header: bytes) -> ProxyHeader:
    version, command, family = header[12] >> 4, header[12] & 0xF, header[13]
    if version != 2 or command > 1:
        raise BadHeader("a PROXY header of an unknown version or command")
    length = {0x11: 12, 0x12: 12, 0x21: 36, 0x22: 36, 0x31: 216, 0x32: 216}.get(family, 0)
    rest = header[_MIN:]
    if command == 1 and len(rest) < length:
        raise BadHeader("a PROXY header without room for its addresses")
    tlvs: Tuple[Tuple[int, bytes], ...] = ()
    if len(rest) >= length and (length or family == 0):
        tlvs = _tlvs(rest[length:])
        _verify(header, _MIN + length, tlvs)
    tlvs = tuple(one for one in tlvs if one[0] != _TLV_NOOP)
    if command == 0:
        return ProxyHeader(None, None, local=True, tlvs=tlvs)
    if family == 0x11:
        source, destination, sport, dport = struct.unpack("!4s4sHH", rest[:12])
    elif family == 0x21:
        source, destination, sport, dport = struct.unpack("!16s16sHH", rest[:36])
    else:
        return ProxyHeader(None, None, tlvs=tlvs)
    return ProxyHeader(
        (str(ipaddress.ip_address(source)), sport), (str(ipaddress.ip_address(destination)), dport), tlvs=tlvs
    )


def _tlvs(data: bytes) -> Tuple[Tuple[int, bytes], ...]:
    found: List[Tuple[int, bytes]] = []
    while data:
        if len(data) < 3:
            raise BadHeader("a PROXY header with a cut field")
        size = int.from_bytes(data[1:3], "big")
        if len(data) < 3 + size:
            raise BadHeader("a PROXY header with a cut field")
        found.append((data[0], data[3 : 3 + size]))
        data = data[3 + size :]
    return tuple(found)


def _verify(header: bytes, at: int, tlvs: Tuple[Tuple[int, bytes], ...]) -> None:
    """CRC32C over the whole header, with zeros in place of the checksum."""
    for kind, value in tlvs:
        if kind == _TLV_CRC32C:
            if len(value) != 4:
                raise BadHeader("a PROXY header with a wrong checksum")
            blank = header[: at + 3] + bytes(4) + header[at + 7 :]
            if crc32c(blank) != int.from_bytes(value, "big"):
                raise BadHeader("a PROXY header with a wrong checksum")
        at += 3 + len(value)


_TABLE: Dict[int, int] = {}


def crc32c(data: bytes) -> int:
    """Castagnoli's checksum, as RFC 4960 appendix B has it."""
    if not _TABLE:
        for byte in range(256):
            value = byte
            for _ in range(8):
                value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
            _TABLE[byte] = value
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF

"""The records of the native protocol, version 1, and their 32 bytes on the wire (docs/protocol.md). Does no I/O."""

import struct
from enum import IntEnum
from typing import Iterable, Iterator, NamedTuple, Tuple

VERSION = 1
BLOCK = 32
#: A datagram has 1 to 64 blocks.
MAX_DATAGRAM = 64 * BLOCK
#: Longest text of a Note, and longest memo, in bytes.
MAX_TEXT = 7 * BLOCK

CHANNEL_VARIABLE = "SUPERVISOR_CHANNEL"
#: Only in pools whose programs listen for themselves.
LISTEN_VARIABLE = "SUPERVISOR_LISTEN"
SLOTS_VARIABLE = "SUPERVISOR_SLOTS"
TEMPLATE_VARIABLE = "SUPERVISOR_TEMPLATE"

_LAYOUT = struct.Struct("<HHIQQII")
_DESCRIPTOR = struct.Struct("i")


class Kind(IntEnum):
    READY = 1
    CONNECTION = 2
    BUSY = 3
    REFUSED = 4
    IDLE = 5
    PARK = 6
    PROGRESS = 7
    NOTE = 8
    PING = 9
    PONG = 10
    DRAIN = 11
    FORK = 12
    LOAD = 13
    YIELD = 14
    LEAVE = 15


#: Plain numbers, for each connection needs them: to look up a member of an enumeration takes longer than to encode a record.
CONNECTION = int(Kind.CONNECTION)
BUSY = int(Kind.BUSY)
IDLE = int(Kind.IDLE)
_WITH_TEXT = (int(Kind.NOTE), int(Kind.PARK))


class Flag:
    """Flags of a Connection. Bits 8 to 15 are the length of its memo. Plain numbers: they are looked at often."""

    MAY_PARK = 1
    PARK_AT_ONCE = 2
    LAST_REQUEST = 4
    COPY_KEPT = 8
    PROXIED = 16
    LATE_RECEIPT = 32


class Record(NamedTuple):
    kind: int
    flags: int = 0
    value: int = 0
    ticket: int = 0
    time_ns: int = 0
    wait_us: int = 0


class Malformed(Exception):
    """A datagram that no supervisor sends."""


def encode(record: Record) -> bytes:
    return _LAYOUT.pack(*record, 0)


def encode_ticket(kind: int, ticket: int) -> bytes:
    """encode(), for the records that each connection has."""
    return _LAYOUT.pack(kind, 0, 0, ticket, 0, 0, 0)


def _blocks(text: bytes) -> bytes:
    return text + bytes(-len(text) % BLOCK)


def encode_note(text: bytes) -> bytes:
    """A Note of at least one byte; what is longer than MAX_TEXT is cut between two characters."""
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT].decode("utf-8", "ignore").encode() or text[:MAX_TEXT]
    return encode(Record(Kind.NOTE, value=len(text))) + _blocks(text)


def encode_park(ticket: int, memo: bytes = b"") -> bytes:
    """Park, with what the next worker of this connection must know; b"": nothing."""
    if len(memo) > MAX_TEXT:
        raise ValueError(f"a memo has at most {MAX_TEXT} bytes; this one has {len(memo)}")
    park = _LAYOUT.pack(Kind.PARK, 0, len(memo), ticket, 0, 0, 0)
    return park + _blocks(memo) if memo else park


def _length_of_text(record: Record) -> int:
    if record.kind == CONNECTION:
        return record.flags >> 8
    return record.value if record.kind in _WITH_TEXT else 0


def descriptors(control: bytes) -> Iterable[int]:
    """Those of a control message; half of one at the end is none."""
    if len(control) == _DESCRIPTOR.size:
        return _DESCRIPTOR.unpack(control)
    whole = len(control) - len(control) % _DESCRIPTOR.size
    return [number for number, in _DESCRIPTOR.iter_unpack(control[:whole])]


def messages(datagram: bytes) -> Iterator[Tuple[Record, bytes]]:
    """Each record with its text or memo. next() raises Malformed at the first that is wrong, after those before it."""
    if len(datagram) == BLOCK:
        kind, flags, value, ticket, time_ns, wait_us, zero = _LAYOUT.unpack(datagram)
        record = Record(kind, flags, value, ticket, time_ns, wait_us)
        if not zero and not _length_of_text(record):
            return iter([(record, b"")])
    return _many(datagram)


def _many(datagram: bytes) -> Iterator[Tuple[Record, bytes]]:
    if not datagram or len(datagram) > MAX_DATAGRAM or len(datagram) % BLOCK:
        raise Malformed(f"a datagram of {len(datagram)} bytes")
    at = 0
    while at < len(datagram):
        kind, flags, value, ticket, time_ns, wait_us, zero = _LAYOUT.unpack_from(datagram, at)
        record = Record(kind, flags, value, ticket, time_ns, wait_us)
        at += BLOCK
        if zero:
            raise Malformed("the last four bytes of a record are not 0")
        length = _length_of_text(record)
        if length > MAX_TEXT or length > len(datagram) - at:
            raise Malformed(f"a text of {length} bytes where {len(datagram) - at} follow")
        yield record, datagram[at : at + length]
        at += length + -length % BLOCK

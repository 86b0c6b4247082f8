"""What two programs might not read alike in a request (RFC 9112): refused, so that nothing is smuggled past a proxy in front.

The parsers that uvicorn uses are more lenient, above all the old one behind Debian's httptools.
"""

import re
from functools import lru_cache
from typing import Any, List, Optional, Tuple

import h11

#: Longer heads are refused.
MAX_HEAD = 65536
_SMALL = 1024
_HEAD_END = b"\r\n\r\n"
# Control characters, and a CR or LF without the other.
_DOUBTFUL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|(?<!\r)\n|\r(?!\n)")
_PLAIN = re.compile(rb"[!-~]+ [!-~]+ HTTP/1\.[01]\r\n(?:[!-9;-~]+:[\t -~\x80-\xff]*\r\n)+\r\n")
_CHUNK_LINE = re.compile(rb"[0-9A-Fa-f]{1,16}[ \t]*(?:;[\t -~\x80-\xff]*)?\r\n")


def clear_head(data: bytes) -> bytes:
    """The head that `data` begins with, in lower case, if there is no doubt of it, and it asks for no other protocol. Otherwise b"".

    The quick way for almost all requests.
    """
    return _remembered(data) if len(data) <= _SMALL else _clear_head(data)


def _clear_head(data: bytes) -> bytes:
    plain = _PLAIN.match(data)
    if plain is None or plain.end() > MAX_HEAD:
        return b""
    head = data[: plain.end()].lower()
    if head.count(b"\nhost:") != 1 or b"\ntransfer-encoding:" in head or b"\nupgrade:" in head or head.startswith(b"connect "):
        return b""
    return head


_remembered = lru_cache(64)(_clear_head)  # many clients repeat themselves


def head_of(data: bytes) -> Optional[bytes]:
    """The head that `data` begins with, if it is whole or too long."""
    data = data.lstrip(b"\r\n")
    ends = [end for end in (data.find(_HEAD_END), data.find(b"\n\n"), data.find(b"\n\r\n")) if end >= 0]
    if ends:
        return data[: min(ends)]
    return data if len(data) > MAX_HEAD else None


def doubt_of_head(head: bytes) -> Optional[str]:
    if len(head) > MAX_HEAD:
        return "a head of more than 64 KiB"
    # A CR at the end belongs to the LF that follows.
    if _DOUBTFUL.search(head[:-1] if head.endswith(b"\r") else head):
        return "a control character, or half a line end"
    line = head.partition(b"\r\n")[0]
    return None if line.count(b" ") == 2 else "a request line that has not three words"


def doubt_of_fields(headers: List[Tuple[bytes, bytes]], version: bytes) -> Optional[str]:
    """Why two programs might not read this request alike (RFC 9112: 2.3, 3.2, 5.1, 6.1), if so. Names are in lower case."""
    hosts = lengths = 0
    codings = []
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            lengths += 1
        elif name == b"transfer-encoding":
            codings.append(value)
        elif b" " in name or b"\t" in name:
            return "a space in the name of a field"
    if version[:2] != b"1.":
        return "an unknown version of HTTP"
    if hosts != 1 and (hosts or version != b"1.0"):
        return "not one Host"
    if not codings:
        return None
    if lengths:
        return "Transfer-Encoding and Content-Length"
    if version != b"1.1":
        return "Transfer-Encoding in a version that has none"
    if len(codings) > 1 or codings[0].strip(b" \t").lower() != b"chunked":
        return "Transfer-Encoding other than chunked"
    return None


class StrictH11(h11.Connection):
    """h11's connection of a server, made from one by strict_h11()."""

    def next_event(self) -> Any:
        if self.their_state is h11.MUST_CLOSE:
            return h11.NEED_DATA  # what follows the last request is not looked at
        clear = False
        if self.their_state is h11.IDLE:
            data = self.trailing_data[0]
            if data.startswith(b"\r\n"):
                data = self._skip_empty_line(data)
            if data == b"\r":
                return h11.NEED_DATA  # half of an empty line
            clear = clear_head(data) != b""
            if not clear:
                head = head_of(data)
                why = doubt_of_head(head) if head is not None else None
                if why is not None:
                    raise h11.RemoteProtocolError(why)
        try:
            event = super().next_event()
        except ValueError as error:
            raise h11.RemoteProtocolError(str(error)) from error
        if type(event) is h11.Request and not clear:
            why = doubt_of_fields(list(event.headers), event.http_version)
            if why is not None:
                raise h11.RemoteProtocolError(why)
        return event


    def _skip_empty_line(self, data: bytes) -> bytes:
        """RFC 9112, 2.2: a server should ignore one before a request. h11 does not."""
        buffer = getattr(self, "_receive_buffer", None)
        if not hasattr(buffer, "maybe_extract_at_most"):
            return data  # another h11: it refuses the request
        buffer.maybe_extract_at_most(2)  # type: ignore[union-attr]
        return data[2:]


def strict_h11(connection: h11.Connection) -> None:
    connection.__class__ = StrictH11
    buffer = getattr(connection, "_receive_buffer", None)
    if hasattr(buffer, "maybe_extract_next_line"):
        buffer.__class__ = _strict_buffer(type(buffer))


def _strict_buffer(base: Any) -> Any:
    """The lines before chunks are strict, too."""
    known = _BUFFERS.get(base)
    if known is None:

        class StrictBuffer(base):  # type: ignore[misc]
            def maybe_extract_next_line(self) -> Any:
                line = super().maybe_extract_next_line()
                if line is not None and not _CHUNK_LINE.fullmatch(line):
                    raise h11.RemoteProtocolError("a chunk with a wrong line")
                return line

        known = _BUFFERS[base] = StrictBuffer
    return known


_BUFFERS: Any = {}

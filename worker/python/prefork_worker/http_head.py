"""What a request's head must be before a parser of a library sees it: one meaning only, for every server on its way.

Pure: no I/O. RFC 9110 and 9112; stricter where a request could mean different things to a proxy and to this server.
"""

import re
from typing import List, NamedTuple, Optional, Tuple

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP/(\d)\.(\d)\Z")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\Z")
_HOST = re.compile(rb"[A-Za-z0-9.\-_~%!$&'()*+,;=]*(?::[0-9]*)?\Z|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?\Z")
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
#: More digits than any length has; int() refuses thousands of them with an exception.
_MAX_DIGITS = 18


class Limits(NamedTuple):
    line: int = 4094
    fields: int = 100
    field_size: int = 8190
    body: int = 1 << 30

    @property
    def head(self) -> int:
        """Longest head; of a usual size even where many long fields are allowed."""
        return self.line + min(self.fields * (self.field_size + 2), max(65536, self.field_size + 2)) + 4


class BadRequest(Exception):
    """The answer to such a request; the connection ends after it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Head(NamedTuple):
    method: str
    target: bytes
    minor: int
    #: The client allows a further request on this connection.
    keeps: bool
    #: Host of a target like http://host/path, which replaces the field Host.
    authority: Optional[str]


def find_end(data: bytes, limits: Limits) -> int:
    """The length of the head in `data`, with its empty line; 0: it has not come whole. Raises BadRequest."""
    end = data.find(b"\r\n\r\n")
    head = data[: end + 2] if end >= 0 else data
    first = head.find(b"\r\n")
    if (first if first >= 0 else len(head)) > limits.line:
        raise BadRequest(414, f"The request line is limited to {limits.line} bytes.")
    if len(head) > limits.head:
        raise BadRequest(431, "The header is too large.")
    # A carriage return at the end may be the first half of a line's end.
    wrong = _BARE.search(head, 0, len(head) - head.endswith(b"\r"))
    if wrong:
        raise BadRequest(400, "A line ends in CR LF.")
    return end + 4 if end >= 0 else 0


def check(head: bytes, limits: Limits) -> Head:
    """Of a whole head, without empty lines before it. Raises BadRequest."""
    line, *rest = head.rstrip(b"\r\n").split(b"\r\n")
    found = _LINE.match(line)
    if not found:
        raise BadRequest(400, "The request line is malformed.")
    method, target, major, minor = found.groups()
    if major != b"1" or minor not in b"01":
        raise BadRequest(505, "Only HTTP/1.0 and 1.1 are spoken here.")
    fields = _fields(rest, limits)
    if minor == b"1" and len(_values(fields, b"host")) != 1:
        raise BadRequest(400, "A request of HTTP/1.1 names one Host.")
    _check_host(fields)
    _check_length(fields, minor == b"1", limits)
    expected = _values(fields, b"expect")
    if minor == b"1" and expected and [one.lower() for one in expected] != [b"100-continue"]:
        raise BadRequest(417, "Only 100-continue can be expected.")
    return Head(
        method.decode("ascii"), target, int(minor), _keeps(fields, minor == b"1"), _authority(method, target)
    )


def _fields(lines: List[bytes], limits: Limits) -> List[Tuple[bytes, bytes]]:
    if len(lines) > limits.fields:
        raise BadRequest(431, f"A request has at most {limits.fields} fields.")
    fields = []
    for line in lines:
        if len(line) > limits.field_size:
            raise BadRequest(431, f"A field is limited to {limits.field_size} bytes.")
        found = _FIELD.match(line)
        if not found:
            raise BadRequest(400, "A field is malformed.")
        fields.append((found[1].lower(), found[2].rstrip(b" \t")))
    return fields


def _values(fields: List[Tuple[bytes, bytes]], name: bytes) -> List[bytes]:
    return [value for one, value in fields if one == name]


def _check_host(fields: List[Tuple[bytes, bytes]]) -> None:
    hosts = _values(fields, b"host")
    if len(hosts) > 1 or not all(_HOST.match(host) for host in hosts):
        raise BadRequest(400, "The field Host is malformed.")


def _check_length(fields: List[Tuple[bytes, bytes]], is_1_1: bool, limits: Limits) -> None:
    lengths = _values(fields, b"content-length")
    codings = _values(fields, b"transfer-encoding")
    # With both, or with a coding in HTTP/1.0, two servers may see two ends of the request.
    if codings and (lengths or not is_1_1):
        raise BadRequest(400, "Transfer-Encoding is only for HTTP/1.1, and without Content-Length.")
    if codings and [one.lower() for one in codings] != [b"chunked"]:
        raise BadRequest(501, "Only the transfer coding chunked is known.")
    if not lengths:
        return
    if len(lengths) > 1 or not lengths[0].isdigit():
        raise BadRequest(400, "Content-Length is malformed.")
    if len(lengths[0]) > _MAX_DIGITS or int(lengths[0]) > limits.body:
        raise BadRequest(413, f"A body is limited to {limits.body} bytes.")


def _keeps(fields: List[Tuple[bytes, bytes]], is_1_1: bool) -> bool:
    options = {one.strip(b" \t").lower() for value in _values(fields, b"connection") for one in value.split(b",")}
    return b"close" not in options and (is_1_1 or b"keep-alive" in options)


def _authority(method: bytes, target: bytes) -> Optional[str]:
    if b"#" in target:
        raise BadRequest(400, "A request's target has no fragment.")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return None
    scheme, found, rest = target.partition(b"://")
    authority = re.split(rb"[/?]", rest)[0]
    if method == b"CONNECT" or not found or scheme.lower() not in (b"http", b"https"):
        raise BadRequest(400, "The request's target is malformed.")
    if not authority or not _HOST.match(authority):
        raise BadRequest(400, "The request's target names no host.")
    return authority.decode("ascii")

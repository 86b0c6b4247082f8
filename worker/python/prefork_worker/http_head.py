"""What a request's head must be before a parser of a library sees it: one meaning only, for every server on its way.

Pure: no I/O. RFC 9110 and 9112; stricter where a request could mean different things to a proxy and to this server.
"""

import re
from functools import lru_cache
from typing import Dict, NamedTuple, Optional

_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) ([\x21-\x7e\x80-\xff]+) HTTP/(\d)\.(\d)\r\n")
# One for each line that is a field.
_FIELDS = re.compile(rb"^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)\r$", re.MULTILINE)
_HOST = re.compile(r"[A-Za-z0-9.\-_~%!$&'()*+,;=]*(?::[0-9]*)?\Z|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?\Z")
#: More digits than any length has; int() refuses thousands of them with an exception.
_MAX_DIGITS = 18
_SMALL = 1024


class Limits(NamedTuple):
    line: int = 4094
    fields: int = 100
    field_size: int = 8190
    body: int = 1 << 30

    @property
    def head(self) -> int:
        """Longest head; of a usual size even where many long fields are allowed. More than a line."""
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
    #: Names as in an environ, without HTTP_. Fields of one name are one, with commas; names with underscores are left out.
    #: Not to be changed: the next request with such a head has them, too.
    fields: Dict[str, str]
    #: The client allows a further request on this connection.
    keeps: bool
    #: Host of a target like http://host/path, which replaces the field Host.
    authority: Optional[str]


def find_end(data: bytes, limits: Limits) -> int:
    """The length of the head in `data`, with its empty line; 0: it has not come whole. Raises BadRequest."""
    end = data.find(b"\r\n\r\n")
    head = data[: end + 2] if end >= 0 else data
    if len(head) > limits.line:
        first = head.find(b"\r\n")
        if (first if first >= 0 else len(head)) > limits.line:
            raise BadRequest(414, f"The request line is limited to {limits.line} bytes.")
        if len(head) > limits.head:
            raise BadRequest(431, "The header is too large.")
    lines = head.count(b"\r\n")
    # A carriage return at the end may be the first half of a line's end.
    if head.count(b"\n") != lines or head.count(b"\r") != lines + head.endswith(b"\r"):
        raise BadRequest(400, "A line ends in CR LF.")
    return end + 4 if end >= 0 else 0


def check(head: bytes, limits: Limits) -> Head:
    """Of a whole head in which find_end() finds nothing wrong, without empty lines before it. Raises BadRequest."""
    return _remembered(head, limits) if len(head) <= _SMALL else _check(head, limits)


def _check(head: bytes, limits: Limits) -> Head:
    found = _LINE.match(head)
    if not found:
        raise BadRequest(400, "The request line is malformed.")
    method, target, major, minor = found.groups()
    if major != b"1" or minor not in b"01":
        raise BadRequest(505, "Only HTTP/1.0 and 1.1 are spoken here.")
    if method != method.upper():
        raise BadRequest(400, "A method has capital letters.")
    is_1_1 = minor == b"1"
    fields = _fields(head, limits)
    host = fields.get("HOST")
    if host is None:
        if is_1_1:
            raise BadRequest(400, "A request of HTTP/1.1 names one Host.")
    elif not _HOST.match(host):  # two of them have a space between them
        raise BadRequest(400, "The field Host is malformed.")
    if "CONTENT_LENGTH" in fields or "TRANSFER_ENCODING" in fields:
        _check_length(fields, is_1_1, limits)
    if is_1_1 and "EXPECT" in fields and fields["EXPECT"].lower() != "100-continue":
        raise BadRequest(417, "Only 100-continue can be expected.")
    options = fields.get("CONNECTION")
    keeps = is_1_1 if options is None else _keeps(options, is_1_1)
    authority = None if target.startswith(b"/") and b"#" not in target else _authority(method, target)
    return Head(method.decode("ascii"), target, int(is_1_1), fields, keeps, authority)


_remembered = lru_cache(64)(_check)  # many clients repeat themselves


@lru_cache(256)
def _name(name: bytes) -> str:
    """As in an environ; "" for a name that could be taken for another one there."""
    return "" if b"_" in name else name.upper().replace(b"-", b"_").decode("ascii")


def _fields(head: bytes, limits: Limits) -> Dict[str, str]:
    lines = head.count(b"\r\n") - 2  # without the request line and the empty one
    if lines > limits.fields:
        raise BadRequest(431, f"A request has at most {limits.fields} fields.")
    if len(head) > limits.field_size and any(len(line) > limits.field_size for line in head.split(b"\r\n")[1:]):
        raise BadRequest(431, f"A field is limited to {limits.field_size} bytes.")
    found = _FIELDS.findall(head)
    if len(found) != lines:
        raise BadRequest(400, "A field is malformed.")
    fields: Dict[str, str] = {}
    for one, value in found:
        name = _name(one)
        if name in fields:
            fields[name] += ", " + value.rstrip(b" \t").decode("latin-1")
        elif name:
            fields[name] = value.rstrip(b" \t").decode("latin-1")
    return fields


def _check_length(fields: Dict[str, str], is_1_1: bool, limits: Limits) -> None:
    length = fields.get("CONTENT_LENGTH")
    coding = fields.get("TRANSFER_ENCODING")
    if coding is not None:
        # With both, or with a coding in HTTP/1.0, two servers may see two ends of the request.
        if length is not None or not is_1_1:
            raise BadRequest(400, "Transfer-Encoding is only for HTTP/1.1, and without Content-Length.")
        if coding.lower() != "chunked":
            raise BadRequest(501, "Only the transfer coding chunked is known.")
    if length is None:
        return
    if not (length.isascii() and length.isdigit()):  # two of them have a comma between them
        raise BadRequest(400, "Content-Length is malformed.")
    if len(length) > _MAX_DIGITS or int(length) > limits.body:
        raise BadRequest(413, f"A body is limited to {limits.body} bytes.")


def _keeps(connection: str, is_1_1: bool) -> bool:
    options = {one.strip(" \t").lower() for one in connection.split(",")}
    return "close" not in options and (is_1_1 or "keep-alive" in options)


def _authority(method: bytes, target: bytes) -> Optional[str]:
    if b"#" in target:
        raise BadRequest(400, "A request's target has no fragment.")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return None
    scheme, found, rest = target.partition(b"://")
    authority = re.split(rb"[/?]", rest)[0]
    if method == b"CONNECT" or not found or scheme.lower() not in (b"http", b"https"):
        raise BadRequest(400, "The request's target is malformed.")
    if not authority or not _HOST.match(authority.decode("latin-1")):
        raise BadRequest(400, "The request's target names no host.")
    return authority.decode("ascii")

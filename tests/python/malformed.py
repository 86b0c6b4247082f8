"""Malformed requests, as data for every server that speaks HTTP: what is sent, and what may come back.

Behind each case comes a second request, for /smuggled, and then the client ends its direction. REFUSED: an answer of 4xx or 5xx,
or none, and the end of the connection; no server may see the second request as one of its own. TOLERATED: where the first
request ends is beyond doubt, so both may be answered.
"""
import re
import socket
import time

REFUSED = "refused"
TOLERATED = "tolerated"

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


def _get(*fields, line=b"GET / HTTP/1.1", host=b"Host: x", body=b""):
    lines = [line, *([host] if host else []), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _post(*fields, body=b"", line=b"POST / HTTP/1.1"):
    return _get(*fields, line=line, body=body)


def _chunked(body):
    return _post(b"Transfer-Encoding: chunked", body=body)


_ONE_CHUNK = b"5\r\nhello\r\n0\r\n\r\n"

#: Name, bytes before SMUGGLED, what is allowed.
CASES = [
    # The request line
    ("no method", _get(line=b" / HTTP/1.1"), REFUSED),
    ("space before the method", _get(line=b" GET / HTTP/1.1"), REFUSED),
    ("two spaces in the line", _get(line=b"GET  / HTTP/1.1"), REFUSED),
    ("space behind the line", _get(line=b"GET / HTTP/1.1 "), REFUSED),
    ("tab in the line", _get(line=b"GET\t/ HTTP/1.1"), REFUSED),
    ("space in the target", _get(line=b"GET /a b HTTP/1.1"), REFUSED),
    ("zero byte in the target", _get(line=b"GET /\x00 HTTP/1.1"), REFUSED),
    ("fragment in the target", _get(line=b"GET /#a HTTP/1.1"), TOLERATED),
    ("target without a slash", _get(line=b"GET a HTTP/1.1"), TOLERATED),
    ("no version", _get(line=b"GET /"), REFUSED),
    ("version without a minor number", _get(line=b"GET / HTTP/1"), REFUSED),
    ("version 2.0", _get(line=b"GET / HTTP/2.0"), REFUSED),
    ("version 1.10", _get(line=b"GET / HTTP/1.10"), REFUSED),
    ("version of small letters", _get(line=b"GET / http/1.1"), REFUSED),
    ("another protocol", _get(line=b"GET / FTP/1.1"), REFUSED),
    ("method with a colon", _get(line=b"GE:T / HTTP/1.1"), REFUSED),
    ("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", REFUSED),
    ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REFUSED),
    ("a PROXY header where none is expected", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + _get(), REFUSED),
    ("endless line", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", REFUSED),
    # Line ends
    ("bare LF behind the line", b"GET / HTTP/1.1\nHost: x\r\n\r\n", TOLERATED),
    ("bare LF behind a field", _get(b"A: b\nTransfer-Encoding: chunked", body=b"0\r\n\r\n"), REFUSED),
    ("bare CR behind a field", _get(b"A: b\rTransfer-Encoding: chunked", body=b"0\r\n\r\n"), REFUSED),
    ("bare CR in a value", _get(b"A: b\rc"), REFUSED),
    # Fields
    ("space before the colon", _post(b"Content-Length : 5", body=b"hello"), REFUSED),
    ("tab before the colon", _post(b"Content-Length\t: 5", body=b"hello"), REFUSED),
    ("field without a colon", _get(b"Nonsense"), REFUSED),
    ("field without a name", _get(b": value"), REFUSED),
    ("space in a name", _get(b"A b: c"), REFUSED),
    ("zero byte in a name", _get(b"A\x00: b"), REFUSED),
    ("zero byte in a value", _get(b"A: b\x00c"), REFUSED),
    ("control character in a value", _get(b"A: b\x01c"), REFUSED),
    ("line folding", _get(b"A: b\r\n c"), TOLERATED),
    ("line folding of a length", _post(b"Content-Length:\r\n 5", body=b"hello"), TOLERATED),
    ("space before the first field", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", REFUSED),
    ("too many fields", _get(*[b"A: b"] * 20000), REFUSED),
    ("endless field", _get(b"A: " + b"a" * 2000000), REFUSED),
    # Host
    ("no Host", _get(host=None), REFUSED),
    ("two Hosts", _get(b"Host: y"), REFUSED),
    ("a Host with a path", _get(host=b"Host: x/y"), TOLERATED),
    ("a Host with a space", _get(host=b"Host: x y"), TOLERATED),
    # The length of a body
    ("two lengths", _post(b"Content-Length: 5", b"Content-Length: 0", body=b"hello"), REFUSED),
    ("a list of lengths", _post(b"Content-Length: 5, 0", body=b"hello"), REFUSED),
    ("negative length", _post(b"Content-Length: -5", body=b"hello"), REFUSED),
    ("signed length", _post(b"Content-Length: +5", body=b"hello"), REFUSED),
    ("hexadecimal length", _post(b"Content-Length: 0x5", body=b"hello"), REFUSED),
    ("length with an underscore", _post(b"Content-Length: 1_0", body=b"hello"), REFUSED),
    ("empty length", _post(b"Content-Length: ", body=b""), REFUSED),
    ("length of thousands of digits", _post(b"Content-Length: " + b"9" * 5000), REFUSED),
    ("length with a fraction", _post(b"Content-Length: 5.0", body=b"hello"), REFUSED),
    # Transfer codings
    ("coding and length", _post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), REFUSED),
    ("length and coding", _post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=b"0\r\n\r\n"), REFUSED),
    ("coding in HTTP/1.0", _post(b"Connection: keep-alive", b"Transfer-Encoding: chunked", body=_ONE_CHUNK,
                                 line=b"POST / HTTP/1.0"), REFUSED),
    ("unknown coding", _post(b"Transfer-Encoding: xchunked", body=_ONE_CHUNK), REFUSED),
    ("coding that is only compressed", _post(b"Transfer-Encoding: gzip", body=_ONE_CHUNK), REFUSED),
    ("chunked, then compressed", _post(b"Transfer-Encoding: chunked, gzip", body=_ONE_CHUNK), REFUSED),
    ("chunked twice", _post(b"Transfer-Encoding: chunked, chunked", body=_ONE_CHUNK), REFUSED),
    ("two fields of codings", _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=_ONE_CHUNK), REFUSED),
    ("coding identity", _post(b"Transfer-Encoding: identity", body=_ONE_CHUNK), REFUSED),
    ("coding with a vertical tab", _post(b"Transfer-Encoding: \x0bchunked", body=_ONE_CHUNK), REFUSED),
    ("coding with \\x85", _post(b"Transfer-Encoding: \x85chunked", body=_ONE_CHUNK), REFUSED),
    ("empty coding", _post(b"Transfer-Encoding: ", body=_ONE_CHUNK), REFUSED),
    # Chunks
    ("negative chunk", _chunked(b"-5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("signed chunk", _chunked(b"+5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("chunk with 0x", _chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("chunk with an underscore", _chunked(b"1_0\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("chunk's size ends in a bare LF", _chunked(b"5\nhello\r\n0\r\n\r\n"), REFUSED),
    ("chunk's size ends in LF CR LF", _chunked(b"5\n\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("chunk that is longer than its size", _chunked(b"2\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("chunk that does not end", _chunked(b"5\r\nhelloX\r\n0\r\n\r\n"), REFUSED),
    ("empty line between chunks", _chunked(b"5\r\nhello\r\n\r\n0\r\n\r\n"), REFUSED),
    ("space before a size", _chunked(b" 5\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("bare LF in an extension", _chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("bare CR in an extension", _chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("endless extension", _chunked(b"5;" + b"a" * 2000000 + b"\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("huge chunk", _chunked(b"ffffffffffffffffffff\r\nhello\r\n0\r\n\r\n"), REFUSED),
    ("trailer without a colon", _chunked(b"5\r\nhello\r\n0\r\nnonsense\r\n\r\n"), REFUSED),
    ("endless trailer", _chunked(b"5\r\nhello\r\n0\r\n" + b"A: b\r\n" * 300000 + b"\r\n"), REFUSED),
    # Expectations
    ("unknown expectation", _post(b"Expect: 200-ok", b"Content-Length: 5", body=b"hello"), TOLERATED),
]


def ask(connect, data, seconds=10.0):
    """All that comes back on a new connection until its end. None: the server does not end it in time."""
    received = b""
    deadline = time.monotonic() + seconds
    with connect() as client:
        client.settimeout(seconds)
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the server has ended it before
        while True:
            try:
                block = client.recv(65536)
            except socket.timeout:
                return None
            except OSError:
                return received
            if not block or time.monotonic() > deadline:
                return received if not block else None
            received += block


def wrong(name, answer, allowed):
    """What is not allowed about an answer, in words; "" if it is."""
    if answer is None:
        return f"{name}: the connection has not ended"
    answers = re.findall(rb"HTTP/1\.[01] (\d\d\d) ", answer)
    if allowed == REFUSED and (len(answers) > 1 or b"/smuggled" in answer):
        return f"{name}: a second request was answered: {answer[:300]!r}"
    if allowed == REFUSED and answer and (not answers or answers[0][:1] not in (b"4", b"5")):
        return f"{name}: it was answered: {answer[:200]!r}"
    return f"{name}: three answers: {answer[:300]!r}" if len(answers) > 2 else ""

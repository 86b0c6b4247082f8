"""The clients of the programs: each function makes one connection, asks once, and returns (answer, own address)."""
import socket
import struct

TIMEOUT = 20  # seconds, of each wait


class Failed(Exception):
    """The connection was not answered."""


def conversation(port, request, enough):
    """Sends the request and reads until `enough(bytes)` or the end; returns the bytes and our own address."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as client:
            own = "%s:%d" % client.getsockname()
            client.sendall(request)
            answer = b""
            while not enough(answer):
                part = client.recv(65536)
                if not part:
                    break
                answer += part
    except OSError as error:
        raise Failed(str(error)) from error
    if not enough(answer) and not answer:
        raise Failed("closed without an answer")
    return answer, own


def whole_http(answer):
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False


def http(port):
    answer, own = conversation(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", whole_http)
    if b" 200 " not in answer.split(b"\r\n")[0]:
        raise Failed(f"the answer is {answer[:80]!r}")
    return answer.partition(b"\r\n\r\n")[2], own


def fastcgi(port, script):
    def record(kind, content):
        return struct.pack(">BBHHBB", 1, kind, 1, len(content), 0, 0) + content

    def pair(name, value):
        return bytes([len(name), len(value)]) + name.encode() + value.encode()

    parameters = {
        "SCRIPT_FILENAME": script,
        "REQUEST_METHOD": "GET",
        "QUERY_STRING": "",
        "REMOTE_ADDR": "",
        "REMOTE_PORT": "",
    }
    text = b"".join(pair(name, value) for name, value in parameters.items())
    request = record(1, b"\0\1\0\0\0\0\0\0") + record(4, text) + record(4, b"") + record(5, b"")
    answer, own = conversation(port, request, lambda answer: b"pid=" in answer and b"\1\3\0\1" in answer)
    if b"pid=" not in answer:
        raise Failed(f"the answer is {answer[:80]!r}")
    return answer, own


def redis(port):
    answer, own = conversation(port, b"PING\r\n", lambda answer: answer.endswith(b"\r\n"))
    if answer != b"+PONG\r\n":
        raise Failed(f"the answer is {answer[:80]!r}")
    return answer, own


def line(port):
    """One line to the program, one line back."""
    answer, own = conversation(port, b"hello\n", lambda answer: answer.endswith(b"\n"))
    if not answer.endswith(b"\n"):
        raise Failed(f"the answer is {answer[:80]!r}")
    return answer, own

"""A WSGI application without a framework; the path says what it does."""
import hashlib
import os
import sys
import tempfile
import time
from wsgiref.validate import validator

BLOCK = b"0123456789abcdef" * 4096


def application(environ, start_response):
    name = environ["PATH_INFO"].strip("/").split("/")[0]
    return PAGES.get(name, missing)(environ, start_response)


def text(start_response, words, status="200 OK", **more):
    body = words.encode()
    start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *more.items()])
    return [body]


def missing(environ, start_response):
    return text(start_response, "Hello from " + str(os.getpid()))


def number(environ):
    return int(environ["PATH_INFO"].rsplit("/", 1)[1])


def show(environ, start_response):
    lines = [f"{key}={environ[key]}" for key in sorted(environ) if key.isupper() or key.startswith("wsgi.")]
    return text(start_response, "\n".join(lines))


def digest(environ, start_response):
    found, size = hashlib.sha256(), 0
    while True:
        block = environ["wsgi.input"].read(65536)
        if not block:
            return text(start_response, f"{size} {found.hexdigest()}")
        found.update(block)
        size += len(block)


def download(environ, start_response):
    size = number(environ)
    start_response("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", str(size))])
    return (BLOCK[: min(len(BLOCK), size - at)] for at in range(0, size, len(BLOCK)))


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return (f"{one}\n".encode() for one in range(3))


def file(environ, start_response):
    opened = tempfile.TemporaryFile()
    opened.write(b"x" * number(environ))
    opened.seek(0)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return environ["wsgi.file_wrapper"](opened)


def wait(environ, start_response):
    time.sleep(number(environ) / 1000)
    return text(start_response, "waited")


def fail(environ, start_response):
    raise OSError("as ordered")


def fail_late(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "100")])
    yield b"some"
    raise ValueError("as ordered")


def begin_anew(environ, start_response):
    """As an error page of a framework does: the length of what was to be sent is not its length."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(number(environ)))])
    try:
        raise ValueError("as ordered")
    except ValueError:
        start_response("500 Failed", [("Content-Type", "text/plain")], sys.exc_info())
    return [b"an error page"]


def body_for_head(environ, start_response):
    return text(start_response, "a body for every method")


def leave(environ, start_response):
    sys.exit(3)


def nothing(environ, start_response):
    start_response("204 No Content", [])
    return []


PAGES = {
    "show": show, "digest": digest, "download": download, "stream": stream, "file": file, "wait": wait, "fail": fail,
    "fail_late": fail_late, "begin_anew": begin_anew, "body_for_head": body_for_head, "leave": leave, "nothing": nothing,
}


def _for_validator(environ, start_response):
    environ["wsgi.input"].read(100)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


validated = validator(_for_validator)


def create_app(word="made", *, extra=""):
    def application(environ, start_response):
        return text(start_response, word + extra)
    return application

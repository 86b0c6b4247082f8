"""One client and its requests, answered by a WSGI application. Ends with finish() or park() of the connection."""

import http
import sys
import time
import traceback
from typing import Any, Dict, Optional

from . import forwarded
from .access_log import Answer
from .addresses import Addresses
from .client_stream import ClientStream, TooSlow
from .connection import Connection
from .http_head import BadRequest, check, find_end
from .proxy_header import BadHeader
from .waitress_glue import Request, Server, Task, raise_error
from .wsgi_worker import Worker

#: Seconds for a client to read an answer before which it had sent what nothing has read.
_PATIENCE = 1.0
_MAX_EMPTY_LINES = 4


class Gone(Exception):
    """The client has closed the connection, or is too slow, where no answer is due."""


class Channel:
    """What a task asks of its channel. Holds the head back until the first bytes of the body."""

    def __init__(self, stream: ClientStream, server: Server, bodiless: bool) -> None:
        self.server = server
        self.adj = server.adj
        self.sent = 0  # of the body
        self.begun = False  # something has left
        self.broken = False
        self._stream = stream
        self._bodiless = bodiless
        self._head: Optional[bytes] = None

    def write_soon(self, data: Any) -> int:
        if self._head is None and not self.begun:
            self._head = bytes(data)
            return len(data)
        if not isinstance(data, (bytes, bytearray, memoryview)):
            return self._send_file(data)
        if not self._bodiless:
            self._send(bytes(data))
        return len(data)

    def _send_file(self, file: Any) -> int:
        """waitress's file wrapper; closing it is this channel's business."""
        size = len(file)
        try:
            while not self._bodiless and len(file):
                data = file.get(262144, skip=True)
                if not data:
                    raise OSError("the file is shorter than it was")
                self._send(data)
        finally:
            file.close()
        return size

    def _send(self, data: bytes) -> None:
        head, self._head = self._head, None
        try:
            self._stream.write(data if head is None else head + data)
        except OSError:
            self.broken = True
            raise
        self.begun = True
        self.sent += len(data)

    def flush(self) -> None:
        if self._head is not None:
            self._send(b"")

    def forget(self) -> None:
        self._head = None

    def check_client_disconnected(self) -> bool:
        return self._stream.at_end()


class Conversation:
    def __init__(self, worker: Worker, connection: Connection) -> None:
        self._worker = worker
        self._connection = connection
        self._stream = ClientStream(connection, worker.options.timeout)
        self._unread = b""  # what has come of later requests
        self._addresses: Addresses

    def hold(self) -> None:
        try:
            self._addresses = self._worker.addresses.of(self._connection, self._worker.options.timeout)
            while self._exchange() and self._next():
                self._stream.begin()
        except BadHeader as error:
            print(f"connection {self._connection.ticket}: {error}", file=sys.stderr, flush=True)
        except (Gone, OSError):
            pass  # the client is gone

    def _next(self) -> bool:
        if self._unread:
            self._connection.give_sign()
            return True
        # Without parking a client that is waited for holds the worker.
        return self._connection.next_request(self._worker.options.keep_alive, self._addresses.memo)

    def _exchange(self) -> bool:
        """One request and its answer; whether the connection goes on."""
        begin = time.monotonic()
        try:
            request = self._read_request()
        except BadRequest as error:
            self._refuse(error, begin)
            return False
        try:
            goes_on = self._answer(request, begin)
        finally:
            request.close()
        if not goes_on:
            self._stream.end(_PATIENCE if self._unread else 0.0)
        return goes_on

    # Reading

    def _read_more(self, earns: bool) -> None:
        try:
            data = self._stream.read(earns)
        except TooSlow:
            if self._unread:
                raise BadRequest(408, "The request did not come in time.") from None
            raise Gone from None
        if not data:
            raise Gone  # also within a request: there is no one to answer
        self._unread += data

    def _read_head(self) -> bytes:
        limits = self._worker.options.limits
        for _ in range(_MAX_EMPTY_LINES):
            while len(self._unread) < 2:
                self._read_more(False)
            if not self._unread.startswith(b"\r\n"):
                break
            self._unread = self._unread[2:]
        while True:
            size = find_end(self._unread, limits)
            if size:
                head, self._unread = self._unread[:size], self._unread[size:]
                return head
            self._read_more(False)

    def _read_request(self) -> Request:
        request = Request(self._worker.settings, check(self._read_head(), self._worker.options.limits))
        if not request.completed:
            self._read_body(request)
        if self._unread == b"\r\n":  # RFC 9112, 2.2: old clients end a body with it; no request begins
            self._unread = b""
        return request

    def _read_body(self, request: Request) -> None:
        if request.expect_continue and not self._unread:
            self._stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while not request.completed:
            if not self._unread:
                self._read_body_part()
            self._unread = self._unread[self._store(request) :]
        raise_error(request)

    def _store(self, request: Request) -> int:
        """Gives the request a part of its body; how many bytes it has taken."""
        try:
            return int(request.received(self._unread))
        except OSError as error:
            print(f"the body of a request cannot be stored: {error}", file=sys.stderr, flush=True)
            raise BadRequest(500, "The body cannot be stored.") from None

    def _read_body_part(self) -> None:
        try:
            self._unread = self._stream.read(True)
        except TooSlow:
            raise BadRequest(408, "The body did not come in time.") from None
        if not self._unread:
            raise Gone

    # Answering

    def _is_last(self) -> bool:
        """Asked after the application's work, which may have taken long."""
        connection = self._connection
        if self._unread:
            return connection.must_end() or connection.last_request
        if connection.may_park:
            return connection.last_request
        return self._worker.options.keep_alive <= 0 or connection.leaving

    def _amend(self, environ: Dict[str, Any]) -> None:
        if "HTTP_X_FORWARDED_FOR" in environ or "HTTP_X_FORWARDED_PROTO" in environ:
            forwarded.apply(environ, self._addresses.peer, self._worker.options.trust)

    def _answer(self, request: Request, begin: float) -> bool:
        is_head = request.command == "HEAD"
        channel = Channel(self._stream, self._worker.server, is_head)
        task = Task(channel, request, self._addresses, self._is_last, self._amend)
        self._worker.count(self._connection)
        self._stream.begin()
        whole = self._run(task, channel)
        if not whole and not channel.begun and not channel.broken:
            channel.forget()
            self._refuse(BadRequest(500, "The application has failed."), begin, task.get_environment())
            return False
        if self._worker.access_log is not None:
            environ = task.get_environment()
            self._log(Answer(environ, task.status, task.headers, channel.sent, _since(begin), self._waited()))
        return whole and not (task.said_close if is_head else task.close_on_finish)

    def _run(self, task: Task, channel: Channel) -> bool:
        """Whether the answer was sent whole."""
        try:
            task.service()
            channel.flush()
            return True
        except Exception:
            if not channel.broken:  # else the client is gone, or too slow
                print(f"{task.request.command} {task.request.path}: the application has failed:", file=sys.stderr)
                traceback.print_exc()
                sys.stderr.flush()
            return False

    def _refuse(self, error: BadRequest, begin: float, environ: Optional[Dict[str, Any]] = None) -> None:
        status = f"{error.status} {http.HTTPStatus(error.status).phrase}"
        body = error.why.encode("utf-8", "replace") + b"\n"
        headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
        headers += [("Connection", "close")]
        text = "".join(f"{name}: {value}\r\n" for name, value in headers)
        self._stream.begin()
        if environ is None:
            environ = {"REMOTE_ADDR": self._addresses.shown[0], "REQUEST_METHOD": "-", "REQUEST_URI": "-"}
        self._log(Answer(environ, status, headers, len(body), _since(begin), self._waited()))
        without = environ.get("REQUEST_METHOD") == "HEAD"
        self._stream.write(f"HTTP/1.1 {status}\r\n{text}\r\n".encode("latin-1") + (b"" if without else body))
        self._stream.end(_PATIENCE)

    def _waited(self) -> float:
        return self._connection.waited

    def _log(self, answer: Answer) -> None:
        if self._worker.access_log is not None:
            self._worker.access_log.write(answer)


def _since(begin: float) -> float:
    return time.monotonic() - begin

"""uvicorn's HTTP protocols as a worker's: they park when they are idle, and are strict where smuggling begins.

Each class of uvicorn gets a mixin before it. Works with uvicorn 0.17.6 and newer: only what both have is used.
"""

import asyncio
from typing import Any, Callable, Optional, Tuple, Type

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from . import proxy_header
from .addresses import from_memo, to_memo
from .connection import Connection
from .event_loop import Link
from .strict_http import clear_head, doubt_of_fields, doubt_of_head, head_of, strict_h11

Address = Optional[Tuple[str, int]]

CLOSE_HEADER = (b"connection", b"close")
_REQUEST_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_LONGEST_LOOK = 1.0
_VERSIONS = {"1.0": b"1.0", "1.1": b"1.1", "1.2": b"1.2"}


class WorkerProtocol(asyncio.Protocol):
    """What both protocols share. `attach()` comes before connection_made()."""

    # of uvicorn's classes
    config: Any
    app: Any
    cycle: Any
    client: Address
    server: Address
    transport: Any
    loop: asyncio.AbstractEventLoop
    logger: Any
    access_logger: Any
    timeout_keep_alive: float
    timeout_keep_alive_task: Any
    server_state: Any

    #: uvicorn's class. It is named where each request comes by: super() takes several times as long as a call.
    base: Any

    # of each new connection
    _addresses: Tuple[Address, Address] = (None, None)
    _memo = b""
    _proxy_bytes: Optional[bytearray] = None
    heard = 0
    answers = 0
    spoiled = False
    early: Any = None  # its transport, until the loop has made one
    _seen: Any = None
    _seen_since = 0.0

    def attach(self, link: Link, answered: Optional[Callable[[], None]]) -> None:
        """`answered` is called after each answer."""
        self.link = link
        link.protocol = self
        self._answered = answered
        if link.connection.proxied:
            self._proxy_bytes = bytearray()
        if link.connection.memo:
            self._remember(link.connection.memo)
        if link.may_park:
            self.timeout_keep_alive = Connection.KEEP_FOR
        if link.leaving:
            self.end_after_answer()

    # What each parser knows.
    def between_requests(self) -> bool:
        """Everything that was read is answered, and no byte of a later request was read."""
        raise NotImplementedError

    def head_missing(self) -> bool:
        """The head of a request is awaited, or is on its way."""
        raise NotImplementedError

    def may_refuse(self) -> bool:
        """An answer of status 400 would be that of the request that is refused."""
        raise NotImplementedError

    def refused(self, data: bytes) -> bool:
        """Whether `data` was refused, in place of being parsed."""
        return False

    def expect_clear_head(self) -> None:
        """What comes next was looked at: see clear_head()."""

    @property
    def answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def idle(self) -> bool:
        return not self.answering and not self.spoiled and self._proxy_bytes is None and self.between_requests()

    # asyncio.Protocol
    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.early is not None:
            self.early.opened(transport)  # the request that is under way, and its flow control, keep the early one
            return
        self.base.connection_made(self, transport)
        client, server = self._addresses
        if client is not None:
            self.client, self.server = client, server

    def data_received(self, data: bytes) -> None:
        if self._proxy_bytes is not None:
            data = self._take_proxy_header(data)
            if not data:
                return
        self.heard += len(data)
        if self.refused(data):
            return
        self.base.data_received(self, data)
        cycle = self.cycle
        if cycle is not None and cycle.response_complete and self.timeout_keep_alive_task is None:
            # The body of a request that was answered before has come to its end.
            if not self.transport.is_closing() and self.idle():
                self._keep()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        self.link.lost(exc)
        self.base.connection_lost(self, exc)
        task, self.timeout_keep_alive_task = self.timeout_keep_alive_task, None
        if task is not None:
            task.cancel()
        if not self.answering:
            self.over()

    def over(self) -> None:
        """Nothing is to come. Breaks the circles of references: what is freed at once costs the garbage collector nothing."""
        self.cycle = None

    # Called by uvicorn
    def on_response_complete(self) -> None:
        self.answers += 1
        if self.early is not None:
            self.early.flush()
        self.base.on_response_complete(self)
        if self._answered is not None:
            self._answered()
        if self.transport.is_closing():
            return
        if self.spoiled:
            if not self.answering:
                self.transport.close()
        elif self.link.park_wanted:
            self._keep(0)

    def send_400_response(self, msg: str) -> None:
        if self.may_refuse():
            super().send_400_response(msg)  # type: ignore[misc]
        else:
            self.transport.close()
        if self.answering:
            self.cycle.disconnected = True  # its application learns it, and what it still sends is dropped
            self.cycle.message_event.set()

    def timeout_keep_alive_handler(self) -> None:
        """The connection was kept long enough, or is wanted by others."""
        self.timeout_keep_alive_task = None
        if self.transport.is_closing() or not self.idle():
            return
        if not self.link.may_park:
            super().timeout_keep_alive_handler()  # type: ignore[misc]
        elif self.transport.get_write_buffer_size():
            # The client takes its answer slowly; if it takes nothing at all, look_after() ends it.
            self._look_in = min(self._look_in * 2, _LONGEST_LOOK)
            self._keep(self._look_in)
        else:
            self.link.park(self.transport, self._memo)

    def answer_is_written(self) -> None:
        """The early transport has sent everything, and would give the connection to the loop next."""
        if self.answers and self.link.park_wanted and self.idle():
            self.link.park(self.transport, self._memo)

    _look_in = Connection.KEEP_FOR

    def _keep(self, seconds: Optional[float] = None) -> None:
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        delay = self.timeout_keep_alive if seconds is None else seconds
        self.timeout_keep_alive_task = self.loop.call_later(delay, self.timeout_keep_alive_handler)

    def handle_upgrade(self, *event: Any) -> None:
        super().handle_upgrade(*event)  # type: ignore[misc]
        self._look_for_upgrade()

    def handle_websocket_upgrade(self, *event: Any) -> None:
        super().handle_websocket_upgrade(*event)  # type: ignore[misc]
        self._look_for_upgrade()

    def _look_for_upgrade(self) -> None:
        """After an upgrade another protocol has the transport: it is never parked, and its connection_lost() ends the link."""
        protocol = self.transport.get_protocol()
        if protocol is not self and protocol is not None and self.link.protocol is self:
            self.link.protocol = protocol
            self.spoiled = True
            _tell_of_end(protocol)
            self.link.watch(protocol)

    # Called by the worker
    def yielded(self) -> None:
        """Another connection needs this worker."""
        if self.answers and self.link.may_park and self.timeout_keep_alive_task is not None:
            self._keep(0)

    def end_after_answer(self) -> None:
        """The next answer is the last one, and says so; a connection that may be parked is parked."""
        if self.link.may_park and not self.link.connection.last_request:
            if self.idle_on_leave():
                self._keep(0)
            return
        self.app = self._last_answer
        if self.transport is None:
            return
        if self.answering:
            self._say_close(self.cycle)
        elif self.idle() and self.answers and not self.link.unread:
            self.shutdown()  # type: ignore[attr-defined]
        elif self.idle():
            self.timeout_keep_alive = self.config.timeout_keep_alive
            self._keep()

    def idle_on_leave(self) -> bool:
        return self.transport is not None and not self.transport.is_closing() and self.idle()

    async def _last_answer(self, scope: Any, receive: Any, send: Any) -> None:
        self._say_close(receive.__self__)
        await self.config.loaded_app(scope, receive, send)

    def _say_close(self, cycle: Any) -> None:
        if not cycle.response_started and CLOSE_HEADER not in cycle.default_headers:
            cycle.default_headers = [*cycle.default_headers, CLOSE_HEADER]

    def look_after(self, now: float, timeout: float) -> None:
        """Ends the connection if its client has done nothing for too long."""
        self._look_for_upgrade()
        if self.link.protocol is not self:
            return
        written = self.transport.get_write_buffer_size()
        missing = not self.answering and self.head_missing()
        # A head has the time as a whole, a body and an answer from one movement to the next.
        seen = (self.answers, missing, written, 0 if missing else self.heard)
        if seen != self._seen or not self._client_is_late(written):
            self._seen, self._seen_since = seen, now
        elif now - self._seen_since >= timeout:
            self._give_up()

    def _client_is_late(self, written: int) -> bool:
        if written:
            return True
        if self.answering:
            return self.cycle.more_body and not self.transport_paused()
        return self.timeout_keep_alive_task is None

    def transport_paused(self) -> bool:
        flow = getattr(self, "flow", None)
        return flow is not None and bool(flow.read_paused)

    def _give_up(self) -> None:
        self.logger.warning("A client was silent for too long within a request or an answer; its connection ends.")
        started = self.cycle is not None and self.answering and self.cycle.response_started
        if self.transport.get_write_buffer_size() or started:
            self.transport.abort()
            return
        if self.heard:
            self.transport.write(_REQUEST_TIMEOUT)
        self.transport.close()

    # PROXY
    def _take_proxy_header(self, data: bytes) -> bytes:
        """The bytes behind the header; b"" while it is not whole."""
        assert self._proxy_bytes is not None
        self._proxy_bytes += data
        try:
            header, size = proxy_header.parse(bytes(self._proxy_bytes))
        except proxy_header.BadHeader as error:
            self.logger.warning("%s; its connection ends.", error)
            self.transport.abort()
            return b""
        if header is None:
            return b""
        rest = bytes(self._proxy_bytes[size:])
        self._proxy_bytes = None
        if header.source is not None and header.destination is not None:
            self._remember(to_memo(header.source, header.destination))
            self.client, self.server = self._addresses
        return rest

    def _remember(self, memo: bytes) -> None:
        kept = from_memo(memo)
        if kept is not None:
            self._memo = memo
            self._addresses = kept


def _tell_of_end(protocol: Any) -> None:
    """wsproto's class of uvicorn 0.17 leaves its application waiting when a client closes without a frame."""
    queue: Any = getattr(protocol, "queue", None)
    lost = protocol.connection_lost
    if not isinstance(queue, asyncio.Queue):
        return

    def connection_lost(error: Optional[BaseException]) -> None:
        lost(error)
        queue.put_nowait({"type": "websocket.disconnect", "code": 1006})

    protocol.connection_lost = connection_lost


class H11WorkerProtocol(WorkerProtocol, H11Protocol):
    base = H11Protocol

    def attach(self, link: Link, answered: Optional[Callable[[], None]]) -> None:
        strict_h11(self.conn)
        super().attach(link, answered)

    def between_requests(self) -> bool:
        conn = self.conn
        return conn.our_state is h11.IDLE and conn.their_state is h11.IDLE and not conn.trailing_data[0]

    def head_missing(self) -> bool:
        return self.conn.their_state is h11.IDLE

    def may_refuse(self) -> bool:
        return self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def send_400_response(self, msg: str) -> None:
        try:
            super().send_400_response(msg)
        except h11.LocalProtocolError:
            self.transport.close()  # the answer to HEAD has no body, and its head is written


async def _bad_request(scope: Any, receive: Any, send: Any) -> None:
    headers = [CLOSE_HEADER, (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 400, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def httptools_protocol() -> Optional[Type[Any]]:
    """The class for httptools, if it is installed."""
    try:
        import httptools  # noqa: F401
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return None

    # Each request comes by here, and these are found sooner than in a class.
    take, begin = HttpToolsProtocol.data_received, HttpToolsProtocol.on_message_begin
    headers_complete, message_complete = HttpToolsProtocol.on_headers_complete, HttpToolsProtocol.on_message_complete

    class HttpToolsWorkerProtocol(WorkerProtocol, HttpToolsProtocol):
        base = HttpToolsProtocol
        in_head = False
        in_message = False
        _head = b""
        _is_clear = False  # the head that is parsed next

        def between_requests(self) -> bool:
            return not self.in_message and not self.pipeline

        def head_missing(self) -> bool:
            return self.in_head or not self.in_message

        def may_refuse(self) -> bool:
            return not (self.answering and self.cycle.response_started)

        def send_400_response(self, msg: str) -> None:
            # The answers to requests before this one are still to come.
            if self.answering and self.head_missing():
                self._answer_no_more()
            elif self.pipeline:
                self.pipeline[0] = (self.pipeline[0][0], _bad_request)
                self._answer_no_more()
            else:
                super().send_400_response(msg)

        def handle_upgrade(self, *event: Any) -> None:
            if self.answering:
                self._answer_no_more()
            else:
                super().handle_upgrade(*event)

        def handle_websocket_upgrade(self, *event: Any) -> None:
            if self.answering:
                self._answer_no_more()
            else:
                super().handle_websocket_upgrade(*event)

        def _answer_no_more(self) -> None:
            self.spoiled = True
            self._say_close(self.cycle)
            self.flow.pause_reading()

        def data_received(self, data: bytes) -> None:
            if self.in_message or self._head or self._proxy_bytes is not None or not (self._is_clear or clear_head(data)):
                WorkerProtocol.data_received(self, data)
                return
            self._is_clear = True
            self.heard += len(data)
            take(self, data)

        def refused(self, data: bytes) -> bool:
            # Of requests in one piece this sees the first one's head; the rest is for the parser alone.
            if self.in_message and not self._head:
                return False
            self._head += data
            head = head_of(self._head)
            if head is None:
                return False
            self._head = b""
            why = doubt_of_head(head)
            if why is None:
                return False
            self.logger.warning("Invalid HTTP request received. (%s)", why)
            self.in_message = self.in_head = True
            self.send_400_response("Invalid HTTP request received.")
            return True

        def expect_clear_head(self) -> None:
            self._is_clear = True

        def over(self) -> None:
            WorkerProtocol.over(self)
            self.parser = None

        def on_message_begin(self) -> None:
            self.in_message = self.in_head = True
            begin(self)

        def on_headers_complete(self) -> None:
            if self._is_clear:
                self._is_clear = False
            else:
                self._look_at_fields()
            self.in_head = False
            headers_complete(self)

        def _look_at_fields(self) -> None:
            why = doubt_of_fields(self.headers, _VERSIONS.get(self.parser.get_http_version(), b""))
            if why is not None:
                raise ValueError(why)
            if self.parser.should_upgrade():
                self.spoiled = True  # what follows is no request

        def on_message_complete(self) -> None:
            self.in_message = False
            message_complete(self)

    return HttpToolsWorkerProtocol

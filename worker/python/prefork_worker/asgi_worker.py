"""An ASGI application as a worker: uvicorn's configuration, lifespan and protocols around the connections of the channel."""

import asyncio
import inspect
import logging
import os
import random
import sys
from typing import Any, Sequence, Set, Type

import uvicorn
import uvicorn.logging
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from . import reloading
from .asgi_protocol import H11WorkerProtocol, WorkerProtocol, httptools_protocol
from .early_transport import EarlyTransport, arrived
from .event_loop import Link, LoopWorker
from .session import Session
from .strict_http import clear_head

#: uvicorn's own, for a failed start.
STARTUP_FAILURE = 3
_SERVICE_RESTART = 1012


def protocol_class(http: str) -> Type[Any]:
    """The class that uvicorn would take for `--http`."""
    wanted = httptools_protocol() if http != "h11" else None
    if http == "auto" and "HttpTools" not in AutoHTTPProtocol.__name__:
        wanted = None
    if http == "httptools" and wanted is None:
        raise ImportError("--http httptools: the package httptools is not installed")
    return wanted or H11WorkerProtocol


class AccessFormatter(uvicorn.logging.AccessFormatter):
    """uvicorn's, with the time that a request's connection was queued: %(queued_ms)s."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        if not hasattr(record, "queued_ms"):
            record.queued_ms = 0.0
        return str(super().formatMessage(record))


class OneLine(logging.Filter):
    """A client's mistake is no fault of the program: one line, and no traceback."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if error is not None and {one.__name__ for one in type(error).__mro__} & {"RemoteProtocolError", "HttpParserError"}:
            record.msg = f"{record.msg} ({error.__context__ or error})"
            record.exc_info = record.exc_text = None
        return True


class _AccessLog:
    """The access log of one connection: its first request is the one that was queued."""

    __slots__ = ("_logger", "_waited")

    def __init__(self, logger: logging.Logger, waited: float) -> None:
        self._logger = logger
        self._waited = waited

    def info(self, message: str, *values: Any) -> None:
        queued, self._waited = self._waited, 0.0
        self._logger.info(message, *values, extra={"queued_ms": round(queued * 1000, 1)})


class AsgiWorker(LoopWorker):
    def __init__(
        self,
        server: uvicorn.Server,
        session: Session,
        slots: int,
        *,
        timeout_client: float,
        max_requests: int = 0,
        max_requests_jitter: int = 0,
        report_load: bool = False,
    ) -> None:
        super().__init__(session, slots, report_load=report_load)
        self._server = server
        self._config = server.config
        self._timeout_client = timeout_client
        self._max_requests = max_requests + random.randint(0, max_requests_jitter) if max_requests else 0
        self._tasks: "Set[asyncio.Task[Any]]" = set()
        self._access_logger = logging.getLogger("uvicorn.access")
        self._class = self._config.http_protocol_class
        self._arguments = {"config": self._config, "server_state": server.server_state, "_loop": self.loop}
        if "app_state" in inspect.signature(self._class.__init__).parameters:
            self._arguments["app_state"] = server.lifespan.state

    def begin(self, link: Link) -> None:
        protocol = self._class(**self._arguments)
        if protocol.access_log:
            protocol.access_logger = _AccessLog(self._access_logger, link.connection.waited)
        protocol.attach(link, self._answered if self._max_requests else None)
        first = arrived(link.socket)
        head = clear_head(first)
        if head and len(head) == len(first):
            EarlyTransport(self, link, protocol).begin(head=first)
        else:
            self.open(link, protocol, _not_begun)

    def yielded(self) -> None:
        for link in self.links:
            if isinstance(link.protocol, WorkerProtocol):
                link.protocol.yielded()

    def leave(self) -> None:
        for link in list(self.links):
            if isinstance(link.protocol, WorkerProtocol):
                link.protocol.end_after_answer()
            else:
                _end_websocket(link.protocol)

    def _answered(self) -> None:
        if self._server.server_state.total_requests >= self._max_requests:
            self.session.leave()
            self.loop.call_soon(self.look)

    def tick(self) -> None:
        task = self.loop.create_task(self._server.on_tick(0))  # the date in the answers
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        now = self.loop.time()
        for link in list(self.links):
            if isinstance(link.protocol, WorkerProtocol) and link.protocol.transport is not None:
                link.protocol.look_after(now, self._timeout_client)

    def changed(self, path: str) -> None:
        """A file of the program has changed. For another thread."""
        logging.getLogger("uvicorn.error").info("%s has changed: this worker leaves.", path)
        self.loop.call_soon_threadsafe(self.stop)


def _not_begun(_: Link) -> None:
    logging.getLogger("uvicorn.error").error("A connection could not be begun: %r", sys.exc_info()[1])


def _end_websocket(protocol: Any) -> None:
    """As uvicorn does, with a closing frame where its version sends none."""
    fail = getattr(protocol, "fail_connection", None)
    if fail is not None and getattr(protocol, "open", False):
        fail(_SERVICE_RESTART)
    else:
        protocol.shutdown()


async def serve_application(
    config: uvicorn.Config, session: Session, slots: int, *, reload: bool = False, reload_more: Sequence[str] = (), **options: Any
) -> int:
    """Runs the application's lifespan around the worker; returns the exit status."""
    if not config.loaded:
        config.load()
    logging.getLogger("uvicorn.error").addFilter(OneLine())
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[])
    if server.should_exit:
        print(f"worker {os.getpid()} leaves: the application's startup failed", file=sys.stderr, flush=True)
        return STARTUP_FAILURE
    await server.on_tick(0)
    worker = AsgiWorker(server, session, slots, **options)
    if reload:
        reloading.watch(worker.changed, reload_more)
    status = await worker.run()
    while server.server_state.tasks:  # what goes on after its answer
        await asyncio.wait(list(server.server_state.tasks))
    await server.lifespan.shutdown()
    return status

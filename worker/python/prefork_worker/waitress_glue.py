"""waitress, as far as it serves here: its WSGI task, and its parser for bodies. Debian's 2.1.2 and later releases fit.

Everything about connections, processes and time is ours; waitress's server, channels and threads are not used.
"""

import importlib.machinery
import importlib.util
import sys
from functools import lru_cache
from operator import itemgetter
from typing import Any, Callable, Dict, List, Optional, Tuple

#: Where Debian has it, for applications in a virtual environment that has none.
_DEBIAN = "/usr/lib/python3/dist-packages"


def _import_debians() -> None:
    spec = importlib.machinery.PathFinder.find_spec("waitress", [_DEBIAN])
    if spec is None or spec.loader is None:
        raise SystemExit(
            f"waitress is not installed for {sys.executable}: install the package python3-waitress, or "
            "waitress in the application's virtual environment"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules["waitress"] = module
    spec.loader.exec_module(module)


try:
    import waitress as _waitress  # noqa: F401
except ModuleNotFoundError as _missing:
    if _missing.name != "waitress":
        raise
    _import_debians()

from waitress.adjustments import Adjustments  # noqa: E402
from waitress.buffers import OverflowableBuffer, ReadOnlyFileBasedBuffer  # noqa: E402
from waitress.parser import HTTPRequestParser, ParsingError, split_uri  # noqa: E402
from waitress.receiver import FixedStreamReceiver  # noqa: E402
from waitress.task import WSGITask  # noqa: E402
from waitress.utilities import build_http_date  # noqa: E402

from .addresses import Addresses  # noqa: E402
from .chunked import ChunkedBody  # noqa: E402
from .http_head import BadRequest, Head  # noqa: E402

IDENT = "prefork_worker"
#: What is the same in the environment of each request.
_ENVIRON: Dict[str, Any] = {
    "SERVER_SOFTWARE": IDENT,
    "SCRIPT_NAME": "",
    "wsgi.version": (1, 0),
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
    "wsgi.file_wrapper": ReadOnlyFileBasedBuffer,
    "wsgi.input_terminated": True,
}


class Settings(Adjustments):  # type: ignore[misc]
    """waitress's defaults, without its constructor, which looks addresses up."""

    def __init__(self, max_head: int, max_body: int) -> None:
        self.max_request_header_size = max_head + 1
        self.max_request_body_size = max_body + 1
        self.ident = IDENT
        self.log_socket_errors = True  # an OSError of the application is raised, too


class Server:
    """What a task asks of its server."""

    def __init__(self, settings: Settings, application: Callable[..., Any]) -> None:
        self.adj = settings
        self.application = application


class Request(HTTPRequestParser):  # type: ignore[misc]
    """waitress's parser after the head, which check() has read: received() takes the body."""

    headers_finished = True

    def __init__(self, settings: Settings, head: Head) -> None:
        self.adj = settings
        self.headers = fields = head.fields.copy()
        self.command = head.method
        self.version = "1.1" if head.minor else "1.0"
        self.url_scheme = settings.url_scheme
        self.request_uri = head.target.decode("latin-1")
        self._split(head.target)
        self.connection_close = not head.keeps
        if not head.keeps or head.minor == 0:  # waitress's task takes no list of options
            fields["CONNECTION"] = "keep-alive" if head.keeps else "close"
        if head.authority is not None:
            fields["HOST"] = head.authority
        if "EXPECT" in fields:
            self.expect_continue = head.minor == 1
        if "TRANSFER_ENCODING" in fields:
            del fields["TRANSFER_ENCODING"]  # the application sees the length of the whole
            self.chunked = True
            self.body_rcv = ChunkedBody(OverflowableBuffer(settings.inbuf_overflow))
            return
        if "CONTENT_LENGTH" in fields:
            self.content_length = size = int(fields["CONTENT_LENGTH"])
            if size > 0:
                self.body_rcv = FixedStreamReceiver(size, OverflowableBuffer(settings.inbuf_overflow))
                return
        self.completed = True

    def _split(self, target: bytes) -> None:
        if target[:1] == b"/" and target[:2] != b"//" and b"%" not in target and target.isascii():
            self.proxy_scheme = self.proxy_netloc = self.fragment = ""
            self.path, _, self.query = self.request_uri.partition("?")
            return
        try:
            self.proxy_scheme, self.proxy_netloc, self.path, self.query, self.fragment = split_uri(target)
        except (ValueError, ParsingError):  # urlsplit() has limits of its own
            raise BadRequest(400, "The request's target is malformed.") from None


def raise_error(request: Request) -> None:
    """BadRequest, if waitress has found something wrong."""
    error = request.error
    if isinstance(error, str):
        raise BadRequest(400, error)
    if error is not None:
        raise BadRequest(error.code, str(error.body))


@lru_cache(256)
def _written(name: str) -> str:
    """A field's name, as waitress writes it."""
    return "-".join(part.capitalize() for part in name.split("-"))


_first = itemgetter(0)
_build_date = lru_cache(1)(build_http_date)


class Task(WSGITask):  # type: ignore[misc]
    """One request and its answer. `is_last` is asked when the application has begun its answer.

    What waitress does more slowly is done here, with the same result: tests/python/waitress_test.py compares both.
    """

    environ: Optional[Dict[str, Any]]

    def __init__(
        self,
        channel: Any,
        request: Request,
        addresses: Addresses,
        is_last: Callable[[], bool],
        amend: Callable[[Dict[str, Any]], None],
    ) -> None:
        self.channel = channel
        self.request = request
        self.version = request.version
        self._response_headers: List[Tuple[str, str]] = []
        self._addresses = addresses
        self._is_last = is_last
        self._amend = amend
        #: The answer says that the connection ends.
        self.said_close = False
        #: Those of the answer, when it has begun.
        self.headers: List[Tuple[str, str]] = []

    @property
    def response_headers(self) -> List[Tuple[str, str]]:
        return self._response_headers

    @response_headers.setter
    def response_headers(self, headers: List[Tuple[str, str]]) -> None:
        """start_response() with `exc_info` begins anew. waitress keeps the length that the first call has given."""
        self._response_headers = headers
        self.content_length = None

    def build_response_header(self) -> bytes:
        connection = "close" if self._is_last() else self.request.headers.get("CONNECTION", "").lower()
        has_body = self.has_body
        headers: List[Tuple[str, str]] = []
        said = {}
        for name, value in self._response_headers:
            name = _written(name)
            if name != "Content-Length" or has_body:
                said[name] = value
                headers.append((name, value))
        length = said.get("Content-Length")
        if length is None and self.content_length is not None and has_body:
            length = str(self.content_length)
            headers.append(("Content-Length", length))
        if not length and self.version == "1.1" and has_body:
            headers.append(("Transfer-Encoding", "chunked"))
            self.chunked_response = True
        if not length or connection == "close" or (self.version == "1.0" and connection != "keep-alive"):
            self.said_close = self.close_on_finish = True
            if "Connection" not in said:
                headers.append(("Connection", "close"))
        elif self.version == "1.0":
            headers.append(("Connection", "Keep-Alive"))
        headers.append(("Via", IDENT) if said.get("Server") else ("Server", IDENT))
        if not said.get("Date"):
            headers.append(("Date", _build_date(int(self.start_time))))
        headers.sort(key=_first)
        self.headers = self._response_headers = headers
        lines = [f"HTTP/{self.version} {self.status}", *map("%s: %s".__mod__, headers), "\r\n"]
        return "\r\n".join(lines).encode("latin-1")

    def get_environment(self) -> Dict[str, Any]:
        environ = self.environ
        if environ is not None:
            return environ
        request = self.request
        path = request.path
        self.environ = environ = _ENVIRON.copy()
        host, port = self._addresses.shown
        environ["REMOTE_ADDR"] = environ["REMOTE_HOST"] = host
        environ["REMOTE_PORT"] = str(port)
        environ["SERVER_NAME"], port = self._addresses.local
        environ["SERVER_PORT"] = str(port)
        environ["REQUEST_METHOD"] = request.command
        environ["SERVER_PROTOCOL"] = "HTTP/" + self.version
        environ["PATH_INFO"] = "/" + path.lstrip("/") if path[:2] == "//" else path
        environ["REQUEST_URI"] = request.request_uri
        environ["QUERY_STRING"] = request.query
        environ["wsgi.url_scheme"] = request.url_scheme
        environ["wsgi.errors"] = sys.stderr
        environ["wsgi.input"] = request.get_body_stream()
        for name, value in request.headers.items():
            environ[_in_environ(name)] = value.strip()
        environ["waitress.client_disconnected"] = self.channel.check_client_disconnected
        self._amend(environ)
        return environ


@lru_cache(128)
def _in_environ(name: str) -> str:
    return name if name in ("CONTENT_LENGTH", "CONTENT_TYPE") else "HTTP_" + name

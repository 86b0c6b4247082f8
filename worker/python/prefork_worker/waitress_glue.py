"""waitress, as far as it serves here: its parser and its WSGI task. Debian's 2.1.2 and later releases fit.

Everything about connections, processes and time is ours; waitress's server, channels and threads are not used.
"""

import importlib.machinery
import importlib.util
import sys
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
from waitress.parser import HTTPRequestParser  # noqa: E402
from waitress.task import WSGITask  # noqa: E402

from .chunked import ChunkedBody  # noqa: E402
from .http_head import BadRequest, Head  # noqa: E402

IDENT = "prefork_worker"


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
        self.server_name = "localhost"
        self.effective_port: object = ""


def new_parser(settings: Settings, raw: bytes, head: Head) -> Any:
    """A parser that has read the head, which check() has allowed. Raises BadRequest."""
    parser = HTTPRequestParser(settings)
    try:
        parser.received(raw)
    except ValueError:  # urlsplit() has limits of its own
        raise BadRequest(400, "The request's target is malformed.") from None
    raise_error(parser)
    if parser.command != head.method:
        raise BadRequest(400, "The request line is malformed.")
    if not head.keeps or head.minor == 0:  # waitress takes no list of options
        parser.headers["CONNECTION"] = "keep-alive" if head.keeps else "close"
    if head.authority is not None:
        parser.headers["HOST"] = head.authority
    if parser.chunked:
        parser.body_rcv = ChunkedBody(parser.body_rcv.getbuf())
    return parser


def raise_error(parser: Any) -> None:
    """BadRequest, if the parser has found something wrong."""
    error = parser.error
    if isinstance(error, str):
        raise BadRequest(400, error)
    if error is not None:
        raise BadRequest(error.code, str(error.body))


class Task(WSGITask):  # type: ignore[misc]
    """One request and its answer. `is_last` is asked when the application has begun its answer."""

    def __init__(
        self, channel: Any, request: Any, is_last: Callable[[], bool], amend: Callable[[Dict[str, Any]], None]
    ) -> None:
        super().__init__(channel, request)
        self._is_last = is_last
        self._amend = amend
        #: The answer says that the connection ends.
        self.said_close = False
        self.headers: List[Tuple[str, str]] = []

    def build_response_header(self) -> Any:
        if self._is_last():
            self.request.headers["CONNECTION"] = "close"
        head = super().build_response_header()
        self.said_close = self.close_on_finish
        self.headers = self.response_headers
        return head

    def get_environment(self) -> Dict[str, Any]:
        environ: Optional[Dict[str, Any]] = self.environ
        if environ is None:
            environ = super().get_environment()
            environ["wsgi.multithread"] = False
            environ["wsgi.multiprocess"] = True
            self._amend(environ)
        return environ

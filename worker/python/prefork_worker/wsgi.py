"""`python3 -m prefork_worker.wsgi module:app`: a WSGI application as a worker of supervisor. See docs/workers-python.md."""

import io
import os
import signal
import sys
import traceback
from typing import Any, Callable, List, Optional

from . import reloading, wire, wsgi_options
from .access_log import AccessLog
from .application import NoApplication, load, prepare_path
from .connection import Connection
from .serving import serve

_RUN = "supervisor run --listen 127.0.0.1:8000 --workers 4 -- python3 -m prefork_worker.wsgi"


def _fail(why: str) -> "SystemExit":
    print(f"prefork_worker.wsgi: {why}", file=sys.stderr, flush=True)
    return SystemExit(2)


def _load(options: wsgi_options.Options) -> Callable[..., Any]:
    try:
        return load(options.app)
    except NoApplication as error:
        raise _fail(str(error)) from None
    except Exception:
        traceback.print_exc()
        raise _fail(f"{options.app} cannot be loaded, see above") from None


def _open_log(options: wsgi_options.Options) -> Optional[AccessLog]:
    if not options.access_logfile:
        return None
    try:
        log = AccessLog(options.access_logfile, options.access_logformat)
    except (OSError, ValueError) as error:
        raise _fail(str(error)) from None
    signal.signal(signal.SIGUSR1, lambda *_: log.reopen())
    return log


def _leave(path: str) -> None:
    print(f"{path} has changed: worker {os.getpid()} leaves", file=sys.stderr, flush=True)
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: Optional[List[str]] = None) -> int:
    options = wsgi_options.parse(arguments)
    if wire.CHANNEL_VARIABLE not in os.environ or wire.LISTEN_VARIABLE in os.environ:
        how = f'{_RUN} {options.app}, or in a pool with "protocol": "native"'
        raise _fail(f"this is a worker, which the supervisor starts. Run it with: {how}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    for one in options.env:
        name, _, value = one.partition("=")
        os.environ[name] = value
    try:
        prepare_path(options.chdir, options.pythonpath)
    except OSError as error:
        raise _fail(f"--chdir: {error}") from None
    # After the path is set: waitress is the application's, if it has one.
    from .http_conversation import Conversation
    from .wsgi_worker import Worker

    preloaded = _load(options) if options.preload else None
    worker: List[Worker] = []

    def prepare() -> None:
        worker.append(Worker(options, preloaded or _load(options), _open_log(options)))
        if options.reload:
            reloading.watch(_leave, options.reload_extra)

    def handle(connection: Connection) -> None:
        Conversation(worker[0], connection).hold()

    return serve(handle, prepare=prepare, late_receipts=True, sockets_block=False)


if __name__ == "__main__":
    sys.exit(main())

"""python3 -m prefork_worker.asgi module:app — an ASGI application as a worker, on uvicorn's protocol classes.

The options have uvicorn's names and meanings. Addresses and the number of workers are the pool's.
"""

import argparse
import copy
import os
import sys
from typing import Any, Dict, List, Optional

try:
    import uvicorn
    from uvicorn.config import LOG_LEVELS, LOGGING_CONFIG, WS_PROTOCOLS
except ImportError:
    sys.exit("prefork_worker.asgi needs uvicorn: pip install uvicorn, or Debian's package python3-uvicorn")

from . import aio
from .asgi_worker import protocol_class, serve_application
from .attach import NotAWorker, slots_of_environment
from .serving import start
from .session import Session

_OF_THE_POOL = {
    "--host": "`listen`",
    "--port": "`listen`",
    "--uds": "`listen`",
    "--fd": "`listen`",
    "--workers": "`workers`",
    "--backlog": "`backlog`",
}


class _OfThePool(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, namespace: Any, values: Any, option: Optional[str] = None) -> None:
        parser.error(f"{option}: the pool has {_OF_THE_POOL[str(option)]} for it")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m prefork_worker.asgi", description=__doc__)
    add = parser.add_argument
    switch = argparse.BooleanOptionalAction
    add("app", help="MODULE:NAME of the application")
    add("--factory", action="store_true", help="NAME is a function that makes the application")
    add("--app-dir", default=".", help="where modules are looked for first (default: the working directory)")
    add("--env-file", help="a file with environment variables; needs python-dotenv")
    add("--interface", choices=["auto", "asgi3", "asgi2", "wsgi"], default="auto")
    add("--lifespan", choices=["auto", "on", "off"], default="auto")
    add("--loop", choices=["auto", "asyncio", "uvloop"], default="auto")
    add("--http", choices=["auto", "h11", "httptools"], default="auto")
    add("--ws", choices=list(WS_PROTOCOLS), default="auto")
    add("--ws-max-size", type=int, default=16 * 1024 * 1024, metavar="BYTES")
    add("--ws-ping-interval", type=float, default=20.0, metavar="SECONDS")
    add("--ws-ping-timeout", type=float, default=20.0, metavar="SECONDS")
    add("--root-path", default="")
    add("--proxy-headers", action=switch, default=True, help="X-Forwarded-For and X-Forwarded-Proto count")
    add("--forwarded-allow-ips", metavar="LIST", help="of proxies whose headers count (default: 127.0.0.1)")
    add("--header", action="append", default=[], metavar="NAME:VALUE", help="for every answer; may be repeated")
    add("--server-header", action=switch, default=True)
    add("--date-header", action=switch, default=True)
    add("--log-level", choices=list(LOG_LEVELS))
    add("--log-config", metavar="FILE")
    add("--access-log", action=switch, default=True)
    add("--use-colors", action=switch, default=False)
    add("--limit-concurrency", type=int, metavar="N", help="connections at a time (default: connections_per_worker of the pool)")
    add("--limit-max-requests", type=int, default=0, metavar="N", help="after so many answers the worker leaves")
    add("--limit-max-requests-jitter", type=int, default=0, metavar="N", help="up to so many more, by chance")
    add("--timeout-keep-alive", type=int, default=5, metavar="SECONDS", help="in a pool that does not park")
    add("--timeout-client", type=float, default=60.0, metavar="SECONDS",
        help="for the head of a request; between two pieces of its body, or of an answer (default: 60)")
    add("--report-load", action=switch, default=False, help="report how late the event loop is")
    add("--preload", action="store_true", help="load the application in the template, with \"start\": \"fork\"")
    add("--reload", action="store_true", help="for development: leave when a file of the program changes")
    add("--reload-dir", action="append", default=[], metavar="DIR", help="look at the Python files below DIR, too")
    for name in _OF_THE_POOL:
        add(name, action=_OfThePool, help=argparse.SUPPRESS)
    return parser


def _python_files(directories: List[str]) -> List[str]:
    found: List[str] = []
    for directory in directories:
        for folder, _, names in os.walk(directory):
            found += [os.path.join(folder, name) for name in names if name.endswith(".py")]
    return found


def _log_config() -> Dict[str, Any]:
    config: Dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    access = config["formatters"]["access"]
    access["()"] = "prefork_worker.asgi_worker.AccessFormatter"
    access["fmt"] += " queued %(queued_ms)s ms"
    for formatter in config["formatters"].values():
        formatter.setdefault("use_colors", None)
    return config


def _config(options: argparse.Namespace) -> uvicorn.Config:
    sys.path.insert(0, os.path.abspath(options.app_dir))
    same = (
        "interface lifespan loop ws ws_max_size ws_ping_interval ws_ping_timeout root_path env_file proxy_headers "
        "forwarded_allow_ips server_header date_header log_level access_log use_colors timeout_keep_alive factory"
    )
    return uvicorn.Config(
        options.app,
        http=protocol_class(options.http),
        log_config=options.log_config or _log_config(),
        headers=[one.partition(":")[::2] for one in options.header],
        **{name: getattr(options, name) for name in same.split()},
    )


def main(arguments: Optional[List[str]] = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.preload and options.reload:
        parser.error("--reload and --preload exclude each other: a template keeps what it has loaded")
    try:
        config = _config(options)
        if options.preload:
            config.load()
        channel = start()
    except (NotAWorker, ImportError) as error:
        print(error, file=sys.stderr, flush=True)
        return 2

    async def serve() -> int:
        return await serve_application(
            config,
            Session(channel),
            slots_of_environment(options.limit_concurrency or aio.MANY),
            timeout_client=options.timeout_client,
            max_requests=options.limit_max_requests,
            max_requests_jitter=options.limit_max_requests_jitter,
            reload=options.reload,
            reload_more=_python_files(options.reload_dir),
            report_load=options.report_load,
        )

    choose = getattr(config, "get_loop_factory", None)  # uvicorn from 0.36 on
    if choose is not None:
        return aio.run(serve, choose())
    config.setup_event_loop()
    return aio.run(serve)


if __name__ == "__main__":
    sys.exit(main())

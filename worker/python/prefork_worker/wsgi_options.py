"""The command line of `python3 -m prefork_worker.wsgi`; names and defaults as gunicorn's where gunicorn has them."""

import argparse
from typing import List, NamedTuple, Optional

from . import access_log
from .forwarded import Trust
from .http_head import Limits


class Options(NamedTuple):
    app: str
    chdir: str
    pythonpath: str
    env: List[str]
    preload: bool
    reload: bool
    reload_extra: List[str]
    timeout: float
    keep_alive: float
    max_requests: int
    max_requests_jitter: int
    limits: Limits
    trust: Trust
    access_logfile: Optional[str]
    access_logformat: str


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86400:
        raise ValueError(text)
    return value


def _patience(text: str) -> float:
    value = _seconds(text)
    if value == 0:
        raise ValueError(text)
    return value


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError(text)
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m prefork_worker.wsgi",
        allow_abbrev=False,
        description="Serves a WSGI application as a worker of supervisor.",
        epilog="Run it with: supervisor run --listen 127.0.0.1:8000 --workers 4 -- python3 -m prefork_worker.wsgi APP",
    )
    add = parser.add_argument
    add("app", metavar="APP", help="module:name, or module:factory(); the name is application where it is left out")
    add("--chdir", default="", metavar="DIR", help="go to this directory first")
    add("--pythonpath", default="", metavar="DIRS", help="directories to find modules in, separated by commas")
    add("-e", "--env", action="append", default=[], metavar="NAME=VALUE", help="set a variable; may stand often")
    add("--preload", action="store_true", help="load the application in the template, with \"start\": \"fork\"")
    add("--reload", action="store_true", help="for development: leave when a file of the program changes")
    add("--reload-extra-file", action="append", default=[], metavar="FILE", help="with --reload: a further file")
    add("-t", "--timeout", type=_patience, default=30.0, metavar="SECONDS",
        help="for a client to send a request, and to take an answer; more for large bodies; default: 30")
    add("--keep-alive", type=_seconds, default=0.0, metavar="SECONDS",
        help="in a pool that does not park: how long a worker waits for a next request; default: 0")
    add("--max-requests", type=_count, default=0, metavar="N", help="leave after so many requests; 0: never")
    add("--max-requests-jitter", type=_count, default=0, metavar="N", help="up to so many more, by chance")
    add("--limit-request-line", type=_count, default=4094, metavar="BYTES", help="default: 4094")
    add("--limit-request-fields", type=_count, default=100, metavar="N", help="default: 100")
    add("--limit-request-field-size", "--limit-request-field_size", type=_count, default=8190, metavar="BYTES",
        help="default: 8190")
    add("--limit-request-body", type=_count, default=1 << 30, metavar="BYTES", help="default: 1 GiB")
    add("--forwarded-allow-ips", default="127.0.0.1,::1", metavar="ADDRESSES",
        help="proxies whose X-Forwarded-For and -Proto count, separated by commas; *: all; default: 127.0.0.1,::1")
    add("--access-logfile", metavar="FILE", help="a line for each answer; -: standard output; opened again at SIGUSR1")
    add("--access-logformat", default=access_log.COMMON, metavar="FORMAT",
        help="as gunicorn's; %%(Q)s: microseconds in the supervisor's queue")
    return parser


def parse(arguments: Optional[List[str]] = None) -> Options:
    """Ends the program with status 2 when something is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    for one in given.env:
        if "=" not in one[1:]:
            parser.error(f"--env {one}: write NAME=VALUE")
    if given.preload and given.reload:
        parser.error("--reload and --preload exclude each other: a template keeps what it has loaded")
    try:
        trust = Trust(given.forwarded_allow_ips)
    except ValueError as error:
        parser.error(str(error))
    limits = Limits(
        given.limit_request_line, given.limit_request_fields, given.limit_request_field_size, given.limit_request_body
    )
    return Options(
        given.app, given.chdir, given.pythonpath, given.env, given.preload, given.reload, given.reload_extra_file,
        given.timeout, given.keep_alive, given.max_requests, given.max_requests_jitter, limits, trust,
        given.access_logfile, given.access_logformat,
    )

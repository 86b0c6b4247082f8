"""A line for each answer, with gunicorn's names for its parts."""

import os
import re
import sys
import time
from typing import Any, Dict, List, NamedTuple, Tuple

COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"'
_PART = re.compile(r"%\((\{[^}]+\}[ieo]|[A-Za-z])\)s")
_UNSAFE = re.compile(r'[\x00-\x1f\x7f"\\]')
_KNOWN = "hlutrmUqHsBbfaTDLMpQ"


class Answer(NamedTuple):
    environ: Dict[str, Any]
    status: str
    headers: List[Tuple[str, str]]
    sent: int
    #: Seconds: of the request, and before it, in the supervisor's queue.
    took: float
    waited: float


def _safe(text: str) -> str:
    return _UNSAFE.sub(lambda found: f"\\x{ord(found[0]):02x}" if found[0] not in '"\\' else "\\" + found[0], text)


class AccessLog:
    def __init__(self, path: str, form: str = COMMON) -> None:
        """`path`: `-` is standard output. Raises OSError, and ValueError for a wrong format."""
        for name in _PART.findall(form):
            if len(name) == 1 and name not in _KNOWN:
                raise ValueError(f"--access-logformat: there is no %({name})s")
        self._path = path
        self._form = form
        self._broken = False
        self._descriptor = sys.stdout.fileno() if path == "-" else self._open()

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)

    def reopen(self) -> None:
        """After the file was renamed."""
        if self._path != "-":
            before = self._descriptor
            self._descriptor = self._open()
            os.close(before)

    def write(self, answer: Answer) -> None:
        line = _PART.sub(lambda found: self._part(found[1], answer), self._form) + "\n"
        try:
            os.write(self._descriptor, line.encode("utf-8", "backslashreplace"))
            self._broken = False
        except OSError as error:
            if not self._broken:
                print(f"access log: {error}; lines are lost", file=sys.stderr, flush=True)
            self._broken = True

    def _part(self, name: str, answer: Answer) -> str:
        environ = answer.environ
        if name[0] == "{":
            key, kind = name[1:-2], name[-1]
            if kind == "e":
                return _safe(str(environ.get(key, "-")))
            if kind == "i":
                return _safe(str(environ.get("HTTP_" + key.upper().replace("-", "_"), "-")))
            return _safe(next((value for one, value in answer.headers if one.lower() == key.lower()), "-"))
        return _safe(str(self._letter(name, answer)))

    def _letter(self, name: str, answer: Answer) -> object:
        environ = answer.environ
        if name in "TDLM":
            took = answer.took
            return {"T": int(took), "D": int(took * 1e6), "L": f"{took:.6f}", "M": int(took * 1e3)}[name]
        if name in "mUqHrfah":
            return _of_request(name, environ)
        if name in "sBb":
            return {"s": answer.status.split(" ")[0], "B": answer.sent, "b": answer.sent or "-"}[name]
        if name == "t":
            return time.strftime("[%d/%b/%Y:%H:%M:%S %z]")
        if name == "p":
            return f"<{os.getpid()}>"
        if name == "Q":
            return int(answer.waited * 1e6)
        return environ.get("REMOTE_USER", "-") if name == "u" else "-"


def _of_request(name: str, environ: Dict[str, Any]) -> str:
    method, target, protocol = (environ.get(key, "") for key in ("REQUEST_METHOD", "REQUEST_URI", "SERVER_PROTOCOL"))
    if name == "r":
        return f"{method} {target} {protocol}"
    keys = {"m": "REQUEST_METHOD", "U": "PATH_INFO", "q": "QUERY_STRING", "H": "SERVER_PROTOCOL"}
    keys.update({"f": "HTTP_REFERER", "a": "HTTP_USER_AGENT", "h": "REMOTE_ADDR"})
    return str(environ.get(keys[name], "-")) or "-"

"""--reload: notices that a file of the program has changed. For development."""

import os
import sys
import threading
import time
from typing import Callable, Dict, Iterable


def files() -> Iterable[str]:
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if path and not path.endswith((".so", ".pyc")):
            yield path


def times(paths: Iterable[str]) -> Dict[str, float]:
    found = {}
    for path in paths:
        try:
            found[path] = os.stat(path).st_mtime
        except OSError:
            found[path] = 0.0
    return found


def watch(changed: Callable[[str], object], more: Iterable[str] = (), every: float = 0.5) -> None:
    """Calls changed(path) once, from a thread of its own."""
    more = [os.path.abspath(path) for path in more]
    known = times([*files(), *more])  # here: what changes before the thread runs has changed

    def run() -> None:
        while True:
            now = times([*files(), *more])
            for path, when in now.items():
                if known.setdefault(path, when) != when:
                    changed(path)
                    return
            time.sleep(every)

    threading.Thread(target=run, name="reload", daemon=True).start()

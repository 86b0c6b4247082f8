"""What it costs to be watched: a run of script/bench."""
import contextlib
import http.client
import json
import os
import pathlib
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from control import Control
from servers import Server, cpu_seconds
from table import Rounds, note_errors, per_second

CHURN = ["churn", "--clients", "32"]
WORKERS = 8
PAGES = 3
SCRAPES = 10  # a second
SUBSCRIBERS = 50


class Watched(Server):
    """A supervisor with an admin process and a control socket."""

    def __init__(self, programs, workers, cpus=None):
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        self.control = os.path.join(self.directory.name, "control")
        file = pathlib.Path(self.directory.name) / "pool.json"
        file.write_text(json.dumps({"control": self.control, "admin": "127.0.0.1:0", "pools": {"web": {
            "listen": "127.0.0.1:0", "workers": workers, "command": [programs.worker, "echo"]}}}))
        super().__init__([programs.supervisor, "-c", str(file)], cpus)
        with contextlib.closing(Control(self.control)) as control:
            self.admin = self.wait_for(lambda: control.ask("status", workers=False)["admin"]["addresses"], "an admin process")[0]
            self.wait_for(lambda: control.ask("status", workers=False)["pools"][0]["ready"] == workers, "its workers")

    def listening(self):
        """The pool's address: that of the admin process is in the log, too."""
        found = None
        if os.path.exists(self.control):
            with contextlib.closing(Control(self.control)) as control:
                found = control.ask("status", workers=False)["pools"][0]["listeners"][0]["address"]
        return found

    def stop(self):
        super().stop()
        self.directory.cleanup()


@contextlib.contextmanager
def observers(programs, server, cpus):
    """Another process with the pages, the scrapes and the subscribers, and a `top`."""
    pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
    watching = subprocess.Popen([sys.executable, __file__, server.admin, server.control], preexec_fn=pin,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    watching.stdout.readline()  # all are connected
    ours, theirs = pty.openpty()
    top = subprocess.Popen([programs.supervisor, "top", "--control", server.control], preexec_fn=pin,
                           stdin=theirs, stdout=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)

    def read_screen():
        with contextlib.suppress(OSError):
            while os.read(ours, 65536):
                pass

    reader = threading.Thread(target=read_screen)
    reader.start()
    try:
        yield
    finally:
        top.terminate()
        top.wait()
        reader.join()
        os.close(ours)
        watching.stdin.close()
        watching.wait()
        watching.stdout.close()


def watch(admin, control):
    """The process of observers(): reads until its input ends."""
    def page():
        connection = http.client.HTTPConnection(admin)
        connection.request("GET", "/stream")
        answer = connection.getresponse()
        while answer.read1(65536):
            pass

    def scrape():
        connection = http.client.HTTPConnection(admin)
        next_at = time.monotonic()
        while True:
            connection.request("GET", "/metrics")
            connection.getresponse().read()
            next_at += 1 / SCRAPES
            time.sleep(max(0, next_at - time.monotonic()))

    for work in [page] * PAGES + [scrape]:
        threading.Thread(target=work, daemon=True).start()
    subscribers = [Control(control) for _ in range(SUBSCRIBERS)]
    for one in subscribers:
        threading.Thread(target=one.hear, daemon=True).start()
    print("connected", flush=True)
    sys.stdin.read()
    os._exit(0)


def watched(programs, table, count, seconds):
    table.title(f"Watched by {PAGES} pages, {SCRAPES} scrapes a second, top and {SUBSCRIBERS} subscribers: {WORKERS} workers, 32 clients, as churn, pinned")
    table.line("", "watched", "alone")
    rounds = Rounds(("alone", "watched", "again"))
    helper_ms = []
    with Watched(programs, WORKERS, {0}) as server:
        server.wait_until_quiet(WORKERS + 1)
        with contextlib.closing(Control(server.control)) as control:
            helper = control.ask("status", workers=False)["admin"]["pid"]
        for _ in range(count):
            rounds.reports["alone"].append(programs.load(server, seconds, CHURN, {1}))
            with observers(programs, server, {1}):
                used = cpu_seconds(helper)
                rounds.reports["watched"].append(programs.load(server, seconds, CHURN, {1}))
                helper_ms.append((cpu_seconds(helper) - used) * 1000 / seconds)
            rounds.reports["again"].append(programs.load(server, seconds, CHURN, {1}))
    ratio = rounds.ratio("watched", "alone", per_second)
    limit = table.verdict("cost of being watched", ratio >= 0.97, "≥ 0.97")
    per = [f"{rounds.median(name, per_second):.0f}" for name in ("watched", "alone")]
    table.line("connections a second", *per, f"{ratio:.3f}", limit)
    table.line("  the noise: alone, once more", f"{rounds.median('again', per_second):.0f}", "", f"{rounds.ratio('again', 'alone', per_second):.3f}")
    own = [f"{rounds.median(name, lambda report: report['own_us']):.2f} µs" for name in ("watched", "alone")]
    table.line("  the supervisor's own CPU per connection", *own)
    table.line("  the admin process's CPU, of each second", f"{statistics.median(helper_ms):.1f} ms", "")
    note_errors(table, rounds)


def scrape(programs, table, workers, count):
    workers = min(workers, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 7)  # the descriptors that each needs
    table.title(f"A scrape with {workers} workers: CPU time")
    with Watched(programs, workers) as server:
        server.wait_until_quiet(workers + 1)
        connection = http.client.HTTPConnection(server.admin, timeout=30)
        for path, limit in (("/metrics", 20), ("/metrics?workers=1", 20)):
            begun, used = time.monotonic(), cpu_seconds(server.process.pid)
            size = 0
            for _ in range(count):
                connection.request("GET", path)
                size = len(connection.getresponse().read())
                time.sleep(0.05)
            scraped, took = cpu_seconds(server.process.pid) - used, time.monotonic() - begun
            used = cpu_seconds(server.process.pid)
            time.sleep(took)
            each = (scraped - (cpu_seconds(server.process.pid) - used)) * 1000 / count
            verdict = table.verdict("a scrape", each <= limit, f"≤ {limit} ms")
            table.line(f"{path}, {size / 1024:.0f} KiB: the supervisor's", f"{each:.2f} ms", "", "", verdict)
        connection.close()


if __name__ == "__main__":
    watch(*sys.argv[1:])

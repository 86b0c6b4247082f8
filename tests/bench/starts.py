"""How fast a dead worker is replaced, and how much memory a template saves: for script/bench."""
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import tempfile
import time

from servers import BenchError, Server

TEMPLATE = pathlib.Path(__file__).resolve().parent.parent / "support" / "python_template.py"


class Pool:
    """A running pool, watched through its control socket."""

    WORKERS = 4
    # Faster kills would count as a crash loop, and the restarts would be delayed.
    PAUSE = 0.3

    def __init__(self, programs, command, start):
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        control = os.path.join(self.directory.name, "control")
        config = os.path.join(self.directory.name, "pool.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(
                {"listen": "127.0.0.1:0", "command": command, "start": start, "workers": self.WORKERS, "control": control}, file
            )
        self.server = Server([programs.supervisor, "-c", config])
        self.events = socket.socket(socket.AF_UNIX)
        self.events.settimeout(30)
        self.events.connect(control)
        self.events.sendall(b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"since":0}}\n')
        self.lines = self.events.makefile("r", encoding="utf-8")
        self.known = set()
        self.pids = [self.wait_for_worker()[0] for _ in range(self.WORKERS)]

    def wait_for_worker(self):
        """The pid of the next ready worker, and the milliseconds since its start was requested. A template is no worker."""
        while True:
            event = json.loads(self.lines.readline() or "null")
            if event is None:
                raise BenchError("the supervisor has closed its control socket")
            told = event.get("params", {})
            if told.get("event") == "worker_started" and told["role"] == "worker":
                self.known.add(told["worker"])
            if told.get("event") == "worker_ready" and told["worker"] in self.known:
                return told["pid"], told["took_ms"]

    def ask(self):
        host, port = self.server.address.rsplit(":", 1)
        with socket.create_connection((host, int(port)), 10) as client:
            client.sendall(b"hello")
            if not client.recv(16):
                raise BenchError("a connection was not answered")

    def replacement_ms(self):
        """Milliseconds until the next worker_ready: from the SIGKILL of a worker, and from the request for the new worker."""
        for _ in range(self.WORKERS):
            self.ask()  # the death of a worker that has served nothing would count as a failed start
        time.sleep(self.PAUSE)
        start = time.monotonic()
        os.kill(self.pids.pop(0), signal.SIGKILL)
        pid, took = self.wait_for_worker()
        self.pids.append(pid)
        return (time.monotonic() - start) * 1000, took

    def private_share(self):
        """The private share of a worker's resident memory, and its resident memory in MiB."""
        with open(f"/proc/{self.pids[0]}/smaps_rollup", encoding="ascii") as rollup:
            sizes = dict(re.findall(r"^(\w+): +(\d+) kB", rollup.read(), re.MULTILINE))
        private = int(sizes["Private_Clean"]) + int(sizes["Private_Dirty"])
        return private / int(sizes["Rss"]), int(sizes["Rss"]) / 1024

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.lines.close()
        self.events.close()
        self.server.stop()
        self.directory.cleanup()


def replacement(programs, command, start, count):
    with Pool(programs, command, start) as pool:
        since_death, since_asked = zip(*(pool.replacement_ms() for _ in range(count)))
        for _ in range(pool.WORKERS):
            pool.ask()
        share, resident = pool.private_share()
    return statistics.median(since_death), statistics.median(since_asked), share, resident

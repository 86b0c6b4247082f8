"""The supervisor that the chaos is made for: its file, its processes, its control socket."""
import json
import os
import signal
import socket
import subprocess
import threading
import time

from failing import FailingCalls

PATIENCE = 30


class ChaosError(Exception):
    """A promise is broken, or the run cannot go on; the text says which."""


def processes_below(pid):
    """(pid, name, state) of the children of a process."""
    found = []
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            pids = children.read().split()
    except OSError:
        return found
    for child in pids:
        try:
            with open(f"/proc/{child}/stat", encoding="ascii", errors="replace") as stat:
                head, _, tail = stat.read().rpartition(")")
        except OSError:
            continue  # it has just ended
        found.append((int(child), head.partition("(")[2], tail.split()[0]))
    return found


class LogReader:
    """Reads the supervisor's log from a pipe, unless it is held, into a file."""

    def __init__(self, path):
        self.path = path
        self.end, self.theirs = os.pipe()
        self.held = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        with open(self.path, "wb", buffering=0) as file:
            while True:
                while self.held.is_set():
                    time.sleep(0.01)  # the reader is slow: that is what is tested
                if not (text := os.read(self.end, 65536)):
                    return
                file.write(text)

    def finish(self):
        self.held.clear()
        self.thread.join(5)

    def last_lines(self, count):
        time.sleep(0.1)  # what is in the pipe
        with open(self.path, encoding="utf-8", errors="replace") as log:
            return "".join(log.readlines()[-count:])


class Target:
    """A running supervisor with three pools: "good" under load, "abused" with clients that misbehave, and "hostile"
    with workers that misbehave. Nothing reads its notifications to the service manager."""

    SPAWNER = "spawner"

    def __init__(self, directory, supervisor, worker, scripted, library):
        self.directory = directory
        self.worker = worker
        self.scripted = scripted
        self.file = os.path.join(directory, "pool.json")
        self.control = os.path.join(directory, "control")
        self.size = 6
        self.version = 0
        self.hostile = ["ready", "hang"]
        free = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        self.address, self.abused, self.preyed = ("127.0.0.1:%d" % one.getsockname()[1] for one in free)
        for one in free:
            one.close()
        self.write()
        self.notifications = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notifications.bind(os.path.join(directory, "notify"))
        calls = os.path.join(directory, "calls")
        environment = {"NOTIFY_SOCKET": self.notifications.getsockname(), **FailingCalls.environment(library, calls)}
        self.log = LogReader(os.path.join(directory, "log"))
        self.process = subprocess.Popen(
            [supervisor, "-c", self.file],
            stdin=subprocess.DEVNULL,
            stdout=self.log.theirs,
            stderr=self.log.theirs,
            env={**os.environ, **environment},
        )
        os.close(self.log.theirs)
        self.pid = self.process.pid
        self.wait_for(lambda s: self.pool(s)["ready"] >= 1, "a worker is ready")
        self.calls = FailingCalls(calls) if os.path.exists(calls) else None

    def text(self):
        config = {
            "control": self.control,
            "stop_timeout": "20s",
            "pools": {
                "good": {
                    "listen": self.address,
                    "command": [self.worker, "line"],
                    "environment": {"VERSION": str(self.version), "LD_PRELOAD": ""},
                    "workers": self.size,
                    "probation": {"time": "100ms"},
                    "queue": {"max": 4096, "timeout": "60s"},
                    "restart": {"backoff_max": "500ms"},
                },
                "abused": {
                    "listen": [self.abused, f"unix:{self.directory}/abused"],
                    "command": [self.worker, "line"],
                    "environment": {"LD_PRELOAD": ""},
                    "workers": 2,
                    "hold": "done",
                    "health": {"busy_timeout": "500ms"},
                    "restart": {"backoff_max": "500ms"},
                },
                "hostile": {
                    "listen": self.preyed,
                    "command": [self.scripted, *self.hostile],
                    "environment": {"LD_PRELOAD": ""},
                    "workers": 2,
                    "health": {"start_timeout": "500ms", "kill_timeout": "200ms"},
                    "restart": {"backoff_min": "50ms", "backoff_max": "200ms"},
                },
            },
        }
        return json.dumps(config)

    def write(self, text=None):
        temporary = self.file + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(self.text() if text is None else text)
        os.rename(temporary, self.file)

    def ask(self, method, **parameters):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(self.control)
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
            client.sendall(json.dumps(request).encode() + b"\n")
            line = client.makefile("rb").readline()
        if not line:
            raise OSError("the control socket has been closed")
        return json.loads(line)

    def status(self):
        """None while an upgrade takes over."""
        try:
            return self.ask("status")["result"]
        except (OSError, ValueError):
            self.check_alive()
            return None

    @staticmethod
    def pool(status, name="good"):
        return next(pool for pool in status["pools"] if pool["name"] == name)

    def wait_for(self, condition, what, patience=PATIENCE):
        deadline = time.monotonic() + patience
        while True:
            status = self.status()
            if status is not None and condition(status):
                return status
            if time.monotonic() > deadline:
                raise ChaosError(f"within {patience} seconds it is not so that {what}: {json.dumps(status)[:2000]}")
            time.sleep(0.05)

    def check_alive(self):
        if self.process.poll() is not None:
            last = self.log.last_lines(5)
            raise ChaosError(f"the supervisor has ended with status {self.process.returncode}; its last lines:\n{last}")

    def workers(self):
        return [pid for pid, name, state in processes_below(self.pid) if name == "supervisor-work" and state != "Z"]

    def spawners(self):
        return [pid for pid, name, state in processes_below(self.pid) if name == self.SPAWNER and state != "Z"]

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        """The exit status of a graceful stop."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise ChaosError("SIGTERM does not end the supervisor") from error

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.finish()
        self.notifications.close()

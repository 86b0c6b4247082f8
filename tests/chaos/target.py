"""The supervisor that the chaos is made for: its file, its processes, its control socket."""
import json
import os
import signal
import socket
import subprocess
import time

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


class Target:
    """A running supervisor with a pool "good" under load and a pool "hostile" whose workers misbehave."""

    SPAWNER = "spawner"

    def __init__(self, directory, supervisor, worker, scripted):
        self.directory = directory
        self.worker = worker
        self.scripted = scripted
        self.file = os.path.join(directory, "pool.json")
        self.control = os.path.join(directory, "control")
        self.size = 6
        self.version = 0
        self.hostile = ["ready", "hang"]
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = "127.0.0.1:%d" % free.getsockname()[1]
        self.write()
        self.log = open(os.path.join(directory, "log"), "wb")
        self.process = subprocess.Popen(
            [supervisor, "-c", self.file], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log
        )
        self.pid = self.process.pid
        self.wait_for(lambda s: self.pool(s)["ready"] >= 1, "a worker is ready")

    def write(self, text=None):
        config = {
            "control": self.control,
            "stop_timeout": "20s",
            "pools": {
                "good": {
                    "listen": self.address,
                    "command": [self.worker, "line"],
                    "environment": {"VERSION": str(self.version)},
                    "workers": self.size,
                    "probation": {"time": "100ms"},
                    "queue": {"max": 4096, "timeout": "60s"},
                },
                "hostile": {
                    "listen": f"unix:{self.directory}/hostile",
                    "command": [self.scripted, *self.hostile],
                    "workers": 2,
                    "health": {"start_timeout": "500ms", "kill_timeout": "200ms"},
                    "restart": {"backoff_min": "50ms", "backoff_max": "200ms"},
                },
            },
        }
        temporary = self.file + ".new"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(json.dumps(config) if text is None else text)
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
    def pool(status):
        return next(pool for pool in status["pools"] if pool["name"] == "good")

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
            with open(self.log.name, encoding="utf-8", errors="replace") as log:
                last = "".join(log.readlines()[-5:])
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
        self.log.close()

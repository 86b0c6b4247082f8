"""What clients notice while workers, listeners and the supervisor itself are replaced: for script/bench."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

from control import Control
from servers import BenchError, Server

WORKERS = 8
# Half of the requests take 1 ms and half take 5 ms: 45 % of the workers' capacity.
RATE = round(0.45 * WORKERS / 0.003)
LOAD = ["open", "--rate", str(RATE), "--short-us", "1000", "--long-us", "5000", "--long-share", "0.5"]
PACES = (
    "20 workers a second recycled, one at a time; rollouts one right after the other, each with 0.2 s of probation;\n"
    "{listeners} listener changes and {upgrades} upgrades spread over {seconds} seconds"
)
KINDS = ("recycled workers", "rollouts", "listener changes", "upgrades in place")


class Service:
    """A pool under an open load (requests arrive at random times, answered or not), and the changes to make in it."""

    PROBATION = {"time": "200ms", "connections": 1}
    # Under the load RATE this many workers are recycled a second.
    RECYCLED_A_SECOND = 20

    def __init__(self, programs):
        self.programs = programs
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        self.config = self.path("pool.json")
        self.pool = {
            "listen": ["127.0.0.1:0"],
            "command": [programs.worker, "line"],
            "workers": WORKERS,
            "probation": self.PROBATION,
            "control": self.path("control"),
        }
        self.write_config({})
        self.server = Server([programs.supervisor, "-c", self.config])
        self.control = Control(self.path("control"))
        self.server.wait_until_quiet(WORKERS)

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def write_config(self, changed):
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({**self.pool, **changed}, file)

    def reload(self, changed):
        self.write_config(changed)
        verdict = self.control.ask("reload")
        if not verdict["applied"]:
            raise BenchError(f"reload: {verdict['mistakes']}")

    def await_departures(self, reason, count):
        """Waits until `count` workers have left for this reason."""
        self.control.wait_for(lambda event: event["event"] == "worker_died" and event["reason"] == reason, count)

    def change(self, kind, count, seconds):
        """Makes `count` changes in about `seconds` seconds. Recycling and rollouts run at their own pace."""
        if kind == "recycled workers":
            self.reload({"recycle": {"connections": round(RATE / self.RECYCLED_A_SECOND)}})
            self.await_departures("recycled", count)
            self.reload({})
            return
        pause = 0 if kind == "rollouts" else seconds / count
        begin = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begin + number * pause - time.monotonic()))
            if kind == "rollouts":
                self.roll_out()
            elif kind == "listener changes":
                self.change_listeners(number)
            else:
                self.control.upgrade()

    def roll_out(self):
        """One rollout. It ends when the last old worker has left."""
        self.control.ask("restart")
        self.await_departures("replaced by a new generation", WORKERS)

    def change_listeners(self, number):
        """Adds a TCP and a unix listener, or removes both again. A client of the added unix listener must get an answer."""
        if number % 2 == 1:
            return self.reload({})
        more = "unix:" + self.path("more")
        self.reload({"listen": self.pool["listen"] + ["127.0.0.2:0", more]})
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path("more"))
            client.sendall(b"S 1000\n")
            if not client.recv(16).startswith(b"OK"):
                raise BenchError("the listener that was added does not answer")

    def under_load(self, seconds, action):
        """Runs the action under load, for at least `seconds`; returns the report of the load generator."""
        command = [self.programs.client, self.server.address, "--seconds", "600", *LOAD]
        begin = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
            try:
                action()
                time.sleep(max(0.0, begin + seconds - time.monotonic()))
            finally:
                client.send_signal(signal.SIGTERM)
            report, errors = client.communicate()
        if client.returncode != 0:
            raise BenchError(f"bench-client: {errors}")
        return json.loads(report)["all"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.control.close()
        self.server.stop()
        self.directory.cleanup()


def rounds(programs, count, changes, seconds):
    """For each round the reports of each kind of change, after a steady phase: {kind: (steady, changing)}."""
    with Service(programs) as service:
        for _ in range(count):
            yield {
                kind: (
                    service.under_load(seconds, lambda: None),
                    service.under_load(seconds, lambda kind=kind: service.change(kind, changes[kind], seconds)),
                )
                for kind in KINDS
            }

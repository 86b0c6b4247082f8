"""Unmodified programs behind the supervisor, `protocol: accept`: runs of script/bench."""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
from contextlib import ExitStack

from keepalive import RATE, RIVALS, WORKERS, Pool, ideal_p99, measured, note_errors, ratio_line, short_p99
from servers import Server
from table import Rounds, per_second


def free_port():
    """A program names the port that its pool listens at, so both have to know it before they start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Unmodified(Server):
    """The supervisor with a pool of a program that accepts for itself. `command`: port → list of arguments."""

    def __init__(self, programs, command, workers, cpus=None, **keys):
        port = free_port()
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        config = pathlib.Path(self.directory.name, "pool.json")
        pool = {"listen": f"127.0.0.1:{port}", "command": command(port), "protocol": "accept", "workers": workers}
        config.write_text(json.dumps({**pool, **keys}), encoding="utf-8")
        super().__init__([programs.supervisor, "-c", str(config)], cpus)
        self.wait_until_quiet(workers)

    def stop(self):
        super().stop()
        self.directory.cleanup()


def accept_cost(programs, table, count, seconds):
    table.title(f"CPU of a connection: {WORKERS} workers that accept for themselves, unmodified, against native ones; pinned")
    table.line("", "accept", "native")

    def command(port):
        return [programs.worker, "echo", "--listen", f"127.0.0.1:{port}"]

    with Unmodified(programs, command, WORKERS, {0}) as accepting, programs.supervised("echo", WORKERS, {0}) as native:
        native.wait_until_quiet(WORKERS)
        rounds = Rounds(("accept", "native"))
        for _ in range(count):
            for name, server in (("accept", accepting), ("native", native)):
                rounds.reports[name].append(programs.load(server, seconds, ["churn", "--clients", "32"], {1}))
    for what, figure, limit in (
        ("  the workers'", lambda report: report["workers_us"], 1.15),
        ("  the supervisor's", lambda report: report["own_us"], None),
    ):
        ratio_line(table, rounds, what, "accept", "native", figure, " µs", "an accepting worker's CPU", limit)
    ratio_line(table, rounds, "connections a second", "accept", "native", per_second, "")
    note_errors(table, rounds, ("accept", "native"))


def footprint(server):
    """Descriptors and resident KiB of the workers."""
    descriptors = kib = 0
    for pid in server.processes()[1]:
        descriptors += len(os.listdir(f"/proc/{pid}/fd"))
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            kib += int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
    return descriptors, kib


def accept_growth(programs, table, connections, seconds):
    table.title(f"Growth of unmodified workers in {connections:,} connections")
    table.line("", "after", "before")
    command = lambda port: [programs.worker, "echo", "--listen", f"127.0.0.1:{port}"]  # noqa: E731
    with Unmodified(programs, command, WORKERS) as server:
        programs.load(server, seconds, ["churn", "--clients", "32"])
        before, made = footprint(server), 0
        while made < connections:
            made += programs.load(server, seconds, ["churn", "--clients", "32"])["answered"]
        server.wait_until_quiet(WORKERS)
        after = footprint(server)
    for what, now, then, unit, bound in (
        ("descriptors", after[0], before[0], "", 1),
        ("resident memory", after[1], before[1], " KiB", 1.02),
    ):
        limit = table.verdict(f"growth of {what}", now <= then * bound, f"≤ {bound}")
        table.line(f"{what} of {WORKERS} workers", f"{now}{unit}", f"{then}{unit}", f"{now / then:.3f}", limit)


def node():
    return shutil.which("node") or shutil.which("nodejs")


def has_python(module):
    """Whether Debian's Python has the module."""
    found = subprocess.run(["/usr/bin/python3", "-c", f"import {module}"], stderr=subprocess.DEVNULL, check=False)
    return found.returncode == 0


UVICORN = ["/usr/bin/python3", "-m", "uvicorn", "--no-access-log", "--app-dir", str(RIVALS), "uvicorn_application:application"]


def gunicorn_sync(gunicorn, port, workers):
    command = [gunicorn, "--bind", f"127.0.0.1:{port}", "--workers", str(workers)]
    return command + ["--chdir", str(RIVALS), "gunicorn_application"]


def pairs():
    """name → (the program as it is, what it is compared with, limit of the ratio of the short requests' p99)."""
    found = {}
    if node():
        found["Node"] = (
            lambda port: [node(), str(RIVALS / "node_alone.js"), str(port)],
            [node(), str(RIVALS / "node_cluster.js"), str(WORKERS)],
            1 / 3,
        )
    if has_python("uvicorn"):
        found["uvicorn"] = (
            lambda port: [*UVICORN, "--port", str(port)],
            [*UVICORN, "--port", str(free_port()), "--workers", str(WORKERS)],
            1 / 3,
        )
    if gunicorn := shutil.which("gunicorn", path="/usr/bin") or shutil.which("gunicorn"):
        found["gunicorn sync"] = (
            lambda port: gunicorn_sync(gunicorn, port, 1),
            gunicorn_sync(gunicorn, free_port(), WORKERS),
            1,
        )
    return found


def unmodified(programs, table, count, seconds):
    table.title(
        f"Unmodified programs, {WORKERS} of one slot: random arrivals at 60 %, 95 % of the requests block for 1 ms, 5 % for\n"
        f"100 ms, each on a new connection; p99 of the short ones against the program's own {WORKERS} workers"
    )
    table.line("", "supervisor", "own workers")
    load = ["--clients", "0", "--phase", f"{RATE}:{seconds}", "--grace", "1", "--fresh", "--ideal-servers", str(WORKERS)]
    installed = pairs()
    rounds = {}
    for name, (alone, rival, _) in installed.items():
        with ExitStack() as stack:
            variants = {"accept": (stack.enter_context(Unmodified(programs, alone, WORKERS)), load)}
            variants["rival"] = (stack.enter_context(Server(rival)), load)
            variants["rival"][0].wait_until_quiet(WORKERS)
            if name == "Node":
                variants["native"] = (stack.enter_context(Pool(programs, {})), load)
            rounds[name] = measured(programs, variants, count, seconds)
    for name, (_, _, limit) in installed.items():
        ratio_line(table, rounds[name], name, "accept", "rival", short_p99, " ms", f"{name}'s tail", round(limit, 3))
        note_errors(table, rounds[name], ("accept",))
        ideal = rounds[name].median("rival", ideal_p99)
        table.line("  one ideal queue, same arrivals", f"{ideal:.1f} ms", "", f"{ideal / rounds[name].median('rival', short_p99):.2f}")
    if "Node" in installed:
        what = "Node, against native workers"
        ratio_line(table, rounds["Node"], what, "accept", "native", short_p99, " ms", what, 1.2)
    for name in ("Node", "uvicorn", "gunicorn sync"):
        if name not in installed:
            table.line(name, "", "not installed", "", "skipped")

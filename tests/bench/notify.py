"""Static programs behind the supervisor, `protocol: accept-notify`: a run of script/bench."""
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from keepalive import note_errors, ratio_line
from servers import Server
from table import Rounds
from unmodified import Unmodified, free_port

GO_SERVER = pathlib.Path(__file__).resolve().parent.parent / "programs" / "apps" / "server.go"
CHURN = ["churn", "--clients", "8"]
FRESH = ["http", "--clients", "8", "--fresh"]


class Alone(Server):
    """The same program without a supervisor. It tells nothing, so its port is asked until it answers."""

    def __init__(self, command, cpus):
        self.port = free_port()
        super().__init__(command(self.port), cpus)

    def listening(self):
        with open("/proc/net/tcp", encoding="ascii") as sockets:
            mine = f"0100007F:{self.port:04X} 00000000:0000 0A"
            return mine in sockets.read() and f"127.0.0.1:{self.port}"


def built_go_server(directory):
    """The path of the program; nothing: there is no Go."""
    go = shutil.which("go")
    if not go:
        return None
    program = os.path.join(directory, "go_server")
    environment = dict(os.environ, CGO_ENABLED="0", GOCACHE=os.path.join(directory, "cache"))
    subprocess.run([go, "build", "-o", program, str(GO_SERVER)], check=True, env=environment)
    return program


def compared(programs, table, name, command, load, pinned, count, seconds):
    cpus, of_load = ({0}, {1}) if pinned else (None, None)
    keys = {"protocol": "accept-notify", "connections_per_worker": 1 if name == "C" else 8}
    with Unmodified(programs, command, 1, cpus, **keys) as notified, Alone(command, cpus) as alone:
        rounds = Rounds(("notified", "alone"))
        for _ in range(count):
            for variant, server in (("notified", notified), ("alone", alone)):
                rounds.reports[variant].append(programs.load(server, seconds, load, of_load))
    what = f"{name}, {'pinned' if pinned else 'not pinned'}"
    ratio_line(table, rounds, what, "notified", "alone", lambda report: report["workers_us"], " µs")
    note_errors(table, rounds, ("notified", "alone"))


def cost(programs, table, count, seconds):
    table.title("CPU of a connection: a static program and its notifier, against the program alone")
    table.line("", "accept-notify", "alone")
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        go_server = built_go_server(directory)
        for name, program, load in (("C", programs.static_echo, CHURN), ("Go", go_server, FRESH)):
            if not program:
                table.line(name, "", "not installed", "", "skipped")
                continue
            for pinned in (True, False):
                compared(programs, table, name, lambda port, path=program: [path, str(port)], load, pinned, count, seconds)
    floors = [float(subprocess.run([programs.notified_calls], check=True, capture_output=True).stdout) for _ in range(count)]
    table.line("one reported accept and close, nothing else", f"{statistics.median(floors):.1f} µs", "")

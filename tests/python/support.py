"""What the tests of the Python package share: the other end of a worker's channel, and a running supervisor."""
import array
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

from prefork_worker import wire
from waiting import eventually  # noqa: F401 (for the tests)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "worker" / "python"
SUPERVISOR = os.environ.get("SUPERVISOR", str(ROOT / "build" / "supervisor" / "supervisor"))
SUPERVISOR_WORKER = os.environ.get("SUPERVISOR_WORKER", str(ROOT / "build" / "worker" / "supervisor-worker"))
#: Full sizes take minutes; continuous integration takes the small ones.
FULL = os.environ.get("PREFORK_FULL_TESTS") == "1"
LAYOUT = struct.Struct("<HHIQQII")


def send_signal(pid, number):
    """To a worker, which may leave by itself at any time."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


class Supervisor:
    """The supervisor's end of a channel, played by a test."""

    def __init__(self):
        self.channel, self.worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.channel.settimeout(10)

    def close(self):
        self.channel.close()
        self.worker_end.close()

    def send(self, kind, flags=0, value=0, ticket=0, attached=(), text=b"", time_ns=0, wait_us=0):
        data = LAYOUT.pack(kind, flags, value, ticket, time_ns, wait_us, 0) + text + bytes(-len(text) % 32)
        self.send_bytes(data, attached)

    def send_bytes(self, data, attached=()):
        numbers = array.array("i", [one.fileno() for one in attached])
        control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)] if attached else []
        self.channel.sendmsg([data], control)

    def connection(self, ticket, flags=0, memo=b"", **fields):
        """Sends a Connection; returns the client's end of it."""
        client, served = socket.socketpair()
        client.settimeout(10)
        with served:
            self.send(wire.Kind.CONNECTION, flags | len(memo) << 8, ticket=ticket, attached=[served], text=memo, **fields)
        return client

    def hear(self):
        """The next record and its text."""
        data = self.channel.recv(wire.MAX_DATAGRAM)
        if not data:
            return None, b""
        (record, text), = wire.messages(data)
        return record, text

    def expect(self, test, *kinds):
        """The next records are of these kinds; returns the last one."""
        record = None
        for kind in kinds:
            record, _ = self.hear()
            test.assertIsNotNone(record, f"the channel has ended before {kind!r}")
            test.assertEqual(wire.Kind(record.kind), kind)
        return record

    def silent(self):
        self.channel.setblocking(False)
        try:
            return self.channel.recv(4096) == b""
        except BlockingIOError:
            return True
        finally:
            self.channel.settimeout(10)


class Pool:
    """The built supervisor with one pool on a free port. `config`: keys of the pool."""

    def __init__(self, command, env=None, **config):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="prefork-test."))
        self.log_path = self.directory / "log"
        environment = {"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
        pool = {
            "listen": "127.0.0.1:0",
            "command": command,
            "workers": 1,
            "environment": environment,
            "control": str(self.directory / "control"),
            **config,
        }
        (self.directory / "pool.json").write_text(json.dumps(pool))
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [SUPERVISOR, "-c", str(self.directory / "pool.json")], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        try:
            eventually(lambda: self.serving() or self.process.poll() is not None, 30, "every worker is ready")
            address = self.pool()["listeners"][0]["address"]
            self.port = int(address.rpartition(":")[2]) if ":" in address else 0
        except BaseException:
            print(self.log())
            self.close()
            raise

    def log(self):
        return self.log_path.read_text(errors="replace")

    def status(self):
        done = subprocess.run(
            [SUPERVISOR, "status", "--json", "--control", str(self.directory / "control")],
            capture_output=True, text=True, timeout=20, check=False,
        )
        return json.loads(done.stdout) if done.returncode == 0 else None

    def pool(self):
        status = self.status()
        return status["pools"][0] if status else None

    def serving(self):
        pool = self.pool()
        return pool is not None and pool["ready"] >= pool["wanted"] > 0

    def pids(self):
        """Of the workers that serve."""
        return [one["pid"] for one in self.pool()["workers"] if one["role"] == "worker" and one["pid"] > 0]

    def connect(self, timeout=20.0):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def http(self, timeout=20.0):
        return Http(self.connect(timeout))

    def run(self, *words):
        return subprocess.run(
            [SUPERVISOR, *words, "--control", str(self.directory / "control")],
            capture_output=True, text=True, timeout=60, check=False,
        )

    def close(self):
        """Stops it; returns its exit status."""
        if self.process.poll() is None:
            # Its workers end with it, also one that is blocked: the second SIGINT kills them.
            for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
                self.process.send_signal(sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(20)
                    break
            else:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            print(self.log()[-4000:], flush=True)
        self.close()


APPS = str(pathlib.Path(__file__).resolve().parent / "apps")
PARKING = {"wait_for_data": True, "keep_alive": {"park": True}}


def wsgi(app, *options):
    """A pool's command."""
    return [sys.executable, "-m", "prefork_worker.wsgi", "--pythonpath", APPS, *options, app]


def is_missing(module):
    """Whether a package of Debian is not installed."""
    try:
        __import__(module)
    except ModuleNotFoundError:
        return True
    return False


class Http:
    """One client that keeps its connection: raw requests, and answers whose ends are exact."""

    def __init__(self, connected):
        self.socket = connected
        self.file = connected.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, target="/", *fields, method="GET", body=b"", version="1.1"):
        lines = [f"{method} {target} HTTP/{version}", "Host: localhost", *fields]
        if body and not any(field.lower().startswith("transfer-encoding") for field in fields):
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def answer(self, method="GET"):
        """(status, fields, body); None at the end of the connection."""
        line = self.file.readline()
        if not line:
            return None
        fields = {}
        for field in iter(self.file.readline, b"\r\n"):
            name, _, value = field.decode("latin-1").partition(":")
            fields[name.lower()] = value.strip()
        status = int(line.split()[1])
        if method == "HEAD" or status in (204, 304) or status < 200:
            return status, fields, b""
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while True:
                size = int(self.file.readline(), 16)
                body += self.file.read(size)
                self.file.readline()
                if size == 0:
                    return status, fields, body
        if "content-length" in fields:
            return status, fields, self.file.read(int(fields["content-length"]))
        return status, fields, self.file.read()

    def ask(self, target="/", *fields, method="GET", **more):
        self.send(target, *fields, method=method, **more)
        return self.answer(method)

"""What the tests of workers with an event loop share."""
import importlib.util
import os
import pathlib
import re
import select
import socket
import subprocess
import sys

from prefork_worker import wire
from prefork_worker.wire import Kind
from support import PACKAGE, Supervisor

APPS = pathlib.Path(__file__).resolve().parent / "apps"
LINES = [sys.executable, str(APPS / "aio_lines.py")]
PARK = {"wait_for_data": True, "keep_alive": {"park": True}}


def installed(module):
    return importlib.util.find_spec(module) is not None


LOOPS = ["asyncio"] + (["uvloop"] if installed("uvloop") else [])
PARSERS = ["h11"] + (["httptools"] if installed("httptools") else [])


def asgi(*options, app="asgi_app:app"):
    return [sys.executable, "-m", "prefork_worker.asgi", "--app-dir", str(APPS), app, *options]


class LoopSupervisor(Supervisor):
    """Does not hear the signs that the loop gives each second. A datagram may have several records."""

    def __init__(self):
        super().__init__()
        self._heard = []

    def hear(self):
        while not self._heard:
            data = self.channel.recv(wire.MAX_DATAGRAM)
            if not data:
                return None, b""
            self._heard = [one for one in wire.messages(data) if one[0].kind != Kind.PROGRESS]
        return self._heard.pop(0)

    def silent(self):
        return not self._heard and super().silent()


def start_played(test, command, slots=3, **environment):
    """A worker of which the test plays the supervisor; it has sent Ready."""
    supervisor = LoopSupervisor()
    test.addCleanup(supervisor.close)
    number = supervisor.worker_end.fileno()
    process = subprocess.Popen(
        command, pass_fds=[number], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", "SUPERVISOR_CHANNEL": str(number),
             "SUPERVISOR_SLOTS": str(slots), **environment},
    )
    supervisor.worker_end.close()
    test.addCleanup(process.stdout.close)
    test.addCleanup(process.wait)
    test.addCleanup(process.kill)
    first, _ = supervisor.hear()
    if first is None:
        test.fail(process.stdout.read().decode())
    test.assertEqual((first.kind, first.ticket), (Kind.READY, slots))
    return supervisor, process


def end_played(test, supervisor, process):
    """Drain; the worker exits with 0. Returns its output."""
    supervisor.send(Kind.DRAIN)
    output = process.stdout.read().decode()
    test.assertEqual(process.wait(10), 0, output)
    return output


def line(client, text):
    """Sends a line, and returns the line that answers it."""
    client.sendall(text.encode() + b"\n")
    return read_line(client)


def read_line(client):
    answer = b""
    while not answer.endswith(b"\n"):
        piece = client.recv(65536)
        if not piece:
            raise AssertionError(f"the connection has ended after {answer!r}")
        answer += piece
    return answer.decode().strip()


def get(path, *headers, method="GET"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: test", *headers, "", ""]).encode()


def post(path, body, *headers):
    return get(path, f"Content-Length: {len(body)}", *headers, method="POST") + body


class Reply:
    """Reads one answer after another from a connection."""

    def __init__(self, client):
        self._client = client
        self._read = b""

    def _more(self):
        piece = self._client.recv(65536)
        if not piece:
            raise AssertionError(f"the connection has ended after {self._read[:200]!r}")
        self._read += piece

    def next(self, body=True):
        """Status, headers in lower case, and body of the next answer."""
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, self._read = self._read.split(b"\r\n\r\n", 1)
        status = int(head.split(b" ", 2)[1])
        headers = dict(re.findall(r"(?m)^([^:\r\n]+): *(.*?)\r?$", head.decode("latin1").lower()))
        if body and headers.get("transfer-encoding") == "chunked":
            while not self._read.endswith(b"0\r\n\r\n"):
                self._more()
            content, self._read = self._read, b""
            return status, headers, content
        size = int(headers.get("content-length", 0)) if body else 0
        while len(self._read) < size:
            self._more()
        content, self._read = self._read[:size], self._read[size:]
        return status, headers, content


def ask(client, path, *headers):
    """One GET on a connection that is kept: status and body."""
    client.sendall(get(path, *headers))
    status, _, body = Reply(client).next()
    return status, body.decode().strip()


def talk(client, data, seconds=10.0):
    """Everything that is answered to `data` before the connection ends; fails if it does not end."""
    client.settimeout(seconds)
    received = b""
    try:
        if data:
            client.sendall(data)
        while piece := client.recv(65536):
            received += piece
    except ConnectionError:
        pass
    return received


def ended(client):
    """Whether the client's end has seen the end of the connection; waits for it."""
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def await_answer(case, supervisor, client, copy, flags):
    """Until the client can read an answer, and the worker has said Busy. A worker on a busy machine may have parked the connection
    before the request came: it gets it again."""
    begun = answered = False
    while not (begun and answered):
        wanted = [supervisor.channel] if answered else [supervisor.channel, client]
        ready = select.select(wanted, [], [], 10)[0]
        case.assertTrue(ready, f"begun: {begun}, answered: {answered}")
        answered = answered or client in ready
        if supervisor.channel in ready:
            kind = supervisor.hear()[0].kind
            case.assertIn(kind, (Kind.BUSY, Kind.PARK))
            begun = kind == Kind.BUSY
            if not begun:
                supervisor.send(Kind.CONNECTION, flags, ticket=1, attached=[copy])


def held(supervisor, ticket, flags=0, **fields):
    """Sends a Connection as with `hold: done`: the client's end, and the supervisor's copy."""
    client, copy = socket.socketpair()
    client.settimeout(10)
    supervisor.send(Kind.CONNECTION, flags, ticket=ticket, attached=[copy], **fields)
    return client, copy

"""supervisor-admin under test: beside a supervisor that the test plays, over a socketpair; and small HTTP clients."""
import array
import contextlib
import http.client
import json
import os
import resource
import socket
import subprocess
import threading
import time
import unittest

from waiting import eventually  # noqa: F401 (for the tests)

ADMIN = os.environ["SUPERVISOR_ADMIN"]


def pool(name="web", **changes):
    return {
        "name": name,
        "state": "running",
        "removed": False,
        "accepting": True,
        "saturated": False,
        "configured": 4,
        "wanted": 4,
        "ready": 4,
        "start_failures": 0,
        "generation": 1,
        "slots": {"busy": 1, "total": 4},
        "with_workers": 1,
        "lobby": {"silent": 2, "parked": 3},
        "queue": {"now": 0, "limit": 16},
        "counters": {"accepted": 10, "dispatched": 9, "served": 8},
        "scoreboard": "_B__",
        "listeners": [{"address": "127.0.0.1:80", "accepted": 10, "paused": False, "backlog": 0, "backlog_limit": 128}],
        **changes,
    }


def status(*pools, **changes):
    return {"version": "1.2.3", "pid": 77, "uptime_ms": 5000.0, "stopping": False, "reload": None,
            "pools": list(pools) or [pool()], **changes}


class PlayedSupervisor:
    """The other end of the link. `answer` makes the line of an answer; None: it stays silent."""

    def __init__(self, end):
        self.end = end
        self.status = status()
        self.requests = []
        self.silent = False
        self.held = set()  # methods that it does not answer
        self.errors = {}  # method: {"code", "message"}
        self.results = {}  # method: result
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError, ValueError):
            for line in self.end.makefile("r"):
                request = json.loads(line)
                self.requests.append(request)
                if not self.silent and request["method"] not in self.held:
                    self.send(self.answer(request))

    def answer(self, request):
        reply = {"jsonrpc": "2.0", "id": request["id"]}
        method = request["method"]
        if method in self.errors:
            return {**reply, "error": self.errors[method]}
        if method == "status":
            return {**reply, "result": self.status}
        return {**reply, "result": self.results.get(method, {})}

    def send(self, message):
        with contextlib.suppress(OSError):
            self.end.sendall((json.dumps(message) if isinstance(message, dict) else message).encode() + b"\n")

    def event(self, seq, **members):
        self.send({"jsonrpc": "2.0", "method": "event",
                   "params": {"seq": seq, "time": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), **members}})

    def listen(self, admin, agent=(), hosts=()):
        """The listen line with these sockets, in one sendmsg."""
        line = {"jsonrpc": "2.0", "method": "listen", "params": {
            "admin": [str(one.getsockname()) for one in admin], "agent": [str(one.getsockname()) for one in agent],
            "hosts": list(hosts)}}
        numbers = array.array("i", [one.fileno() for one in (*admin, *agent)])
        self.end.sendmsg([json.dumps(line).encode() + b"\n"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, numbers)])

    def count(self, method):
        return sum(request["method"] == method for request in self.requests)


def listener():
    one = socket.socket()
    one.bind(("127.0.0.1", 0))
    one.listen(1024)
    return one


class AdminCase(unittest.TestCase):
    """Starts the program over a link, with one listener of each kind."""

    descriptors = None  # the limit of the program's descriptors

    def setUp(self):
        ours, theirs = socket.socketpair()
        self.admin_socket, self.agent_socket = listener(), listener()
        limit = self.descriptors

        def prepare():
            os.dup2(theirs.fileno(), 3)
            if limit:
                resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

        # The number 3 itself may be taken in this process: it stays open for the program alone.
        self.program = subprocess.Popen([ADMIN, "--link", "3"], preexec_fn=prepare, close_fds=False,
                                        stderr=subprocess.PIPE, text=True)
        theirs.close()
        self.supervisor = PlayedSupervisor(ours)
        self.supervisor.listen([self.admin_socket], [self.agent_socket], ["ops.example.org"])
        self.address = self.admin_socket.getsockname()

    def tearDown(self):
        with contextlib.suppress(OSError):
            self.supervisor.end.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(ProcessLookupError):
            self.program.kill()
        self.program.wait()
        self.program.stderr.close()
        for one in (self.supervisor.end, self.admin_socket, self.agent_socket):
            one.close()

    def get(self, path, method="GET", body=None, **headers):
        """(status, headers, body) of a request with a connection of its own."""
        connection = http.client.HTTPConnection(*self.address, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def raw(self, sent, timeout=10):
        """Everything that comes until the end of the connection."""
        with socket.create_connection(self.address, timeout=timeout) as client:
            client.sendall(sent)
            received = b""
            while piece := client.recv(65536):
                received += piece
            return received.decode()

    def agent(self, line=b""):
        with socket.create_connection(self.agent_socket.getsockname(), timeout=10) as client:
            if line:
                client.sendall(line)
            return client.makefile("r").read()

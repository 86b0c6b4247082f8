"""What the tests of docs/deploy share: hosts on the loopback network, a supervisor on one of them, and a load of requests."""
import contextlib
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import threading
import time

import waiting

SOURCE = pathlib.Path(os.environ["SOURCE_ROOT"])
DEPLOY = SOURCE / "docs/deploy"
SUPERVISOR = os.environ["SUPERVISOR"]
WORKER = pathlib.Path(os.environ["SUPERVISOR_WORKER"])
BUILD = WORKER.parents[1]
LONG = 30  # seconds: only a failure takes as long


def eventually(check, what, seconds=LONG):
    return waiting.eventually(check, seconds, what)


def program(name):
    """The path of a program of the system, or None."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def network():
    """The first three numbers of addresses on the loopback network: each test has its own, so that the ports of the files stay."""
    while True:
        base = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}."
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind((base + "1", 9465))
            return base


def replaced(text, *pairs):
    """`text` with each first string in place of the second. A string that is not there is a mistake of the test."""
    for old, new in pairs:
        if old not in text:
            raise AssertionError(f"{old!r} is not in the file")
        text = text.replace(old, new)
    return text


def end(process):
    """Ends a process that the test has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Supervisor:
    """A supervisor with a file of docs/deploy, on a host of its own."""

    def __init__(self, directory, host, config, **environment):
        self.host = host
        self.directory = pathlib.Path(directory) / host
        self.directory.mkdir()
        self.control = self.directory / "control"
        self.file = self.directory / "pool.json"
        self.file.write_text(json.dumps({**config, "control": str(self.control)}))
        self.environment = {**os.environ, "PATH": f"{WORKER.parent}:{os.environ['PATH']}", **environment}
        self.start()

    def start(self):
        with open(self.directory / "log", "a") as log:
            self.process = subprocess.Popen([SUPERVISOR, "-c", self.file], stderr=log, stdin=subprocess.DEVNULL,
                                            env=self.environment)

    def status(self):
        """The status; None while the supervisor does not answer."""
        done = subprocess.run([SUPERVISOR, "status", "--json", "--control", self.control], capture_output=True, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def workers(self):
        return [worker["pid"] for worker in self.status()["pools"][0]["workers"] if worker["pid"] > 0]

    def is_ready(self):
        """As /readyz says."""
        if self.process.poll() is not None:
            raise AssertionError(f"the supervisor has ended:\n{self.log()}")
        with contextlib.suppress(OSError):
            return get(self.host, 9465, "/readyz")[0] == 200
        return False

    def log(self):
        return (self.directory / "log").read_text()

    def kill(self, signal_number=signal.SIGKILL):
        """Ends the supervisor and its workers as the end of their machine does."""
        workers = self.workers()
        self.process.send_signal(signal_number)
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)
        self.process.wait()


def get(host, port, path, timeout=LONG, method="GET", headers={}):
    """(status, headers, body) of a request with a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection(host, port, timeout=timeout)) as client:
        client.request(method, path, headers=headers)
        answer = client.getresponse()
        return answer.status, answer.headers, answer.read().decode()


class Load:
    """Clients that keep their connections and send one request after the other, until the `with` ends."""

    def __init__(self, host, port, path, clients=12):
        self.host, self.port, self.path = host, port, path
        self.failures = []
        self.made = 0
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        client = http.client.HTTPConnection(self.host, self.port, timeout=LONG)
        while not self.over.is_set():
            try:
                client.request("GET", self.path)
                answer = client.getresponse()
                answer.read()
                if answer.status != 200:
                    self.failures.append(f"status {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                client.close()
            self.made += 1
        client.close()

    def go_on(self, requests):
        """Waits for that many more requests."""
        target = self.made + requests
        eventually(lambda: self.made >= target, f"{requests} more requests")

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

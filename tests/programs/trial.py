"""One trial of one program: a pool of four copies under load, with every promise checked."""
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import threading
import time

import clients

WORKERS = 4
CLIENTS = 16
ENVIRONMENT_MARK = "TRIAL_OF_A_PROGRAM"


class Broken(Exception):
    """A promise does not hold."""


class Trial:
    def __init__(self, supervisor, program, directory, port):
        self.program = program
        self.directory = pathlib.Path(directory)
        self.port = port
        self.command = [str(supervisor)]
        self.mark = f"{os.getpid()}.{port}"
        self.log = self.directory / "log"
        self.config = self.directory / "pool.json"
        self.workers = set()  # the pids that the status has named: some programs overwrite their environment
        self.control = ["--control", str(self.directory / "control")]

    def run(self):
        """Returns figures for the table; raises Broken."""
        self.write_config()
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command + ["-c", str(self.config)], stderr=log, stdout=log)
        try:
            self.starts()
            served, slowest = self.serves()
            balance = self.is_balanced(served)
            self.rolls_out()
            lost = self.survives_kills()
            self.stops()
        finally:
            self.end()
        return {"requests a second": served, "slowest, ms": slowest, "max/min": balance, "lost to kills": lost}

    def write_config(self):
        program = self.program
        pool = {
            "listen": f"127.0.0.1:{self.port}",
            "command": program.command(self.port, self.directory),
            "protocol": program.protocol,
            "workers": WORKERS,
            "connections_per_worker": program.slots,
            "drain": program.drain,
            "drain_signal": program.signal,
            "environment": {ENVIRONMENT_MARK: self.mark, **program.environment},
            "control": str(self.directory / "control"),
            "stop_timeout": "10s",
            **program.keys,
        }
        self.config.write_text(json.dumps(pool, indent=2))

    def ask(self, *words, timeout=60):
        return subprocess.run(
            self.command + list(words) + self.control, capture_output=True, text=True, timeout=timeout
        )

    def pool(self):
        answer = self.ask("status", "--json")
        if answer.returncode:
            raise Broken(f"status: {answer.stderr.strip()}")
        pool = json.loads(answer.stdout)["pools"][0]
        self.workers |= {worker["pid"] for worker in pool["workers"] if worker["pid"] > 0}
        return pool

    def wait_until(self, what, condition, seconds=60):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise Broken(f"the supervisor ended with status {self.process.returncode} instead of: {what}")
            if condition():
                return
            time.sleep(0.05)
        raise Broken(f"not within {seconds} s: {what}")

    def starts(self):
        self.wait_until("a control socket", lambda: self.ask("status", "--json").returncode == 0)
        self.wait_until("four workers are ready", lambda: self.pool()["ready"] == WORKERS)

    def serves(self):
        load = Load(self.program, self.port)
        begin = time.monotonic()
        load.make(self.program.requests)
        seconds = time.monotonic() - begin
        load.must_not_fail("under load")
        if self.program.tells_peer and load.wrong_peers:
            raise Broken(f"wrong address of the client: {load.wrong_peers[0]}")
        self.wait_until("all connections are over", lambda: self.pool()["counters"]["served"] >= load.made)
        return round(load.made / seconds), round(load.slowest * 1000)

    def is_balanced(self, rate):
        """Under half of the load that it can serve: under all of it, the worker that runs fastest serves most."""
        for _ in range(3):  # another program of the machine may hold up one of the workers
            before = self.served()
            Load(self.program, self.port, pause=2 * CLIENTS / rate).make(self.program.requests)
            served = [count - before[worker] for worker, count in self.served().items() if worker in before]
            ratio = max(served) / max(1, min(served))
            if len(served) == WORKERS and ratio <= 1.3:
                return round(ratio, 2)
        raise Broken(f"not balanced: {served}")

    def served(self):
        return {worker["worker"]: worker["served"] for worker in self.pool()["workers"]}

    def rolls_out(self):
        with Load(self.program, self.port).going_on() as load:
            answer = self.ask("restart", "--wait")
            if answer.returncode:
                raise Broken(f"restart --wait: {answer.stdout}{answer.stderr}")
            load.go_on_for(self.program.requests // 10)
        load.must_not_fail("in a rolling restart")

    def survives_kills(self):
        """A connection that a killed worker had not begun is served: no more clients fail than connections were lost."""
        before = self.pool()["counters"]
        with Load(self.program, self.port).going_on() as load:
            for number in range(WORKERS):
                load.go_on_for(self.program.requests // 20)
                killed = self.kill_a_worker(number)
                self.wait_until("the worker is replaced", lambda: self.is_replaced(killed))
        after = self.pool()["counters"]
        lost = after["lost"] - before["lost"]
        if len(load.failures) > lost:
            raise Broken(f"{len(load.failures)} clients failed, {lost} connections were begun: {load.failures[0]}")
        return lost

    def kill_a_worker(self, number):
        workers = [worker for worker in self.pool()["workers"] if worker["pid"] > 0]
        pid = workers[number % len(workers)]["pid"]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass  # it has just ended by itself
        return pid

    def is_replaced(self, pid):
        pool = self.pool()
        return pool["ready"] == WORKERS and all(worker["pid"] != pid for worker in pool["workers"])

    def stops(self):
        answer = self.ask("stop")
        if answer.returncode:
            raise Broken(f"stop: {answer.stdout}{answer.stderr}")
        status = self.process.wait(timeout=30)
        if status:
            raise Broken(f"the supervisor's exit status is {status}")
        deadline = time.monotonic() + 5
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)
        left = self.processes()
        if left:
            raise Broken(f"{len(left)} processes are left: {left}")

    def processes(self):
        """The trial's own, known by a variable in their environment."""
        mark = f"{ENVIRONMENT_MARK}={self.mark}".encode()
        found = []
        for entry in os.listdir("/proc"):
            if entry.isdigit() and int(entry) in self.workers:
                found.append(int(entry))
            elif entry.isdigit():
                try:
                    environment = pathlib.Path("/proc", entry, "environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                if mark in environment:
                    found.append(int(entry))
        return found

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    def last_log_lines(self):
        return self.log.read_text(errors="replace").splitlines()[-12:] if self.log.exists() else []


class Load:
    """Sixteen clients, each with one connection at a time."""

    def __init__(self, program, port, pause=0):
        self.program = program
        self.port = port
        self.pause = pause  # seconds between two requests of a client, on average
        self.lock = threading.Condition()
        self.made = 0
        self.slowest = 0.0
        self.failures = []
        self.wrong_peers = []
        self.left = None  # None: without end
        self.over = False

    def make(self, count):
        self.left = count
        self.start()
        self.join()

    def going_on(self):
        return self

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()

    def go_on_for(self, count):
        with self.lock:
            target = self.made + len(self.failures) + count
            self.lock.wait_for(lambda: self.made + len(self.failures) >= target, timeout=60)

    def start(self):
        self.threads = [threading.Thread(target=self.client) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def join(self):
        for thread in self.threads:
            thread.join()

    def client(self):
        while self.take_one():
            time.sleep(random.uniform(0, 2 * self.pause))
            begin = time.monotonic()
            try:
                answer, own = self.program.client(self.port)
                failure = None
            except clients.Failed as error:
                failure = str(error)
            with self.lock:
                if failure:
                    self.failures.append(failure)
                else:
                    self.made += 1
                    self.slowest = max(self.slowest, time.monotonic() - begin)
                    self.check_peer(answer, own)
                self.lock.notify_all()

    def take_one(self):
        with self.lock:
            if self.over or self.left == 0 or len(self.failures) > 200:
                return False
            if self.left is not None:
                self.left -= 1
            return True

    def check_peer(self, answer, own):
        found = re.search(rb"peer=(?:::ffff:)?([0-9.:]+)", answer)
        peer = found.group(1).decode() if found else "none"
        if peer.rstrip(":") not in (own, own.rpartition(":")[0]):
            self.wrong_peers.append(f"{peer} instead of {own}")

    def must_not_fail(self, when):
        if self.failures:
            raise Broken(f"{len(self.failures)} of {self.made + len(self.failures)} failed {when}: {self.failures[0]}")

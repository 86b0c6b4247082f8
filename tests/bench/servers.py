"""The servers that script/bench measures, their CPU time and memory, and the load on them."""
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time

# Supervisors that are measured have their control sockets there.
RUNTIME = tempfile.TemporaryDirectory(prefix="bench-runtime-")
os.environ["RUNTIME_DIRECTORY"] = RUNTIME.name

LISTENING = re.compile(r"(?:[Ll]istening|running) (?:on|at:) (?:http://)?(127\.0\.0\.1:\d+)")


class BenchError(Exception):
    """A run failed; the text says why."""


def parents():
    """pid → pid of the parent, for all processes."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", encoding="ascii", errors="replace") as stat:
                    found[int(name)] = int(stat.read().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                pass  # the process has just ended
    return found


def cpu_seconds(pid):
    """User and system CPU time of the threads of a process, from the scheduler (nanoseconds)."""
    nanoseconds = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            with open(f"/proc/{pid}/task/{thread}/schedstat", encoding="ascii") as stat:
                nanoseconds += int(stat.read().split()[0])
    return nanoseconds / 1e9


def is_notifier(pid):
    """The process beside a worker with the protocol accept-notify; its file is the supervisor's."""
    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as name:
        return name.read() == "notifier\n"


class Server:
    """A running server: a process and all its descendants. `cpus` pins it to these CPUs (None: all CPUs). `batch`:
    scheduled as a batch process."""

    def __init__(self, command, cpus=None, environment=None, batch=False):
        self.program = os.path.basename(command[0])
        self.log = tempfile.NamedTemporaryFile(prefix="bench-", suffix=".log")

        def prepare():
            if cpus:
                os.sched_setaffinity(0, cpus)
            if batch:
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            preexec_fn=prepare,
            env=dict(os.environ, **(environment or {})),
        )
        try:
            self.address = self.wait_for(self.listening, "it listens")
        except BenchError:
            self.stop()
            raise

    def listening(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as log:
            found = LISTENING.search(log.read())
        return found and found.group(1)

    def wait_for(self, condition, what, seconds=90):
        deadline = time.monotonic() + seconds
        while True:
            result = condition()
            if result:
                return result
            ended = self.process.poll() is not None
            if ended or time.monotonic() > deadline:
                with open(self.log.name, encoding="utf-8", errors="replace") as log:
                    last = "".join(log.readlines()[-5:])
                wrong = "ended" if ended else "took too long"
                raise BenchError(f"{self.program} {wrong}; expected: {what}. Its last output:\n{last}")
            time.sleep(0.0005)

    def processes(self):
        """Two lists of pids: the supervisor with its spawners, and the workers with their notifiers."""
        own, workers = [], []
        tree, parent_of = [self.process.pid], parents()
        for pid in tree:
            tree += [child for child, parent in parent_of.items() if parent == pid]
            try:
                program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
                own_process = program == "supervisor" and not is_notifier(pid)
            except OSError:
                continue
            (own if own_process else workers).append(pid)
        return own, workers

    def wait_until_quiet(self, workers):
        """Waits until `workers` workers run and no process uses CPU time any more."""
        self.wait_for(lambda: len(self.processes()[1]) >= workers, f"{workers} workers")
        used = -1.0

        def quiet():
            nonlocal used
            before, used = used, sum(self.cpu())
            if 0 <= used - before < 0.002:
                return True
            time.sleep(0.2)
            return False

        self.wait_for(quiet, "quiet after its start")

    def cpu(self):
        """CPU seconds so far: of the supervisor with its spawners, and of the workers."""
        own, workers = self.processes()
        return sum(map(cpu_seconds, own)), sum(map(cpu_seconds, workers))

    def memory_kib(self):
        """Resident memory of the supervisor and its spawners."""
        total = 0
        for pid in self.processes()[0]:
            with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
                total += int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))
        return total

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Programs:
    """The programs of one build directory."""

    def __init__(self, build):
        self.supervisor = os.path.join(build, "supervisor", "supervisor")
        self.worker = os.path.join(build, "worker", "supervisor-worker")
        self.classic_worker = os.path.join(build, "tests", "support", "classic-worker")
        self.client = os.path.join(build, "tests", "bench", "bench-client")
        self.many_workers = os.path.join(build, "tests", "bench", "bench-many-workers")
        self.static_echo = os.path.join(build, "tests", "bench", "static-echo")
        self.notified_calls = os.path.join(build, "tests", "bench", "bench-notified-calls")
        self.upgrade_state = os.path.join(build, "tests", "bench", "bench-upgrade-state")

    def supervised(self, service, workers, cpus=None, classic=False):
        """The supervisor with a pool of the bundled worker, or of the textbook's."""
        with tempfile.NamedTemporaryFile("w", prefix="bench-", suffix=".json") as pool:
            worker, protocol = (self.classic_worker, "classic") if classic else (self.worker, "native")
            keys = {"listen": "127.0.0.1:0", "command": [worker, service], "workers": workers, "protocol": protocol}
            json.dump(keys, pool)
            pool.flush()
            # When it listens, it has read the file: the file may go.
            return Server([self.supervisor, "-c", pool.name], cpus)

    def direct(self, service, workers, cpus=None, reuse_port=False, batch=False):
        """The same workers without a supervisor: they accept for themselves."""
        command = [self.worker, service, "--listen", "127.0.0.1:0", "--workers", str(workers)]
        return Server(command + (["--reuse-port"] if reuse_port else []), cpus, batch=batch)

    def load(self, server, seconds, arguments, cpus=None):
        """Runs load on a server; returns the report of the load generator, plus CPU microseconds per connection."""
        pin = (lambda: os.sched_setaffinity(0, cpus)) if cpus else None
        own, workers = server.cpu()
        command = [self.client, server.address, "--seconds", str(seconds), *arguments]
        run = subprocess.run(command, preexec_fn=pin, capture_output=True, text=True)
        if run.returncode != 0:
            raise BenchError(f"bench-client: {run.stderr}")
        report = json.loads(run.stdout)
        own_after, workers_after = server.cpu()
        connections = max(report["answered"] + report["errors"], 1)
        report["own_us"] = (own_after - own) * 1e6 / connections
        report["workers_us"] = (workers_after - workers) * 1e6 / connections
        return report

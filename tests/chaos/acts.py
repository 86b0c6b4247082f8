"""What the chaos does to the target."""
import collections
import os
import resource
import signal
import socket
import threading
import time

from failing import SHORTAGES

HOSTILE = [
    ["ready", "hang"],
    ["ready", "send-garbage:100", "hang"],
    ["ready", "send-zero", "hang"],
    ["ready", "send-big", "hang"],
    ["ready", "send-fd", "hang"],
    ["ready", "close-channel", "hang"],
    ["ready", "flood:1000", "hang"],
    ["ready", "die:SEGV"],
    ["die:exit=3"],
    ["ignore-term", "ready", "hang"],
    ["stop"],
    ["ready", "recv", "hang"],
    ["ready", "recv", "busy", "hang"],
    ["ready", "recv", "refused", "loop"],
    ["ready", "recv", "busy", "die:KILL"],
    ["ready", "recv", "block-socket:held", "busy", "hang"],
]


class Chaos:
    """What is done to the target, one thing at a time."""

    def __init__(self, target, random_numbers):
        self.target = target
        self.random = random_numbers
        self.done = collections.Counter()
        self.to_undo = []  # (timer, what)
        self.taken = socket.create_server(("127.0.0.1", 0))  # a port in use

    def kill_worker(self):
        self.signal_one(self.target.workers(), signal.SIGKILL)

    def stop_worker(self):
        self.stop_one(self.target.workers(), self.random.uniform(0.05, 1.5))

    def stop_spawner(self):
        """Often for so long that its standby has to take over."""
        self.stop_one(self.target.spawners(), self.random.choice([0.1, 1, 15]))

    def kill_spawner(self):
        self.signal_one(self.target.spawners(), signal.SIGKILL)

    def resize(self):
        self.target.size = self.random.randint(2, 10)
        self.reload()

    def deploy(self):
        self.target.version += 1
        self.reload()

    def change_hostile(self):
        self.target.hostile = self.random.choice(HOSTILE)
        self.reload()

    def reload_broken(self):
        self.target.write("{" + "\\u0000" * self.random.randint(0, 100))
        self.target.signal(signal.SIGHUP)

    def reload_impossible(self):
        """A file without a mistake that cannot be carried out."""
        self.target.write(self.target.text().replace(self.target.preyed, "127.0.0.1:%d" % self.taken.getsockname()[1]))
        self.target.signal(signal.SIGHUP)

    def reload(self):
        self.target.write()
        self.target.signal(signal.SIGHUP)

    def upgrade(self):
        self.target.signal(signal.SIGUSR2)

    def table(self):
        self.target.signal(signal.SIGUSR1)

    def ask_status(self):
        self.target.status()

    def run_short_of_descriptors(self):
        limits = resource.prlimit(self.target.pid, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{self.target.pid}/fd"))
        resource.prlimit(self.target.pid, resource.RLIMIT_NOFILE, (used + 2, limits[1]))
        time.sleep(0.2)  # how long the shortage lasts
        resource.prlimit(self.target.pid, resource.RLIMIT_NOFILE, limits)

    def fail_calls(self):
        if self.target.calls is None:
            return
        call, errors, who, met_by = self.random.choice(SHORTAGES)
        error = self.random.choice(errors)
        every = self.random.choice([2, 5] if error == "EINTR" else [1, 1, 2, 5])  # no kernel interrupts each attempt
        self.target.calls.fail(call, error, who, every)
        # Without its epoll descriptor the loop serves nothing (FAULTS 165): this must not hide other long turns.
        longest = 0.02 if call == "epoll_create1" else 0.6
        self.undo_in(self.random.uniform(0.01, longest), lambda: self.target.calls.succeed(call))
        if met_by:
            getattr(self, met_by)()

    def hold_log(self):
        self.target.log.held.set()
        self.undo_in(self.random.uniform(0.1, 3), self.target.log.held.clear)

    def leave_answers_unread(self):
        """A client of the control socket that subscribes, asks much, and reads nothing."""
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        try:
            client.connect(self.target.control)
            client.sendall(b'{"jsonrpc": "2.0", "id": 1, "method": "subscribe"}\n')
            client.sendall(b'{"jsonrpc": "2.0", "id": 2, "method": "status"}\n' * 100)
        except OSError:
            pass  # it is full, or an upgrade takes over
        self.undo_in(self.random.uniform(0.1, 5), client.close)

    def signal_one(self, pids, number):
        if not pids:
            return None
        pid = self.random.choice(pids)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return None  # it ended by itself
        return pid

    def stop_one(self, pids, seconds):
        pid = self.signal_one(pids, signal.SIGSTOP)
        if pid:
            self.undo_in(seconds, lambda: self.signal_one([pid], signal.SIGCONT))

    def undo_in(self, seconds, what):
        """By a thread: the next act may wait for the target."""
        timer = threading.Timer(seconds, what)
        timer.daemon = True
        timer.start()
        self.to_undo.append((timer, what))

    def undo_all(self):
        for timer, undo in self.to_undo:
            timer.cancel()
            undo()  # once more does no harm

    def make(self, seconds):
        often = [self.kill_worker] * 8 + [self.stop_worker] * 4 + [self.resize] * 3 + [self.deploy] * 2 + [self.fail_calls] * 12
        rare = [
            self.kill_spawner,
            self.stop_spawner,
            self.hold_log,
            self.leave_answers_unread,
            self.reload_impossible,
            self.change_hostile,
            self.reload_broken,
            self.upgrade,
            self.table,
            self.ask_status,
            self.run_short_of_descriptors,
        ]
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                self.target.check_alive()
                act = self.random.choice(often + rare)
                act()
                self.done[act.__name__] += 1
                time.sleep(self.random.uniform(0.02, 0.3))  # the pace of the chaos
        finally:
            self.undo_all()  # also when the target has ended: a spawner may be stopped

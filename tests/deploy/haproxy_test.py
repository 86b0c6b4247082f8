"""docs/deploy/haproxy.cfg: three supervisors behind a real HAProxy, under load."""
import contextlib
import csv
import json
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest

from hosts import DEPLOY, LONG, SOURCE, Load, Supervisor, end, eventually, get, network, program, replaced

HAPROXY = program("haproxy")
HOSTS = {"a": "1", "b": "2", "c": "3"}


@unittest.skipUnless(HAPROXY, "haproxy is not installed")
class Haproxy(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="haproxy-")
        self.addCleanup(scratch.cleanup)
        self.directory = pathlib.Path(scratch.name)
        self.network = network()
        self.front = self.network + "9"
        self.supervisors = {}

    def start_supervisor(self, name, **pool):
        host = self.network + HOSTS[name]
        config = json.loads(replaced((DEPLOY / "haproxy-pool.json").read_text(), (' ":', f' "{host}:'), ('"10s"', '"3s"')))
        config["pools"]["web"].update(pool)
        one = Supervisor(self.directory, host, config, PYTHONPATH=str(SOURCE / "worker/python"))
        self.addCleanup(lambda: end(one.process))
        self.supervisors[name] = one
        return one

    def start_haproxy(self):
        """With the file as it is, but for addresses and privileges. Returns when each server is up by its agent."""
        for one in self.supervisors.values():
            eventually(one.is_ready, "a supervisor that is ready")
        text = replaced((DEPLOY / "haproxy.cfg").read_text(), ("10.0.0.", self.network), ("bind :80", f"bind {self.front}:8000"),
                        ("/run/haproxy/admin.sock", f"{self.directory}/stats"))
        text = re.sub(r"(?m)^ *(log /dev/log|chroot|user|group) .*\n", "", text)
        (self.directory / "haproxy.cfg").write_text(text)
        haproxy = subprocess.Popen([HAPROXY, "-db", "-f", self.directory / "haproxy.cfg"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(lambda: end(haproxy))
        eventually((self.directory / "stats").exists, "the socket of HAProxy")
        self.until_up(*self.supervisors)

    def until_up(self, *names):
        for name in names:
            self.until(name, "up by its agent", lambda row: row["agent_code"] == "0" and row["slim"] and row["status"] == "UP")

    def servers(self):
        """The lines of `show stat`, by the name of the server."""
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(self.directory / "stats"))
            client.sendall(b"show stat\n")
            text = client.makefile("r").read()
        rows = csv.DictReader(text.removeprefix("# ").splitlines())
        return {row["svname"]: row for row in rows if row["pxname"] == "web"}

    def until(self, name, what, condition):
        eventually(lambda: condition(self.servers()[name]), f"{name}: {what}")

    def served(self):
        return {name: int(row["stot"]) for name, row in self.servers().items() if name in HOSTS}

    def served_while(self, act):
        """How many requests each server has got meanwhile."""
        before = self.served()
        act()
        return {name: count - before[name] for name, count in self.served().items()}

    @contextlib.contextmanager
    def slots_taken(self, name, slots):
        """Other clients of this supervisor, which do not come through HAProxy and do not finish their requests."""
        with contextlib.ExitStack() as clients:
            for _ in range(slots):
                client = clients.enter_context(socket.create_connection((self.network + HOSTS[name], 8080), timeout=LONG))
                client.sendall(b"PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n")
            yield

    def test_the_file_is_valid(self):
        done = subprocess.run([HAPROXY, "-c", "-f", DEPLOY / "haproxy.cfg"], capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_three_supervisors(self):
        """FAULTS 461: one is overloaded, one is drained, one is killed with its workers: no request fails.

        Then the drained one comes back.
        """
        for name in HOSTS:
            self.start_supervisor(name)
        self.start_haproxy()
        self.assertEqual(self.servers()["a"]["slim"], "4", "maxconn is the number of slots")
        with Load(self.front, 8000, "/?ms=40", clients=6) as load:
            self.is_overloaded(load)
            self.is_drained(load)
            self.is_killed(load)
            self.comes_back(load)
        self.assertEqual(load.failures, [])
        self.assertGreater(load.made, 500)

    def is_overloaded(self, load):
        with self.slots_taken("c", 3):
            self.until("c", "a low weight", lambda row: int(row["weight"]) <= 30)
            got = self.served_while(lambda: load.go_on(400))
        # The weights of the others follow their free slots from moment to moment: together they tell more than each.
        self.assertLess(got["c"], (got["a"] + got["b"]) / 4, got)
        self.assertGreater(got["c"], 0, got)

    def is_drained(self, load):
        drained = self.supervisors["b"]
        drained.process.send_signal(signal.SIGTERM)
        self.until("b", "drained", lambda row: row["status"].startswith(("DRAIN", "DOWN")))
        self.assertIsNone(drained.process.poll(), "it still accepts connections")
        got = self.served_while(lambda: load.go_on(100))
        self.assertEqual(got["b"], 0, got)
        self.assertEqual(drained.process.wait(LONG), 0, drained.log())

    def is_killed(self, load):
        self.until("c", "room again", lambda row: int(row["weight"]) >= 40)
        self.supervisors["a"].kill()
        got = self.served_while(lambda: load.go_on(100))
        self.assertGreater(got["c"], 80, got)
        self.until("a", "down", lambda row: row["status"].startswith("DOWN"))

    def comes_back(self, load):
        self.supervisors["b"].start()
        self.until_up("b")
        got = self.served_while(lambda: load.go_on(100))
        self.assertGreater(got["b"], 0, got)

    def test_what_is_sent_again(self):
        """FAULTS 462: a request whose worker had begun it is sent again if it changes nothing; another one is not."""
        told = self.directory / "told"
        command = ["/usr/bin/python3", "-B", str(SOURCE / "tests/deploy/telling_worker.py"), str(told)]
        for name in "abc":
            self.start_supervisor(name, command=command, workers=1)
        self.start_haproxy()
        self.assertEqual(get(self.front, 8000, "/")[2], "from 127.0.0.1 at " + self.front)
        for method, status, times in (("POST", 502, 1), ("GET", 200, 2)):
            told.write_text("")
            answers = []
            client = threading.Thread(target=lambda: answers.append(get(self.front, 8000, "/wait", method=method)[0]))
            client.start()
            begun = int(eventually(told.read_text, f"a worker that has begun a {method}").split()[0])
            next(one for one in self.supervisors.values() if one.process.poll() is None and begun in one.workers()).kill()
            (self.directory / "go").touch()  # for the next worker
            client.join()
            (self.directory / "go").unlink()
            self.assertEqual(answers, [status], method)
            self.assertEqual(len(told.read_text().split()), times, method)


if __name__ == "__main__":
    unittest.main()

"""prefork_worker.serve() in processes of their own: with a channel that the test holds, and under the supervisor."""
import os
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

from prefork_worker.wire import Kind
from support import PACKAGE, Pool, Supervisor, eventually, send_signal

UPPER = str(pathlib.Path(__file__).resolve().parent / "apps" / "upper.py")
COMMAND = [sys.executable, UPPER]


class Played(unittest.TestCase):
    def start(self, **environment):
        supervisor = Supervisor()
        self.addCleanup(supervisor.close)
        number = supervisor.worker_end.fileno()
        process = subprocess.Popen(
            COMMAND, pass_fds=[number], stderr=subprocess.PIPE,
            env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", "SUPERVISOR_CHANNEL": str(number),
                 "SUPERVISOR_SLOTS": "3", **environment},
        )
        supervisor.worker_end.close()
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return supervisor, process

    def test_it_offers_one_slot_and_serves_until_drain(self):
        supervisor, process = self.start()
        self.assertEqual(supervisor.expect(self, Kind.READY).ticket, 1)
        with supervisor.connection(1) as client:
            client.sendall(b"hello")
            supervisor.expect(self, Kind.BUSY, Kind.IDLE)
            self.assertEqual(client.recv(10), b"HELLO")
        supervisor.send(Kind.DRAIN)
        self.assertEqual(process.wait(10), 0)

    def test_an_exception_ends_its_connection_only(self):
        supervisor, process = self.start()
        supervisor.expect(self, Kind.READY)
        with supervisor.connection(1) as client:
            client.sendall(b"raise")
            supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        with supervisor.connection(2) as client:
            client.sendall(b"hello")
            supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        supervisor.send(Kind.DRAIN)
        self.assertEqual(process.wait(10), 0)
        self.assertIn(b"RuntimeError: as ordered", process.stderr.read())

    def test_sigterm_leaves_after_the_connection_in_hand(self):
        """FAULTS 342: SIGTERM lets a worker in Python finish its connection; what is on its way goes to others."""
        supervisor, process = self.start()
        supervisor.expect(self, Kind.READY)
        with supervisor.connection(1) as client:
            supervisor.expect(self, Kind.BUSY)
            process.send_signal(signal.SIGTERM)
            client.sendall(b"hello")
            supervisor.expect(self, Kind.LEAVE, Kind.IDLE)
            self.assertEqual(client.recv(10), b"HELLO")
        self.assertEqual(process.wait(10), 0)

    def test_sigterm_wakes_an_idle_worker(self):
        supervisor, process = self.start()
        supervisor.expect(self, Kind.READY)
        process.send_signal(signal.SIGTERM)
        supervisor.expect(self, Kind.LEAVE)
        self.assertEqual(process.wait(10), 0)

    def test_it_leaves_after_a_number_of_connections(self):
        supervisor, process = self.start(LEAVE_AFTER="1")
        supervisor.expect(self, Kind.READY)
        with supervisor.connection(1) as client:
            client.sendall(b"hello")
            supervisor.expect(self, Kind.BUSY, Kind.LEAVE, Kind.IDLE)
        self.assertEqual(process.wait(10), 0)

    def test_the_end_of_the_channel_ends_it(self):
        supervisor, process = self.start()
        supervisor.expect(self, Kind.READY)
        supervisor.channel.close()
        self.assertEqual(process.wait(10), 0)


class Alone(unittest.TestCase):
    def test_without_a_supervisor_it_says_how_it_is_run(self):
        for value, words in ((None, "supervisor run"), ("x", "not the number"), ("99", "Bad file"), ("0", "0: ")):
            environment = {"PYTHONPATH": str(PACKAGE)}
            if value is not None:
                environment["SUPERVISOR_CHANNEL"] = value
            done = subprocess.run(COMMAND, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stderr.count("\n"), 1)

    def test_in_a_pool_for_programs_that_listen_it_says_which_protocol_it_needs(self):
        for channel in ({}, {"SUPERVISOR_CHANNEL": "0"}):  # as with "node", and with "accept"
            environment = {"PYTHONPATH": str(PACKAGE), "SUPERVISOR_LISTEN": "0=127.0.0.1:8080", **channel}
            for command in (COMMAND, [COMMAND[0], "-m", "prefork_worker.wsgi", "no_module:app"]):
                done = subprocess.run(command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
                self.assertNotEqual(done.returncode, 0)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
                self.assertIn('"protocol": "native"', done.stderr)


def ask(pool, word):
    with pool.connect() as client:
        client.sendall(word)
        return client.recv(100)


class Supervised(unittest.TestCase):
    def load(self, pool, disturb):
        """Four clients ask while disturb() runs: each answer is right, and the supervisor has nothing to complain of."""
        wrong = []

        def run():
            for _ in range(40):
                try:
                    answer = ask(pool, b"hello")
                except OSError as error:
                    answer = error
                if answer != b"HELLO":
                    wrong.append(answer)
        clients = [threading.Thread(target=run) for _ in range(4)]
        for one in clients:
            one.start()
        disturb()
        for one in clients:
            one.join()
        self.assertEqual(wrong, [])
        counters = pool.pool()["counters"]
        self.assertEqual((counters["violations"], counters["lost"], counters["crashes"]), (0, 0, 0))
        return counters

    def test_clients_are_served_while_workers_leave_and_are_replaced(self):
        """FAULTS 343: no client notices that workers in Python leave by themselves and are told to end."""
        with Pool(COMMAND, env={"LEAVE_AFTER": "5"}, workers=2) as pool:
            counters = self.load(pool, lambda: self.assertEqual(pool.run("restart").returncode, 0))
            self.assertGreater(counters["starts"], 20)

    def test_clients_are_served_while_workers_get_sigterm(self):
        with Pool(COMMAND, workers=2) as pool:
            before = pool.pids()
            self.load(pool, lambda: [send_signal(pid, signal.SIGTERM) for pid in before])
            eventually(lambda: not set(before) & set(pool.pids()), what="both workers are replaced")

    def test_a_template_forks_workers_that_share_what_it_has_loaded(self):
        with Pool(COMMAND, start="fork", workers=3) as pool:
            loaded, own = ask(pool, b"pids").split()
            self.assertNotEqual(loaded, own)
            self.assertIn(int(own), pool.pids())
            os.kill(int(own), signal.SIGKILL)
            eventually(lambda: int(own) not in pool.pids() and pool.serving(), what="another worker in its place")
            self.assertEqual(ask(pool, b"pids").split()[0], loaded)
            self.assertEqual(pool.pool()["counters"]["violations"], 0)
            self.assertEqual(pool.close(), 0)

    def test_parked_connections_come_again_with_their_memos(self):
        with Pool(COMMAND, workers=2, wait_for_data=True, keep_alive={"park": True}) as pool:
            with pool.connect() as client:
                for word, answer in ((b"one", b"ONE"), (b"memo", b"ONE"), (b"x" * 224, b"X" * 224), (b"memo", b"X" * 224)):
                    client.sendall(word)
                    self.assertEqual(client.recv(1000), answer)
            eventually(lambda: pool.pool()["counters"]["parked"] >= 4, what="four parks")
            self.assertEqual(pool.pool()["counters"]["violations"], 0)


if __name__ == "__main__":
    unittest.main()

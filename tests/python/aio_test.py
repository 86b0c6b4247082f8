"""prefork_worker.aio.serve(): with a channel that the test holds, and under the supervisor."""
import os
import signal
import sys
import threading
import unittest

from loop_support import LINES, LOOPS, PARK, end_played, ended, held, line, read_line, start_played
from prefork_worker.wire import Flag, Kind
from support import Pool, eventually, send_signal


class Played(unittest.TestCase):
    def start(self, **environment):
        return start_played(self, LINES, **environment)

    def test_it_serves_several_connections_at_a_time(self):
        for loop in LOOPS:
            with self.subTest(loop):
                supervisor, process = self.start(LOOP=loop)
                with supervisor.connection(1) as first, supervisor.connection(2) as second:
                    supervisor.expect(self, Kind.BUSY, Kind.BUSY)
                    first.sendall(b"hel")
                    self.assertEqual(line(second, "other"), "OTHER")
                    self.assertEqual(line(first, "lo"), "HELLO")
                    self.assertEqual(line(second, "bye"), "BYE")
                    self.assertTrue(ended(second))
                    self.assertEqual(supervisor.expect(self, Kind.IDLE).ticket, 2)
                    self.assertEqual(line(first, "bye"), "BYE")
                    self.assertEqual(supervisor.expect(self, Kind.IDLE).ticket, 1)
                end_played(self, supervisor, process)

    def test_the_client_sees_its_end_although_the_supervisor_has_a_copy(self):
        for loop in LOOPS:
            for environment in ({}, {"PROTOCOL": "1"}):
                with self.subTest(loop, **environment):
                    supervisor, process = self.start(LOOP=loop, **environment)
                    client, copy = held(supervisor, 1, Flag.COPY_KEPT)
                    with client, copy:
                        self.assertEqual(line(client, "bye"), "BYE")
                        self.assertTrue(ended(client))
                    supervisor.expect(self, Kind.BUSY, Kind.IDLE)
                    end_played(self, supervisor, process)

    def test_it_parks_with_a_memo_and_takes_it_up_again(self):
        for loop in LOOPS:
            with self.subTest(loop):
                supervisor, process = self.start(LOOP=loop)
                client, copy = held(supervisor, 1, Flag.MAY_PARK | Flag.COPY_KEPT)
                with client, copy:
                    self.assertEqual(line(client, "keep this"), "KEEP THIS")
                    supervisor.expect(self, Kind.BUSY)
                    record, memo = supervisor.hear()
                    self.assertEqual((record.kind, record.ticket, memo), (Kind.PARK, 1, b"this"))
                    supervisor.send(Kind.CONNECTION, Flag.MAY_PARK | len(memo) << 8, ticket=1, attached=[copy], text=memo)
                    self.assertEqual(line(client, "memo"), "THIS")
                    supervisor.expect(self, Kind.BUSY, Kind.PARK)
                end_played(self, supervisor, process)

    def test_a_line_that_is_not_whole_is_not_parked(self):
        supervisor, process = self.start()
        with supervisor.connection(1, Flag.MAY_PARK | Flag.PARK_AT_ONCE) as client:
            client.sendall(b"one\ntwo\nthr")
            supervisor.expect(self, Kind.BUSY)
            answers = b""
            while answers != b"ONE\nTWO\n":
                answers += client.recv(100)
            self.assertEqual(line(client, "ee"), "THREE")
            supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    def test_a_connection_that_the_loop_does_not_take_frees_its_slot(self):
        """FAULTS 409: an event loop that cannot take a connection ends it and says why; its slot serves the next one."""
        for environment in ({}, {"PROTOCOL": "1"}):
            with self.subTest(**environment):
                supervisor, process = self.start(LOOP="reluctant", **environment)
                for ticket in (1, 3, 5, 7):  # more than there are slots
                    client, copy = held(supervisor, ticket, Flag.COPY_KEPT)
                    with client, copy:
                        self.assertTrue(ended(client))
                    supervisor.expect(self, Kind.BUSY, Kind.IDLE)
                    with supervisor.connection(ticket + 1) as client:
                        self.assertEqual(line(client, "bye"), "BYE")
                        supervisor.expect(self, Kind.BUSY, Kind.IDLE)
                self.assertIn("as ordered", end_played(self, supervisor, process))

    def test_yield_parks_what_waits_for_a_next_request(self):
        supervisor, process = self.start(KEEP="60")
        with supervisor.connection(1, Flag.MAY_PARK) as client:
            self.assertEqual(line(client, "hello"), "HELLO")
            supervisor.expect(self, Kind.BUSY)
            supervisor.send(Kind.YIELD)
            supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    def test_drain_and_sigterm_finish_what_is_begun(self):
        for how in ("drain", "sigterm"):
            with self.subTest(how):
                supervisor, process = self.start(KEEP="60")
                kept, waits = supervisor.connection(1), supervisor.connection(2)
                with kept, waits:
                    self.assertEqual(line(kept, "hello"), "HELLO")
                    waits.sendall(b"wait 0.2\n")
                    supervisor.expect(self, Kind.BUSY, Kind.BUSY)
                    if how == "drain":
                        supervisor.send(Kind.DRAIN)
                    else:
                        process.send_signal(signal.SIGTERM)
                        supervisor.expect(self, Kind.LEAVE)
                    self.assertEqual(supervisor.expect(self, Kind.IDLE).ticket, 1)
                    self.assertEqual(read_line(waits), "WAIT 0.2")
                    self.assertEqual(supervisor.expect(self, Kind.IDLE).ticket, 2)
                self.assertEqual(process.wait(10), 0)

    def test_the_end_of_the_channel_ends_it_after_its_connections(self):
        supervisor, process = self.start()
        with supervisor.connection(1) as client:
            self.assertEqual(line(client, "hello"), "HELLO")
            supervisor.channel.close()
            self.assertTrue(ended(client))
        self.assertEqual(process.wait(10), 0)

    def test_an_exception_ends_its_connection_only(self):
        supervisor, process = self.start()
        with supervisor.connection(1) as first, supervisor.connection(2) as second:
            supervisor.expect(self, Kind.BUSY, Kind.BUSY)
            first.sendall(b"raise\n")
            self.assertTrue(ended(first))
            supervisor.expect(self, Kind.IDLE)
            self.assertEqual(line(second, "hello"), "HELLO")
        self.assertIn("RuntimeError: as ordered", end_played(self, supervisor, process))

    def test_it_leaves_after_a_number_of_connections(self):
        supervisor, process = self.start(LEAVE_AFTER="1")
        with supervisor.connection(1) as client:
            self.assertEqual(line(client, "bye"), "BYE")
            supervisor.expect(self, Kind.BUSY, Kind.LEAVE, Kind.IDLE)
        self.assertEqual(process.wait(10), 0)

    def test_a_loop_that_is_late_reports_its_load(self):
        supervisor, process = self.start(LOAD="1")
        with supervisor.connection(1) as client:
            line(client, "block 0.4")
            supervisor.expect(self, Kind.BUSY)
            self.assertGreater(supervisor.expect(self, Kind.LOAD).value, 500)
            values = [1000]
            while values[-1] >= 63:
                values.append(supervisor.expect(self, Kind.LOAD).value)
        end_played(self, supervisor, process)

    def test_sigterm_after_the_last_connection_kills_nothing(self):
        """FAULTS 396: SIGTERM comes to a worker with an event loop that is about to exit."""
        program = "import os, prefork_worker.aio as aio; aio.serve(lambda *_: None); os.kill(os.getpid(), 15)"
        supervisor, process = start_played(self, [sys.executable, "-c", program])
        end_played(self, supervisor, process)

    def test_ping_is_answered_while_connections_are_served(self):
        supervisor, process = self.start()
        with supervisor.connection(1) as client:
            client.sendall(b"wait 0.2\n")
            supervisor.expect(self, Kind.BUSY)
            supervisor.send(Kind.PING)
            supervisor.expect(self, Kind.PONG)
            self.assertEqual(read_line(client), "WAIT 0.2")
        end_played(self, supervisor, process)

    def test_a_protocol_of_the_program_serves(self):
        for loop in LOOPS:
            with self.subTest(loop):
                supervisor, process = self.start(LOOP=loop, PROTOCOL="1")
                with supervisor.connection(1) as client:
                    self.assertEqual(line(client, "hello"), "HELLO")
                    self.assertTrue(ended(client))
                    supervisor.expect(self, Kind.BUSY, Kind.IDLE)
                end_played(self, supervisor, process)


class Supervised(unittest.TestCase):
    def load(self, pool, disturb, clients=6, requests=60):
        """Clients that connect anew for each request, while disturb() runs: how many requests failed."""
        failed = []

        def run():
            for _ in range(requests):
                try:
                    with pool.connect() as client:
                        if line(client, "bye") != "BYE":
                            failed.append("wrong")
                except (OSError, AssertionError) as error:
                    failed.append(error)

        threads = [threading.Thread(target=run) for _ in range(clients)]
        for one in threads:
            one.start()
        disturb(threads)
        for one in threads:
            one.join()
        return failed

    def test_no_client_notices_workers_that_leave(self):
        """FAULTS 351: workers with an event loop leave, get SIGTERM or are replaced under load; no client notices."""
        for options in ({}, PARK):
            with self.subTest(**options), Pool(
                LINES, env={"LEAVE_AFTER": "20"}, workers=2, connections_per_worker=4, **options
            ) as pool:
                def disturb(_):
                    self.assertEqual(pool.run("restart").returncode, 0)
                    for one in pool.pool()["workers"]:
                        if one["state"] in ("idle", "busy"):
                            send_signal(one["pid"], signal.SIGTERM)
                self.assertEqual(self.load(pool, disturb), [])
                counters = pool.pool()["counters"]
                self.assertEqual((counters["violations"], counters["lost"], counters["crashes"]), (0, 0, 0))

    def test_a_killed_worker_loses_only_what_it_had_begun(self):
        """FAULTS 352: workers with an event loop are killed under load; each failed request is one that was begun."""
        with Pool(LINES, workers=2, connections_per_worker=4) as pool:
            def disturb(threads):
                for _ in range(6):
                    pid = eventually(pool.pids)[0]
                    os.kill(pid, signal.SIGKILL)
                    eventually(lambda: pid not in pool.pids(), what="the death is noticed")
                    if not any(one.is_alive() for one in threads):
                        return
            failed = self.load(pool, disturb, requests=200)
            counters = pool.pool()["counters"]
            self.assertLessEqual(len(failed), counters["lost"])
            self.assertEqual(counters["violations"], 0)

    def test_a_blocked_loop_is_noticed(self):
        """FAULTS 350: an event loop gives signs for its connections; while it is blocked it does not, and is replaced."""
        with Pool(LINES, connections_per_worker=4, health={"busy_timeout": "2500ms"}) as pool:
            before = pool.pids()
            with pool.connect() as client, pool.connect() as other:
                self.assertEqual(line(client, "wait 4"), "WAIT 4")
                self.assertEqual(pool.pids(), before)
                self.assertEqual(line(other, "hello"), "HELLO")
                client.sendall(b"block 60\n")
                self.assertTrue(ended(client))
            eventually(lambda: pool.serving() and pool.pids() != before, what="another worker in its place")

    def test_kept_connections_are_parked(self):
        for loop in LOOPS:
            with self.subTest(loop), Pool(LINES, env={"LOOP": loop}, workers=2, connections_per_worker=2, **PARK) as pool:
                clients = [pool.connect() for _ in range(12)]
                for word in ("one", "two"):
                    for client in clients:
                        self.assertEqual(line(client, word), word.upper())
                eventually(lambda: pool.pool()["counters"]["parked"] >= 12, what="each connection is parked")
                for client in clients:
                    client.close()


if __name__ == "__main__":
    unittest.main()

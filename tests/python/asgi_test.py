"""python3 -m prefork_worker.asgi with a channel that the test holds: each of uvicorn's parsers with each event loop."""
import contextlib
import functools
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import unittest

from loop_support import LOOPS, PARSERS, Reply, asgi, ask, await_answer, end_played, ended, get, held, installed, post, start_played, talk
from prefork_worker.wire import Flag, Kind
from support import FULL, PACKAGE

AT_ONCE = Flag.MAY_PARK | Flag.PARK_AT_ONCE
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def frame(text, opcode=1):
    """A client's frame of a websocket; the mask is 0."""
    return bytes([0x80 | opcode, 0x80 | len(text)]) + bytes(4) + text


def each(test):
    """The test with each parser and each loop; all pairs of them only in full."""
    pairs = list(itertools.product(PARSERS, LOOPS)) if FULL else list(itertools.zip_longest(PARSERS, LOOPS))

    @functools.wraps(test)
    def tests(self):
        for parser, loop in pairs:
            with self.subTest(parser=parser, loop=loop):
                test(self, "--http", parser or "auto", "--loop", loop or "auto")
    return tests


@unittest.skipUnless(installed("uvicorn"), "uvicorn is not installed")
class AsgiCase(unittest.TestCase):

    def start(self, *options, **environment):
        return start_played(self, asgi(*options), **environment)


class Serving(AsgiCase):
    @each
    def test_requests_on_a_kept_connection(self, *how):
        supervisor, process = self.start(*how)
        client, copy = held(supervisor, 1, Flag.COPY_KEPT)
        with client, copy:
            reply = Reply(client)
            client.sendall(get("/", method="HEAD"))
            self.assertEqual(reply.next(body=False)[1]["content-length"], "6")
            client.sendall(post("/echo", b"one") + post("/echo", b"two") + get("/wait/0.05") + post("/echo", b"three"))
            self.assertEqual([reply.next()[2] for _ in range(4)], [b"one", b"two", b"hello\n", b"three"])
            client.sendall(post("/", b"x" * 100000) + get("/close"))
            self.assertEqual(reply.next()[2], b"hello\n")
            self.assertEqual(reply.next()[1]["connection"], "close")
            self.assertTrue(ended(client))
        supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        output = end_played(self, supervisor, process)
        self.assertIn("lifespan: started", output)
        self.assertIn("lifespan: stopped", output)

    @each
    def test_an_answer_is_kept_for_a_moment_and_parked(self, *how):
        supervisor, process = self.start(*how)
        for flags in (Flag.MAY_PARK, AT_ONCE):
            client, copy = held(supervisor, 1, flags | Flag.COPY_KEPT)
            with client, copy:
                self.assertEqual(ask(client, "/"), (200, "hello"))
                supervisor.expect(self, Kind.BUSY, Kind.PARK)
                supervisor.send(Kind.CONNECTION, flags, ticket=1, attached=[copy])
                self.assertEqual(ask(client, "/"), (200, "hello"))
                supervisor.expect(self, Kind.BUSY, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_half_a_request_is_not_parked(self, *how):
        """FAULTS 353: a connection with half a request, pipelined requests or an upgrade is never parked."""
        whole = post("/echo", b"all of it")
        supervisor, process = self.start(*how)
        for cut in (1, 20, len(whole) - 3):
            client = supervisor.connection(1, AT_ONCE)
            with client:
                reply = Reply(client)
                client.sendall(get("/") + get("/wait/0.05") + whole[:cut])
                self.assertEqual([reply.next()[2] for _ in range(2)], [b"hello\n"] * 2)
                supervisor.expect(self, Kind.BUSY)
                supervisor.send(Kind.YIELD)
                supervisor.send(Kind.PING)
                supervisor.expect(self, Kind.PONG)
                client.sendall(whole[cut:])
                self.assertEqual(reply.next()[2], b"all of it")
                supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_a_body_that_comes_after_its_answer_is_waited_for(self, *how):
        supervisor, process = self.start(*how)
        client = supervisor.connection(1, AT_ONCE)
        with client:
            client.sendall(post("/", b"x" * 10)[:-4])
            self.assertEqual(Reply(client).next()[2], b"hello\n")
            supervisor.expect(self, Kind.BUSY)
            client.sendall(b"xxxx")
            supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    def test_yield_parks_what_is_kept(self):
        supervisor, process = self.start(KEEP="60")
        with supervisor.connection(1, Flag.MAY_PARK) as client:
            self.assertEqual(ask(client, "/"), (200, "hello"))
            supervisor.expect(self, Kind.BUSY)
            supervisor.send(Kind.YIELD)
            supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_a_large_answer_is_parked_when_it_is_written(self, *how):
        size = 8 << 20
        supervisor, process = self.start(*how)
        with supervisor.connection(1, AT_ONCE) as client:
            client.sendall(get(f"/much/{size}"))
            supervisor.expect(self, Kind.BUSY)
            self.assertEqual(len(Reply(client).next()[2]), size)
            supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_the_last_request_is_told(self, *how):
        supervisor, process = self.start(*how)
        for flags in (Flag.LAST_REQUEST, Flag.LAST_REQUEST | Flag.MAY_PARK):
            with supervisor.connection(1, flags) as client:
                client.sendall(get("/"))
                self.assertEqual(Reply(client).next()[1]["connection"], "close")
                self.assertTrue(ended(client))
                supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        end_played(self, supervisor, process)

    @each
    def test_drain_and_sigterm_finish_what_is_begun(self, *how):
        for sign in (Kind.DRAIN, signal.SIGTERM):
            supervisor, process = self.start(*how, KEEP="60")
            kept, parkable, waits = (supervisor.connection(n, flags) for n, flags in ((1, 0), (2, Flag.MAY_PARK), (3, 0)))
            with kept, parkable, waits:
                self.assertEqual(ask(kept, "/"), (200, "hello"))
                self.assertEqual(ask(parkable, "/"), (200, "hello"))
                waits.sendall(get("/wait/0.3"))
                supervisor.expect(self, Kind.BUSY, Kind.BUSY, Kind.BUSY)
                if sign is Kind.DRAIN:
                    supervisor.send(Kind.DRAIN)
                else:
                    process.send_signal(sign)
                    supervisor.expect(self, Kind.LEAVE)
                first, second = supervisor.hear()[0], supervisor.hear()[0]
                self.assertEqual({(one.kind, one.ticket) for one in (first, second)}, {(Kind.IDLE, 1), (Kind.PARK, 2)})
                self.assertTrue(ended(kept))
                self.assertEqual(Reply(waits).next()[1]["connection"], "close")
                self.assertEqual(supervisor.expect(self, Kind.IDLE).ticket, 3)
            self.assertIn("lifespan: stopped", process.stdout.read().decode())
            self.assertEqual(process.wait(10), 0)

    def test_work_after_the_answer_is_done_before_the_end(self):
        supervisor, process = self.start()
        with supervisor.connection(1, AT_ONCE) as client:
            self.assertEqual(ask(client, "/after/0.3"), (200, "hello"))
            supervisor.expect(self, Kind.BUSY, Kind.PARK)
        self.assertIn("the work after the answer is done", end_played(self, supervisor, process))

    @each
    def test_an_exception_is_an_answer(self, *how):
        supervisor, process = self.start(*how)
        with supervisor.connection(1, AT_ONCE) as client:
            self.assertIn(b" 500 ", talk(client, get("/raise")))
            supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        self.assertIn("RuntimeError: as ordered", end_played(self, supervisor, process))


class Websocket(AsgiCase):
    LIBRARIES = [name for name in ("websockets", "wsproto") if installed(name)]

    def open(self, supervisor, flags):
        client = supervisor.connection(1, flags)
        client.sendall(get("/socket", *UPGRADE))
        status, headers, _ = Reply(client).next()
        self.assertEqual((status, headers["upgrade"]), (101, "websocket"))
        supervisor.expect(self, Kind.BUSY)
        return client

    @each
    def test_an_upgraded_connection_is_never_parked(self, *how):
        """FAULTS 353: see above."""
        for library in self.LIBRARIES:
            supervisor, process = self.start(*how, "--ws", library)
            with self.open(supervisor, AT_ONCE) as client:
                for _ in range(2):
                    client.sendall(frame(b"hello"))
                    self.assertEqual(client.recv(100), b"\x81\x05HELLO")
                    supervisor.send(Kind.YIELD)
                    supervisor.send(Kind.PING)
                    supervisor.expect(self, Kind.PONG)
                client.sendall(frame(b"close"))
                self.assertEqual(client.recv(100)[0], 0x88)
                with contextlib.suppress(BrokenPipeError):  # wsproto does not wait for it
                    client.sendall(frame(b"\x03\xe8", 8))
                self.assertTrue(ended(client))
            supervisor.expect(self, Kind.IDLE)
            end_played(self, supervisor, process)

    @each
    def test_an_upgrade_of_a_connection_that_was_parked(self, *how):
        """FAULTS 410: with `hold: done` a parked connection becomes a websocket: it is parked no more, and its end is seen."""
        for library in self.LIBRARIES:
            supervisor, process = self.start(*how, "--ws", library)
            flags = Flag.MAY_PARK | Flag.COPY_KEPT
            client, copy = held(supervisor, 1, flags | AT_ONCE)
            with client, copy:
                self.assertEqual(ask(client, "/"), (200, "hello"))
                supervisor.expect(self, Kind.BUSY, Kind.PARK)
                supervisor.send(Kind.CONNECTION, flags, ticket=1, attached=[copy])
                self.assertEqual(ask(client, "/"), (200, "hello"))  # its time to be parked begins
                client.sendall(get("/socket", *UPGRADE))
                await_answer(self, supervisor, client, copy, flags)
                self.assertEqual(Reply(client).next()[0], 101)
                supervisor.send(Kind.YIELD)
                with supervisor.connection(2, AT_ONCE) as other:  # takes longer than a connection is kept
                    self.assertEqual(ask(other, "/wait/0.05"), (200, "hello"))
                    supervisor.expect(self, Kind.BUSY, Kind.PARK)
                client.sendall(frame(b"hello"))
                self.assertEqual(client.recv(100), b"\x81\x05HELLO")
                client.sendall(frame(b"close"))
                self.assertEqual(client.recv(100)[0], 0x88)
                with contextlib.suppress(BrokenPipeError):  # wsproto does not wait for it
                    client.sendall(frame(b"\x03\xe8", 8))
                self.assertTrue(ended(client))
                self.assertEqual(supervisor.expect(self, Kind.IDLE).ticket, 1)
            end_played(self, supervisor, process)

    @each
    def test_an_end_without_a_frame_and_drain_end_it(self, *how):
        for library in self.LIBRARIES:
            supervisor, process = self.start(*how, "--ws", library)
            with self.open(supervisor, 0):
                pass
            supervisor.expect(self, Kind.IDLE)
            with self.open(supervisor, 0) as client:
                supervisor.send(Kind.DRAIN)
                self.assertEqual(client.recv(100)[:4], b"\x88\x02\x03\xf4")  # 1012, service restart
            supervisor.expect(self, Kind.IDLE)
            self.assertEqual(process.wait(10), 0, process.stdout.read())


class Addresses(AsgiCase):
    @each
    def test_a_proxy_header_is_read_once_and_remembered(self, *how):
        header = b"PROXY TCP4 192.0.2.1 192.0.2.2 1111 443\r\n"
        supervisor, process = self.start(*how)
        for pieces in ([header + get("/client")], [header[:7], header[7:], get("/client")]):
            client, copy = held(supervisor, 1, AT_ONCE | Flag.PROXIED)
            with client, copy:
                supervisor.expect(self, Kind.BUSY)
                for piece in pieces[:-1]:
                    client.sendall(piece)
                    supervisor.send(Kind.PING)
                    supervisor.expect(self, Kind.PONG)
                client.sendall(pieces[-1])
                self.assertEqual(Reply(client).next()[2], b"192.0.2.1 1111 443 http\n")
                record, memo = supervisor.hear()
                self.assertEqual(record.kind, Kind.PARK)
                supervisor.send(Kind.CONNECTION, AT_ONCE | len(memo) << 8, ticket=1, attached=[copy], text=memo)
                self.assertEqual(ask(client, "/client"), (200, "192.0.2.1 1111 443 http"))
                supervisor.expect(self, Kind.BUSY)
                record, again = supervisor.hear()
                self.assertEqual((record.kind, again), (Kind.PARK, memo))
        end_played(self, supervisor, process)

    @each
    def test_a_wrong_proxy_header_ends_the_connection(self, *how):
        supervisor, process = self.start(*how)
        for first in (get("/"), b"PROXY TCP4 x\r\n" + get("/")):
            with supervisor.connection(1, AT_ONCE | Flag.PROXIED) as client:
                self.assertEqual(talk(client, first), b"")
                supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        self.assertIn("PROXY header", end_played(self, supervisor, process))


class Ending(AsgiCase):
    def test_it_leaves_after_a_number_of_requests(self):
        supervisor, process = self.start("--limit-max-requests", "2")
        with supervisor.connection(1) as client:
            self.assertEqual(ask(client, "/"), (200, "hello"))
            supervisor.expect(self, Kind.BUSY)
            client.sendall(get("/"))
            supervisor.expect(self, Kind.LEAVE, Kind.IDLE)
        self.assertEqual(process.wait(10), 0)

    @each
    def test_clients_that_stop_in_the_middle_are_ended(self, *how):
        """FAULTS 354: a client of an ASGI worker sends half a request, or does not take its answer: its time is limited."""
        supervisor, process = self.start(*how, "--timeout-client", "1")
        silent, head, body = (supervisor.connection(ticket, AT_ONCE) for ticket in (1, 2, 3))
        with silent, head, body:
            head.sendall(get("/")[:-2])
            body.sendall(post("/length", b"x" * 10)[:-1])
            self.assertEqual(talk(silent, b""), b"")
            self.assertIn(b" 408 ", talk(head, b""))
            self.assertIn(b" 408 ", talk(body, b""))
            supervisor.expect(self, Kind.BUSY, Kind.BUSY, Kind.BUSY, Kind.IDLE, Kind.IDLE, Kind.IDLE)
        with supervisor.connection(4, AT_ONCE) as client:
            client.sendall(get("/much/100000000"))
            supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        end_played(self, supervisor, process)

    def test_a_startup_that_fails_is_said(self):
        """FAULTS 356: an ASGI application's startup fails: the last line says so, and the status is 3."""
        supervisor, process = self.failing(asgi(), FAIL_STARTUP="1")
        output = process.stdout.read().decode().strip().splitlines()
        self.assertEqual(process.wait(10), 3)
        self.assertIn("no database, as ordered", "".join(output))
        self.assertRegex(output[-1], r"^worker \d+ leaves: the application's startup failed$")
        self.assertEqual(supervisor.hear()[0], None)

    def test_an_application_that_is_missing_is_said(self):
        for app, words in (("nothing:app", "nothing"), ("asgi_app:nothing", "nothing")):
            _, process = self.failing(asgi(app=app))
            output = process.stdout.read().decode().strip().splitlines()
            self.assertEqual(process.wait(10), 1)
            self.assertIn(words, output[-1])

    def failing(self, command, **environment):
        from loop_support import LoopSupervisor
        supervisor = LoopSupervisor()
        self.addCleanup(supervisor.close)
        number = supervisor.worker_end.fileno()
        process = subprocess.Popen(
            command, pass_fds=[number], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={"PYTHONPATH": str(PACKAGE), "SUPERVISOR_CHANNEL": str(number), **environment},
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        supervisor.worker_end.close()
        return supervisor, process


class Options(AsgiCase):
    def test_without_a_supervisor_it_says_how_it_is_run(self):
        done = subprocess.run(asgi(), env={"PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
        self.assertIn("supervisor run", done.stderr)

    def test_addresses_are_the_pools(self):
        done = subprocess.run(asgi("--port", "80"), env={"PYTHONPATH": str(PACKAGE)}, capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--port: the pool has `listen` for it", done.stderr)

    def test_the_access_log_tells_how_long_a_connection_was_queued(self):
        supervisor, process = self.start()
        with supervisor.connection(1, wait_us=12345) as client:
            ask(client, "/first")
            ask(client, "/second")
        output = end_played(self, supervisor, process)
        self.assertIn('"GET /first HTTP/1.1" 200 OK queued 12.3 ms', output)
        self.assertIn('"GET /second HTTP/1.1" 200 OK queued 0.0 ms', output)

    def test_uvicorns_options(self):
        command = asgi(
            "--factory", "--no-access-log", "--no-server-header", "--header", "X-More:yes", "--limit-concurrency", "2",
            "--log-level", "warning", "--lifespan", "off", app="asgi_app:make")
        supervisor, process = start_played(self, command, slots=2, SUPERVISOR_SLOTS="9")
        with supervisor.connection(1) as client:
            client.sendall(get("/"))
            _, headers, _ = Reply(client).next()
            self.assertEqual(headers["x-more"], "yes")
            self.assertNotIn("server", headers)
            self.assertIn("date", headers)
        self.assertEqual(end_played(self, supervisor, process), "")

    def test_a_change_of_the_program_makes_it_leave(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "changing.py")
            with open(path, "w") as file:
                file.write("from asgi_app import app\n")
            command = asgi("--reload", "--app-dir", folder, app="changing:app")
            supervisor, process = start_played(self, command, PYTHONPATH=f"{PACKAGE}:{os.path.dirname(__file__)}/apps")
            os.utime(path, ns=(1, 1))
            supervisor.expect(self, Kind.LEAVE)
            self.assertIn("changing.py has changed", process.stdout.read().decode())
            self.assertEqual(process.wait(10), 0)


if __name__ == "__main__":
    sys.exit(unittest.main())

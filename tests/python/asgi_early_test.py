"""Requests that an ASGI worker finds in the socket when it gets the connection: it answers them before the loop has the socket."""
import os
import socket
import tempfile
import unittest

from asgi_test import AT_ONCE, UPGRADE, AsgiCase, each, frame
from loop_support import Reply, ask, end_played, ended, get, post, talk
from prefork_worker.wire import Flag, Kind


def asked(supervisor, request, flags=0, ticket=1):
    """The client has sent `request` before the worker gets the connection. The client's end, and the supervisor's copy."""
    client, copy = socket.socketpair()
    client.settimeout(10)
    client.sendall(request)
    supervisor.send(Kind.CONNECTION, flags, ticket=ticket, attached=[copy])
    return client, copy


class Early(AsgiCase):
    @each
    def test_a_first_request_that_closes_its_connection(self, *how):
        supervisor, process = self.start(*how)
        for request, start, end in (
            (get("/close"), b"HTTP/1.1 200", b"hello\n"),
            (get("/close", method="HEAD"), b"HTTP/1.1 200", b"\r\n\r\n"),
            (get("/raise"), b"HTTP/1.1 500", b"0\r\n\r\n"),
            (get(f"/much/{1 << 20}", "Connection: close"), b"HTTP/1.1 200", b"x" * (1 << 20)),
        ):
            client, copy = asked(supervisor, request, Flag.COPY_KEPT)
            with client, copy:
                answer = talk(client, b"")
                self.assertEqual(answer[: len(start)], start)
                self.assertEqual(answer[-len(end) :], end)
                supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        end_played(self, supervisor, process)

    @each
    def test_a_connection_that_is_kept_after_its_first_request(self, *how):
        supervisor, process = self.start(*how)
        for first in (get("/"), get("/") + get("/"), get("/wait/0.05"), get(f"/much/{8 << 20}")):
            for flags in (Flag.MAY_PARK, AT_ONCE):
                client, copy = asked(supervisor, first, flags | Flag.COPY_KEPT)
                with client, copy:
                    reply = Reply(client)
                    for _ in range(first.count(b"Host")):
                        self.assertEqual(reply.next()[0], 200)
                    supervisor.expect(self, Kind.BUSY, Kind.PARK)
                    client.sendall(get("/"))
                    supervisor.send(Kind.CONNECTION, flags | Flag.COPY_KEPT, ticket=1, attached=[copy])
                    self.assertEqual(reply.next()[2], b"hello\n")
                    supervisor.expect(self, Kind.BUSY, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_nothing_of_a_connection_is_left_to_the_garbage_collector(self, *how):
        supervisor, process = self.start(*how)

        def protocols():
            client, copy = asked(supervisor, get("/protocols", "Connection: close"), Flag.COPY_KEPT)
            with client, copy:
                answer = talk(client, b"")
            supervisor.expect(self, Kind.BUSY, Kind.IDLE)
            return int(answer.split()[-1])

        self.assertEqual(protocols(), 1)
        for first, rest in ((get("/close"), b""), (get("/close")[:9], get("/close")[9:]), (get("/raise"), b""), (b"", b"no request\r\n\r\n")):
            for _ in range(10):
                client, copy = asked(supervisor, first, Flag.COPY_KEPT)
                with client, copy:
                    supervisor.expect(self, Kind.BUSY)
                    talk(client, rest)
                    supervisor.expect(self, Kind.IDLE)
        self.assertLessEqual(protocols(), 2)
        end_played(self, supervisor, process)

    @each
    def test_requests_after_an_early_one(self, *how):
        supervisor, process = self.start(*how, KEEP="60")
        client, copy = asked(supervisor, get("/"), Flag.MAY_PARK)
        with client, copy:
            reply = Reply(client)
            self.assertEqual(reply.next()[2], b"hello\n")
            for _ in range(3):
                client.sendall(post("/echo", b"one") + post("/echo", b"two"))
                self.assertEqual([reply.next()[2] for _ in range(2)], [b"one", b"two"])
            supervisor.expect(self, Kind.BUSY)
            supervisor.send(Kind.YIELD)
            supervisor.expect(self, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_an_answer_does_not_wait_for_what_the_application_does_after_it(self, *how):
        """FAULTS 531: an ASGI application answers, and blocks then: the client has the answer."""
        with tempfile.TemporaryDirectory() as directory:
            fifo = os.path.join(directory, "fifo")
            os.mkfifo(fifo)
            supervisor, process = self.start(*how, GO_ON=fifo)
            client, copy = asked(supervisor, get("/work"), AT_ONCE)
            with client, copy:
                try:
                    self.assertEqual(Reply(client).next()[2], b"hello\n")
                finally:
                    os.close(os.open(fifo, os.O_WRONLY))
                supervisor.expect(self, Kind.BUSY, Kind.PARK)
            end_played(self, supervisor, process)

    @each
    def test_the_head_of_an_answer_does_not_wait_for_its_body(self, *how):
        """FAULTS 515: an ASGI application sends the head of an answer, and waits for the client: the head is sent at once."""
        supervisor, process = self.start(*how)
        whole = post("/head_first", b"12345", "Expect: 100-continue")
        for cut in (len(whole) - 5, len(whole) - 2):
            client, copy = asked(supervisor, whole[:cut], AT_ONCE)
            with client, copy:
                answer = b""
                while not answer.endswith(b"\r\n\r\n"):
                    answer += client.recv(65536)
                self.assertIn(b"HTTP/1.1 200", answer)
                client.sendall(whole[cut:])
                self.assertEqual(client.recv(100), b"00005")
                supervisor.expect(self, Kind.BUSY, Kind.PARK)
        end_played(self, supervisor, process)

    @each
    def test_an_application_learns_that_its_client_is_gone(self, *how):
        """FAULTS 516: a client leaves while its first request is answered: the application is told, and the slot is free."""
        supervisor, process = self.start(*how)
        client, copy = asked(supervisor, get("/gone"))
        copy.close()
        with client:
            supervisor.expect(self, Kind.BUSY)
        supervisor.expect(self, Kind.IDLE)
        client, copy = asked(supervisor, get("/"), Flag.MAY_PARK)
        copy.close()
        client.close()  # before anything is answered
        supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        output = end_played(self, supervisor, process)
        self.assertIn("the client is gone", output)
        self.assertNotIn("Traceback", output)

    @each
    def test_a_client_that_does_not_take_the_answer_to_its_first_request(self, *how):
        supervisor, process = self.start(*how, "--timeout-client", "1")
        for path in ("/much/33554432", "/echo"):
            client, copy = asked(supervisor, get(path) if "much" in path else post(path, b"12345")[:-5], Flag.MAY_PARK)
            copy.close()
            with client:
                supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        end_played(self, supervisor, process)

    @each
    def test_an_upgrade_is_left_to_the_loop(self, *how):
        supervisor, process = self.start(*how)
        client, copy = asked(supervisor, get("/socket", *UPGRADE), AT_ONCE)
        copy.close()
        with client:
            self.assertEqual(Reply(client).next()[0], 101)
            client.sendall(frame(b"hello"))
            self.assertEqual(client.recv(100), b"\x81\x05HELLO")
            supervisor.expect(self, Kind.BUSY)
        supervisor.expect(self, Kind.IDLE)
        end_played(self, supervisor, process)

    @each
    def test_an_upgrade_after_an_early_request(self, *how):
        supervisor, process = self.start(*how, KEEP="60")
        client, copy = asked(supervisor, get("/"), Flag.MAY_PARK)
        copy.close()
        with client:
            reply = Reply(client)
            self.assertEqual(reply.next()[2], b"hello\n")
            client.sendall(get("/socket", *UPGRADE))
            self.assertEqual(reply.next()[0], 101)
            client.sendall(frame(b"hello"))
            self.assertEqual(client.recv(100), b"\x81\x05HELLO")
            supervisor.send(Kind.YIELD)
            client.sendall(frame(b"again"))
            self.assertEqual(client.recv(100), b"\x81\x05AGAIN")
            supervisor.expect(self, Kind.BUSY)
        supervisor.expect(self, Kind.IDLE)
        end_played(self, supervisor, process)

    @each
    def test_a_default_timeout_of_the_program_changes_nothing(self, *how):
        """FAULTS 517: an ASGI application sets a default timeout of sockets: a silent client holds up no other."""
        supervisor, process = self.start(*how, DEFAULT_TIMEOUT="60")
        with supervisor.connection(1) as silent, supervisor.connection(2) as other:
            self.assertEqual(ask(other, "/"), (200, "hello"))
            self.assertEqual(ask(silent, "/"), (200, "hello"))
            supervisor.expect(self, Kind.BUSY, Kind.BUSY)
        supervisor.expect(self, Kind.IDLE, Kind.IDLE)
        end_played(self, supervisor, process)

    @each
    def test_drain_ends_early_connections(self, *how):
        supervisor, process = self.start(*how, KEEP="60")
        client, copy = asked(supervisor, get("/wait/0.3"))
        copy.close()
        with client:
            supervisor.expect(self, Kind.BUSY)
            supervisor.send(Kind.DRAIN)
            self.assertEqual(Reply(client).next()[1]["connection"], "close")
            self.assertTrue(ended(client))
        supervisor.expect(self, Kind.IDLE)
        self.assertEqual(process.wait(10), 0, process.stdout.read())


if __name__ == "__main__":
    unittest.main()

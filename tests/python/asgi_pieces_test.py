"""In which pieces an ASGI worker gets requests."""
import select
import unittest

from asgi_test import AsgiCase, each
from loop_support import Reply, end_played, get, held, post
from prefork_worker.wire import Flag, Kind


class EmptyLines(AsgiCase):
    @each
    def test_an_empty_line_before_a_request_is_skipped(self, *how):
        """FAULTS 411: an empty line before a request, as old clients send it after a body, is no request and spoils none."""
        supervisor, process = self.start(*how)
        body = post("/echo", b"12345")
        for pieces in ([b"\r\n" + get("/")], [b"\r\n", get("/")], [b"\r", b"\n" + get("/")], [body + b"\r\n", get("/")], [body, b"\r\n" + get("/")]):
            client, copy = held(supervisor, 1, Flag.MAY_PARK)
            with client, copy:
                reply = Reply(client)
                for piece in pieces:
                    client.sendall(piece)
                    if piece.startswith(b"POST"):
                        self.wait_for_answer(supervisor, client, copy)
                        self.assertEqual(reply.next()[2], b"12345", pieces)
                    supervisor.send(Kind.PING)
                    self.hear_until(supervisor, Kind.PONG, copy)
                self.wait_for_answer(supervisor, client, copy)
                self.assertEqual(reply.next()[::2], (200, b"hello\n"), pieces)
                self.hear_until(supervisor, Kind.PARK)
        end_played(self, supervisor, process)

    def wait_for_answer(self, supervisor, client, copy):
        while client not in select.select([client, supervisor.channel], [], [], 10)[0]:
            self.hear(supervisor, copy)

    def hear_until(self, supervisor, kind, copy=None):
        while self.hear(supervisor, copy) != kind:
            pass

    def hear(self, supervisor, copy):
        """A worker that was slow between two pieces may have parked the connection: it gets it again."""
        kind = supervisor.hear()[0].kind
        self.assertIn(kind, (Kind.BUSY, Kind.PARK, Kind.PONG))
        if kind == Kind.PARK and copy is not None:
            supervisor.send(Kind.CONNECTION, Flag.MAY_PARK, ticket=1, attached=[copy])
        return kind


if __name__ == "__main__":
    unittest.main()

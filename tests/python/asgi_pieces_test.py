"""In which pieces an ASGI worker gets requests."""
import unittest

from asgi_test import AsgiCase, each
from loop_support import Reply, end_played, get, post
from prefork_worker.wire import Flag, Kind


class EmptyLines(AsgiCase):
    @each
    def test_an_empty_line_before_a_request_is_skipped(self, *how):
        """FAULTS 411: an empty line before a request, as old clients send it after a body, is no request and spoils none."""
        supervisor, process = self.start(*how, KEEP="60")
        body = post("/echo", b"12345")
        for pieces in ([b"\r\n" + get("/")], [b"\r\n", get("/")], [b"\r", b"\n" + get("/")], [body + b"\r\n", get("/")], [body, b"\r\n" + get("/")]):
            with supervisor.connection(1, Flag.MAY_PARK) as client:
                reply = Reply(client)
                for piece in pieces:
                    client.sendall(piece)
                    if piece.startswith(b"POST"):
                        self.assertEqual(reply.next()[2], b"12345", pieces)
                    supervisor.send(Kind.PING)
                    self.heard_until(supervisor, Kind.PONG)
                self.assertEqual(reply.next()[::2], (200, b"hello\n"), pieces)
                supervisor.send(Kind.YIELD)
                self.heard_until(supervisor, Kind.PARK)
        end_played(self, supervisor, process)

    def heard_until(self, supervisor, kind):
        while (record := supervisor.hear()[0]).kind != kind:
            self.assertEqual(record.kind, Kind.BUSY)


if __name__ == "__main__":
    unittest.main()

"""The pure parts of the WSGI adapter: heads, chunks, names of applications, trusted proxies."""
import io
import random
import unittest

from prefork_worker import forwarded
from prefork_worker.addresses import KnownAddresses, from_memo, to_memo
from prefork_worker.chunked import ChunkedBody
from prefork_worker.http_head import BadRequest, Limits, check, find_end


class Buffer(io.BytesIO):
    append = io.BytesIO.write


def decode(data, rng):
    """(content, how much was taken, whether it is complete, whether it is right) of a body that comes in pieces."""
    buffer = Buffer()
    body, at = ChunkedBody(buffer), 0
    while at < len(data) and not body.completed and body.error is None:
        end = min(len(data), at + rng.randint(1, 40))
        while at < end and not body.completed and body.error is None:
            at += body.received(data[at:end])
    return buffer.getvalue(), at, body.completed, body.error is None


class Chunks(unittest.TestCase):
    def test_content_and_end_are_exact_however_a_body_is_cut(self):
        rng = random.Random(1)
        for _ in range(300):
            parts = [rng.randbytes(rng.randint(1, 90)) for _ in range(rng.randint(0, 5))]
            data = b"".join(b"%x%s\r\n%s\r\n" % (len(one), rng.choice([b"", b";a=b", b" ;c"]), one) for one in parts)
            data += rng.choice([b"0\r\n", b"000;x\r\n"]) + rng.choice([b"", b"A: b\r\n", b"A:\r\nB: c\r\n"]) + b"\r\n"
            self.assertEqual(decode(data + b"GET / HTTP", rng), (b"".join(parts), len(data), True, True), data)

    def test_a_wrong_byte_is_never_taken_for_an_end_at_another_place(self):
        rng = random.Random(2)
        good = b"5;ext\r\nhello\r\nb\r\n world again\r\n0\r\nTrailer: x\r\n\r\n"
        for at in range(len(good)):
            for byte in (0, 10, 13, 32, 48, 59, 255):
                data = good[:at] + bytes([byte]) + good[at + 1 :]
                first = decode(data, rng)
                self.assertEqual(first[2:], decode(data, rng)[2:], data)
                if first[2]:
                    self.assertEqual(first[1], len(good) if data[:1] == good[:1] else first[1], data)


class Heads(unittest.TestCase):
    def test_a_head_ends_at_the_same_place_however_it_is_cut(self):
        head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
        for end in range(len(head)):
            self.assertEqual(find_end(head[:end], Limits()), 0)
        self.assertEqual(find_end(head + b"more", Limits()), len(head))

    def test_options_of_the_connection(self):
        for line, field, keeps in (
            ("1.1", "", True), ("1.1", "close", False), ("1.1", "keep-alive, Close", False), ("1.1", "TE", True),
            ("1.0", "", False), ("1.0", "Keep-Alive", True), ("1.0", "keep-alive, close", False), ("1.1", "closed", True),
        ):
            head = f"GET / HTTP/{line}\r\nHost: x\r\nConnection: {field}\r\n\r\n".encode()
            self.assertEqual(check(head, Limits()).keeps, keeps, head)

    def test_hosts(self):
        for host in ("", "x", "x:80", "[::1]", "[::1]:8080", "a_b.example", "1.2.3.4:", "xn--a"):
            check(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), Limits())
        for host in ("a b", "a/b", "a@b", "[::1", "::1", "x:8a", "x\t y", "a?b"):
            with self.assertRaises(BadRequest, msg=host):
                check(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(), Limits())


class Memos(unittest.TestCase):
    def test_addresses_come_back(self):
        pair = (("2001:db8::7", 4711), ("198.51.100.1", 443))
        self.assertEqual(from_memo(to_memo(*pair)), pair)

    def test_what_another_program_has_left_tells_no_address(self):
        for memo in (b"", b"addresses ", b"addresses a 1 b", b"addresses a 1 b x", b"other one 1 two 2", b"addresses \xff 1 b \xff", b"\0" * 224):
            with self.subTest(memo=memo):
                self.assertIsNone(from_memo(memo))


class Client:
    """A connection whose socket counts how often it is asked for its addresses."""

    def __init__(self, ticket, may_park=True):
        self.ticket, self.may_park, self.memo, self.proxied, self.socket, self.asked = ticket, may_park, b"", False, self, 0

    def getsockname(self):
        self.asked += 1
        return ("198.51.100.1", 443)

    def getpeername(self):
        return ("192.0.2.7", self.ticket)


class Known(unittest.TestCase):
    def test_a_connection_that_comes_again_is_not_asked_for_its_addresses(self):
        known, client = KnownAddresses(), Client(4711)
        for _ in range(3):
            self.assertEqual(known.of(client, 1).shown, ("192.0.2.7", 4711))
        self.assertEqual(client.asked, 1)

    def test_one_that_cannot_come_again_is_not_remembered(self):
        known, client = KnownAddresses(), Client(4711, may_park=False)
        for _ in range(3):
            known.of(client, 1)
        self.assertEqual(client.asked, 3)

    def test_many_connections_take_no_more_memory(self):
        known = KnownAddresses()
        for ticket in range(1, 5000):
            self.assertEqual(known.of(Client(ticket), 1).shown, ("192.0.2.7", ticket))
            self.assertLessEqual(len(known), 1024)


class Forwarded(unittest.TestCase):
    def apply(self, hops, trust, peer=("10.0.0.1", 1)):
        environ = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": hops}
        forwarded.apply(environ, peer, forwarded.Trust(trust))
        return environ["REMOTE_ADDR"]

    def test_the_last_address_that_is_not_trusted_counts(self):
        for hops, trust, expected in (
            ("1.1.1.1, 2.2.2.2", "10.0.0.1", "2.2.2.2"), ("1.1.1.1, 2.2.2.2", "10.0.0.0/8,2.2.2.2", "1.1.1.1"),
            ("1.1.1.1, 2.2.2.2", "*", "1.1.1.1"), ("1.1.1.1", "", "10.0.0.1"), ("::ffff:10.0.0.2, 10.0.0.3", "10.0.0.0/8", "::ffff:10.0.0.2"),
            ("unknown", "10.0.0.1", "10.0.0.1"), ("unknown, 1.1.1.1", "10.0.0.1", "1.1.1.1"), ("<script>", "*", "10.0.0.1"),
        ):
            self.assertEqual(self.apply(hops, trust), expected, (hops, trust))

    def test_a_peer_on_a_unix_socket_is_trusted(self):
        self.assertEqual(self.apply("1.1.1.1", "", None), "1.1.1.1")


if __name__ == "__main__":
    unittest.main()

"""The PROXY protocol's header: parsed, refused, and read without a byte of what follows."""
import socket
import threading
import unittest

from prefork_worker.proxy_header import MAX_HEADER, SIGNATURE, BadHeader, crc32c, parse, read_proxy_header


def v2(family=0x11, body=bytes([10, 0, 0, 1, 10, 0, 0, 2, 0x30, 0x39, 0x01, 0xBB]), command=0x21):
    return SIGNATURE + bytes([command, family]) + len(body).to_bytes(2, "big") + body


V6 = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02" + "3039" + "01bb")
GOOD = [
    (b"PROXY TCP4 10.0.0.1 10.0.0.2 12345 443\r\n", ("10.0.0.1", 12345)),
    (b"PROXY TCP6 2001:db8::1 2001:db8::2 12345 443\r\n", ("2001:db8::1", 12345)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    (v2(), ("10.0.0.1", 12345)),
    (v2(0x21, V6), ("2001:db8::1", 12345)),
    (v2(command=0x20), None),
    (v2(0, b"", 0x20), None),
    (v2(0, b""), None),
    (v2(0x31, b"/tmp/a" + bytes(210)), None),
    (v2(0x77, b"anything"), None),
]
BAD = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 10.0.0.1 10.0.0.2 12345\r\n",
    b"PROXY TCP4 10.0.0.1 10.0.0.2 012 443\r\n",
    b"PROXY TCP4 10.0.0.1 10.0.0.2 65536 443\r\n",
    b"PROXY TCP4 ::1 ::1 1 1\r\n",
    b"PROXY TCP6 10.0.0.1 10.0.0.2 1 1\r\n",
    b"PROXY TCP4 10.0.0.1  10.0.0.2 1 1\r\n",
    b"PROXY UDP4 10.0.0.1 10.0.0.2 1 1\r\n",
    b"PROXY TCP4 10.0.0.1\x00 10.0.0.2 1 1\r\n",
    b"PROXY TCP4 \xff 10.0.0.2 1 1\r\n",
    b"PROXY " + b"x" * 200,
    b"PROXY\r\n" + b"x" * 200,
    SIGNATURE[:11] + b"X",
    v2(command=0x11),
    v2(command=0x22),
    v2(body=bytes(11)),
    v2(0x21, bytes(35)),
    v2(body=bytes(12) + b"\x01"),
    v2(body=bytes(12) + b"\x01\x00\x05abcd"),
    v2(body=bytes(12) + b"\x03\x00\x02ab"),
    v2(body=bytes(12) + b"\x03\x00\x04abcd"),
    SIGNATURE + b"\x21\x11\xff\xff",
]


def with_checksum(body):
    header = bytearray(v2(body=body + b"\x03\x00\x04\x00\x00\x00\x00"))
    header[-4:] = crc32c(bytes(header)).to_bytes(4, "big")
    return bytes(header)


class Parsing(unittest.TestCase):
    def test_good_headers_name_the_client_however_they_are_cut(self):
        for data, source in GOOD:
            for end in range(1, len(data)):
                header, need = parse(data[:end])
                self.assertIsNone(header, data[:end])
                self.assertGreater(need, end)
            header, size = parse(data + b"GET /")
            self.assertEqual((header.source, size), (source, len(data)), data)

    def test_wrong_headers_are_refused(self):
        """FAULTS 341: what is no PROXY header, or a wrong or endless one, is refused after a bounded number of bytes."""
        for data in BAD:
            with self.assertRaises(BadHeader, msg=data):
                parse(data)

    def test_no_prefix_needs_more_than_the_limit(self):
        for size in range(0, 65536, 97):
            try:
                _, need = parse(SIGNATURE + b"\x21\x11" + size.to_bytes(2, "big"))
            except BadHeader:
                continue
            self.assertLessEqual(need, MAX_HEADER)

    def test_the_checksum_is_verified_where_there_is_one(self):
        self.assertEqual(crc32c(b"123456789"), 0xE3069283)
        good = with_checksum(bytes(range(1, 13)) + b"\x01\x00\x02h2")
        header, _ = parse(good)
        self.assertEqual(header.source, ("1.2.3.4", 0x090A))
        self.assertEqual(header.tlvs[0], (1, b"h2"))
        for at in range(12, len(good)):
            wrong = bytearray(good)
            wrong[at] ^= 1
            try:
                header, _ = parse(bytes(wrong))
            except BadHeader:
                continue
            # The checksum's own type, or a length before it, was hit: then there is no checksum to verify.
            self.assertIn(at, (12, 13, 14, 15, 28, 29, 30, 33, 34, 35))

    def test_local_means_the_real_addresses(self):
        header, _ = parse(v2(command=0x20))
        self.assertTrue(header.local)
        self.assertIsNone(header.source)


class Reading(unittest.TestCase):
    def setUp(self):
        self.client, self.served = socket.socketpair()
        self.addCleanup(self.client.close)
        self.addCleanup(self.served.close)

    def test_no_byte_behind_the_header_is_taken(self):
        for data, source in GOOD:
            self.client.sendall(data + b"GET /")
            self.assertEqual(read_proxy_header(self.served, 5).source, source)
            self.assertEqual(self.served.recv(100), b"GET /")

    def test_a_header_that_comes_in_pieces_is_read(self):
        def send():
            for at in range(0, 40, 8):
                self.client.sendall(GOOD[0][0][at : at + 8])
                half.wait(0.005)
        half = threading.Event()
        sender = threading.Thread(target=send)
        sender.start()
        self.assertEqual(read_proxy_header(self.served, 10).source, ("10.0.0.1", 12345))
        sender.join()

    def test_half_a_header_is_not_waited_for_longer_than_told(self):
        for start in (b"", b"PROXY TCP4"):
            self.client.sendall(start)
            with self.assertRaisesRegex(BadHeader, "in time"):
                read_proxy_header(self.served, 0.05)

    def test_a_client_that_has_gone_is_noticed_at_once(self):
        self.client.sendall(b"PROXY TCP4")
        self.client.close()
        with self.assertRaisesRegex(BadHeader, "has gone"):
            read_proxy_header(self.served, 60)


if __name__ == "__main__":
    unittest.main()

"""Connections that begin with a header of the PROXY protocol."""
import json
import socket
import struct
import subprocess
import unittest

import counted
from http_client import Client
from parent import COPY_KEPT, MAY_PARK, NODE, PARK_AT_ONCE, PROXIED, SOURCE, Parent

AT_ONCE = MAY_PARK | PARK_AT_ONCE | COPY_KEPT
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1")
REQUEST = b"GET /facts HTTP/1.1\r\nHost: test\r\n\r\n"


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def binary(family, addresses, command=0x21, values=b""):
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses) + len(values)) + addresses + values


def summed(family, addresses, error=0):
    header = binary(family, addresses, values=b"\x04\0\x02ab\x03\0\x04\0\0\0\0")
    return header[:-4] + struct.pack(">I", crc32c(header) ^ error)


FOUR = socket.inet_aton("1.2.3.4") + socket.inet_aton("5.6.7.8") + struct.pack(">HH", 1111, 80)
SIX = V6 + V6 + struct.pack(">HH", 2222, 443)

GOOD = [
    (b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n", "1.2.3.4"),
    (b"PROXY TCP6 2001:db8::1 ::1 1111 80\r\n", "2001:db8::1"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", "127.0.0.1"),
    (binary(0x11, FOUR), "1.2.3.4"),
    (binary(0x21, SIX), "2001:db8::1"),
    (binary(0x11, FOUR, values=b"\x04\0\x05hello"), "1.2.3.4"),
    (binary(0, b"", command=0x20), "127.0.0.1"),
    (binary(0x31, b"\0" * 216), "127.0.0.1"),
    (summed(0x11, FOUR), "1.2.3.4"),
]
BAD = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"proxy TCP4 1.2.3.4 5.6.7.8 1111 80\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1111\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 80 90\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 80\r\n",
    b"PROXY TCP4 1.2.3.4 5.6.7.8 01 80\r\n",
    b"PROXY TCP4 1.2.3.400 5.6.7.8 1 80\r\n",
    b"PROXY TCP4 ::1 ::1 1 80\r\n",
    b"PROXY TCP5 1.2.3.4 5.6.7.8 1 80\r\n",
    b"PROXY TCP4 " + b"1" * 200,
    binary(0x11, FOUR[:8]),
    binary(0x11, FOUR, command=0x11),
    binary(0x11, FOUR, command=0x22),
    binary(0x11, FOUR, values=b"\x04\x11\0" + b"x" * 0x1100),
    summed(0x11, FOUR, error=1),
]


class Header(unittest.TestCase):
    def parsed(self, *texts):
        script = """
          const { parse } = require(process.argv[1]);
          const texts = JSON.parse(require('node:fs').readFileSync(0, 'utf8'));
          console.log(JSON.stringify(texts.map((text) => parse(Buffer.from(text, 'latin1')) ?? String(parse(Buffer.from(text, 'latin1'))))));
        """
        done = subprocess.run([NODE, "-e", script, str(SOURCE / "worker/node/lib/proxy_header.cjs")],
                              input=json.dumps([text.decode("latin1") for text in texts]).encode(), capture_output=True, check=True, timeout=20)
        return json.loads(done.stdout)

    def test_good_headers_and_each_of_their_beginnings(self):
        for header, source in GOOD:
            *begins, whole = self.parsed(*[header[:end] for end in range(len(header))], header + b"rest")
            self.assertEqual(set(begins), {"undefined"}, header)
            self.assertEqual(whole["length"], len(header))
            self.assertEqual(whole["addresses"] and whole["addresses"]["source"], None if source == "127.0.0.1" else source)

    def test_bad_headers(self):
        for header, answer in zip(BAD, self.parsed(*BAD)):
            self.assertEqual(answer, "null", header)


class Proxied(unittest.TestCase):
    def test_a_program_sees_the_address_of_the_client_also_after_parking(self):
        with Parent("app.js", flags=AT_ONCE | PROXIED) as parent:
            for index, (header, source) in enumerate(GOOD):
                with Client(parent.port()) as client:
                    client.send(header + REQUEST)
                    self.assertEqual(json.loads(client.answer()[2])["peer"], source, header)
                    parent.wait(lambda: parent.only(index).parks == 1)
                    self.assertEqual(json.loads(client.request("/memo")[2])["count"], 0)
                    parent.wait(lambda: parent.only(index).parks == 2)
                    self.assertEqual(json.loads(client.request("/memo")[2])["count"], 1)
                    self.assertEqual(json.loads(client.request("/facts")[2])["peer"], source, header)
            self.assertEqual(parent.violations, [])

    def test_a_header_in_pieces(self):
        for header, source in (GOOD[0], GOOD[4]):
            with Parent("app.js", flags=COPY_KEPT | PROXIED) as parent, Client(parent.port()) as client:
                data = header + REQUEST
                for at in range(0, len(data), 7):
                    client.send(data[at:at + 7])
                    parent.sync()
                self.assertEqual(json.loads(client.answer()[2])["peer"], source)
                self.assertEqual(client.request("/hello")[2], b"hello\n")

    def test_a_wrong_header_ends_the_connection(self):
        """FAULTS 383: no header, or a wrong one."""
        with Parent("app.js", flags=AT_ONCE | PROXIED) as parent:
            for index, header in enumerate(BAD):
                with Client(parent.port()) as client:
                    client.send(header)
                    self.assertTrue(client.ended(), header)
                parent.wait(lambda: parent.only(index).state == "idle")
            with Client(parent.port()) as client:
                client.send(GOOD[0][0][:20])
                parent.wait(lambda: parent.only(len(BAD)).state == "busy")
                client.socket.shutdown(socket.SHUT_WR)
                self.assertTrue(client.ended())
            parent.wait(lambda: parent.only(len(BAD)).state == "idle")
            self.assertEqual(parent.violations, [])


if __name__ == "__main__":
    counted.main()

"""The table of malformed requests against the ASGI worker with each of uvicorn's parsers; and requests in one piece."""
import re
import unittest

import malformed
from loop_support import PARK, PARSERS, asgi, get, installed, post, talk
from support import Pool

#: The old parser of Debian's httptools does not look at what follows the size of a chunk. It answers; it reads on where others do.
LENIENT = {"bare LF in an extension"}

WAIT = get("/wait/0.05")
UPGRADE = get("/socket", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: YWJj")
WRONG_CHUNK = get("/echo", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n"
#: What is sent at once, and the status of each answer until the connection ends. With h11 a refusal has an answer of its own.
IN_ONE_PIECE = [
    ("close, and more", get("/wait/0.05", "Connection: close") + get("/smuggled"), [200], [200]),
    ("wrong bytes", WAIT + WAIT + b"\x01\x02\r\n\r\n", [200, 200, 400], [200, 200]),
    ("HEAD of an unknown version", get("/", method="HEAD").replace(b"/1.1", b"/2.0"), [400], [400]),
    ("no host", WAIT + b"GET / HTTP/1.1\r\n\r\n", [200, 400], [200]),
    ("a wrong chunk", WAIT + WRONG_CHUNK, [200, 400], [200, 400]),
    ("an upgrade", WAIT + UPGRADE + get("/smuggled"), [200], [200]),
    ("a wrong chunk after the answer", post("/", b"") + WRONG_CHUNK.replace(b"echo", b"") + get("/smuggled"), [200, 400], [200, 400]),
]


@unittest.skipUnless(installed("uvicorn"), "uvicorn is not installed")
class Malformed(unittest.TestCase):
    def test_no_request_is_smuggled(self):
        """FAULTS 355: a malformed or ambiguous request to an ASGI worker is refused; what follows it is never a request."""
        for parser in PARSERS:
            with self.subTest(parser), Pool(asgi("--http", parser), workers=2, connections_per_worker=8, **PARK) as pool:
                wrong = []
                for name, data, allowed in malformed.CASES:
                    answer = malformed.ask(pool.connect, data + malformed.SMUGGLED)
                    words = malformed.wrong(name, answer, allowed)
                    if words and (name not in LENIENT or parser == "h11" or b"/smuggled" in answer):
                        wrong.append(words)
                self.assertEqual(wrong, [])
                self.quiet(pool)

    def test_answers_come_in_the_order_of_their_requests(self):
        """FAULTS 355: see above."""
        for parser in PARSERS:
            with self.subTest(parser), Pool(asgi("--http", parser), workers=2, connections_per_worker=8, **PARK) as pool:
                for name, data, *status in IN_ONE_PIECE:
                    with pool.connect() as client:
                        received = talk(client, data)
                    answers = [int(one) for one in re.findall(rb"HTTP/1\.1 (\d\d\d) ", received)]
                    self.assertEqual(answers, status[parser != "h11"], name)
                    self.assertNotIn(b"/smuggled", received, name)
                self.quiet(pool)

    def quiet(self, pool):
        counters = pool.pool()["counters"]
        self.assertEqual((counters["violations"], counters["crashes"], counters["lost"]), (0, 0, 0))
        self.assertNotIn("Traceback", pool.log())


if __name__ == "__main__":
    unittest.main()

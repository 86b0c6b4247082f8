"""Malformed requests: parking changes nothing of what Node answers, and no second request comes out of one."""
import pathlib
import random
import re
import socket
import sys
import unittest

import counted
from parent import COPY_KEPT, MAY_PARK, PARK_AT_ONCE, Parent

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "python"))
try:
    import malformed
except ImportError:
    malformed = None

# What Node's parser lets pass although it should not: the same without the supervisor.
NODES_OWN = {"two spaces in the line", "two Hosts"}
# Answered, and then the module ends the connection (RFC 9112, 6.1).
ENDED = {"coding in HTTP/1.0"}


def statuses(answer):
    return answer if answer is None else re.findall(rb"HTTP/1\.[01] (\d\d\d) ", answer)


@unittest.skipUnless(malformed, "tests/python/malformed.py is not there")
class Malformed(unittest.TestCase):
    def ask(self, parent, data):
        return malformed.ask(lambda: socket.create_connection(("127.0.0.1", parent.port()), timeout=10), data)

    def test_no_request_is_smuggled_into_a_connection_that_is_parked(self):
        """FAULTS 380: malformed requests to a Node worker that parks at once."""
        faults = []
        with Parent("smuggled.js", flags=MAY_PARK | PARK_AT_ONCE | COPY_KEPT) as parking, Parent("smuggled.js", flags=COPY_KEPT) as keeping:
            self.assertGreaterEqual(len(malformed.CASES), 40)
            for name, data, allowed in malformed.CASES:
                parked, kept = (self.ask(parent, data + malformed.SMUGGLED) for parent in (parking, keeping))
                fault = malformed.wrong(name, parked, allowed) if name not in ENDED else len(statuses(parked)) > 1
                if fault and name not in NODES_OWN:
                    faults.append(f"{fault}: {name}")
                if statuses(parked) != statuses(kept):
                    faults.append(f"{name}: {statuses(parked)} where it is parked, {statuses(kept)} where it is kept")
            self.assertEqual(parking.violations + keeping.violations, [])
            for parent in (parking, keeping):
                parent.wait(lambda: all(each.state == "idle" for each in parent.connections.values()))
        self.assertEqual(faults, [])


class InPieces(unittest.TestCase):
    """Well-formed requests that come in pieces, with other requests in between: the connection is parked and comes again."""

    def test_each_request_is_answered_once_wherever_it_is_cut(self):
        one = b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
        two = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        three = b"GET /c HTTP/1.1\r\nHost: x\r\n\r\n"
        data = one + two + three
        choose = random.Random(1)
        with Parent("smuggled.js", flags=MAY_PARK | PARK_AT_ONCE | COPY_KEPT) as parent:
            for _ in range(100):
                cuts = sorted(choose.sample(range(1, len(data)), 3))
                with socket.create_connection(("127.0.0.1", parent.port()), timeout=10) as client:
                    for begin, end in zip([0, *cuts], [*cuts, len(data)]):
                        client.sendall(data[begin:end])
                        parent.sync()
                    client.shutdown(socket.SHUT_WR)
                    answer = b""
                    while block := client.recv(65536):
                        answer += block
                self.assertEqual(re.findall(rb"/[abc]", answer), [b"/a", b"/b", b"/c"], cuts)
            self.assertGreater(sum(each.parks for each in parent.connections.values()), 50)
            self.assertEqual(parent.violations, [])


if __name__ == "__main__":
    counted.main()

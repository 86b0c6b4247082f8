"""Parking: which connections of an HTTP server go back to the supervisor between two requests, and which never."""
import base64
import contextlib
import os
import unittest

import counted
from http_client import Client
from parent import COPY_KEPT, LAST_REQUEST, MAY_PARK, PARK_AT_ONCE, PROXIED, Parent

CLIENTS = int(os.environ.get("NODE_TEST_CLIENTS", "100"))
PARKS = int(os.environ.get("NODE_TEST_PARKS", "2000"))
AT_ONCE = MAY_PARK | PARK_AT_ONCE | COPY_KEPT


@contextlib.contextmanager
def served(case, program="app.js", **what):
    with Parent(program, **what) as parent:
        with Client(parent.port()) as client:
            yield parent, client
        case.assertEqual(parent.violations, [])


class Parked(unittest.TestCase):
    def test_a_connection_is_parked_after_its_answer_and_comes_again(self):
        for flags in (AT_ONCE, MAY_PARK | COPY_KEPT):
            with served(self, flags=flags) as (parent, client):
                for number in range(1, 4):
                    self.assertEqual(client.request("/hello")[2], b"hello\n")
                    parent.wait(lambda: parent.only().parks == number)
                client.socket.close()
                parent.wait(lambda: parent.only().state == "idle")

    def test_a_connection_that_may_not_be_parked_is_kept(self):
        with served(self, flags=COPY_KEPT) as (parent, client):
            for _ in range(3):
                client.request("/hello")
            parent.sync()
            self.assertEqual(parent.count("park"), 0)
            parent.sync()
            self.assertEqual(parent.only().state, "busy")

    def test_a_connection_that_is_kept_stays_when_another_one_of_its_server_is_parked(self):
        with served(self, flags=COPY_KEPT) as (parent, client):
            client.request("/hello")
            parent.flags = AT_ONCE
            with Client(parent.port()) as other:
                for number in range(1, 4):
                    other.request("/hello")
                    parent.wait(lambda: parent.only(1).parks == number)
            client.request("/hello")
            parent.sync()
            self.assertEqual((parent.only().state, parent.only().parks), ("busy", 0))

    def test_an_answer_that_ends_its_connection_is_an_end(self):
        with Parent("app.js", flags=AT_ONCE) as parent:
            for number in range(20):
                with Client(parent.port()) as client:
                    self.assertIn("connection: close", client.request("/hello", head="Connection: close\r\n")[1])
                    self.assertTrue(client.ended())
                parent.wait(lambda: parent.only(number).state == "idle")
            self.assertEqual((parent.count("park"), parent.violations), (0, []))

    def test_a_client_that_asks_again_at_once_is_not_parked(self):
        with served(self) as (parent, client):
            for _ in range(200):
                client.request("/hello")
            parent.wait(lambda: parent.only().state == "parked")
            parent.sync()
            self.assertLess(parent.count("park"), 50)  # a busy machine may delay some

    def test_the_answer_to_head_is_over_with_its_head(self):
        with served(self, flags=AT_ONCE) as (parent, client):
            self.assertEqual(client.request("/hello", method="HEAD")[0], 200)
            parent.wait(lambda: parent.only().parks == 1)
            self.assertEqual(client.request("/hello")[2], b"hello\n")

    def test_yield_parks_what_is_kept_until_a_connection_may_be_kept(self):
        with served(self, flags=MAY_PARK | COPY_KEPT, watch_parked=False) as (parent, client):
            client.send(b"GET /later HTTP/1.1\r\nHost: test\r\n\r\n")
            parent.wait(lambda: parent.only().state == "busy")
            parent.ask("yield")
            client.answer()
            parent.wait(lambda: parent.only().state == "parked")

    def test_the_last_answer_says_so(self):
        with served(self, flags=COPY_KEPT | LAST_REQUEST) as (parent, client):
            self.assertIn("connection: close", client.request("/hello")[1])
            self.assertTrue(client.ended())
            parent.wait(lambda: parent.only().state == "idle")

    def test_a_memo_comes_back(self):
        with served(self, flags=AT_ONCE) as (parent, client):
            tickets = set()
            for number in range(3):
                answer = client.request("/memo")[2]
                self.assertIn(f'"count":{number}'.encode(), answer)
                tickets.add(answer.split(b'"ticket":')[1])
                parent.wait(lambda: parent.only().parks == number + 1)
            self.assertEqual(len(tickets), 1)


    def test_the_longest_memo_and_the_longest_addresses(self):
        header = b"PROXY TCP6 0000:0000:0000:0000:0000:ffff:111.111.111.111 2001:0db8:1111:1111:1111:1111:1111:1 65535 65535\r\n"
        self.assertLessEqual(len(header), 107)
        with served(self, flags=AT_ONCE | PROXIED) as (parent, client):
            client.send(header)
            self.assertEqual(client.request("/memo", head=f"X-Memo: {'m' * 121}\r\n")[2], b"RangeError")
            self.assertEqual(client.request("/memo", head=f"X-Memo: {'m' * 120}\r\n")[2], b"kept")
            parent.wait(lambda: parent.only().memo is not None)
            self.assertLessEqual(len(base64.b64decode(parent.only().memo)), 224)
            self.assertIn("m" * 120, client.request("/facts")[2].decode())


class NeverParked(unittest.TestCase):
    """Each keeps the connection past the point at which another one was parked."""

    def stays(self, data, answers, rest, then):
        with served(self, flags=AT_ONCE) as (parent, client):
            client.send(data)
            for answer in answers:
                self.assertEqual(client.answer()[2], answer)
            with Client(parent.port()) as other:
                other.request("/hello")
                parent.wait(lambda: parent.only(1).state == "parked")
                other.request("/hello")
                parent.wait(lambda: parent.only(1).parks == 2)
            parent.sync()
            self.assertEqual((parent.only().state, parent.only().parks), ("busy", 0))
            client.send(rest)
            self.assertEqual(client.answer()[2], then)
            parent.wait(lambda: parent.only().state == "parked")

    def test_half_a_request_behind_an_answer(self):
        """FAULTS 378: half a request."""
        one = b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n"
        for cut in (1, 5, 30, len(one) - 1):
            self.stays(one + one[:cut], [b"hello\n"], one[cut:], b"hello\n")

    def test_a_body_that_is_not_complete(self):
        head = b"POST /unread HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n"
        self.stays(head + b"12345", [b"unread\n"], b"67890GET /hello HTTP/1.1\r\nHost: test\r\n\r\n", b"hello\n")

    def test_a_chunked_body_that_is_not_complete(self):
        head = b"POST /unread HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n"
        self.stays(head, [b"unread\n"], b"\r\nGET /hello HTTP/1.1\r\nHost: test\r\n\r\n", b"hello\n")

    def test_pipelined_requests_are_all_answered(self):
        """FAULTS 378: pipelined requests."""
        with served(self, flags=AT_ONCE) as (parent, client):
            one, two = (f"GET /{path} HTTP/1.1\r\nHost: test\r\n\r\n".encode() for path in ("hello", "later"))
            client.send((one + two) * 20)
            for _ in range(20):
                self.assertEqual(client.answer()[2], b"hello\n")
                self.assertEqual(client.answer()[2], b"later\n")
            parent.wait(lambda: parent.only().state == "parked")
            self.assertEqual(parent.only().parks, 1)

    def test_an_upgraded_connection(self):
        """FAULTS 378: an upgraded connection."""
        with served(self, flags=AT_ONCE) as (parent, client):
            client.request("/hello")
            parent.wait(lambda: parent.only().parks == 1)
            client.send(b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
            self.assertEqual(client.answer()[0], 101)
            for _ in range(3):
                with Client(parent.port()) as other:
                    other.request("/hello")
                    other.socket.close()
                client.send(b"ping")
                self.assertEqual(client._take(4), b"ping")
            parent.sync()
            self.assertEqual((parent.only().state, parent.only().parks), ("busy", 1))

    def test_an_answer_that_is_not_sent(self):
        """FAULTS 378: an answer on its way."""
        with served(self, flags=AT_ONCE) as (parent, client):
            client.send(b"GET /download HTTP/1.1\r\nHost: test\r\nX-Bytes: 30000000\r\n\r\n")
            with Client(parent.port()) as other:
                other.request("/hello")
                parent.wait(lambda: parent.only(1).state == "parked")
            parent.sync()
            self.assertEqual(parent.only().state, "busy")
            self.assertEqual(len(client.answer()[2]), 30000000)
            parent.wait(lambda: parent.only().state == "parked")

    def test_an_upload_and_what_follows_it(self):
        with served(self, flags=AT_ONCE) as (parent, client):
            client.send(b"POST /upload HTTP/1.1\r\nHost: test\r\nContent-Length: 30000000\r\n\r\n")
            client.send(b"x" * 30000000)
            self.assertEqual(client.answer()[2], b"30000000\n")
            parent.wait(lambda: parent.only().parks == 1)


class Many(unittest.TestCase):
    def test_many_clients_that_keep_their_connections(self):
        with Parent("app.js", flags=AT_ONCE) as parent:
            port = parent.port()
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(Client(port)) for _ in range(CLIENTS)]
                for _ in range(3):
                    for client in clients:
                        client.send(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n")
                    for client in clients:
                        self.assertEqual(client.answer()[2], b"hello\n")
                parent.wait(lambda: all(each.state == "parked" for each in parent.connections.values()))
            parent.wait(lambda: all(each.state == "idle" for each in parent.connections.values()))
            self.assertEqual(parent.violations, [])

    def test_nothing_grows_with_the_number_of_parks(self):
        with Parent("app.js", flags=AT_ONCE) as parent:
            with Client(parent.port()) as client:
                client.request("/hello")

                def parks(count):
                    last = parent.only().parks + count
                    while parent.only().parks < last:
                        client.request("/hello")
                        number = parent.only().parks
                    return int(client.request("/memory")[2])

                descriptors = f"/proc/{parent.process.pid}/fd"
                parks(PARKS // 4)
                before, open_before = parks(PARKS // 4), len(os.listdir(descriptors))
                after, open_after = parks(PARKS // 2), len(os.listdir(descriptors))
                self.assertLess(after - before, 60 * PARKS // 2 + 1000000)  # what the compiler needs, and less than an entry of a table for each
                self.assertLessEqual(open_after, open_before + 1)
            self.assertEqual(parent.violations, [])


if __name__ == "__main__":
    counted.main()

"""The WSGI adapter under the built supervisor: requests and answers, as a client sees them."""
import hashlib
import os
import socket
import unittest

from loop_support import Reply, end_played, get, post, start_played
from prefork_worker.wire import Flag, Kind
from support import FULL, PARKING, Pool, eventually, is_missing, wsgi

LARGE = (100 if FULL else 8) << 20


def rss(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) << 10


@unittest.skipIf(is_missing("waitress"), "python3-waitress is not installed")
class Answers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = Pool(wsgi("plain"), workers=1, **PARKING)
        cls.addClassCleanup(cls.pool.close)

    def setUp(self):
        self.client = self.pool.http()
        self.addCleanup(self.client.close)

    def show(self, *arguments, **more):
        status, _, body = self.client.ask(*arguments, **more)
        self.assertEqual(status, 200)
        return dict(line.split("=", 1) for line in body.decode().splitlines())

    def test_the_environment_of_a_request(self):
        found = self.show("/show/%41?q=1&r", "X-Field: a", "X_Hidden: b", "X-Field: c")
        port = str(self.pool.port)
        local = self.client.socket.getsockname()
        expected = {
            "REQUEST_METHOD": "GET", "PATH_INFO": "/show/A", "QUERY_STRING": "q=1&r", "SCRIPT_NAME": "",
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": port, "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost",
            "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": str(local[1]), "HTTP_X_FIELD": "a, c", "wsgi.url_scheme": "http",
            "wsgi.multithread": "False", "wsgi.multiprocess": "True", "wsgi.run_once": "False",
        }
        self.assertEqual({key: found.get(key) for key in expected}, expected)
        self.assertNotIn("HTTP_X_HIDDEN", found)

    def test_a_target_with_a_host_replaces_the_field_host(self):
        found = self.show("http://other:81/show")
        self.assertEqual((found["HTTP_HOST"], found["PATH_INFO"]), ("other:81", "/show"))

    def test_a_connection_is_kept(self):
        for _ in range(5):
            status, fields, body = self.client.ask()
            self.assertEqual(status, 200)
            self.assertNotIn("connection", fields)
            self.assertIn(b"Hello", body)

    def test_pipelined_requests_are_answered_in_order(self):
        for one in range(20):
            self.client.send(f"/show?{one}")
        for one in range(20):
            self.assertIn(f"QUERY_STRING={one}\n".encode(), self.client.answer()[2])

    def test_head_has_the_length_and_no_body_whatever_the_application_sends(self):
        for target in ("/body_for_head", "/stream", "/file/10"):
            status, fields, _ = self.client.ask(target, method="HEAD")
            self.assertEqual(status, 200)
            if fields.get("connection") == "close":
                self.assertIsNone(self.client.answer())
                self.setUp()
        status, fields, _ = self.client.ask("/body_for_head", method="HEAD")
        self.assertEqual(fields["content-length"], "23")
        self.assertEqual(self.client.ask()[0], 200)

    def test_a_body_is_read_that_the_application_leaves(self):
        self.assertEqual(self.client.ask("/", method="POST", body=b"x" * 100000)[0], 200)
        self.assertEqual(self.client.ask()[0], 200)

    def test_a_chunked_body_has_a_length_for_the_application(self):
        body = b"5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: x\r\n\r\n"
        found = self.client.ask("/digest", "Transfer-Encoding: chunked", method="POST", body=body)[2]
        self.assertEqual(found.decode(), f"11 {hashlib.sha256(b'hello world').hexdigest()}")
        for at in range(0, len(body), 3):  # in pieces, too
            if at == 0:
                self.client.send("/digest", "Transfer-Encoding: chunked", method="POST")
            self.client.socket.sendall(body[at : at + 3])
        self.assertEqual(self.client.answer()[2], found)

    def test_100_continue_comes_before_the_body_and_only_if_it_is_wanted(self):
        self.client.send("/digest", "Expect: 100-continue", "Content-Length: 5", method="POST")
        self.assertEqual(self.client.answer()[0], 100)
        self.client.socket.sendall(b"hello")
        self.assertEqual(self.client.answer()[2][:2], b"5 ")
        self.client.send("/digest", "Expect: 100-continue", method="POST", body=b"hello")
        self.assertEqual(self.client.answer()[2][:2], b"5 ")
        self.client.send("/digest", "Expect: 100-continue", "Content-Length: 9999999999", method="POST")
        self.assertEqual(self.client.answer()[0], 413)

    def test_answers_without_a_length_end_the_connection(self):
        self.assertEqual(self.client.ask("/stream")[2], b"0\n1\n2\n")
        self.assertIsNone(self.client.answer())

    def test_http_1_0(self):
        status, fields, _ = self.client.ask("/", "Connection: keep-alive", version="1.0")
        self.assertEqual((status, fields["connection"]), (200, "Keep-Alive"))
        self.client.ask(version="1.0")
        self.assertIsNone(self.client.answer())

    def test_close_in_a_list_of_options_ends_the_connection(self):
        fields = self.client.ask("/", "Connection: TE, close")[1]
        self.assertEqual(fields["connection"], "close")
        self.assertIsNone(self.client.answer())

    def test_a_file_is_sent(self):
        status, fields, body = self.client.ask("/file/300000")
        self.assertEqual((fields["content-length"], body), ("300000", b"x" * 300000))
        self.assertEqual(self.client.ask()[0], 200)

    def test_no_content(self):
        self.assertEqual(self.client.ask("/nothing")[0], 204)

    def test_empty_lines_before_a_request_are_skipped(self):
        self.client.socket.sendall(b"\r\n\r\n")
        self.assertEqual(self.client.ask()[0], 200)

    def test_a_large_upload_and_download_need_no_memory(self):
        """FAULTS 345: the size of a request's or an answer's body does not count against a worker's memory."""
        self.client.ask("/digest", method="POST", body=b"x" * (2 << 20))
        pid = self.pool.pids()[0]
        before = rss(pid)
        self.client.send("/digest", f"Content-Length: {LARGE}", method="POST")
        block, whole = b"0123456789abcdef" * 4096, hashlib.sha256()
        for _ in range(LARGE // len(block)):
            self.client.socket.sendall(block)
            whole.update(block)
        self.assertEqual(self.client.answer()[2].decode(), f"{LARGE} {whole.hexdigest()}")
        self.client.send(f"/download/{LARGE}")
        self.assertEqual(self.client.file.readline().split()[1], b"200")
        for _ in iter(self.client.file.readline, b"\r\n"):
            pass
        size = 0
        while size < LARGE:
            size += len(self.client.file.read(65536))
        self.assertEqual(self.client.ask()[0], 200)
        self.assertLess(rss(pid) - before, 4 << 20)


@unittest.skipIf(is_missing("waitress"), "python3-waitress is not installed")
class Sockets(unittest.TestCase):
    def test_a_socket_may_be_non_blocking(self):
        """Another worker may have set it. An answer of this size, and a header that comes in two parts, have to be waited for."""
        supervisor, process = start_played(self, wsgi("plain"), slots=1)
        for blocking in (True, False):
            for flags, header in ((Flag.COPY_KEPT, b""), (Flag.COPY_KEPT | Flag.PROXIED, b"PROXY UNKNOWN\r\n")):
                client, copy = socket.socketpair()
                client.settimeout(10)
                copy.setblocking(blocking)
                with client, copy:
                    client.sendall(header[:5])
                    supervisor.send(Kind.CONNECTION, flags, ticket=1, attached=[copy])
                    supervisor.expect(self, Kind.BUSY)
                    client.sendall(header[5:] + post("/digest", b"x" * 10) + get("/download/8000000", "Connection: close"))
                    reply = Reply(client)
                    self.assertEqual(reply.next()[2].split()[0], b"10")
                    self.assertEqual(len(reply.next()[2]), 8000000)
                    supervisor.expect(self, Kind.IDLE)
                    self.assertEqual(os.get_blocking(copy.fileno()), blocking)  # a flag of the socket, not of a descriptor
        end_played(self, supervisor, process)


@unittest.skipIf(is_missing("waitress"), "python3-waitress is not installed")
class Failures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = Pool(wsgi("plain", "--timeout", "0.4"), workers=1, **PARKING)
        cls.addClassCleanup(cls.pool.close)

    def after(self):
        """The only worker is free again, and the same as before."""
        with self.pool.http() as client:
            self.assertEqual(client.ask()[0], 200)
        counters = self.pool.pool()["counters"]
        self.assertEqual((counters["violations"], counters["crashes"]), (0, 0))

    def test_an_application_that_raises_is_answered_for(self):
        with self.pool.http() as client:
            status, fields, body = client.ask("/fail")
            self.assertEqual((status, fields["connection"]), (500, "close"))
            self.assertNotIn(b"ordered", body)
            self.assertIsNone(client.answer())
        eventually(lambda: "OSError: as ordered" in self.pool.log(), what="a traceback in the log")
        self.after()

    def test_an_answer_that_fails_half_way_is_cut(self):
        with self.pool.http() as client:
            client.send("/fail_late")
            self.assertEqual(len(client.answer()[2]), 4)
        self.after()

    def test_an_answer_that_begins_anew_has_a_length_of_its_own(self):
        """FAULTS 473: an answer begun anew with exc_info has the length of what is sent then."""
        with self.pool.http() as client:
            for length in (2, 200):
                status, fields, body = client.ask(f"/begin_anew/{length}")
                self.assertEqual((status, fields["content-length"], body), (500, "13", b"an error page"))
        self.after()

    def test_an_empty_line_after_a_body_does_not_hold_a_worker(self):
        """FAULTS 474: an empty line after a body does not hold a worker."""
        with self.pool.http() as client:
            client.socket.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab\r\n")
            self.assertEqual(client.answer()[0], 200)
            self.after()
            self.assertEqual(client.ask()[0], 200)

    def test_half_a_request_does_not_hold_a_worker(self):
        """FAULTS 346: a client that sends or reads too slowly holds a worker in Python for its time only."""
        for start in (b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe",
                      b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"):
            with self.pool.http() as client:
                client.socket.sendall(start)
                self.assertEqual(client.answer()[0], 408)
                self.assertIsNone(client.answer())
        self.after()

    def test_a_byte_now_and_then_does_not_lengthen_a_clients_time(self):
        with self.pool.http() as client:
            client.socket.sendall(b"GET / HTTP/1.1\r\nX: ")
            client.socket.settimeout(0.05)
            for _ in range(200):
                try:
                    client.socket.sendall(b"x")
                    self.assertTrue(client.socket.recv(100).startswith(b"HTTP/1.1 408"))
                    break
                except TimeoutError:
                    continue
            else:
                self.fail("the client was waited for during 10 s")
        self.after()

    def test_a_client_that_does_not_read_does_not_hold_a_worker(self):
        with self.pool.http() as client:
            client.send(f"/download/{64 << 20}")
            self.after()

    def test_a_client_that_goes_within_a_request_or_an_answer_is_no_failure_of_the_application(self):
        for start in (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe", b"GET /download/50000000 HTTP/1.1\r\nHost: x\r\n\r\n"):
            with self.pool.http() as client:
                client.socket.sendall(start)
        self.after()
        self.assertNotIn("BrokenPipe", self.pool.log())
        self.assertNotIn("ConnectionReset", self.pool.log())

    def test_the_answer_to_a_body_that_is_too_large_arrives(self):
        with self.pool.http() as client:
            client.send("/", "Content-Length: 2000000000", method="POST")
            try:
                for _ in range(100):
                    client.socket.sendall(b"x" * 65536)
            except OSError:
                pass
            self.assertEqual(client.answer()[0], 413)
        self.after()


if __name__ == "__main__":
    unittest.main()

"""What the WSGI adapter does in place of waitress has the same result as waitress's own code, of the release that is installed."""
import itertools
import types
import unittest

from prefork_worker.addresses import Addresses
from prefork_worker.http_head import BadRequest, Limits, check

try:
    from prefork_worker import waitress_glue as glue
    from waitress.parser import HTTPRequestParser
    from waitress.task import WSGITask
except SystemExit:  # not installed
    glue = None

ADDRESSES = Addresses(("192.0.2.1", 4711), ("198.51.100.7", 8000))
TARGETS = (
    b"/", b"/a/b?c=d&e=%20", b"//two//slashes?q", b"/%2Fencoded%20%e4", b"/;p=1?a?b", b"/a:b@c", b"*", b"//\xc3\xa4?\xe4", b"/?",
    b"http://example.org:80/path?q=1", b"http://example.org", b"https://[::1]/x%41",
)
FIELDS = (
    b"", b"Accept: a\r\nAccept:  b , c \t\r\n", b"X-Under_score: no\r\nX-Latin: \xe4\xa0\r\nx-empty:\r\n", b"Cookie: a=b; c=d\r\n",
    b"Content-Type: text/plain\r\nContent-Length: 0\r\n", b"Content-Length: 5\r\n", b"Content-Length: 0012\r\n",
    b"Transfer-Encoding: Chunked\r\n", b"Expect: 100-Continue\r\nContent-Length: 3\r\n", b"connection: Close\r\n",
    b"Connection: keep-alive\r\n", b"Connection: upgrade\r\nUpgrade: x\r\n",
)
# waitress keeps them for itself, or they hold objects.
PRIVATE = {"first_line", "header_bytes_received", "headers_finished", "adj", "body_rcv", "connection_close"}


def heads():
    for target, fields, minor in itertools.product(TARGETS, FIELDS, (b"0", b"1")):
        if minor == b"1" or b"Transfer-Encoding" not in fields:
            method = b"OPTIONS" if target == b"*" else b"POST"
            yield b"%s %s HTTP/1.%s\r\nHost: x.example:81\r\n%s\r\n" % (method, target, minor, fields)


def both(raw):
    """The request of `raw` as the adapter makes it, and as waitress does."""
    settings = glue.Settings(70000, 1 << 30)
    head = check(raw, Limits())
    ours, theirs = glue.Request(settings, head), HTTPRequestParser(settings)
    theirs.received(raw)
    # What the adapter wants differently: a list of options means keep-alive or close, and the target's host counts.
    if not head.keeps or head.minor == 0:
        theirs.headers["CONNECTION"] = "keep-alive" if head.keeps else "close"
    if head.authority is not None:
        theirs.headers["HOST"] = head.authority
    return ours, theirs


class Channel:
    def __init__(self, application=None):
        settings = glue.Settings(70000, 1 << 30)
        self.adj = settings
        self.addr = ADDRESSES.peer
        self.server = types.SimpleNamespace(
            adj=settings, application=application, server_name=ADDRESSES.local[0], effective_port=ADDRESSES.local[1]
        )
        self.sent = b""

    def write_soon(self, data):
        self.sent += bytes(data)
        return len(data)

    def check_client_disconnected(self):
        return False


def tasks(raw, application):
    ours, theirs = both(raw)
    mine = glue.Task(Channel(application), ours, ADDRESSES, lambda: False, lambda environ: None)
    return mine, WSGITask(Channel(application), theirs)


@unittest.skipIf(glue is None, "waitress is not installed")
class SameAsWaitress(unittest.TestCase):
    def test_a_head_that_comes_again_is_read_alike_whatever_was_made_of_it(self):
        for raw in heads():
            first = both(raw)[0].headers
            wanted = dict(first)
            first.clear()
            again = both(raw)[0].headers
            self.assertEqual(again, wanted, raw)

    def test_requests(self):
        count = 0
        for count, raw in enumerate(heads(), 1):
            ours, theirs = both(raw)
            self.assertIsNone(theirs.error, raw)
            names = {name for one in (ours, theirs) for name in vars(one)} - PRIVATE
            self.assertGreater(len(names), 8)
            for name in names:
                self.assertEqual(getattr(ours, name), getattr(theirs, name), (name, raw))
            self.assertEqual(ours.body_rcv is None, theirs.body_rcv is None, raw)
        self.assertGreater(count, 250)

    def test_targets_that_waitress_refuses(self):
        for target in (b"/\xe4", b"/a?\xff", b"http://[x/", b"http://[::1"):
            raw = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % target
            with self.assertRaises(BadRequest, msg=target) as refused:
                both(raw)
            self.assertEqual(refused.exception.status, 400)

    def test_bodies(self):
        for fields, body in (
            (b"Content-Length: 5\r\n", b"hello"), (b"Transfer-Encoding: chunked\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        ):
            raw = b"POST / HTTP/1.1\r\nHost: x\r\n%s\r\n" % fields
            for one in both(raw):
                self.assertFalse(one.completed)
                self.assertEqual(one.received(body + b"GET"), len(body))
                self.assertTrue(one.completed)
                self.assertEqual(one.get_body_stream().read(), b"hello")
                self.assertEqual(one.headers["CONTENT_LENGTH"], "5")
                one.close()

    def test_environments(self):
        for raw in heads():
            ours, theirs = (task.get_environment() for task in tasks(raw, None))
            for environ in (ours, theirs):
                for name in ("wsgi.input", "waitress.client_disconnected", "wsgi.multithread", "wsgi.multiprocess"):
                    del environ[name]
            self.assertEqual(ours, theirs, raw)

    def test_answers(self):
        statuses = ("200 OK", "204 No Content", "304 Not Modified", "404 Not Found")
        lists = (
            [], [("content-type", "text/plain"), ("X-A", "1"), ("x-a", "2")], [("Content-Length", "2")], [("content-length", "0")],
            [("Server", "mine"), ("Date", "today")], [("SERVER", ""), ("date", ""), ("etag", '"\xe4"')], [("Set-Cookie", "b"), ("Set-Cookie", "a")],
        )
        requests = [
            b"GET / HTTP/1.%s\r\nHost: x\r\n%s\r\n" % pair
            for pair in itertools.product((b"0", b"1"), (b"", b"Connection: close\r\n", b"Connection: keep-alive\r\n"))
        ]
        bodies = ([b"ok"], [b"o", b"k"], [], [b""], iter([b"ok"]))
        for raw, status, fields, body in itertools.product(requests, statuses, lists, bodies):
            body = list(body)

            def application(environ, start_response):
                start_response(status, list(fields))
                return body

            ours, theirs = tasks(raw, application)
            for task in (ours, theirs):
                task.logger = types.SimpleNamespace(warning=lambda *_: None)
                task.start = lambda task=task: setattr(task, "start_time", 1e9 + 0.5)
                task.service()
            self.assertEqual(ours.said_close, b"\r\nConnection: close" in ours.channel.sent)
            if theirs.close_on_finish and ours.said_close and b"\r\nConnection:" not in theirs.channel.sent:  # it ends the connection without saying so
                ours.channel.sent = ours.channel.sent.replace(b"Connection: close\r\n", b"")
                ours.headers.remove(("Connection", "close"))
            self.assertEqual(ours.channel.sent, theirs.channel.sent, (raw, status, fields, body))
            self.assertEqual(ours.close_on_finish, theirs.close_on_finish)
            self.assertEqual(sorted(ours.headers), sorted(theirs.response_headers))

    def test_the_answer_to_head_ends_no_connection(self):
        def application(environ, start_response):
            start_response("200 OK", [("Content-Length", "5")])
            return []

        ours, _ = tasks(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", application)
        ours.service()
        self.assertFalse(ours.said_close)
        self.assertNotIn(b"Connection:", ours.channel.sent)


if __name__ == "__main__":
    unittest.main()

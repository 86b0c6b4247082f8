"""supervisor-admin and its link to the supervisor: answers, silence, garbage, new sockets, the agent, the stream."""
import http.client
import json
import socket
import threading
import time
import unittest

from support import AdminCase, eventually, listener, pool, status


class Watcher:
    """Reads a stream: next() is (event, id, data) of the next message."""

    def __init__(self, case, source=None, **headers):
        self.connection = http.client.HTTPConnection(*case.address, timeout=20, source_address=(source, 0) if source else None)
        self.connection.request("GET", "/stream", headers=headers)
        self.answer = self.connection.getresponse()

    def next(self):
        found = {}
        for line in self.answer:
            text = line.decode().rstrip("\n")
            if not text and "event" in found:
                return found["event"], found.get("id"), json.loads(found["data"])
            name, _, value = text.partition(": ")
            if name:
                found[name] = value
        return None

    def until(self, event):
        while message := self.next():
            if message[0] == event:
                return message
        return None

    def close(self):
        self.connection.close()


class Link(AdminCase):
    def test_silence(self):
        """FAULTS 446: while the supervisor does not answer, the last answer serves for 3 s, then 503 comes within 100 ms; the page is served"""
        self.assertEqual(self.get("/livez")[0], 200)
        self.supervisor.silent = True
        asked = self.supervisor.count("status")
        eventually(lambda: self.supervisor.count("status") > asked)  # a request without an answer
        self.assertEqual(self.get("/livez")[0], 200)
        eventually(lambda: self.get("/livez")[0] == 503)
        for path in ("/livez", "/readyz", "/metrics", "/status.json", "/worker.json?pool=web&worker=1"):
            best = 1.0  # of three: the machine may be busy
            for _ in range(3):
                begun = time.monotonic()
                self.assertEqual(self.get(path)[0], 503, path)
                best = min(best, time.monotonic() - begun)
            self.assertLess(best, 0.15, path)
        self.assertEqual(self.get("/")[0], 200)
        self.assertEqual(self.agent(), "down # the supervisor does not answer\n")
        self.assertEqual(self.supervisor.count("status"), asked + 2)  # one of each kind is under way
        self.supervisor.silent = False
        for request in self.supervisor.requests[-self.missing():]:
            self.supervisor.send(self.supervisor.answer(request))
        eventually(lambda: self.get("/livez")[0] == 200)

    def missing(self):
        """How many of the last requests were not answered: all since the first that was not."""
        return len(self.supervisor.requests) - self.supervisor.requests.index(
            [r for r in self.supervisor.requests if r["method"] == "status"][-2])

    def test_garbage(self):
        """FAULTS 447: what is not of the protocol ends the program, so that a new one begins with a new link"""
        self.supervisor.send('{"jsonrpc":"2.0","id":9999,"result":{}}')
        self.assertEqual(self.program.wait(10), 0)
        self.assertIn("what is not of its protocol", self.program.stderr.read())

    def test_odd_answers(self):
        """FAULTS 448: members that are missing or of another kind harm nothing"""
        for odd in ({}, {"pools": 3}, {"pools": [3, None, {}, {"name": 5, "queue": [], "listeners": {}, "slots": "x"}]},
                    {"stopping": "yes", "uptime_ms": None, "pools": [{"histograms": {"queue_wait": {"buckets": [[1], 2, ["a", {}]]}}}]}):
            self.supervisor.status = odd
            for path in ("/metrics?workers=1", "/metrics", "/readyz?verbose", "/livez", "/status.json"):
                self.assertIn(self.get(path)[0], (200, 503), (odd, path))
            self.assertTrue(self.agent().endswith("\n"))
        self.supervisor.status = status()
        self.assertEqual(self.get("/readyz")[0], 200)

    def test_the_program_ends_with_its_link(self):
        watcher = Watcher(self)
        self.assertEqual(watcher.next()[0], "status")
        self.supervisor.end.shutdown(socket.SHUT_RDWR)
        self.assertEqual(self.program.wait(10), 0)
        self.assertEqual(watcher.until("gone")[0], "gone")
        watcher.close()

    def test_a_new_listen_line_replaces_the_sockets(self):
        self.assertEqual(self.get("/livez")[0], 200)
        another = listener()
        self.supervisor.listen([another], [], ["other.example.org"])
        before, self.address = self.address, another.getsockname()
        self.assertEqual(self.get("/status.json", Host="other.example.org")[0], 200)
        self.assertEqual(self.get("/status.json", Host="ops.example.org")[0], 421)
        # The supervisor has the first one still: a client waits in its backlog, and is not served.
        with socket.create_connection(before, timeout=0.3) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with self.assertRaises(TimeoutError):
                client.recv(1)
        another.close()

    def test_a_reload_that_takes_long_keeps_no_other_answer(self):
        self.supervisor.held = {"reload"}
        client = http.client.HTTPConnection(*self.address, timeout=20)
        client.request("POST", "/api/reload", "{}", {"Authorization": "Bearer secret-of-many"})
        eventually(lambda: self.supervisor.count("reload") == 1)
        self.supervisor.status = status(pool("later"))
        self.assertIn("pool later", self.get("/readyz?verbose")[2])
        request = next(one for one in self.supervisor.requests if one["method"] == "reload")
        self.supervisor.results["reload"] = {"applied": True}
        self.supervisor.send(self.supervisor.answer(request))
        self.assertEqual(json.loads(client.getresponse().read()), {"result": {"applied": True}})
        client.close()

    def test_the_first_answer(self):
        """FAULTS 483: in its first second the process waits for the supervisor's first answer"""
        self.supervisor.held = {"status"}

        def answer():
            eventually(lambda: self.supervisor.count("status"))
            time.sleep(0.3)  # longer than the process waits at other times
            request = next(one for one in self.supervisor.requests if one["method"] == "status")
            self.supervisor.held = set()
            self.supervisor.send(self.supervisor.answer(request))

        later = threading.Thread(target=answer)
        later.start()
        self.assertEqual(self.get("/livez")[0], 200)
        later.join()

    def test_many_requests_that_are_not_answered(self):
        """FAULTS 482: requests of clients that the supervisor does not answer do not keep health and metrics from others"""
        self.supervisor.held = {"worker"}
        for _ in range(4):
            clients = []
            for _ in range(40):
                clients.append(http.client.HTTPConnection(*self.address, timeout=20))
                clients[-1].request("GET", "/worker.json?pool=web&worker=1")
            for client in clients:
                self.assertEqual(client.getresponse().status, 503)
                client.close()
        self.assertLessEqual(self.supervisor.count("worker"), 64)
        asked = self.supervisor.count("status")
        eventually(lambda: self.get("/livez")[0] == 200 and self.supervisor.count("status") > asked + 2)


class Agent(AdminCase):
    def test_the_line_follows_the_status(self):
        self.assertEqual(self.agent(), "up ready 80% maxconn:4\n")
        self.supervisor.status = status(pool(slots={"busy": 10, "total": 10}), pool("api", slots={"busy": 0, "total": 10}))
        self.assertEqual(self.agent(b"api\n"), "up ready 100% maxconn:10\n")
        self.assertEqual(self.agent(b"web\r\n"), "up ready 10% maxconn:10\n")
        self.assertEqual(self.agent(), "up ready 10% maxconn:10\n")
        self.assertEqual(self.agent(b"none\n"), "down # there is no pool none\n")
        self.supervisor.status = status(pool(ready=0))
        self.assertEqual(self.agent(), "down # no worker is ready\n")
        self.supervisor.status = status(stopping=True)
        self.assertEqual(self.agent(), "drain\n")

    def test_agent_clients(self):
        """FAULTS 449: an agent's client that sends nothing, too much or floods gets one line and is closed"""
        self.assertEqual(self.agent(b"x" * 5000), "down # there is no pool " + "x" * 64 + "\n")
        self.assertEqual(self.agent(b"\x00\xff\x1b[2J\n"), "down # there is no pool ????[2J\n".replace("????", "???"))
        silent = [socket.create_connection(self.agent_socket.getsockname()) for _ in range(300)]
        self.assertEqual(self.agent(), "up ready 80% maxconn:4\n")
        for client in silent:
            client.close()


class Stream(AdminCase):
    def test_it_begins_with_a_status_and_goes_on_each_second(self):
        watcher = Watcher(self)
        self.assertEqual(watcher.answer.headers["Content-Type"], "text/event-stream")
        self.assertEqual(watcher.next()[0], "status")
        name, _, data = watcher.until("sample")
        self.assertEqual(data["pools"]["web"]["ready"], 4)
        self.assertEqual(watcher.next()[0], "status")
        watcher.close()

    def test_events_come_with_their_number_and_once_more_after_it(self):
        watcher = Watcher(self)
        self.supervisor.event(5, event="worker_died", pool="web", text="killed")
        self.supervisor.event(6, event="worker_started", pool="web")
        self.assertEqual(watcher.until("event")[1:2], ("5",))
        self.assertEqual(watcher.until("event")[2]["event"], "worker_started")
        watcher.close()
        again = Watcher(self, **{"Last-Event-ID": "5"})
        self.assertEqual(again.until("event")[1], "6")
        again.close()
        # A number of another supervisor's life.
        anew = Watcher(self, **{"Last-Event-ID": "700"})
        self.assertEqual(anew.until("event")[1], "5")
        anew.close()

    def test_all_viewers_cost_one_request_a_second(self):
        watchers = [Watcher(self) for _ in range(5)]
        for watcher in watchers:
            watcher.until("sample")
        before = self.supervisor.count("status")
        for _ in range(3):
            watchers[0].until("sample")
        self.assertLessEqual(self.supervisor.count("status") - before, 4)
        for watcher in watchers:
            watcher.close()

    def test_a_page_too_many(self):
        """FAULTS 502: for a page too many the oldest of the address with the most pages ends, and is told so"""
        def begun(source):
            watcher = Watcher(self, source)
            self.addCleanup(watcher.close)
            self.assertEqual(watcher.next()[0], "status")
            return watcher

        of_another = begun("127.0.0.2")
        pages = [begun("127.0.0.1") for _ in range(99)]
        newest = begun("127.0.0.1")
        messages = []
        while message := pages[0].next():
            messages.append(message[0])
        self.assertEqual(messages[-1], "replaced")
        for page in (newest, of_another, pages[1]):
            self.assertEqual(page.until("sample")[0], "sample")


if __name__ == "__main__":
    unittest.main()

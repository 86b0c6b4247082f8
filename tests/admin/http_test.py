"""The HTTP server of supervisor-admin."""
import http.client
import json
import re
import socket
import subprocess
import threading
import time
import unittest

from support import AdminCase, eventually, pool, status


class Paths(AdminCase):
    def test_the_page_comes_with_its_policy_and_an_etag(self):
        code, headers, body = self.get("/")
        self.assertEqual(code, 200)
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertEqual(headers["Referrer-Policy"], "no-referrer")
        self.assertIn("<html", body)
        code, _, body = self.get("/", If_None_Match=headers["ETag"])
        self.assertEqual((code, body), (304, ""))

    def test_status_json_is_the_supervisors_status(self):
        code, headers, body = self.get("/status.json")
        self.assertEqual((code, headers["Content-Type"]), (200, "application/json"))
        self.assertEqual(json.loads(body), self.supervisor.status)

    def test_status_without_workers_is_asked_without_workers(self):
        self.get("/status.json?workers=0")
        self.assertEqual({"workers": False}, [r for r in self.supervisor.requests if r["method"] == "status"][-1]["params"])

    def test_a_worker_s_row_is_asked_by_pool_and_number(self):
        self.supervisor.results["worker"] = {"worker": 3, "pid": 99}
        code, _, body = self.get("/worker.json?pool=we%62&worker=3")
        self.assertEqual((code, json.loads(body)), (200, {"worker": 3, "pid": 99}))
        self.assertEqual(self.supervisor.requests[-1]["params"], {"pool": "web", "worker": 3})
        self.supervisor.errors["worker"] = {"code": -32000, "message": "pool web has no worker 3"}
        self.assertEqual(self.get("/worker.json?pool=web&worker=3")[::2], (404, "pool web has no worker 3\n"))
        self.assertEqual(self.get("/worker.json?pool=web")[0], 400)

    def test_history_has_a_sample_of_each_second(self):
        def two():
            history = json.loads(self.get("/history.json")[2])
            return history if len(history["time"]) >= 2 else None

        history = eventually(two)
        self.assertEqual(history["interval_ms"], 1000)
        self.assertEqual(history["pools"]["web"]["queue"][-1], 0)
        self.assertEqual(history["pools"]["web"]["busy"][-1], 0.25)
        self.assertEqual(history["pools"]["web"]["rate"][-1], 0)

    def test_metrics_have_the_exact_content_types(self):
        code, headers, body = self.get("/metrics")
        self.assertEqual((code, headers["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"))
        self.assertIn('supervisor_pool_workers{pool="web",state="busy"} 1\n', body)
        _, headers, body = self.get("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
        self.assertEqual(headers["Content-Type"], "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.assertTrue(body.endswith("# EOF\n"))

    def test_metrics_pass_promtool(self):
        try:
            subprocess.run(["promtool", "--version"], check=True, capture_output=True)
        except OSError:
            self.skipTest("promtool is missing: Debian's package prometheus has it")
        self.supervisor.status = status(pool(
            histograms={"queue_wait": {"count": 3, "sum_us": 30, "buckets": [[1, 0], [2, 1], [4, 3]]}},
            deaths={"exited": 1}, rollouts={"failed": 1},
            workers=[{"worker": 1, "state": "idle", "load": 0, "slots": 1, "served": 5, "age_ms": 100.5}],
        ), reloads={"applied": 1, "refused": 0})
        text = self.get("/metrics?workers=1")[2]
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
        self.assertEqual((checked.returncode, checked.stdout + checked.stderr), (0, ""))

    def test_health_says_what_the_status_says(self):
        self.assertEqual(self.get("/livez")[::2], (200, "ok\n"))
        self.assertEqual(self.get("/readyz?verbose")[::2],
                         (200, "ok\npool web: ready; workers 4 ready of 4, queue 0 of 16\n"))
        self.supervisor.status = status(pool(ready=0))
        code, _, body = self.get("/readyz")
        self.assertEqual(code, 503)
        self.assertIn("pool web: not ready, no worker is ready", body)
        self.supervisor.status = status(stopping=True)
        self.assertEqual(self.get("/healthz")[0], 503)
        self.assertEqual(self.get("/livez")[0], 200)

    def test_paths_and_methods_that_there_are_not(self):
        self.assertEqual(self.get("/none")[0], 404)
        self.assertEqual(self.get("/%zz")[0], 400)
        self.assertEqual(self.get("/../etc/passwd")[0], 404)
        code, headers, _ = self.get("/metrics", "DELETE")
        self.assertEqual((code, headers["Allow"]), (405, "GET, HEAD"))
        code, headers, _ = self.get("/api/stop", "GET")
        self.assertEqual((code, headers["Allow"]), (405, "POST"))
        self.assertEqual(self.get("/api/explode", "POST")[0], 404)

    def test_head_has_the_length_and_no_body(self):
        code, headers, body = self.get("/livez", "HEAD")
        self.assertEqual((code, headers["Content-Length"], body), (200, "3", ""))
        self.assertEqual(self.get("/stream", "HEAD")[0], 200)

    def test_pipelined_requests_are_answered_in_their_order(self):
        answers = self.raw(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /none HTTP/1.1\r\nHost: localhost\r\n\r\n"
                           b"GET /style.css HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        self.assertEqual(re.findall(r"HTTP/1\.1 (\d+) ", answers), ["200", "404", "200"])

    def test_polls_share_the_supervisors_answer(self):
        self.get("/status.json")
        before = self.supervisor.count("status")
        for _ in range(20):
            self.get("/status.json")
        # One each second, and the samples of the history.
        self.assertLess(self.supervisor.count("status") - before, 10)


class Guards(AdminCase):
    def test_a_host_of_others_gets_nothing_but_metrics_and_health(self):
        for host in ("rebound.example.com", "localhost.example.com", "127.0.0.1.example.com:80"):
            for path in ("/", "/status.json", "/stream", "/history.json", "/app.js"):
                self.assertEqual(self.get(path, Host=host)[0], 421, (host, path))
            self.assertEqual(self.get("/api/stop", "POST", Host=host, Authorization="Bearer x")[0], 421)
            for path in ("/metrics", "/livez", "/readyz", "/healthz"):
                self.assertEqual(self.get(path, Host=host)[0], 200, (host, path))
        for host in ("localhost:1", "127.0.0.1", "[::1]:9465", "OPS.example.org"):
            self.assertEqual(self.get("/status.json", Host=host)[0], 200, host)

    def test_a_target_with_a_host_means_that_host(self):
        def ask(target, host=b"localhost"):
            return self.raw(b"GET " + target + b" HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")

        self.assertIn(" 200 ", ask(b"http://127.0.0.1:80/status.json"))
        self.assertIn(" 200 ", ask(b"http://ops.example.org", b"rebound.example.com"))
        self.assertIn(" 200 ", ask(b"http://localhost?x"))
        self.assertIn(" 421 ", ask(b"http://rebound.example.com/status.json"))
        self.assertIn(" 421 ", ask(b"http://localhost@rebound.example.com/"))
        self.assertIn(" 421 ", ask(b"http:///"))
        self.assertIn(" 400 ", ask(b"ftp://localhost/"))
        self.assertIn(" 400 ", ask(b"localhost:80"))

    def test_an_action_goes_on_with_its_token_and_client(self):
        self.supervisor.results["scale"] = {"pool": "web", "before": 4, "workers": 6}
        code, _, body = self.get("/api/scale", "POST", '{"pool":"web","workers":6}', Authorization="Bearer secret-of-many",
                                 Origin=f"http://{self.address[0]}:{self.address[1]}")
        self.assertEqual((code, json.loads(body)), (200, {"result": {"pool": "web", "before": 4, "workers": 6}}))
        sent = self.supervisor.requests[-1]["params"]
        self.assertEqual((sent["pool"], sent["workers"], sent["token"]), ("web", 6, "secret-of-many"))
        self.assertRegex(sent["client"], r"^127\.0\.0\.1:\d+$")

    def test_actions_that_are_refused_here(self):
        before = len([r for r in self.supervisor.requests if r["method"] == "restart"])
        token = {"Authorization": "Bearer secret-of-many"}
        self.assertEqual(self.get("/api/restart", "POST", "{}")[0], 401)
        self.assertEqual(self.get("/api/restart", "POST", "{}", Origin="http://evil.example", **token)[0], 403)
        self.assertEqual(self.get("/api/restart", "POST", "{}", Origin="null", **token)[0], 403)
        for body in ("[]", "{", '{"pool":3}', '{"token":"x"}', '{"client":"x"}', '{"":1}', "[" * 4000):
            self.assertEqual(self.get("/api/restart", "POST", body, **token)[0], 400, body[:20])
        self.assertEqual(len([r for r in self.supervisor.requests if r["method"] == "restart"]), before)

    def test_a_refusal_of_the_supervisor_is_said(self):
        token = {"Authorization": "Bearer wrong"}
        self.supervisor.errors["stop"] = {"code": -32001, "message": "the token is wrong"}
        code, _, body = self.get("/api/stop", "POST", '{"quick":true}', **token)
        self.assertEqual((code, json.loads(body)), (403, {"error": "the token is wrong"}))
        self.supervisor.errors["restart"] = {"code": -32000, "message": "there is no pool \"x\""}
        self.assertEqual(self.get("/api/restart", "POST", '{"pool":"x"}', **token)[0], 409)

    def test_wrong_tokens(self):
        """FAULTS 503: each wrong token waits for a second, many at once; the right one is answered at once, and so is all else"""
        self.supervisor.errors["restart"] = {"code": -32001, "message": "the token is wrong"}
        times = []

        def try_one():
            begun = time.monotonic()
            if self.get("/api/restart", "POST", "{}", Authorization="Bearer wrong")[0] == 403:
                times.append(time.monotonic() - begun)

        guesses = [threading.Thread(target=try_one) for _ in range(40)]
        for one in guesses:
            one.start()
        eventually(lambda: self.supervisor.count("restart") == 40)
        self.assertEqual(times, [])
        for ask in (lambda: self.get("/api/scale", "POST", '{"workers":2}', Authorization="Bearer right"), lambda: self.get("/livez")):
            begun = time.monotonic()
            self.assertEqual(ask()[0], 200)
            self.assertLess(time.monotonic() - begun, 0.8)
        for one in guesses:
            one.join()
        self.assertEqual(len(times), 40)
        self.assertGreater(min(times), 0.9)


class Faults(AdminCase):
    def test_bad_requests(self):
        """FAULTS 442: requests that are too long, broken or cut are refused and their connection is closed"""
        host = b"Host: localhost\r\n"
        self.assertIn(" 431 ", self.raw(b"GET / HTTP/1.1\r\n" + host + b"X: " + b"x" * 9000 + b"\r\n\r\n"))
        self.assertIn(" 431 ", self.raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + host + b"\r\n"))
        long_body = b"POST /api/stop HTTP/1.1\r\n" + host + b"Content-Length: 5000\r\n\r\n" + b"x" * 5000
        self.assertIn(" 413 ", self.raw(long_body))
        chunked = b"POST /api/stop HTTP/1.1\r\n" + host + b"Transfer-Encoding: chunked\r\n\r\n"
        self.assertIn(" 413 ", self.raw(chunked + b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"))
        self.assertIn(" 401 ", self.raw(chunked.replace(b"\r\nTransfer", b"\r\nConnection: close\r\nTransfer") + b"2\r\n{}\r\n0\r\n\r\n"))
        self.assertIn(" 400 ", self.raw(chunked + b"zz\r\n"))
        self.assertIn(" 400 ", self.raw(b"GET / HTTP/1.1\r\n\r\n"))
        self.assertIn(" 400 ", self.raw(b"GET / HTTP/1.1\r\n" + host + host + b"\r\n"))
        self.assertIn(" 400 ", self.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"))
        both = b"POST /api/stop HTTP/1.1\r\n" + host + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        self.assertIn(" 400 ", self.raw(both))
        with socket.create_connection(self.address) as client:  # cut
            client.sendall(b"GET / HT")
        self.assertEqual(self.get("/livez")[0], 200)

    def test_slow_clients(self):
        """FAULTS 443: a client that does not send its request in time, or does not read, is closed; others are served"""
        self.supervisor.status = status(*[pool(f"pool{number}") for number in range(200)])
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(self.address)
        reader.sendall(b"GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        slow = socket.create_connection(self.address)
        slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        begun = time.monotonic()
        slow.settimeout(20)
        self.assertEqual(slow.recv(1), b"")
        self.assertGreater(time.monotonic() - begun, 9)
        self.assertEqual(self.get("/livez")[0], 200)
        # The stream of a page that does not read: events until more than 1 MiB waits.
        for seq in range(1, 400):
            self.supervisor.event(seq, event="reload", text="x" * 10000)
        eventually(lambda: self.get("/livez")[0] == 200)
        reader.settimeout(10)
        received = 0
        while piece := reader.recv(65536):
            received += len(piece)
        self.assertLess(received, 3_500_000)
        reader.close()
        slow.close()

    def test_many_connections(self):
        """FAULTS 444: with 1,000 connections a new one is served, and the oldest idle one is closed"""
        clients = []
        try:
            for _ in range(1000):
                clients.append(socket.create_connection(self.address))
            self.assertEqual(self.get("/livez")[0], 200)
            clients[0].settimeout(10)
            self.assertEqual(clients[0].recv(1), b"")
            clients[-1].settimeout(10)
            clients[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertTrue(clients[-1].recv(100).startswith(b"HTTP/1.1 200 "))
        finally:
            for client in clients:
                client.close()


class SlowTakers(AdminCase):
    descriptors = 200  # so that about a hundred clients are as many as there may be

    def test_slow_takers(self):
        """FAULTS 481: where all clients take their answers slowly, a new one is served, and a page that reads its stream stays"""
        self.supervisor.status = status(*[pool(f"pool{number}") for number in range(500)])
        page = http.client.HTTPConnection(*self.address, timeout=20)
        page.request("GET", "/stream")
        messages = page.getresponse()
        reader = threading.Thread(target=lambda: [None for _ in messages], daemon=True)
        clients = []
        try:
            reader.start()
            for _ in range(150):
                client = socket.socket()
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                client.settimeout(20)
                clients.append(client)
                client.connect(self.address)
                client.sendall(b"GET /status.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
                self.assertEqual(client.recv(5), b"HTTP/")
                self.assertEqual(self.get("/livez")[0], 200)
            self.assertTrue(reader.is_alive())
        finally:
            for client in clients:
                client.close()
            page.close()


class FewDescriptors(AdminCase):
    descriptors = 40

    def test_few_descriptors(self):
        """FAULTS 445: a process with few descriptors closes idle connections and serves new ones"""
        clients = [socket.create_connection(self.address) for _ in range(60)]
        try:
            for _ in range(20):
                self.assertEqual(self.get("/livez")[0], 200)
        finally:
            for client in clients:
                client.close()
        self.assertIsNone(self.program.poll())


if __name__ == "__main__":
    unittest.main()

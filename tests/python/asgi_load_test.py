"""The ASGI worker under load, with the supervisor: large bodies, many kept connections, many parks, deaths; and FastAPI."""
import json
import os
import pathlib
import re
import signal
import sys
import threading
import unittest

from asgi_test import each
from loop_support import PARK, Reply, asgi, ask, get, installed, post
from support import FULL, ROOT, Pool, eventually

MIB = 1 << 20


def memory(pid):
    """The most that a process has had, in MiB."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+)", text)[1]) / 1024


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


@unittest.skipUnless(installed("uvicorn"), "uvicorn is not installed")
class Load(unittest.TestCase):
    @each
    def test_large_bodies_take_no_memory(self, *how):
        """FAULTS 357: requests and answers of an ASGI application are large: the worker's memory stays the same."""
        size = (100 if FULL else 32) * MIB
        with Pool(asgi(*how), connections_per_worker=2, **PARK) as pool:
            (pid,) = pool.pids()
            for path in ("/length", "/much"):
                with pool.connect() as client:
                    if path == "/length":
                        client.sendall(get("/length", f"Content-Length: {size}", method="POST"))
                        for _ in range(size // MIB):
                            client.sendall(bytes(MIB))
                        self.assertEqual(int(Reply(client).next()[2]), size)
                    else:
                        client.sendall(get(f"/much/{size}"))
                        left = size
                        while left > 0:  # and the head
                            left -= len(client.recv(MIB))
                if path == "/length":
                    self.assertLess(memory(pid), 60)
            self.assertLess(memory(pid), 60)

    def test_many_kept_clients_make_progress(self):
        clients, workers = (500, 8) if FULL else (120, 2)
        with Pool(asgi("--no-access-log"), workers=workers, connections_per_worker=2, **PARK) as pool:
            sockets = [pool.connect() for _ in range(clients)]
            for _ in range(3):
                for one in sockets:
                    one.sendall(get("/wait/0.001"))
                for one in sockets:
                    self.assertEqual(Reply(one).next()[2], b"hello\n")
            for one in sockets:
                one.close()
            counters = pool.pool()["counters"]
            self.assertEqual((counters["lost"], counters["violations"], counters["evicted"]), (0, 0, 0))
            self.assertGreater(counters["parked"], clients)

    def test_nothing_leaks_in_many_parks(self):
        parks = 100000 if FULL else 3000
        with Pool(asgi("--no-access-log"), env={"KEEP": "0"}, connections_per_worker=4, **PARK) as pool:
            (pid,) = pool.pids()
            sockets = [pool.connect() for _ in range(8)]

            def rounds(count):
                for _ in range(count):
                    for one in sockets:
                        one.sendall(get("/"))
                    for one in sockets:
                        Reply(one).next()

            rounds(100)
            sockets[0].sendall(get("/wait/0.01"))  # not answered at once: with its first stream libuv opens a descriptor for itself
            Reply(sockets[0]).next()
            before = descriptors(pid), memory(pid)
            # A request that comes at once is answered without a park before it.
            for _ in range(parks // 8 // 50 * 2):
                if pool.pool()["counters"]["parked"] >= parks:
                    break
                rounds(50)
            self.assertGreaterEqual(pool.pool()["counters"]["parked"], parks)
            eventually(lambda: descriptors(pid) <= before[0], what="no descriptor is left")
            self.assertLess(memory(pid) - before[1], 8)
            for one in sockets:
                one.close()

    def test_a_killed_worker_loses_only_what_it_had_begun(self):
        """FAULTS 352: ASGI workers, too, are killed under load; each failed request is one that was begun."""
        failed, done = [], []
        with Pool(asgi("--no-access-log"), workers=2, connections_per_worker=2, **PARK) as pool:
            def run():
                for _ in range(60):
                    try:
                        with pool.connect() as client:
                            done.append(ask(client, "/wait/0.005"))
                    except (OSError, AssertionError) as error:
                        failed.append(error)
            threads = [threading.Thread(target=run) for _ in range(8)]
            for one in threads:
                one.start()
            for _ in range(3):
                pid = eventually(lambda: [one["pid"] for one in pool.pool()["workers"] if one["state"] in ("busy", "idle")])[0]
                os.kill(pid, signal.SIGKILL)
                eventually(lambda: pid not in pool.pids() and pool.serving(), 30, "another worker in its place")
            for one in threads:
                one.join()
            counters = pool.pool()["counters"]
        self.assertEqual(set(done), {(200, "hello")})
        self.assertEqual(len(done) + len(failed), 480)
        self.assertLessEqual(len(failed), counters["lost"])
        self.assertEqual(counters["violations"], 0)

    def test_requests_go_on_while_workers_are_replaced(self):
        failed = []
        with Pool(asgi("--no-access-log", "--limit-max-requests", "50"), workers=2, connections_per_worker=2, **PARK) as pool:
            def run():
                try:
                    with pool.connect() as client:
                        for _ in range(150):
                            if ask(client, "/") != (200, "hello"):
                                failed.append("wrong")
                except (OSError, AssertionError) as error:
                    failed.append(error)
            threads = [threading.Thread(target=run) for _ in range(4)]
            for one in threads:
                one.start()
            self.assertEqual(pool.run("restart").returncode, 0)
            for one in threads:
                one.join()
            self.assertEqual(failed, [])
            counters = pool.pool()["counters"]
            self.assertEqual((counters["lost"], counters["violations"], counters["crashes"]), (0, 0, 0))

    def test_a_template_shares_what_it_has_loaded(self):
        with Pool(asgi("--preload"), start="fork", workers=2, connections_per_worker=2) as pool:
            with pool.connect() as client:
                loaded = ask(client, "/loaded")[1]
                own = ask(client, "/pid")[1]
            self.assertNotEqual(loaded, own)
            self.assertIn(int(own), pool.pids())
            self.assertEqual(pool.close(), 0)


@unittest.skipUnless(installed("uvicorn") and installed("fastapi"), "fastapi is not installed")
class FastApi(unittest.TestCase):
    def test_the_example_serves(self):
        folder = ROOT / "docs" / "examples" / "fastapi"
        config = json.loads((folder / "pool.json").read_text())
        command = [sys.executable, *config.pop("command")[1:]]
        del config["listen"]
        with Pool(command, **{**config, "directory": str(folder)}) as pool:
            with pool.connect() as client:
                status, body = ask(client, "/?name=you")
                self.assertEqual((status, json.loads(body)), (200, {"hello": "you", "client": "127.0.0.1"}))
                client.sendall(post("/orders", b'{"item": "tea", "count": 2}', "Content-Type: application/json"))
                self.assertEqual(json.loads(Reply(client).next()[2]), {"ordered": 2, "item": "tea"})
                client.sendall(post("/orders", b"{}", "Content-Type: application/json"))
                self.assertEqual(Reply(client).next()[0], 422)
                self.assertEqual(ask(client, "/docs")[0], 200)
            self.assertEqual(pool.pool()["counters"]["violations"], 0)


if __name__ == "__main__":
    unittest.main()

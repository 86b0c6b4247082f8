"""Many clients that keep their connections, few workers: the examples for Flask and Django, and a plain application.

With PREFORK_FULL_TESTS=1 in the sizes that docs/workers-python.md names; otherwise smaller.
"""
import json
import os
import sys
import threading
import unittest

from support import FULL, PARKING, ROOT, Pool, is_missing, wsgi


def example(name):
    """Its pool, on a free port and with the package that is not installed here."""
    folder = ROOT / "docs" / "examples" / name
    config = json.loads((folder / "pool.json").read_text())
    del config["listen"]
    command = [sys.executable, *config.pop("command")[1:]]
    return Pool(command, **{**config, "directory": str(folder)})


def clients(pool, count, requests, target):
    """`count` clients with `requests` each, all at once; what went wrong, and how many answers each client got."""
    wrong, answers, start = [], [0] * count, threading.Barrier(count)

    def run(number):
        try:
            with pool.http(60) as client:
                start.wait(60)
                for one in range(requests):
                    answer = client.ask(target.format(f"{number}.{one}"))
                    if answer is None or answer[0] != 200 or f"{number}.{one}".encode() not in answer[2]:
                        wrong.append((number, one, answer))
                        return
                    answers[number] += 1
        except OSError as error:
            wrong.append((number, error))
    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return wrong, answers


class Many(unittest.TestCase):
    def check(self, pool, count, requests, target="/?name={}"):
        wrong, answers = clients(pool, count, requests, target)
        self.assertEqual(wrong[:5], [])
        self.assertEqual(set(answers), {requests})
        counters = pool.pool()["counters"]
        self.assertEqual((counters["violations"], counters["crashes"], counters["lost"]), (0, 0, 0))
        return counters

    def framework(self, name):
        with example(name) as pool:
            with pool.http() as client:
                self.assertEqual(client.ask("/upload", method="POST", body=b"x" * 70000)[2].replace(b" ", b"").strip(),
                                 b'{"bytes":70000}')
                self.assertEqual(client.ask("/none")[0], 404)
                self.assertEqual(client.ask("/", method="HEAD")[0], 200)
            self.check(pool, 32, 60 if FULL else 15)

    @unittest.skipIf(is_missing("waitress") or is_missing("flask"), "python3-flask is not installed")
    def test_flask_with_32_clients_that_keep_their_connections(self):
        self.framework("flask")

    @unittest.skipIf(is_missing("waitress") or is_missing("django"), "python3-django is not installed")
    def test_django_with_32_clients_that_keep_their_connections(self):
        self.framework("django")

    @unittest.skipIf(is_missing("waitress"), "python3-waitress is not installed")
    def test_far_more_clients_than_workers_all_make_progress(self):
        workers, count = (8, 500) if FULL else (4, 100)
        with Pool(wsgi("plain"), workers=workers, **PARKING) as pool:
            counters = self.check(pool, count, 10, "/show?{}")
            self.assertGreater(counters["parked"], count)

    @unittest.skipIf(is_missing("waitress"), "python3-waitress is not installed")
    def test_parking_again_and_again_needs_nothing(self):
        parks = 100_000 if FULL else 2_000
        with Pool(wsgi("plain"), workers=2, **PARKING) as pool:
            # Four clients for each worker: when one is answered another waits, so that it is parked at once.
            def run_all():
                self.assertEqual(clients(pool, 8, parks // 8, "/show?{}")[0], [])
            run_all()
            pids = pool.pids()
            before = [size(pid) for pid in [*pids, pool.process.pid]]
            parked = pool.pool()["counters"]["parked"]
            while pool.pool()["counters"]["parked"] - parked < parks:
                run_all()
            after = [size(pid) for pid in [*pids, pool.process.pid]]
            self.assertEqual(pool.pids(), pids)
            for (memory, descriptors), (grown, more) in zip(before, after):
                self.assertLess(grown - memory, 1 << 20)
                self.assertLessEqual(more, descriptors + 8)


def size(pid):
    """Memory, and descriptors. The supervisor's descriptors include clients that have just gone."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as line:
        return int(line.read().split()[1]) * os.sysconf("SC_PAGESIZE"), len(os.listdir(f"/proc/{pid}/fd"))


if __name__ == "__main__":
    unittest.main()

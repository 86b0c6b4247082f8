"""Node programs under the real supervisor: SUPERVISOR names its program."""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import counted
from http_client import Client
from parent import NODE, PROGRAMS, SOURCE

SUPERVISOR = os.environ.get("SUPERVISOR", "")
PACKAGES = SOURCE / ".cache/node/node_modules"
CLIENTS = int(os.environ.get("NODE_TEST_CLIENTS", "100"))


class Supervisor:
    def __init__(self, program="app.js", **keys):
        self.directory = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.directory.name).resolve()
        self.keys = {"listen": "127.0.0.1:0", "command": [NODE, str(PROGRAMS / program)], "protocol": "node", "control": str(self.path / "control"),
                     "workers": 2, "connections_per_worker": 8, "keep_alive": {"park": True}, **keys}

    def __enter__(self):
        for file in (SOURCE / "docs/examples/express").glob("*.js"):  # the example runs in the directory of its file
            (self.path / file.name).write_bytes(file.read_bytes())
        (self.path / "node_modules").symlink_to(PACKAGES)
        self.configure()
        with open(self.path / "log", "wb") as log:
            self.process = subprocess.Popen([SUPERVISOR, "-c", str(self.path / "pool.json")], stdout=log, stderr=log)
        try:
            self.wait(lambda: re.search(r"(all \d+ workers are|its worker is) ready", self.log()), "ready")
        except AssertionError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            # Its workers end with it, also one that is blocked: the second SIGINT kills them.
            for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGINT):
                self.process.send_signal(sign)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(10)
                    break
            else:
                self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def configure(self, **keys):
        self.keys.update(keys)
        (self.path / "pool.json").write_text(json.dumps(self.keys), encoding="utf-8")

    def log(self):
        return (self.path / "log").read_text(encoding="utf-8", errors="replace")

    def wait(self, condition, what, timeout=20):
        deadline = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"{what}: not in {timeout} s; {self.log()}")
            time.sleep(0.02)

    def port(self):
        return int(re.search(r"listening on 127\.0\.0\.1:(\d+)", self.log())[1])

    def pool(self):
        asked = subprocess.run([SUPERVISOR, "status", "--json", "--control", self.keys["control"]], capture_output=True, timeout=20, check=True)
        return json.loads(asked.stdout)["pools"][0]

    def reload(self, **keys):
        self.configure(**keys)
        subprocess.run([SUPERVISOR, "reload", "--wait", "--control", self.keys["control"]], timeout=60, check=True, capture_output=True)

    def stop(self, timeout=20):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


@contextlib.contextmanager
def load(port, count, path="/hello"):
    """Clients that keep their connections and ask until the end. Yields a list: a failed request is in it."""
    stopped = threading.Event()
    failed, served = [], [0] * count

    def run(index):
        try:
            with Client(port) as client:
                while not stopped.is_set():
                    status, _, _ = client.request(path)
                    if status != 200:
                        failed.append(status)
                    served[index] += 1
                    stopped.wait(0.005 * (index % 5))
        except (OSError, EOFError) as error:
            failed.append(repr(error))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield failed, served
    finally:
        stopped.set()
        for thread in threads:
            thread.join()


@unittest.skipUnless(SUPERVISOR, "SUPERVISOR is not set")
class Supervised(unittest.TestCase):
    def test_many_clients_keep_their_connections_to_a_few_workers(self):
        with Supervisor(workers=4, connections_per_worker=2) as supervisor, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Client(supervisor.port())) for _ in range(CLIENTS)]
            for _ in range(3):
                for client in clients:
                    client.send(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n")
                for client in clients:
                    self.assertEqual(client.answer()[2], b"hello\n")
            served = [worker["served"] for worker in supervisor.pool()["workers"]]
            self.assertGreater(min(served), 0)
            self.assertEqual(supervisor.stop(), 0)

    def test_no_request_fails_while_the_workers_are_replaced(self):
        with Supervisor() as supervisor:
            with load(supervisor.port(), 8) as (failed, served):
                for number in range(3):
                    supervisor.reload(environment={"NUMBER": str(number)})
            self.assertEqual(failed, [])
            self.assertGreater(min(served), 3)
            self.assertEqual(supervisor.stop(), 0)
            self.assertNotIn("killed", supervisor.log())

    def test_a_worker_that_leaves_is_replaced_and_no_request_fails(self):
        with Supervisor() as supervisor:
            with load(supervisor.port(), 4) as (failed, _), Client(supervisor.port()) as client:
                pids = {worker["pid"] for worker in supervisor.pool()["workers"]}
                self.assertEqual(client.request("/leave")[2], b"leaving\n")
                supervisor.wait(lambda: len({worker["pid"] for worker in supervisor.pool()["workers"]} - pids) == 1, "a new worker")
            self.assertEqual(failed, [])
            self.assertNotIn("died", supervisor.log())

    def test_a_program_may_send_what_it_likes(self):
        with Supervisor("sends.js", workers=1) as supervisor, Client(supervisor.port()) as client:
            for _ in range(3):
                self.assertEqual(client.request()[0], 200)
            self.assertEqual(supervisor.stop(), 0)
            self.assertNotIn("died", supervisor.log())

    def test_a_blocked_event_loop_is_noticed(self):
        """FAULTS 375: a Node program blocks its event loop without a connection."""
        with Supervisor("blocks.js", workers=1, health={"kill_timeout": "1s", "ping_interval": "200ms", "ping_timeout": "500ms"}) as supervisor:
            with Client(supervisor.port()) as client:
                self.assertEqual(client.request()[2], b"blocks soon\n")
            supervisor.wait(lambda: "no answer within ping_timeout" in supervisor.log(), "killed")
            supervisor.wait(lambda: supervisor.log().count("its worker is ready") == 2, "another worker")
            with Client(supervisor.port()) as client:
                self.assertEqual(client.request()[2], b"blocks soon\n")

    def test_a_parked_connection_survives_the_worker_that_had_it(self):
        with Supervisor() as supervisor, Client(supervisor.port()) as client:
            tickets = set()
            for _ in range(5):
                pids = [worker["pid"] for worker in supervisor.pool()["workers"] if worker["pid"] > 0]
                tickets.add(json.loads(client.request("/memo")[2])["ticket"])
                supervisor.wait(lambda: supervisor.pool()["lobby"]["parked"] == 1, "it is parked")
                for pid in pids:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            self.assertEqual(len(tickets), 1)

    @unittest.skipUnless((PACKAGES / "express").exists(), "script/node-packages has not been run")
    def test_the_example_with_express(self):
        example = SOURCE / "docs/examples/express"
        keys = json.loads((example / "pool.json").read_text(encoding="utf-8"))
        keys.update(listen="127.0.0.1:0", directory=".", command=[NODE, "server.js"])
        with Supervisor(**keys) as supervisor:
            with Client(supervisor.port()) as slow, Client(supervisor.port()) as client:
                slow.send(b"GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
                for _ in range(20):
                    self.assertEqual(client.request()[0], 200)
                self.assertEqual(slow.answer()[2], b"done\n")
            self.assertEqual(supervisor.stop(), 0)


if __name__ == "__main__":
    counted.main()

"""supervisor-admin beside a real supervisor, over its control socket."""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from support import ADMIN, eventually

SUPERVISOR = os.environ["SUPERVISOR"]
WORKER = os.environ["SUPERVISOR_WORKER"]


class Pool(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.control = pathlib.Path(self.directory.name) / "control"
        config = {"control": str(self.control), "pools": {"web": {
            "listen": "127.0.0.1:0", "workers": 3, "command": [WORKER, "http"]}}}
        self.file = pathlib.Path(self.directory.name) / "pool.json"
        self.file.write_text(json.dumps(config))
        self.start_supervisor()
        self.program = subprocess.Popen([ADMIN, "--control", str(self.control), "--admin", "127.0.0.1:0", "--agent", "127.0.0.1:0"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.program.stdout.readline().split()[1]
        self.agent = self.program.stdout.readline().split()[1]
        eventually(lambda: self.get("/readyz")[0] == 200, what="the pool")

    def start_supervisor(self):
        self.log = open(pathlib.Path(self.directory.name) / "log", "a")
        self.supervisor = subprocess.Popen([SUPERVISOR, "-c", str(self.file)], stderr=self.log)
        eventually(self.control.exists, what="the control socket")

    def stop_supervisor(self):
        self.supervisor.kill()
        self.supervisor.wait()
        self.log.close()

    def tearDown(self):
        self.program.kill()
        self.program.wait()
        self.program.stdout.close()
        self.supervisor.terminate()
        try:
            self.supervisor.wait(10)
        except subprocess.TimeoutExpired:
            self.supervisor.kill()
            self.supervisor.wait()
        self.log.close()
        self.directory.cleanup()

    def get(self, path):
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self):
        out = subprocess.run([SUPERVISOR, "status", "--json", "--control", str(self.control)], check=True,
                             capture_output=True, text=True)
        return json.loads(out.stdout)

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics")[1], re.MULTILINE)
        return float(found.group(1)) if found else None

    def serve(self, requests):
        host, port = self.status()["pools"][0]["listeners"][0]["address"].rsplit(":", 1)
        for _ in range(requests):
            with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=10)) as client:
                client.request("GET", "/", headers={"Connection": "close"})
                client.getresponse().read()

    def test_metrics_agree_with_the_status(self):
        self.serve(20)
        eventually(lambda: self.status()["pools"][0]["counters"]["served"] == 20)
        web = self.status()["pools"][0]
        label = '{pool="web"}'
        for name, value in {
            "connections_accepted_total" + label: web["counters"]["accepted"],
            "connections_dispatched_total" + label: web["counters"]["dispatched"],
            'connections_ended_total{pool="web",how="served"}': web["counters"]["served"],
            "queue_limit_connections" + label: web["queue"]["limit"],
            "workers_ready" + label: web["ready"],
            'workers{pool="web",state="idle"}': web["scoreboard"].count("_"),
            "slots" + label: web["slots"]["total"],
            "queue_wait_seconds_count" + label: web["histograms"]["queue_wait"]["count"],
            "busy_time_seconds_count" + label: 20,
            "busy_time_seconds_sum" + label: web["histograms"]["busy_time"]["sum_us"] / 1e6,
            'worker_deaths_total{pool="web",cause="planned"}': 0,
        }.items():
            self.assertEqual(self.metric("supervisor_pool_" + name), value, name)

    def test_everything_answers_while_all_workers_are_stopped(self):
        workers = [worker["pid"] for worker in self.status()["pools"][0]["workers"]]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        try:
            for path in ("/", "/metrics", "/livez", "/readyz", "/status.json", "/history.json", "/worker.json?pool=web&worker=1"):
                times = []
                for _ in range(3):  # the machine may be busy
                    begun = time.monotonic()
                    self.get(path)
                    times.append(time.monotonic() - begun)
                self.assertLess(min(times), 0.1, path)
            host, port = self.agent.rsplit(":", 1)
            begun = time.monotonic()
            with socket.create_connection((host, int(port)), timeout=10) as client:
                client.sendall(b"web\n")
                self.assertTrue(client.makefile("r").read().endswith("\n"))
            self.assertLess(time.monotonic() - begun, 0.2)
        finally:
            for pid in workers:
                os.kill(pid, signal.SIGCONT)

    def test_it_connects_again_to_another_supervisor(self):
        first = json.loads(self.get("/status.json")[1])["pid"]
        self.stop_supervisor()
        eventually(lambda: self.get("/livez")[0] == 503, what="503")
        self.start_supervisor()
        eventually(lambda: self.get("/readyz")[0] == 200, what="the new supervisor")
        self.assertNotEqual(json.loads(self.get("/status.json")[1])["pid"], first)


if __name__ == "__main__":
    unittest.main()

"""docs/deploy/prometheus.yml, alerts.yml and grafana-dashboard.json: a real Prometheus scrapes a supervisor and evaluates them."""
import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

from hosts import DEPLOY, LONG, SOURCE, Load, Supervisor, end, eventually, get, network, program, replaced

PROMETHEUS, PROMTOOL = program("prometheus"), program("promtool")
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
EXPRESSIONS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


@unittest.skipUnless(PROMTOOL, "promtool is not installed")
class Files(unittest.TestCase):
    def tool(self, *words, **more):
        done = subprocess.run([PROMTOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_the_files_are_valid(self):
        self.assertIn("SUCCESS: 1 rule files found", self.tool("check", "config", DEPLOY / "prometheus.yml"))

    def test_each_rule_fires(self):
        cases = SOURCE / "tests/deploy/alerts_test.yml"
        self.assertIn("SUCCESS", self.tool("test", "rules", cases))
        rules = set(re.findall(r"- alert: (\w+)", (DEPLOY / "alerts.yml").read_text()))
        self.assertGreater(len(rules), 10)
        fired = set(re.findall(r'alertname="(\w+)",alertstate="firing"', cases.read_text()))
        self.assertEqual(rules, fired)


@unittest.skipUnless(PROMETHEUS, "prometheus is not installed")
class Scraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="prometheus-")
        cls.addClassCleanup(scratch.cleanup)
        cls.directory = pathlib.Path(scratch.name)
        cls.network = network()
        host = cls.network + "1"
        config = json.loads(replaced((DEPLOY / "pool.json").read_text(), (' ":', f' "{host}:')))
        del config["stop_delay"]
        cls.supervisor = Supervisor(cls.directory, host, config)
        cls.addClassCleanup(lambda: end(cls.supervisor.process))
        cls.start_prometheus()
        eventually(cls.supervisor.is_ready, "a supervisor that is ready")
        with Load(host, 8080, "/?ms=5", clients=6):
            eventually(lambda: cls.value("min(count_over_time(supervisor_build_info[1m]))") >= 4, "four scrapes")
            cls.answers = {expr: cls.ask(cls.filled(expr)) for _, expr in EXPRESSIONS}
        eventually(cls.is_quiet, "workers that are idle")

    @classmethod
    def start_prometheus(cls):
        """With the files as they are, but for addresses and times."""
        shutil.copy(DEPLOY / "alerts.yml", cls.directory)
        text = replaced((DEPLOY / "prometheus.yml").read_text(), ("10.0.0.", cls.network), ("15s", "500ms"))
        (cls.directory / "prometheus.yml").write_text(text)
        cls.address = cls.network + "9:9090"
        with open(cls.directory / "prometheus.log", "w") as log:
            prometheus = subprocess.Popen(
                [PROMETHEUS, f"--config.file={cls.directory}/prometheus.yml", f"--storage.tsdb.path={cls.directory}/data",
                 f"--web.listen-address={cls.address}"], stdout=log, stderr=log)
        cls.addClassCleanup(lambda: end(prometheus))
        eventually(cls.is_up, "Prometheus")

    @classmethod
    def is_up(cls):
        host, port = cls.address.split(":")
        with contextlib.suppress(OSError):
            return get(host, int(port), "/-/ready")[0] == 200

    @classmethod
    def api(cls, path, **parameters):
        url = f"http://{cls.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=LONG) as answer:
            return json.load(answer)["data"]

    @classmethod
    def ask(cls, expr):
        try:
            return cls.api("query", query=expr)["result"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expr}: {error.read().decode()}") from error

    @classmethod
    def value(cls, expr):
        """Of an expression with one result; -1 without a result."""
        found = cls.ask(expr)
        return float(found[0]["value"][1]) if found else -1

    @classmethod
    def filled(cls, expr):
        return expr.replace("$instance", ".*").replace("$pool", ".*").replace("$__rate_interval", "3s")

    @classmethod
    def is_quiet(cls):
        pool = cls.supervisor.status()["pools"][0]
        return pool["scoreboard"] == "____" and pool["counters"]["parked"] == cls.value("supervisor_pool_connections_parked_total")

    def test_its_values_agree_with_the_status(self):
        pool = self.supervisor.status()["pools"][0]
        self.assertGreater(pool["counters"]["begun"], 10)
        waits, busy = pool["histograms"]["queue_wait"], pool["histograms"]["busy_time"]
        for expr, value in {
            'supervisor_pool_connections_ended_total{how="served"}': pool["counters"]["served"],
            "supervisor_pool_connections_accepted_total": pool["counters"]["accepted"],
            "supervisor_pool_connections_begun_total": pool["counters"]["begun"],
            "supervisor_pool_connections_dispatched_total": pool["counters"]["dispatched"],
            "supervisor_pool_slots": pool["slots"]["total"],
            'supervisor_pool_workers{state="idle"}': pool["ready"],
            "supervisor_pool_queue_limit_connections": pool["queue"]["limit"],
            "supervisor_pool_queue_wait_seconds_count": waits["count"],
            "supervisor_pool_queue_wait_seconds_sum": waits["sum_us"] / 1e6,
            'supervisor_pool_queue_wait_seconds_bucket{le="+Inf"}': waits["count"],
            "supervisor_pool_busy_time_seconds_count": busy["count"],
            "supervisor_pool_busy_time_seconds_sum": busy["sum_us"] / 1e6,
            'up{job="supervisor"} == 1': 1,
            "count(up == 0)": 2,
        }.items():
            self.assertEqual(self.value(expr), value, expr)

    def test_the_panels_have_data(self):
        self.assertGreater(len(EXPRESSIONS), 15)
        for title, expr in EXPRESSIONS:
            values = [float(one["value"][1]) for one in self.answers[expr]]
            self.assertTrue(values, f"{title}: {expr}")
            self.assertFalse([value for value in values if value != value], f"{title}: {expr}")  # NaN

    def test_the_variables_have_values(self):
        for name in ("instance", "pool"):
            (variable,) = [one for one in DASHBOARD["templating"]["list"] if one["name"] == name]
            selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
            self.assertTrue([one["metric"][label] for one in self.ask(self.filled(selector))])

    def test_the_rules_are_evaluated(self):
        (group,) = self.api("rules")["groups"]
        self.assertEqual([rule["health"] for rule in group["rules"]], ["ok"] * len(group["rules"]))
        states = {rule["name"]: rule["state"] for rule in group["rules"]}
        self.assertEqual(states.pop("SupervisorDown"), "pending")  # the two that are not there
        self.assertNotIn("firing", states.values())

    def test_each_metric_that_the_files_name_is_there(self):
        there = set(self.api("label/__name__/values"))
        expressions = re.findall(r"expr: (.+)", (DEPLOY / "alerts.yml").read_text()) + [expr for _, expr in EXPRESSIONS]
        named = set(re.findall(r"supervisor_\w+", " ".join(expressions)))
        self.assertGreater(len(named), 20)
        self.assertEqual(named - there, set())

    @unittest.skipUnless(PROMTOOL, "promtool is not installed")
    def test_promtool_finds_nothing_in_the_metrics(self):
        for path in ("/metrics", "/metrics?workers=1"):
            text = get(self.supervisor.host, 9465, path)[2]
            done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.assertEqual((done.returncode, done.stdout), (0, ""), path)


if __name__ == "__main__":
    unittest.main()

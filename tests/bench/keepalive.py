"""Keep-alive clients, silent clients, and overload: runs of script/bench."""
import json
import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack

from control import Control
from servers import BenchError, Server, cpu_seconds
from table import Rounds

RIVALS = pathlib.Path(__file__).resolve().parent / "rivals"
WORKERS = 8
CLIENTS = 64
# 60 % of the workers' capacity: 95 % of the requests take 1 ms, 5 % take 100 ms, the mean is 5.95 ms.
RATE = round(0.6 * WORKERS / 0.00595)
PARK = {"keep_alive": {"park": True, "idle_timeout": "10m"}}


class Pool(Server):
    """The supervisor with a pool of `supervisor-worker http`. `keys`: further keys of its configuration."""

    def __init__(self, programs, keys, workers=WORKERS):
        self.directory = tempfile.TemporaryDirectory(prefix="bench-")
        control, config = (os.path.join(self.directory.name, name) for name in ("control", "pool.json"))
        command = [programs.worker, "http"]
        with open(config, "w", encoding="utf-8") as file:
            json.dump({"listen": "127.0.0.1:0", "command": command, "workers": workers, "control": control, **keys}, file)
        super().__init__([programs.supervisor, "-c", config])
        self.control = Control(control)
        self.wait_until_quiet(workers)

    def status(self):
        return self.control.ask("status")["pools"][0]

    def counter(self, name):
        return self.status()["counters"][name]

    def stop(self):
        if hasattr(self, "control"):
            self.control.close()
        super().stop()
        self.directory.cleanup()


class Crowd:
    """Clients that stay connected between one load and the next. Each sends one request at the start."""

    def __init__(self, programs, server, clients, sources=4):
        command = [programs.client, server.address, "http", "--interactive", "--clients", str(clients)]
        command += ["--sources", str(sources), "--short-ms", "1", "--long-share", "0"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answered = self.read()["answered"]
        if answered != clients:
            self.close()
            raise BenchError(f"of {clients} clients only {answered} were answered")

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise BenchError("bench-client has ended")
        return json.loads(line)

    def load(self, rate, seconds):
        self.process.stdin.write(f"{rate}:{seconds}\n")
        self.process.stdin.flush()
        return self.read()

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def measured(programs, variants, count, seconds, warm_up=0):
    """Interleaved rounds. `variants`: name → server and the arguments of bench-client for it. The random arrival
    times differ from round to round but are the same for all variants. `warm_up`: seconds of load before, which do not
    count: an interpreter that compiles what runs often is slower at first."""
    rounds = Rounds(variants)
    if warm_up:
        for server, load in variants.values():
            programs.load(server, warm_up, ["--timeout", "30", "http", *load])
    for number in range(count):
        for name, (server, load) in variants.items():
            report = programs.load(server, seconds, ["--timeout", "30", "http", "--seed", str(number + 1), *load])
            rounds.reports[name].append(report)
    return rounds


def per_second(report):
    return report["phases"][0]["per_second"]


def short_p99(report):
    """Unanswered requests count too, with the time that they have waited at the end."""
    return report["phases"][0]["short"]["waited_p99_ms"]


def ideal_p99(report):
    """Of the same arrivals at as many servers behind one queue: what no dispatcher can beat (--ideal-servers)."""
    return report["phases"][0]["ideal_short"]["p99_ms"]


def prompt_p99(report):
    return report["phases"][0]["prompt"]["waited_p99_ms"]


def p99(report):
    return report["phases"][0]["all"]["p99_ms"]


def ratio_line(table, rounds, what, one, two, figure, unit, limit="", bound=None, at_least=False):
    """Prints a line for two variants; the verdict is whether their ratio is within `bound`."""
    ours, theirs = rounds.median(one, figure), rounds.median(two, figure)
    ratio = rounds.ratio(one, two, figure)
    if bound is not None:
        holds = ratio >= bound if at_least else ratio <= bound
        limit = table.verdict(limit or what, holds, f"{'≥' if at_least else '≤'} {bound}")
    decimals = 0 if ours >= 1000 else 1
    table.line(what, f"{ours:.{decimals}f}{unit}", f"{theirs:.{decimals}f}{unit}", f"{ratio:.2f}", limit)


def note_errors(table, rounds, names):
    """Reports failed requests as a missed limit. Not for rivals: their unanswered requests count as waits."""
    failed = sum(report["errors"] for name in names for report in rounds.reports[name])
    if failed:
        table.missed.append("errors")
        table.title(f"  {failed} requests failed")


def node_cluster(node, workers):
    return [node, str(RIVALS / "node_cluster.js"), str(workers)]


def rivals():
    """The commands of the installed rivals, by name. Each has the same number of workers that answer one request at
    a time, and keeps connections for longer than the run, as our pool does."""
    found = {}
    if node := shutil.which("node") or shutil.which("nodejs"):
        found["Node cluster"] = node_cluster(node, WORKERS)
    if gunicorn := shutil.which("gunicorn", path="/usr/bin") or shutil.which("gunicorn"):
        # gthread is the gunicorn worker that keeps connections. With one thread it answers one request at a time.
        found["gunicorn gthread"] = [gunicorn, "--bind", "127.0.0.1:0", "--workers", str(WORKERS), "--worker-class", "gthread"]
        found["gunicorn gthread"] += ["--threads", "1", "--keep-alive", "60", "--chdir", str(RIVALS), "gunicorn_application"]
    return found


def keepalive(programs, table, count, seconds):
    table.title(
        f"Keep-alive: {CLIENTS} clients, each with one connection and requests at random times; {WORKERS} workers at\n"
        f"60 %, 95 % of the requests take 1 ms, 5 % take 100 ms; p99 of the short requests from their due time"
    )
    table.line("", "parked", "otherwise")
    load = ["--clients", str(CLIENTS), "--phase", f"{RATE}:{seconds}", "--grace", "1"]
    with ExitStack() as stack:
        start = stack.enter_context
        parking = start(Pool(programs, PARK))
        variants = {"parked": (parking, load), "fresh": (parking, [*load, "--fresh"])}
        variants["the same pool without parking"] = (start(Pool(programs, {})), load)
        variants["the same workers accepting"] = (start(programs.direct("http", WORKERS)), load)
        installed = rivals()
        for name, command in installed.items():
            server = start(Server(command))
            server.wait_until_quiet(WORKERS)
            variants[name] = (server, load)
        rounds = measured(programs, variants, count, seconds)
    ratio_line(table, rounds, "a fresh connection for each request", "parked", "fresh", short_p99, " ms", bound=1.2)
    what = "  of clients that were free at the due time"
    ratio_line(table, rounds, what, "parked", "fresh", prompt_p99, " ms", "clients that were free", 1.2)
    for name in list(variants)[2:]:
        ratio_line(table, rounds, name, "parked", name, short_p99, " ms", bound=0.2)
    for name in ("Node cluster", "gunicorn gthread"):
        if name not in installed:
            table.line(name, "", "not installed", "", "skipped")
    note_errors(table, rounds, ("parked", "fresh"))


def crowd(programs, table, count, seconds):
    many = 500
    table.title(f"Crowd: {many} clients send 1 ms requests without pause; {WORKERS} workers")
    table.line("", f"{many} clients", f"{WORKERS} clients")
    with Pool(programs, PARK) as pool:
        load = ["--long-share", "0", "--clients"]
        variants = {"many": (pool, [*load, str(many)]), "few": (pool, [*load, str(WORKERS)])}
        rounds = measured(programs, variants, count, seconds)
    ratio_line(table, rounds, "requests a second", "many", "few", per_second, "", "crowd's throughput", 0.9, True)
    least = rounds.median("many", lambda report: report["least_share"])
    limit = table.verdict("crowd's slowest", least >= 0.5, "≥ 0.5")
    table.line("slowest client, of the mean", f"{least:.2f}", "", "", limit)
    note_errors(table, rounds, variants)


def adaptive(programs, table, count, seconds):
    table.title(f"Adaptive parking: 4 clients send 0 ms requests without pause; {WORKERS} workers")
    table.line("", "parking", "never")
    load = ["--clients", "4", "--short-ms", "0", "--long-share", "0"]
    with Pool(programs, PARK) as parking, Pool(programs, {"hold": "done"}) as done, Pool(programs, {}) as receipt:
        variants = {"parking": (parking, load), "done": (done, load), "receipt": (receipt, load)}
        rounds = measured(programs, variants, count, seconds)
    for name in ("done", "receipt"):
        what = f"requests a second, hold: {name}"
        ratio_line(table, rounds, what, "parking", name, per_second, "", f"adaptive parking, {name}", 0.95, True)
    note_errors(table, rounds, variants)


def idle_share(pid, seconds):
    """The share of one CPU that a process uses."""
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / seconds


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
        return next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))


def room():
    """The most connections of a supervisor, besides its own descriptors and a short queue."""
    limit = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20000)
    if limit < 4096:
        raise BenchError(f"the limit of descriptors is {limit}: 4096 are needed (ulimit -Hn)")
    return limit - 1100


def parked(programs, table, count, seconds):
    many, few = room(), 100
    table.title(f"Parked: {many} connections against {few}; 1000 requests a second on random ones, of 1 ms")
    table.line("", f"{many}", f"{few}")
    with ExitStack() as stack:
        pools = {name: stack.enter_context(Pool(programs, PARK)) for name in ("many", "few")}
        crowds = {}
        for (name, pool), clients in zip(pools.items(), (many, few)):
            crowds[name] = stack.enter_context(Crowd(programs, pool, clients))
            pool.wait_for(lambda: pool.status()["lobby"]["parked"] == clients, f"{clients} parked connections", 10)
        shares = {name: idle_share(pool.process.pid, seconds) for name, pool in pools.items()}
        rounds = Rounds(crowds)
        for _ in range(count):
            for name, clients in crowds.items():
                rounds.reports[name].append(clients.load(1000, seconds))
        sizes = {name: resident(pool.process.pid) for name, pool in pools.items()}
        evicted = pools["many"].counter("evicted")
    each = (sizes["many"] - sizes["few"]) / (many - few)
    limit = table.verdict("memory of a parked connection", each <= 400, "≤ 400 bytes more each")
    table.line("resident memory", *(f"{size / 2**20:.1f} MiB" for size in sizes.values()), f"{each:.0f}", limit)
    limit = table.verdict("idle CPU", shares["many"] < 0.005, "< 0.5 %")
    table.line("CPU while all clients are idle", *(f"{share * 100:.2f} %" for share in shares.values()), "", limit)
    ratio_line(table, rounds, "p99", "many", "few", p99, " ms", "p99 with many parked", 1.2)
    if evicted:
        table.missed.append("parked connections")
        table.title(f"  {evicted} connections had to make room")
    note_errors(table, rounds, crowds)


def silent(programs, table, count, seconds):
    many, good, workers = min(5000, room()), 10, 4
    table.title(f"Silent: {good} clients send 1 ms requests without pause, beside {many} silent ones; {workers} workers")
    table.line("", "with them", "without")
    keys = {**PARK, "wait_for_data": True, "first_byte_timeout": "10m"}
    load = ["--clients", str(good), "--long-share", "0"]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits[1], limits[1]))
    with ExitStack() as stack:
        busy, calm = (stack.enter_context(Pool(programs, keys, workers)) for _ in range(2))
        host, port = busy.address.rsplit(":", 1)
        for _ in range(many):
            stack.enter_context(socket.create_connection((host, int(port)), 10))
        busy.wait_for(lambda: busy.status()["lobby"]["silent"] == many, f"{many} silent connections", 10)
        rounds = measured(programs, {"with": (busy, load), "without": (calm, load)}, count, seconds)
        left = many - busy.status()["lobby"]["silent"]
    ratio_line(table, rounds, "requests a second", "with", "without", per_second, "", "throughput beside silent ones", 0.9, True)
    ratio_line(table, rounds, "p99", "with", "without", p99, " ms", "p99 beside silent ones", 1.2)
    if left:
        table.missed.append("silent connections")
        table.title(f"  {left} silent connections have left the lobby")
    note_errors(table, rounds, ("with", "without"))


class Overload:
    """One pool at three times its capacity, with clients that leave after a second."""

    SERVICE_MS = 10
    NORMAL = round(0.5 * WORKERS * 1000 / SERVICE_MS)
    TOO_MUCH = round(3 * WORKERS * 1000 / SERVICE_MS)
    LOAD = ["http", "--fresh", "--short-ms", str(SERVICE_MS), "--long-share", "0", "--sources", "16"]
    BUSY = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    QUEUES = {
        # A connection that has waited half the clients' patience gets BUSY.
        "adaptive": {"order": "adaptive", "timeout": "500ms", "full": "reject", "reject_with": BUSY},
        # Room for all clients that arrive within the second that each of them stays.
        "fifo": {"order": "fifo", "timeout": "24h", "max": 4000},
    }

    def __init__(self, programs, order, seconds, usual):
        with Pool(programs, {"queue": self.QUEUES[order]}) as pool:
            self.capacity = per_second(programs.load(pool, usual, [*self.LOAD, "--clients", "32"]))
            begun = pool.counter("begun")
            # The phases: before, overload, the second after it, and the time after that.
            phases = [(self.NORMAL, usual), (self.TOO_MUCH, seconds), (self.NORMAL, 1), (self.NORMAL, usual)]
            arguments = [word for rate, time in phases for word in ("--phase", f"{rate}:{time}")]
            report = programs.load(pool, 0, ["--timeout", "1", *self.LOAD, "--clients", "0", *arguments])
            pool.wait_for(lambda: pool.status()["queue"]["now"] + pool.status()["with_workers"] == 0, "the end of the work")
            self.executed = pool.counter("begun") - begun
        before, self.overload, _, after = report["phases"]
        self.answered = report["answered"]
        self.before, self.after = before["all"]["waited_p99_ms"], after["all"]["waited_p99_ms"]
        self.failed_after = after["all"]["errors"]
        self.goodput = self.overload["per_second"]
        self.p50 = self.overload["all"]["p50_ms"]

    @property
    def wasted(self):
        return self.executed - self.answered


def overload(programs, table, seconds, usual):
    kind = Overload
    table.title(
        f"Overload: {kind.TOO_MUCH} requests of {kind.SERVICE_MS} ms a second for {seconds} s, a connection each, clients leave after 1 s;\n"
        f"{WORKERS} workers; order: adaptive and full: reject against fifo without a deadline"
    )
    table.line("", "adaptive", "fifo")
    ours, theirs = (kind(programs, order, seconds, usual) for order in ("adaptive", "fifo"))
    both = (ours, theirs)
    table.line("capacity: answers a second to 32 clients", *(f"{one.capacity:.0f}" for one in both))
    share = ours.goodput / ours.capacity
    limit = table.verdict("goodput", share >= 0.9, "≥ 0.9 of capacity")
    table.line("goodput: answers a second in time", *(f"{one.goodput:.0f}" for one in both), f"{share:.2f}", limit)
    limit = table.verdict("p50 under overload", ours.p50 <= 5 * kind.SERVICE_MS, f"≤ {5 * kind.SERVICE_MS} ms")
    table.line("p50 of the answers", *(f"{one.p50:.1f} ms" for one in both), "", limit)
    wasted = ours.wasted / ours.executed
    limit = table.verdict("work for clients that had left", wasted <= 0.001, "≤ 0.001 of all")
    table.line("work for clients that had left", *(f"{one.wasted}" for one in both), f"{wasted:.4f}", limit)
    recovered = ours.after <= 1.5 * ours.before and ours.failed_after == 0
    limit = table.verdict("recovery", recovered, "≤ 1.5 of before")
    table.line("p99 before the overload", *(f"{one.before:.1f} ms" for one in both))
    table.line("p99 from 1 s after it on", *(f"{one.after:.1f} ms" for one in both), f"{ours.after / ours.before:.2f}", limit)

"""The workers of worker/python and worker/node against the servers that people use: runs of script/bench."""
import os
import pathlib
import shutil
from contextlib import ExitStack

from keepalive import (
    CLIENTS, PARK, RATE, RIVALS, WORKERS, Pool, ideal_p99, measured, node_cluster, note_errors, per_second, ratio_line, rivals, short_p99,
)
from servers import Server
from unmodified import UVICORN, free_port, gunicorn_sync, has_python, node

SLOTS = 64  # of a worker with an event loop
LOOPS = len(os.sched_getaffinity(0))  # one event loop for each CPU, as one runs them
PYTHON_PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "worker" / "python"
# Without a pause, requests that take no time; then the load of the keep-alive run.
HELLO = ["--clients", "32", "--short-ms", "0", "--long-share", "0"]
MIXED = ["--clients", str(CLIENTS), "--phase", "{rate}", "--grace", "1", "--ideal-servers", str(WORKERS)]


def cpu_us(report):
    return report["own_us"] + report["workers_us"]


def python_pool(programs, workers, slots, *arguments):
    command = ["/usr/bin/python3", "-m", *arguments]
    environment = {"PYTHONPATH": f"{PYTHON_PACKAGE}:{RIVALS}"}
    return Pool(programs, {**PARK, "command": command, "environment": environment, "connections_per_worker": slots}, workers)


def node_pool(programs, workers, slots):
    port = free_port()
    keys = {"listen": f"127.0.0.1:{port}", "command": [node(), str(RIVALS / "node_alone.js"), str(port)], "protocol": "node"}
    keys["connections_per_worker"] = slots
    return Pool(programs, {**PARK, **keys}, workers)


def compared(programs, table, ours, hello, others, limits, count, seconds, warm_up=1):
    """`ours`: workers, slots of each → pool. `hello`: those of the hello loads; the mixed load has WORKERS of one slot. `others`:
    name → workers → command; `limits`: name → least ratio of the throughput with fresh and with kept connections, and most of the short ones' p99; None: no
    limit."""
    mixed = [word.format(rate=f"{RATE}:{seconds}") for word in MIXED]
    table.line("", "ours", "theirs")
    loads = {"fresh": (hello, [*HELLO, "--fresh"]), "kept": (hello, HELLO), "mixed": ((WORKERS, 1), mixed)}
    rounds = {}
    for shape in dict.fromkeys((hello, (WORKERS, 1))):
        workers = shape[0]
        with ExitStack() as stack:
            servers = {"ours": stack.enter_context(ours(*shape))}
            for name, command in others.items():
                servers[name] = stack.enter_context(Server(command(workers)))
                servers[name].wait_until_quiet(workers)
            for load, (wanted, arguments) in loads.items():
                if wanted == shape:
                    variants = {name: (server, arguments) for name, server in servers.items()}
                    if load == "mixed":
                        rounds[load] = measured(programs, variants, count, seconds)
                    else:  # short rounds, and many: the machine's speed changes within seconds
                        rounds[load] = measured(programs, variants, 2 * count + 1, seconds / 2, warm_up)
    for name in others:
        fresh, kept, tail = limits[name]
        ratio_line(table, rounds["fresh"], f"{name}: fresh connections", "ours", name, per_second, "", f"fresh, {name}", fresh, True)
        ratio_line(table, rounds["kept"], f"{name}: kept connections", "ours", name, per_second, "", f"kept, {name}", kept, True)
        for load in ("fresh", "kept"):
            ratio_line(table, rounds[load], f"  CPU per request, {load}", "ours", name, cpu_us, " µs")
        tail_name = "" if tail is None else f"tail, {name}"
        ratio_line(table, rounds["mixed"], f"{name}: p99 of the short ones", "ours", name, short_p99, " ms", tail_name, tail)
    report = rounds["mixed"]
    own, ideal = report.median("ours", short_p99), report.median("ours", ideal_p99)
    limit = table.verdict("tail, one ideal queue", own <= 1.2 * ideal, "≤ 1.2")
    table.line("one ideal queue, same arrivals: p99", f"{own:.1f} ms", f"{ideal:.1f} ms", f"{own / ideal:.2f}", limit)
    for load in rounds.values():
        note_errors(table, load, ("ours",))


def title(table, what, workers, slots):
    several = f" of {slots} slots" if slots > 1 else ""
    table.title(
        f"{what}: {workers} workers{several}, hello to 32 clients without pause; then {WORKERS} workers of one slot, {CLIENTS} clients that\n"
        f"keep their connections, random arrivals at 60 %, 95 % of the requests block for 1 ms, 5 % for 100 ms"
    )


def wsgi(programs, table, count, seconds):
    title(table, "WSGI", WORKERS, 1)
    gthread = rivals().get("gunicorn gthread")
    if not gthread or not has_python("waitress"):
        return table.line("gunicorn, waitress", "", "not installed", "", "skipped")
    sync = gunicorn_sync(shutil.which("gunicorn", path="/usr/bin"), free_port(), WORKERS)
    others = {"gunicorn sync": lambda _: sync, "gunicorn gthread": lambda _: gthread}
    # A sync worker closes each connection.
    limits = {"gunicorn sync": (1.2, 1.2, None), "gunicorn gthread": (1.2, 1.2, 0.2)}
    application = ["prefork_worker.wsgi", "gunicorn_application"]
    compared(programs, table, lambda *shape: python_pool(programs, *shape, *application), (WORKERS, 1), others, limits, count, seconds)


def asgi(programs, table, count, seconds):
    title(table, "ASGI", LOOPS, SLOTS)
    if not has_python("uvicorn"):
        return table.line("uvicorn", "", "not installed", "", "skipped")
    others = {"uvicorn": lambda workers: [*UVICORN, "--port", str(free_port()), "--workers", str(workers)]}
    command = ["prefork_worker.asgi", "--no-access-log", "uvicorn_application:application"]
    limits = {"uvicorn": (0.95, 0.95, 1 / 3)}
    compared(programs, table, lambda *shape: python_pool(programs, *shape, *command), (LOOPS, SLOTS), others, limits, count, seconds)


def node_run(programs, table, count, seconds):
    title(table, "Node", LOOPS, SLOTS)
    if not node():
        return table.line("Node", "", "not installed", "", "skipped")
    others = {"Node cluster": lambda workers: node_cluster(node(), workers)}
    limits = {"Node cluster": (1, 0.9, 1 / 3)}
    # V8 goes on compiling for some seconds.
    compared(programs, table, lambda *shape: node_pool(programs, *shape), (LOOPS, SLOTS), others, limits, count, seconds, warm_up=5)

"""How fast an elastic pool grows under a burst, for script/bench."""
import json
import os
import socket
import tempfile
import time

from control import Control
from servers import BenchError, Server

SIZE = 64


def growth(programs, start):
    """Starts one burst of SIZE clients; each keeps a worker busy until the pool has its full size. Returns in
    milliseconds the longest wait of a client, and the time until all workers are ready."""
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        control, config = os.path.join(directory, "control"), os.path.join(directory, "pool.json")
        with open(config, "w", encoding="utf-8") as file:
            json.dump(
                {
                    "listen": "127.0.0.1:0",
                    "command": [programs.worker, "line"],
                    "start": start,
                    "workers": {"min": 1, "max": SIZE, "spare": 0},
                    "control": control,
                },
                file,
            )
        with Server([programs.supervisor, "-c", config]) as server:
            watch = Control(control)
            try:
                return burst(server, watch)
            finally:
                watch.close()


def burst(server, watch):
    server.wait_for(lambda: watch.ask("status")["pools"][0]["ready"] == 1, "its first worker")
    host, port = server.address.rsplit(":", 1)
    begin = time.monotonic()
    clients = [socket.create_connection((host, int(port)), 10) for _ in range(SIZE)]
    for client in clients:
        client.sendall(b"S 3000000\n")
    watch.wait_for(lambda event: event["event"] == "worker_ready", SIZE - 1)
    grown = time.monotonic() - begin
    status = server.wait_for(lambda: all_served(watch), "the last client to be served")
    for client in clients:
        client.close()
    return status["queue"]["wait_max_ms"], grown * 1000


def all_served(watch):
    """The status of the pool when no client waits any more, else None."""
    status = watch.ask("status")["pools"][0]
    counters = status["counters"]
    if counters["expired"] + counters["rejected"] + counters["lost"] > 0:
        raise BenchError(f"connections were lost in the burst: {counters}")
    return status if status["queue"]["now"] == 0 and status["with_workers"] == SIZE else None

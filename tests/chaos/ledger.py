"""Clients that keep a ledger: what became of each connection that they made."""
import collections
import socket
import threading
import time


class Clients:
    """Threads that connect to `address`, send one request and read the answer to its end, again and again."""

    PATIENCE = 60  # seconds; longer is hung

    def __init__(self, address, request, threads):
        host, port = address.rsplit(":", 1)
        self.address = (host, int(port))
        self.request = request
        self.tally = collections.Counter()
        self.slowest = 0.0
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for thread in self.threads:
            thread.start()

    def run(self):
        while not self.stopping.is_set():
            began = time.monotonic()
            outcome = self.exchange()
            took = time.monotonic() - began
            with self.lock:
                self.tally[outcome] += 1
                self.slowest = max(self.slowest, took)
            if outcome == "refused":
                time.sleep(0.01)  # do not spin on a port that nothing listens at

    def exchange(self):
        """One connection: answered, nothing, partial, refused or hung."""
        try:
            client = socket.create_connection(self.address, timeout=self.PATIENCE)
        except OSError:
            return "refused"
        answer = b""
        with client:
            try:
                client.sendall(self.request)
                while more := client.recv(4096):
                    answer += more
            except TimeoutError:
                return "hung"
            except OSError:
                pass  # reset: what came before it counts
        if not answer:
            return "nothing"
        return "answered" if answer.startswith(b"OK ") and answer.endswith(b"\n") else "partial"

    def stop(self):
        """Ends when each client has its answer; returns the tally."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(self.PATIENCE + 5)
        with self.lock:
            return collections.Counter(self.tally)

    def count(self):
        with self.lock:
            return sum(self.tally.values())

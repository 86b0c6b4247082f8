"""A client of a control socket, for script/bench."""
import json
import socket
import time

from servers import BenchError


class Control:
    """Sends requests and collects events from the moment it connects. `path`: of the socket."""

    PATIENCE = 60

    def __init__(self, path):
        self.path = path
        self.number = 0
        self.heard = []
        self.connect()

    def connect(self):
        """Connects, or connects again, and subscribes. Waits if the socket does not exist yet."""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(self.PATIENCE)
        deadline = time.monotonic() + self.PATIENCE
        while True:
            try:
                self.socket.connect(self.path)
                break
            except (FileNotFoundError, ConnectionRefusedError) as error:
                if time.monotonic() > deadline:
                    raise BenchError(f"no supervisor listens at {self.path}") from error
                time.sleep(0.001)
        self.lines = self.socket.makefile("r", encoding="utf-8")
        self.ask("subscribe")

    def read(self):
        """The next message; None when the supervisor has closed the connection."""
        try:
            return json.loads(self.lines.readline() or "null")
        except ConnectionResetError:
            return None
        except TimeoutError as error:
            raise BenchError("the supervisor has sent nothing for a minute") from error

    def ask(self, method, **parameters):
        self.number += 1
        request = {"jsonrpc": "2.0", "id": self.number, "method": method, "params": parameters}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            message = self.read()
            if message is None:
                raise BenchError("the supervisor has closed its control socket")
            if "method" in message:
                self.heard.append(message["params"])
            elif "error" in message:
                raise BenchError(f"{method}: {message['error']['message']}")
            else:
                return message["result"]

    def hear(self):
        """The next event; None at the end of the connection."""
        if self.heard:
            return self.heard.pop(0)
        message = self.read()
        return message and message["params"]

    def wait_for(self, wanted, count=1):
        """Waits for `count` events for which `wanted` holds; returns the last of them."""
        deadline = time.monotonic() + self.PATIENCE
        while count > 0:
            if time.monotonic() > deadline:
                raise BenchError(f"{count} expected events have not come within a minute")
            event = self.hear()
            if event is None:
                raise BenchError("the supervisor has closed its control socket")
            if wanted(event):
                count -= 1
        return event

    def upgrade(self):
        """Upgrades to the installed program and connects to it."""
        self.ask("upgrade")
        while (event := self.hear()) is not None:
            if event["event"] == "upgrade_refused":
                raise BenchError(f"upgrade refused: {event['text']}")
        self.close()
        self.connect()

    def close(self):
        self.lines.close()
        self.socket.close()

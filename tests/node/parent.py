"""Plays the supervisor for one Node program: speaks Node's cluster protocol and the PREFORK messages, keeps a copy of
each socket until its connection is over, and sends a parked connection again when the client has sent something."""
import contextlib
import errno
import json
import os
import pathlib
import select
import socket
import subprocess
import threading
import time

SOURCE = pathlib.Path(os.environ.get("SOURCE_ROOT") or pathlib.Path(__file__).resolve().parents[2])
PRELOAD = SOURCE / "worker/node/preload.cjs"
PROGRAMS = pathlib.Path(__file__).resolve().parent / "programs"
NODE = os.environ.get("NODE_TEST_NODE", "/usr/bin/node")

MAY_PARK = 1
PARK_AT_ONCE = 2
LAST_REQUEST = 4
COPY_KEPT = 8
PROXIED = 16


class Connection:
    def __init__(self, ticket, copy):
        self.ticket = ticket
        self.copy = copy
        self.state = "sent"  # busy, refused, idle, parked
        self.memo = None
        self.parks = 0
        self.progress = 0


class Parent:
    """flags: those of each connection; watch_parked: whether a parked connection comes again. receipts: it takes the module's
    receipts, and several tickets in one message; earlier supervisors do not."""

    def __init__(self, program, *, flags=MAY_PARK | COPY_KEPT, preload=True, watch_parked=True, receipts=True, environment=None,
                 arguments=()):
        self.receipts = receipts
        self.flags = flags
        self.watch_parked = watch_parked
        self.messages = []  # the worker's
        self.connections = {}
        self.changed = threading.Condition(threading.RLock())
        self.violations = []
        self.left = False
        self.ended = False
        self._keys = {}  # listener's descriptor -> its key in the worker
        self._listeners = []
        self._parked = {}  # descriptor -> connection
        self._ticket = 1 << 40  # not a number that JSON could round
        self._sequence = 0
        self._pending = b""
        self._line = threading.Lock()
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._poll = select.epoll()
        self._poll.register(self._channel.fileno(), select.EPOLLIN)
        variables = dict(os.environ, NODE_CHANNEL_FD="3", NODE_CHANNEL_SERIALIZATION_MODE="json", NODE_UNIQUE_ID="7",
                         SUPERVISOR_SLOTS="100", PORT="8080", **(environment or {}))
        if preload:
            options = variables.get("NODE_OPTIONS", "")
            variables["NODE_OPTIONS"] = f'--require "{PRELOAD}" {options}'.strip()
        program = str(program) if os.path.isabs(str(program)) else str(PROGRAMS / program)
        inner = theirs.fileno()

        def descriptors():
            if inner != 3:
                os.dup2(inner, 3)
            os.set_inheritable(3, True)

        with theirs:
            self.process = subprocess.Popen([NODE, program, *arguments], env=variables, preexec_fn=descriptors, close_fds=False,
                                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = []
        self._threads = [threading.Thread(target=self._run, daemon=True), threading.Thread(target=self._read_output, daemon=True)]
        for thread in self._threads:
            thread.start()

    # What tests ask.

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(10)
        self.process.stdout.close()
        for listener in self._listeners:
            listener.close()
        for connection in self.connections.values():
            connection.copy.close()
        self._channel.close()
        self._poll.close()

    def wait(self, condition, timeout=10, what=None):
        """Waits until `condition()` is true, which is looked at whenever something has changed."""
        with self.changed:
            if not self.changed.wait_for(condition, timeout):
                raise AssertionError(f"{what or 'condition'} not met; messages {self.messages[-10:]}, output {self.output[-20:]}, "
                                     f"states {[c.state for c in list(self.connections.values())[-10:]]}, {self.violations}")

    def port(self, index=0):
        self.wait(lambda: sum(m.get("act") == "listening" and m["port"] == 8080 for m in self.messages) > index, what="listening")
        return self._listeners[index].getsockname()[1]

    def count(self, act):
        return sum(m.get("act") == act for m in self.messages)

    def only(self, index=0):
        self.wait(lambda: len(self.connections) > index, what="connection")
        return list(self.connections.values())[index]

    def send(self, message):
        with self._line:
            self._channel.sendall(json.dumps(message).encode() + b"\n")

    def ask(self, act):
        self.send({"cmd": "PREFORK", "act": act})

    def sync(self):
        """When this returns, what the worker had to say has come."""
        pongs = self.count("pong")
        self.ask("ping")
        self.wait(lambda: self.count("pong") > pongs, what="pong")

    def end_channel(self):
        """As when the supervisor has died."""
        self._channel.shutdown(socket.SHUT_RDWR)

    def exit_status(self, timeout=20):
        return self.process.wait(timeout)

    # The supervisor's part.

    def _run(self):
        while not self.ended:
            for descriptor, _ in self._poll.poll(1):
                with self.changed:
                    self._serve(descriptor)
                    self.changed.notify_all()

    def _read_output(self):
        for line in self.process.stdout:
            with self.changed:
                self.output.append(line.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()

    def _serve(self, descriptor):
        if descriptor == self._channel.fileno():
            self._read_channel()
        elif descriptor in self._keys:
            listener = next(each for each in self._listeners if each.fileno() == descriptor)
            with contextlib.suppress(OSError):
                client, _ = listener.accept()
                self._ticket += 1
                connection = Connection(str(self._ticket), client)
                connection.key = self._keys[descriptor]
                self.connections[connection.ticket] = connection
                self._dispatch(connection)
        elif descriptor in self._parked:
            self._poll.unregister(descriptor)
            self._dispatch(self._parked.pop(descriptor))

    def _dispatch(self, connection):
        connection.state = "sent"
        self._sequence += 1
        flags = self.flags & ~PROXIED if connection.parks else self.flags
        facts = {"ticket": connection.ticket, "flags": flags, "listener": 0, "accepted_ns": str(time.monotonic_ns()), "wait_us": 25}
        if self.receipts:
            facts["receipt"] = True
        if connection.memo is not None:
            facts["memo"] = connection.memo
        message = {"cmd": "NODE_HANDLE", "type": "net.Native",
                   "msg": {"cmd": "NODE_CLUSTER", "act": "newconn", "key": connection.key, "seq": self._sequence, "prefork": facts}}
        connection.sequence = self._sequence
        with contextlib.suppress(OSError), self._line:
            socket.send_fds(self._channel, [json.dumps(message).encode() + b"\n"], [connection.copy.fileno()])

    def _read_channel(self):
        try:
            data = self._channel.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._poll.unregister(self._channel.fileno())
            self.ended = True
            return
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, message):
        if message.get("cmd") == "NODE_HANDLE_ACK" and self.receipts:
            self.violations.append("Node's own receipt for a descriptor")
        self.messages.append(message)
        if message.get("cmd") == "PREFORK":
            self._obey_module(message)
        elif message.get("act") == "queryServer":
            self._open(message)
        elif message.get("act") == "exitedAfterDisconnect":
            self.send({"cmd": "NODE_CLUSTER", "ack": message["seq"]})
        elif "ack" in message and not self.receipts:
            self._receipt({**message, "seq": message["ack"]})
        elif "ack" in message:
            self.violations.append(f"cluster's own receipt: {message}")

    def _open(self, message):
        if message["port"] != 8080:  # the port of the pool, as the programs see it
            self.send({"cmd": "NODE_CLUSTER", "ack": message["seq"], "errno": -errno.EADDRNOTAVAIL, "key": "", "data": None})
            return
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listeners.append(listener)
        key = f"{message['address']}:{message['port']}:{len(self._listeners)}"
        self._keys[listener.fileno()] = key
        self._poll.register(listener.fileno(), select.EPOLLIN)
        # Node takes another port than its own for EADDRINUSE.
        self.send({"cmd": "NODE_CLUSTER", "ack": message["seq"], "errno": 0, "key": key, "data": message.get("data"),
                   "sockname": {"address": "127.0.0.1", "family": "IPv4", "port": message["port"]}})

    def _receipt(self, message):
        for connection in self.connections.values():
            if connection.state == "sent" and connection.sequence == message["seq"]:
                if self.left:
                    self.violations.append(f"receipt after leave: {message}")
                connection.state = "busy" if message["accepted"] else "refused"
                return
        self.violations.append(f"receipt for nothing: {message}")

    def _obey_module(self, message):
        act = message["act"]
        if not self.receipts and (act == "begun" or " " in message.get("ticket", "")):
            self.violations.append(f"an earlier supervisor does not understand {message}")
        if act == "leave":
            self.left = True
        for ticket in message.get("ticket", "").split():
            self._obey_about(self.connections.get(ticket), message)
        if act == "begun":
            self._receipt(message)

    def _obey_about(self, connection, message):
        act = message["act"]
        if connection is None or connection.state != "busy":
            self.violations.append(f"{message} in state {connection and connection.state}")
        elif act in ("idle", "begun"):
            connection.state = "idle"
            with contextlib.suppress(OSError):
                connection.copy.shutdown(socket.SHUT_RDWR)
            connection.copy.close()
        elif act == "park":
            if not self.flags & MAY_PARK:
                self.violations.append(f"{message} without flag 1")
            connection.state = "parked"
            connection.parks += 1
            connection.memo = message.get("memo")
            if self.watch_parked:
                self._parked[connection.copy.fileno()] = connection
                self._poll.register(connection.copy.fileno(), select.EPOLLIN)
        elif act == "progress":
            connection.progress += 1

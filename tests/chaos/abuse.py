"""Clients that behave badly. What they get does not matter: other clients, and the supervisor's books, do."""
import socket
import struct
import threading
import time

LINGER = struct.pack("ii", 1, 20)
RESET = struct.pack("ii", 1, 0)


class Abuse:
    """A thread that connects to the addresses, and does one of these things, again and again."""

    def __init__(self, addresses, random_numbers):
        self.addresses = addresses  # (family, address)
        self.random = random_numbers
        self.stopping = threading.Event()
        self.made = 0
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        acts = [self.leave, self.half_close, self.ask_and_leave, self.reset, self.stay_silent, self.pass_descriptor, self.send_much]
        while not self.stopping.is_set():
            family, address = self.random.choice(self.addresses)
            try:
                with socket.socket(family) as client:
                    client.settimeout(0.3)  # for a server that hangs
                    client.connect(address)
                    self.made += 1
                    self.random.choice(acts)(client)
            except OSError:
                pass  # what the server does with it
            time.sleep(self.random.uniform(0.001, 0.02))

    def leave(self, client):
        pass

    def half_close(self, client):
        client.shutdown(socket.SHUT_WR)
        client.recv(100)

    def ask_and_leave(self, client):
        client.sendall(b"S 2000\n")

    def reset(self, client):
        client.sendall(b"S 20")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def stay_silent(self, client):
        time.sleep(self.random.uniform(0, 0.2))

    def send_much(self, client):
        client.sendall(b"x" * 100_000)

    def pass_descriptor(self, client):
        """A socket whose last close waits for 20 s, or would."""
        if client.family != socket.AF_UNIX:
            return
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as gift:
            gift.setblocking(False)
            try:
                while True:
                    gift.send(b"z" * 65536)
            except BlockingIOError:
                gift.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
            socket.send_fds(client, [b"x"], [gift.fileno()])

    def stop(self):
        self.stopping.set()
        self.thread.join(10)

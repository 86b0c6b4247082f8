#!/usr/bin/env python3
"""A worker for supervisor that is also a template ("start": "fork"): it loads what takes long once, and its
workers share it. `--load MIBIBYTES MILLISECONDS` stands in for an application that takes so much of both.
Answers each client's first bytes in capitals."""
import gc
import os
import signal
import socket
import struct
import sys
import time

RECORD = struct.Struct("<HHIQQII")  # kind, flags, value, ticket, time_ns, wait_us, zero
READY, CONNECTION, BUSY, REFUSED, IDLE, NOTE, PING, PONG, DRAIN, FORK = 1, 2, 3, 4, 5, 8, 9, 10, 11, 12


def load_application(mebibytes, milliseconds):
    end = time.monotonic() + milliseconds / 1000
    records = [f"record {number}" for number in range(mebibytes * 14_000)]  # about 75 bytes each
    while time.monotonic() < end:
        pass
    return records


class Channel:
    def __init__(self, descriptor):
        self.socket = socket.socket(fileno=descriptor)
        self.socket.set_inheritable(False)

    def tell(self, kind, ticket=0, value=0):
        self.socket.send(RECORD.pack(kind, 0, value, ticket, 0, 0, 0))

    def introduce(self):
        """By this datagram the supervisor learns which process this is."""
        text = b"forked"
        self.socket.send(RECORD.pack(NOTE, 0, len(text), 0, 0, 0, 0) + text.ljust(32, b"\0"))

    def records(self):
        """(kind, ticket, descriptor or None) until Drain, or until the supervisor is gone."""
        while True:
            datagram, descriptors, _, _ = socket.recv_fds(self.socket, 2048, 64)
            if not datagram:
                return
            drain = False
            for kind, _, _, ticket, _, _, _ in RECORD.iter_unpack(datagram):
                if kind == PING:
                    self.tell(PONG)
                elif kind == DRAIN:
                    drain = True
                else:
                    yield kind, ticket, descriptors.pop(0) if descriptors else None
            if drain:
                return


def fork_worker(template, descriptor):
    """True in the worker, which is then the supervisor's child."""
    intermediate = os.fork()
    if intermediate > 0:
        os.close(descriptor)
        os.waitpid(intermediate, 0)
        return False
    parent = os.getpid()
    if os.fork() > 0:
        os._exit(0)
    template.socket.close()
    while os.getppid() == parent:  # until the supervisor has adopted it
        time.sleep(0.0001)
    return True


def be_template(channel):
    """Forks workers; returns the channel in each of them. The template itself ends here."""
    gc.freeze()  # the collector would write to every object, and nothing would be shared any more
    channel.tell(READY, ticket=0, value=1)
    for kind, _, descriptor in channel.records():
        if kind == FORK and descriptor is not None and fork_worker(channel, descriptor):
            worker = Channel(descriptor)
            worker.introduce()
            return worker
    sys.exit(0)


def serve(channel):
    channel.tell(READY, ticket=1, value=1)
    for kind, ticket, descriptor in channel.records():
        if kind != CONNECTION:
            continue
        if descriptor is None:
            channel.tell(REFUSED, ticket)
            continue
        with socket.socket(fileno=descriptor) as client:
            channel.tell(BUSY, ticket)  # before the socket is touched
            try:
                client.sendall(client.recv(4096).upper())
                client.shutdown(socket.SHUT_WR)  # before close()
            except OSError:  # the client is gone
                pass
        channel.tell(IDLE, ticket)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    application = load_application(*map(int, sys.argv[2:4])) if sys.argv[1:2] == ["--load"] else None
    channel = Channel(int(os.environ["SUPERVISOR_CHANNEL"]))
    if os.environ.get("SUPERVISOR_TEMPLATE") == "1":
        channel = be_template(channel)
    serve(channel)
    del application


main()

"""`start: fork`: the template loads the application once and forks workers, which share that memory (docs/protocol.md)."""

import array
import gc
import os
import select
import socket
import sys
import time
from typing import Iterator, Optional, Tuple

from . import wire
from .wire import Kind, Record


def is_template() -> bool:
    return os.environ.get(wire.TEMPLATE_VARIABLE) == "1"


def run_template(channel: socket.socket) -> socket.socket:
    """Forks workers as the supervisor orders them. Returns the new channel in each worker; ends the template itself."""
    channel.setblocking(True)
    gc.collect()
    gc.freeze()  # the collector would write to the shared pages
    channel.send(wire.encode(Record(Kind.READY, value=wire.VERSION)))
    while True:
        datagram, descriptors = _receive(channel)
        try:
            if not datagram:
                sys.exit(0)
            worker = _obey(channel, wire.messages(datagram), descriptors)
        except wire.Malformed as error:
            sys.exit(f"template {os.getpid()} leaves: the supervisor sent {error}")
        if worker is not None:
            for descriptor in descriptors:
                os.close(descriptor)
            return worker


def _receive(channel: socket.socket) -> Tuple[bytes, "array.array[int]"]:
    descriptors = array.array("i")
    while True:
        try:
            datagram, control, _, _ = channel.recvmsg(wire.MAX_DATAGRAM, socket.CMSG_SPACE(64 * 4), socket.MSG_CMSG_CLOEXEC)
        except ConnectionResetError:
            continue
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
        return datagram, descriptors


def _obey(
    channel: socket.socket, messages: Iterator[Tuple[Record, bytes]], descriptors: "array.array[int]"
) -> Optional[socket.socket]:
    for record, _ in messages:
        if record.kind == Kind.FORK:
            if not descriptors:
                continue  # out of descriptors: the supervisor notices the lost channel and tries again
            end = descriptors.pop(0)
            if _fork_twice():
                channel.close()
                return _introduce(end)
            os.close(end)
        elif record.kind == Kind.PING:
            channel.send(wire.encode(Record(Kind.PONG)))
        elif record.kind == Kind.DRAIN:
            sys.exit(0)
        else:
            raise wire.Malformed(f"a record of kind {record.kind}, which no template expects")
    return None


def _fork_twice() -> bool:
    """True in the worker. The process between ends at once: the supervisor adopts its child, the worker."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        between = os.fork()
    except OSError as error:
        print(f"template: fork: {error}", file=sys.stderr, flush=True)
        return False
    if between == 0:
        _hand_to_supervisor()
        return True
    os.waitpid(between, 0)
    return False


def _hand_to_supervisor() -> None:
    own = os.getpid()
    try:
        pidfd = os.pidfd_open(own)
    except OSError:
        pidfd = -1  # where a container's rules deny it
    try:
        if os.fork() > 0:
            os._exit(0)
    except OSError as error:
        print(f"template: fork: {error}", file=sys.stderr, flush=True)
        os._exit(1)
    if pidfd >= 0:
        gone = select.poll()
        gone.register(pidfd, select.POLLIN)
        gone.poll()
        os.close(pidfd)
    while os.getppid() == own:
        time.sleep(0.001)


def _introduce(end: int) -> socket.socket:
    """The supervisor learns this process's id from the first datagram."""
    channel = socket.socket(fileno=end)
    channel.send(wire.encode_note(b"forked"))
    os.environ.pop(wire.TEMPLATE_VARIABLE, None)
    os.environ[wire.CHANNEL_VARIABLE] = str(end)
    return channel

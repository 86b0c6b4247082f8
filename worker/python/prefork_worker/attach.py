"""Finds the channel that the supervisor gives this process, and begins to be a worker of it."""

import os
import socket
from typing import Optional

from . import template, wire
from .session import Session


class NotAWorker(Exception):
    """This process has no channel to a supervisor."""


def channel_of_environment() -> socket.socket:
    named = os.environ.get(wire.CHANNEL_VARIABLE)
    if wire.LISTEN_VARIABLE in os.environ:
        # With "accept" there is a channel, which belongs to the preloaded library.
        raise NotAWorker('the protocol of this pool is for programs that listen: this one needs "protocol": "native"')
    if named is None:
        raise NotAWorker(
            f"{wire.CHANNEL_VARIABLE} is not set: this program is a worker, which the supervisor starts. "
            "Run it with: supervisor run --protocol native --listen 127.0.0.1:8000 -- COMMAND, "
            'or in a pool with "protocol": "native"'
        )
    which = f"{wire.CHANNEL_VARIABLE}={named}"
    try:
        os.set_inheritable(int(named), False)
        channel = socket.socket(fileno=int(named))
    except (ValueError, OverflowError):
        raise NotAWorker(f"{which}: not the number of a descriptor") from None
    except OSError as error:
        raise NotAWorker(f"{which}: {error.strerror}") from None
    if channel.type != socket.SOCK_SEQPACKET:
        channel.detach()
        raise NotAWorker(f"{which}: not a SOCK_SEQPACKET socket")
    return channel


def slots_of_environment(limit: int) -> int:
    given = os.environ.get(wire.SLOTS_VARIABLE, "")
    return max(1, min(int(given), limit)) if given.isdecimal() else 1


def attach(slots: int = 1, waker: int = -1, channel: Optional[socket.socket] = None) -> Session:
    """A Session that is ready(). With `start: fork` it returns in each worker, and ends the template (SystemExit).

    `slots`: how many connections this program can serve at a time; fewer if the pool wants fewer.
    """
    channel = channel or channel_of_environment()
    if template.is_template():
        channel = template.run_template(channel)
    session = Session(channel, waker)
    session.ready(slots_of_environment(slots))
    return session

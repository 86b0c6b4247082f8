"""serve(): for programs that serve one connection at a time with blocking calls."""

import gc
import os
import signal
import socket
import sys
import threading
import traceback
from contextlib import contextmanager
from typing import Callable, Iterator, Optional

from .attach import NotAWorker, channel_of_environment, slots_of_environment
from .connection import Connection
from .session import Session
from .template import is_template, run_template

Handler = Callable[[Connection], object]


def start(prepare: Optional[Callable[[], object]] = None) -> socket.socket:
    """This worker's channel. With `start: fork` it returns in each worker; `prepare` is called there, before Ready."""
    channel = channel_of_environment()
    if is_template():
        channel = run_template(channel)
    if prepare is not None:
        prepare()
    return channel


def serve(
    handler: Handler,
    *,
    slots: int = 1,
    leave_after: int = 0,
    prepare: Optional[Callable[[], object]] = None,
    late_receipts: bool = False,
    sockets_block: bool = True,
) -> int:
    """Calls handler(connection) for each connection until this worker has to leave; returns the status for sys.exit().

    When the handler returns, the connection is finished, unless it was parked. What it raises is printed, and ends that
    connection only. After `leave_after` connections (0: never) the worker leaves by itself, and another is started.
    `prepare` is called once in each worker, before it is ready: what must not be shared with a template is opened there.
    `late_receipts`: the handler reads at once, and calls connection.say_begun() before it waits for a silent client; this
    saves a record for most connections.
    `sockets_block=False`: the handler's calls on the socket never wait, with MSG_DONTWAIT; this saves a system call.
    `slots` must be 1: a handler that blocks serves one connection at a time. Programs with more use aio.serve().

    SIGTERM makes the worker leave after the connection in hand, unless the program has a handler of its own.
    """
    if slots != 1:
        raise ValueError("serve() has one slot; aio.serve() has several")
    try:
        channel = start(prepare)
    except NotAWorker as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    with _waker() as waker:
        session = Session(channel, waker)
        session.late_receipts = late_receipts
        session.sockets_block = sockets_block
        _stop_on_term(session)
        gc.collect()
        gc.freeze()  # what is loaded is not looked at again; each collection is shorter
        session.ready(slots_of_environment(1))
        return serve_session(session, handler, leave_after)


def serve_session(session: Session, handler: Handler, leave_after: int = 0) -> int:
    """serve(), for a session that is ready."""
    served = 0
    while True:
        connection = session.receive()
        if connection is None:
            session.close()
            return session.exit_code
        try:
            handler(connection)
        except Exception:
            print(f"worker {os.getpid()}: connection {connection.ticket}:", file=sys.stderr)
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            served += 1
            if served == leave_after:
                session.leave()  # before the slot is free: no further connection comes
            connection.finish()


@contextmanager
def _waker() -> Iterator[int]:
    """A descriptor that becomes readable at a signal: without it, one just before a wait would wait with it."""
    if threading.current_thread() is not threading.main_thread():
        yield -1
        return
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
        if before >= 0:  # the program watches signals itself
            signal.set_wakeup_fd(before)
            yield -1
            return
        try:
            yield ours.fileno()
        finally:
            signal.set_wakeup_fd(-1)


def _stop_on_term(session: Session) -> None:
    """The handler stays when serve() returns: a process that is about to exit anyway must not die of SIGTERM."""
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda *_: session.stop())

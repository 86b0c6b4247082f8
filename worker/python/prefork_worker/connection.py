"""One connection of a worker, from its receipt to its end."""

import socket
import time
from typing import TYPE_CHECKING, Optional

from . import wire
from .wire import Flag, Kind, Record

if TYPE_CHECKING:
    from .session import Session


class Connection:
    """One connection that this worker has begun. It ends with finish() or park(); a second end does nothing."""

    #: How long a worker keeps a connection that it could park, in seconds.
    KEEP_FOR = 0.010
    _SIGN_EVERY = 0.100

    def __init__(self, session: "Session", client: socket.socket, record: Record, memo: bytes) -> None:
        self._session: Optional[Session] = session
        #: The client's socket, blocking. finish() and park() close it.
        self.socket = client
        #: The supervisor's number of this connection; the same when it comes again after park().
        self.ticket = record.ticket
        #: The index, from 0, of the pool's `listen` address that accepted it.
        self.listener = record.value
        #: When it was accepted, in the time of time.monotonic().
        self.accepted = record.time_ns / 1e9
        #: Seconds that it waited for a worker.
        self.waited = record.wait_us / 1e6
        self.flags = record.flags & 0xFF
        #: What the last park() of this connection, in any worker, left for this one.
        self.memo = memo
        self._last_sign = time.monotonic()
        self._sending_ended = False

    @property
    def open(self) -> bool:
        return self._session is not None

    @property
    def may_park(self) -> bool:
        return bool(self.flags & Flag.MAY_PARK)

    @property
    def park_wanted(self) -> bool:
        """Park as soon as the request is answered: other connections wait, or this worker leaves."""
        session = self._session
        if session is None or not self.may_park:
            return False
        return bool(self.flags & Flag.PARK_AT_ONCE) or session.yielding or session.leaving

    @property
    def last_request(self) -> bool:
        """The pool stops: an answer should tell a client that keeps connections that it is the last."""
        return bool(self.flags & Flag.LAST_REQUEST)

    @property
    def copy_kept(self) -> bool:
        """The supervisor keeps a copy of the socket until Idle: close() alone ends nothing."""
        return bool(self.flags & Flag.COPY_KEPT)

    @property
    def proxied(self) -> bool:
        """A PROXY header comes first: see read_proxy_header()."""
        return bool(self.flags & Flag.PROXIED)

    @property
    def leaving(self) -> bool:
        """This worker leaves, or the pool stops: make the next answer the last. Reads the channel of one slot."""
        session = self._session
        if session is None or self.last_request:
            return True
        session.catch_up()
        return session.leaving

    def leave(self) -> None:
        """Session.leave(): this connection goes on, and no other comes."""
        if self._session is not None:
            self._session.leave()

    def note(self, text: str) -> None:
        """What this worker does, for the supervisor's status; dropped when the channel is full."""
        if self._session is not None:
            self._session.note(text)

    def say_begun(self) -> None:
        """Sends the receipt, where it was left out so far: before the first wait for a client that has sent nothing."""
        if self._session is not None:
            self._session.say_begun()

    def progress(self) -> None:
        """Work on this connection goes on: `busy_timeout` begins anew."""
        if self._session is not None:
            self._session.say_begun()
            self._session.send(wire.encode(Record(Kind.PROGRESS, ticket=self.ticket)))
            self._last_sign = time.monotonic()

    def give_sign(self, now: Optional[float] = None) -> bool:
        """progress() if the last one was 100 ms ago or more; whether it was. For a further request."""
        due = (time.monotonic() if now is None else now) - self._last_sign >= self._SIGN_EVERY
        if due:
            self.progress()
        return due

    def must_end(self) -> bool:
        """In place of next_request() while bytes of a later request are in a buffer: make this answer the last?"""
        return self.give_sign() and (self.leaving or self.park_wanted)

    def next_request(self, timeout: float, memo: bytes = b"") -> bool:
        """Waits for the client's next request. False: the connection is parked or the time is up; return.

        Call it when every request that was read is answered, and no later byte is in a buffer. In a pool that parks,
        the connection is kept for KEEP_FOR at most, and only while no other connection needs this worker.
        """
        session = self._session
        if session is None or session.is_copy:
            return False
        parks = self.may_park
        if not (parks and self.park_wanted):
            if session.wait_for(self.socket, min(timeout, self.KEEP_FOR) if parks else timeout, parks):
                self.give_sign()
                return True
        if parks:
            self.park(memo)
        return False

    def park(self, memo: bytes = b"") -> None:
        """Gives the connection back until the client sends more; without may_park, as finish().

        Everything that was read is answered, no later byte is in a buffer, and no epoll watches the socket.
        """
        if not self.may_park:
            return self.finish()
        session = self._session
        if session is not None:
            record = wire.encode_park(self.ticket, memo)
            self._session = None
            self.socket.close()
            session.ended(record)

    def finish(self) -> None:
        """Ends the connection and frees the slot. A socket that was detached or closed before is left alone."""
        session = self._session
        if session is None:
            return
        self._session = None
        if self.socket.fileno() >= 0:
            if not (session.is_copy or self._sending_ended):
                self._shut_down()
            self.socket.close()
        session.ended(wire.encode_ticket(wire.IDLE, self.ticket))

    def end_sending(self) -> None:
        """The client sees the end of what this worker sends. While the supervisor has a copy, close() ends nothing."""
        session = self._session
        if session is not None and not session.is_copy:
            self._sending_ended = True
            self._shut_down()

    def _shut_down(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client is gone

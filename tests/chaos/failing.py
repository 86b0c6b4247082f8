"""System calls of the target that fail on order: the Python side of tests/support/fail_calls.h."""
import errno
import mmap
import os
import struct

SUPERVISOR, SPAWNER = 1, 2
NUMBERS = struct.Struct("=iIIIII")  # error, who, skip, every, left, failed
NAME = 16
SIZE = NAME + NUMBERS.size

# What may be short: (call, its errors, in which of the processes, an act of the chaos that leads to the call).
SHORTAGES = [
    ("accept4", ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ECONNABORTED", "EPERM", "EINTR"], SUPERVISOR, None),
    ("clone", ["EAGAIN", "ENOMEM"], SPAWNER, "kill_worker"),
    ("epoll_create1", ["EMFILE", "ENOMEM"], SUPERVISOR, "upgrade"),
    ("epoll_ctl", ["ENOMEM", "ENOSPC"], SUPERVISOR, "kill_worker"),
    ("epoll_ctl", ["ENOMEM", "ENOSPC"], SUPERVISOR, "upgrade"),
    ("eventfd", ["EMFILE", "ENFILE"], SUPERVISOR, "upgrade"),
    ("fcntl", ["EMFILE"], SUPERVISOR | SPAWNER, "deploy"),
    ("memfd", ["EMFILE", "ENOMEM"], SUPERVISOR, "upgrade"),
    ("open", ["EMFILE", "ENFILE", "EACCES"], SUPERVISOR | SPAWNER, "deploy"),
    ("pidfd_open", ["EMFILE", "ENOSYS"], SUPERVISOR, "kill_spawner"),
    ("pipe2", ["EMFILE", "ENFILE"], SUPERVISOR, "kill_worker"),
    ("pthread", ["EAGAIN"], SUPERVISOR, "upgrade"),
    ("recvmsg", ["ENOMEM", "ENOBUFS", "EINTR"], SUPERVISOR | SPAWNER, "kill_worker"),
    ("sendmsg", ["ENOBUFS", "ENOMEM", "ETOOMANYREFS", "EINTR"], SUPERVISOR | SPAWNER, "kill_worker"),
    ("socket", ["EMFILE"], SUPERVISOR, "reload"),
    ("socketpair", ["EMFILE", "ENFILE"], SUPERVISOR, "kill_spawner"),
]


class FailingCalls:
    """Maps the file that the preloaded library reads. The library writes the names of its calls into it."""

    def __init__(self, path):
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 0)
        self.places = {self.map[at : at + NAME].rstrip(b"\0").decode(): at + NAME for at in range(0, len(self.map), SIZE)}
        self.failed = {}

    def fail(self, call, error, who, every):
        NUMBERS.pack_into(self.map, self.places[call], getattr(errno, error), who, 0, every, 2**32 - 1, 0)

    def succeed(self, call):
        failed = NUMBERS.unpack_from(self.map, self.places[call])[-1]
        NUMBERS.pack_into(self.map, self.places[call], 0, 0, 0, 0, 0, 0)
        self.failed[call] = self.failed.get(call, 0) + failed

    @staticmethod
    def environment(library, path):
        return {"LD_PRELOAD": library, "FAIL_CALLS": path} if os.path.exists(library) else {}

"""A worker of the library for Python, for the table test over dialects: `dialect_server.py NAME`. See line_service.h."""
import ctypes
import os
import signal
import sys

import prefork_worker

PR_SET_PDEATHSIG = 1


def block():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with open(f"{os.environ['GATES']}/blocked.{sys.argv[1]}", "a") as mark:
        mark.write(f"{os.getpid()}\n")
    while True:
        signal.pause()


def handler(connection):
    line = b""
    while not line.endswith(b"\n"):
        byte = connection.socket.recv(1)
        if not byte:
            return
        line += byte
    if line == b"half\n":
        connection.socket.sendall(b"half")
    if line in (b"half\n", b"block\n"):
        block()
    connection.socket.sendall(f"OK {os.getpid()}\n".encode())


sys.exit(prefork_worker.serve(handler))

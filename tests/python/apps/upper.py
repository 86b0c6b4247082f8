"""A worker of one slot: answers each client's first bytes in capitals; some words make it misbehave."""
import os
import sys

import prefork_worker

loaded_in = os.getpid()


def handler(connection):
    word = connection.socket.recv(4096)
    if word == b"raise":
        raise RuntimeError("as ordered")
    if word == b"pids":
        word = f"{loaded_in} {os.getpid()}".encode()
    if word == b"memo":
        word = connection.memo
    connection.socket.sendall(word.upper())
    if connection.may_park:
        connection.park(word)


sys.exit(prefork_worker.serve(handler, leave_after=int(os.environ.get("LEAVE_AFTER", "0"))))

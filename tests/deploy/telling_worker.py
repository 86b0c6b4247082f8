"""A worker that adds its pid to the file FILE when it has begun a request of /wait, and answers when `go` is beside that file."""
import os
import pathlib
import sys
import time

import prefork_worker

TOLD = pathlib.Path(sys.argv[1])


def handler(connection):
    header = prefork_worker.read_proxy_header(connection.socket, 10)
    request = b""
    while b"\r\n\r\n" not in request:
        piece = connection.socket.recv(4096)
        if not piece:
            return
        request += piece
    if b" /wait " in request:
        with open(TOLD, "a") as told:
            told.write(f"{os.getpid()}\n")
        while not (TOLD.parent / "go").exists():
            time.sleep(0.01)
    body = f"from {header.source[0]} at {header.destination[0]}".encode() if header.source else b""
    connection.socket.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


sys.exit(prefork_worker.serve(handler))

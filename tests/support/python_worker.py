#!/usr/bin/env python3
"""A worker for supervisor: answers each client's first bytes in capitals."""
import os
import socket
import struct

RECORD = struct.Struct("<HHIQQII")  # kind, flags, value, ticket, time_ns, wait_us, zero
READY, CONNECTION, BUSY, REFUSED, IDLE, PING, PONG, DRAIN = 1, 2, 3, 4, 5, 9, 10, 11

channel = socket.socket(fileno=int(os.environ["SUPERVISOR_CHANNEL"]))
channel.set_inheritable(False)


def tell(kind, ticket=0, value=0):
    channel.send(RECORD.pack(kind, 0, value, ticket, 0, 0, 0))


def serve(client):
    client.sendall(client.recv(4096).upper())


tell(READY, ticket=1, value=1)  # one slot, protocol version 1
while True:
    datagram, descriptors, _, _ = socket.recv_fds(channel, 2048, 64)
    if not datagram:  # the supervisor is gone
        break
    kinds = []
    for kind, _, _, ticket, _, _, _ in RECORD.iter_unpack(datagram):
        kinds.append(kind)
        if kind == CONNECTION and not descriptors:
            tell(REFUSED, ticket)
        elif kind == CONNECTION:
            with socket.socket(fileno=descriptors.pop(0)) as client:
                tell(BUSY, ticket)  # before the socket is touched
                try:
                    serve(client)
                    client.shutdown(socket.SHUT_WR)  # before close()
                except OSError:  # the client is gone
                    pass
            tell(IDLE, ticket)
        elif kind == PING:
            tell(PONG)
    if DRAIN in kinds:
        break

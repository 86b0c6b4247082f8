#!/usr/bin/python3
"""Stands in for the program of the admin process: does on its link what a test says on a connection.

A connection sends one line, and gets the answer: `hello` (what the process is, as JSON), `ask LINE` (the
supervisor's answer to that request), `say TEXT TIMES` (sends the text to the supervisor, with line ends),
`signal PID` (what comes of SIGCONT for that process), `exit STATUS`, `close` (ends the link, and stays), `wait` (no answer). The variable ADMIN_STAND_IN is the
status with which it exits at once.
"""
import json
import os
import resource
import select
import signal
import socket
import stat
import sys
import time


def say(text):
    print(text, flush=True)


def signalled(pid):
    try:
        os.kill(pid, signal.SIGCONT)
    except OSError as error:
        return os.strerror(error.errno)
    return "sent"


class StandIn:
    def __init__(self):
        self.link = socket.socket(fileno=3)
        self.input = b""
        self.sockets = []
        self.history = None
        self.listen = {}
        self.listens = 0
        self.waiting = []
        self.events = []

    def read_link(self):
        try:
            data, numbers, _, _ = socket.recv_fds(self.link, 65536, 17)
        except ConnectionResetError:
            os._exit(0)
        if not data:
            os._exit(0)
        if numbers:
            for one in self.sockets:
                one.close()
            if stat.S_ISREG(os.fstat(numbers[-1]).st_mode):
                self.keep_history(numbers.pop())
            self.sockets = [socket.socket(fileno=number) for number in numbers]
        self.input += data

    def keep_history(self, file):
        if self.history is not None:
            os.close(self.history)
        self.history = file

    def take_line(self):
        while b"\n" not in self.input:
            self.read_link()
        line, self.input = self.input.split(b"\n", 1)
        return json.loads(line)

    def take_notice(self, message):
        if message.get("method") == "listen":
            self.listen = message["params"]
            self.listens += 1

    def ask(self, line):
        self.link.sendall(line.encode() + b"\n")
        while True:
            message = self.take_line()
            if "method" not in message:
                return message
            self.take_notice(message)

    def hello(self):
        return {
            "pid": os.getpid(), "uid": os.getuid(), "groups": os.getgroups(), "directory": os.getcwd(),
            "files": resource.getrlimit(resource.RLIMIT_NOFILE), "listen": self.listen, "listens": self.listens,
            "history": os.pread(self.history, 20, 0).decode(), "history_size": os.fstat(self.history).st_size,
            "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
        }

    def handle(self, connection, words):
        word, _, rest = words.partition(" ")
        if word == "hello":
            connection.sendall(json.dumps(self.hello()).encode())
        elif word == "ask":
            connection.sendall(json.dumps(self.ask(rest)).encode())
        elif word == "say":
            text, _, times = rest.rpartition(" ")
            data = (text + "\n").encode() * int(times)
            self.link.settimeout(10)
            try:
                self.link.sendall(data)
            except OSError as error:
                connection.sendall(str(error).encode())
        elif word == "leave":
            os.pwrite(self.history, rest.encode(), 0)
        elif word == "grow":
            try:
                os.ftruncate(self.history, int(rest))
            except OSError as error:
                connection.sendall(str(error.strerror).encode())
        elif word == "signal":
            connection.sendall(signalled(int(rest)).encode())
        elif word == "exit":
            print("these are my last words", file=sys.stderr, flush=True)
            os._exit(int(rest))
        elif word == "close":
            self.link.shutdown(socket.SHUT_RDWR)
            time.sleep(600)
        elif word == "wait":
            self.waiting.append(connection)
            return
        connection.close()

    def accept(self, listener):
        connection, _ = listener.accept()
        connection.setblocking(True)
        with connection.makefile("rb") as lines:
            words = lines.readline().decode().rstrip("\n")
        self.handle(connection, words)

    def serve(self):
        while True:
            readable, _, _ = select.select([self.link, *self.sockets], [], [])
            if self.link in readable:
                self.read_link()
                while b"\n" in self.input:
                    self.take_notice(self.take_line())
                continue
            for listener in readable:
                self.accept(listener)


if "ADMIN_STAND_IN" in os.environ:
    sys.exit(int(os.environ["ADMIN_STAND_IN"]))
say("the stand-in serves")
StandIn().serve()

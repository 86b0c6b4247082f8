"""The module in a program that listens by itself: what the supervisor hears of each connection."""
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import unittest

import counted
from http_client import Client
from parent import COPY_KEPT, SOURCE, Parent


class Ends(unittest.TestCase):
    def test_an_unmodified_server_is_greeted_and_its_connections_end(self):
        with Parent("hello.js", flags=COPY_KEPT) as parent:
            port = parent.port()
            hello = [m for m in parent.messages if m.get("act") == "hello"]
            self.assertEqual(len(hello), 1)
            self.assertLess(parent.messages.index(hello[0]), [m.get("act") for m in parent.messages].index("queryServer"))
            with Client(port) as client:
                self.assertEqual(client.request("/a")[2], b"hello /a\n")
                self.assertEqual(client.request("/b")[2], b"hello /b\n")
                parent.sync()
                self.assertEqual(parent.only().state, "busy")
            parent.wait(lambda: parent.only().state == "idle")
            with Client(port) as client:
                self.assertIn("connection: close", client.request("/c", head="Connection: close\r\n")[1])
                self.assertTrue(client.ended())
            parent.wait(lambda: parent.only(1).state == "idle")
            self.assertEqual(parent.violations, [])

    def test_ends_of_one_turn_of_the_event_loop_are_told_in_one_message(self):
        with Parent("hello.js", flags=COPY_KEPT) as parent, contextlib.ExitStack() as stack:
            port = parent.port()
            clients = [stack.enter_context(Client(port)) for _ in range(250)]  # more than one message may name
            for client in clients:
                self.assertEqual(client.request("/")[2], b"hello /\n")
            parent.process.send_signal(signal.SIGSTOP)
            for client in clients:
                client.socket.close()
            parent.process.send_signal(signal.SIGCONT)
            parent.wait(lambda: all(each.state == "idle" for each in parent.connections.values()))
            self.assertLess(parent.count("idle"), 100)
            self.assertEqual(parent.violations, [])

    def test_an_end_is_told_with_the_next_receipt_and_without_one_soon(self):
        with Parent("hello.js", flags=COPY_KEPT) as parent:
            port = parent.port()
            for _ in range(20):  # the last of several ends comes while the timer of the first one runs
                with contextlib.ExitStack() as stack:
                    parent.process.send_signal(signal.SIGSTOP)
                    clients = [stack.enter_context(Client(port)) for _ in range(4)]
                    for client in clients:
                        client.send(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
                        client.socket.shutdown(socket.SHUT_WR)
                    parent.process.send_signal(signal.SIGCONT)
                    for client in clients:
                        self.assertEqual(client.answer()[2], b"hello /\n")
                parent.wait(lambda: all(each.state == "idle" for each in parent.connections.values()))
            told = [m for m in parent.messages if m.get("act") == "begun" and "ticket" in m]
            self.assertGreater(len(told), 0)
            self.assertLess(parent.count("idle"), 80)
            self.assertEqual(parent.violations, [])

    def test_a_supervisor_of_before_the_receipts_gets_none(self):
        """FAULTS 472: it understands all that the module says."""
        with Parent("hello.js", receipts=False) as parent, contextlib.ExitStack() as stack:
            port = parent.port()
            clients = [stack.enter_context(Client(port)) for _ in range(20)]
            for client in clients:
                self.assertEqual(client.request("/")[2], b"hello /\n")
            parent.wait(lambda: [each.state for each in parent.connections.values()] == ["parked"] * 20)
            for client in clients:
                self.assertEqual(client.request("/")[2], b"hello /\n")
                client.socket.close()
            parent.wait(lambda: [each.state for each in parent.connections.values()] == ["idle"] * 20)
            self.assertEqual(sum(m.get("cmd") == "NODE_HANDLE_ACK" for m in parent.messages), parent._sequence)
            parent.ask("drain")
            self.assertEqual(parent.exit_status(), 0)
            self.assertEqual(parent.violations, [])

    def test_the_end_of_a_connection_is_told_by_a_program_that_exits_then(self):
        with Parent("exits.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertEqual(parent.exit_status(), 0)
            parent.wait(lambda: parent.only().state == "idle")

    def test_a_socket_that_is_destroyed_ends_before_the_event_loop_goes_on(self):
        """FAULTS 418: the supervisor keeps a copy of the socket."""
        with Parent("destroys_and_blocks.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                self.assertTrue(client.ended())

    def test_the_module_makes_the_sockets_of_the_supervisor_nonblocking(self):
        with Parent("hello.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()):
                parent.wait(lambda: parent.connections and parent.only().state == "busy")
                self.assertTrue(fcntl.fcntl(parent.only().copy, fcntl.F_GETFL) & os.O_NONBLOCK)

    def test_ping_is_answered_from_the_event_loop(self):
        with Parent("hello.js") as parent:
            parent.port()
            parent.ask("ping")
            parent.wait(lambda: parent.count("pong") == 1)


class Package(unittest.TestCase):
    def test_what_is_published_and_installed_is_the_whole_package(self):
        package = SOURCE / "worker/node"
        files = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()} - {"meson.build"}
        text = (package / "meson.build").read_text(encoding="utf-8")
        self.assertEqual(set(re.findall(r"^  '(.+)',$", text, re.MULTILINE)), files)
        published = set(json.loads((package / "package.json").read_text(encoding="utf-8"))["files"]) | {"package.json", "README.md"}
        self.assertEqual({file for file in files if file.split("/")[0] not in published}, set())


if __name__ == "__main__":
    counted.main()

"""The end of a worker: Drain, Leave, SIGTERM, the end of the channel."""
import signal
import socket
import unittest

import counted
from http_client import Client
from parent import COPY_KEPT, MAY_PARK, Parent

LATER = b"GET /later HTTP/1.1\r\nHost: test\r\n\r\n"


class Drained(unittest.TestCase):
    def test_an_idle_worker_ends_at_once_with_status_0(self):
        for program in ("hello.js", "app.js"):
            with Parent(program) as parent:
                parent.port()
                parent.ask("drain")
                self.assertEqual(parent.exit_status(), 0)

    def test_a_request_under_way_is_answered_and_its_connection_parked(self):
        with Parent("app.js", watch_parked=False) as parent:
            with Client(parent.port()) as client:
                client.send(LATER)
                parent.wait(lambda: parent.count("note") == 1)
                parent.ask("drain")
                status, head, body = client.answer()
                self.assertEqual((status, body), (200, b"later\n"))
                self.assertNotIn("connection: close", head)
                self.assertEqual(parent.exit_status(), 0)
                parent.wait(lambda: parent.only().state == "parked")
            self.assertEqual(parent.violations, [])

    def test_an_answer_ends_its_connection_where_it_may_not_be_parked(self):
        with Parent("app.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.request("/hello")
                client.send(LATER)
                parent.wait(lambda: parent.count("note") == 1)
                with Client(parent.port()) as other:
                    other.request("/hello")
                    parent.ask("drain")
                    self.assertTrue(other.ended())  # it was idle
                self.assertEqual(client.answer()[2], b"later\n")
                self.assertTrue(client.ended())
            self.assertEqual(parent.exit_status(), 0)
            self.assertEqual([each.state for each in parent.connections.values()], ["idle", "idle"])

    def test_a_request_that_begins_after_the_drain_says_that_it_is_the_last(self):
        with Parent("app.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.send(LATER + LATER[:10])  # half a request keeps the connection
                parent.wait(lambda: parent.count("note") == 1)
                parent.ask("drain")
                self.assertNotIn("connection: close", client.answer()[1])
                client.send(LATER[10:])
                self.assertIn("connection: close", client.answer()[1])
                self.assertTrue(client.ended())
            self.assertEqual(parent.exit_status(), 0)

    def test_what_is_kept_for_a_next_request_is_parked(self):
        with Parent("app.js", flags=MAY_PARK | COPY_KEPT, watch_parked=False) as parent:
            with Client(parent.port()) as client:
                client.request("/hello")
                parent.ask("drain")
                self.assertEqual(parent.exit_status(), 0)
                self.assertEqual(parent.only().state, "parked")

    def test_a_program_with_timers_ends_too(self):
        with Parent("timers.js") as parent:
            parent.port()
            parent.ask("drain")
            self.assertEqual(parent.exit_status(), 0)

    def test_a_program_that_tidies_up_on_a_signal_gets_it_at_the_end(self):
        for name in ("SIGINT", "SIGTERM"):
            with Parent("timers.js", environment={"TIDY": name}, watch_parked=False) as parent:
                with Client(parent.port()) as client:
                    client.send(LATER)
                    parent.wait(lambda: parent.only().state == "busy")
                    parent.ask("drain")
                    self.assertEqual(client.answer()[2], b"hello\n")
                    self.assertEqual(parent.exit_status(), 0)
                    parent.wait(lambda: "tidied up" in parent.output)

    def test_a_connection_on_its_way_is_refused(self):
        with Parent("app.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.send(LATER)
                parent.wait(lambda: parent.count("note") == 1)
                parent.ask("drain")
                with Client(parent.port()):
                    parent.wait(lambda: parent.only(1).state == "refused")
                self.assertEqual(client.answer()[2], b"later\n")
            self.assertEqual(parent.exit_status(), 0)


class Left(unittest.TestCase):
    def leaves(self, act):
        with Parent("app.js", watch_parked=False) as parent:
            with Client(parent.port()) as client:
                client.send(LATER)
                parent.wait(lambda: parent.count("note") == 1)
                act(parent)
                parent.wait(lambda: parent.count("leave") == 1)
                with Client(parent.port()) as other:  # it was on its way: nothing is said of it, and nothing done
                    other.send(LATER)
                    self.assertEqual(parent.only(1).state, "sent")
                    self.assertEqual(client.answer()[2], b"later\n")
                    parent.ask("drain")
                    self.assertEqual(parent.exit_status(), 0)
                    self.assertEqual(parent.only(1).state, "sent")
                    self.assertEqual(parent.only(1).copy.recv(100, socket.MSG_DONTWAIT), LATER)
            self.assertEqual(parent.violations, [])

    def test_sigterm_makes_a_worker_leave(self):
        """FAULTS 382: SIGTERM during a request."""
        self.leaves(lambda parent: parent.process.send_signal(signal.SIGTERM))

    def test_a_connection_whose_server_was_closed_in_its_handler_is_told_to_its_end(self):
        """FAULTS 404: a program closes its last server while a request takes long."""
        with Parent("app.js", watch_parked=False) as parent:
            with Client(parent.port()) as client:
                client.send(b"GET /close HTTP/1.1\r\nHost: test\r\nX-Ms: 200\r\n\r\n")
                parent.wait(lambda: parent.count("close") == 1)
                parent.ask("drain")
                self.assertEqual(client.answer()[2], b"closed\n")
                self.assertEqual(parent.exit_status(), 0)
                parent.wait(lambda: parent.ended)
            self.assertEqual(parent.only().state, "parked")
            self.assertEqual(parent.violations, [])

    def test_sigterm_ends_a_program_that_does_not_listen_yet(self):
        """FAULTS 382: SIGTERM before the program listens."""
        with Parent("loading.js") as parent:
            parent.wait(lambda: "loading" in parent.output)
            parent.process.send_signal(signal.SIGTERM)
            self.assertEqual(parent.exit_status(), -signal.SIGTERM)
            self.assertEqual(parent.count("leave"), 0)

    def test_a_program_may_leave(self):
        with Parent("app.js", watch_parked=False) as parent:
            with Client(parent.port()) as client:
                self.assertEqual(client.request("/leave")[2], b"leaving\n")
                parent.wait(lambda: parent.count("leave") == 1)
                parent.ask("drain")
                self.assertEqual(parent.exit_status(), 0)
                self.assertEqual(parent.only().state, "parked")

    def test_a_program_may_leave_as_clusters_workers_do(self):
        for drain in (True, False):
            with Parent("app.js", flags=COPY_KEPT) as parent:
                with Client(parent.port()) as client:
                    client.send(b"GET /disconnect HTTP/1.1\r\nHost: test\r\n\r\n")
                    parent.wait(lambda: parent.count("close") == 1)
                    if drain:
                        parent.ask("drain")
                    self.assertEqual(client.answer()[2], b"disconnects\n")
                    parent.wait(lambda: parent.only().state == "idle")
                self.assertEqual((parent.exit_status(), parent.output), (0, []))

    def test_a_program_may_end_its_channel(self):
        with Parent("app.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                self.assertEqual(client.request("/end-channel")[2], b"disconnected\n")
            self.assertEqual((parent.exit_status(), parent.output), (0, []))

    def test_the_own_handler_of_the_program_goes_before(self):
        with Parent("timers.js", environment={"TIDY": "SIGTERM"}) as parent:
            parent.port()
            parent.process.send_signal(signal.SIGTERM)
            self.assertEqual(parent.exit_status(), 0)
            parent.wait(lambda: "tidied up" in parent.output)
            self.assertEqual(parent.count("leave"), 0)


class ChannelEnded(unittest.TestCase):
    def test_what_is_under_way_is_answered_when_the_channel_ends_during_a_drain(self):
        """FAULTS 379: the channel ends during a drain, and the request takes long."""
        with Parent("app.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.send(LATER[:-2] + b"X-Ms: 1500\r\n\r\n")
                parent.wait(lambda: parent.count("note") == 1)
                parent.ask("drain")
                parent.wait(lambda: parent.count("close") == 1)
                parent.end_channel()
                self.assertEqual(client.answer()[2], b"later\n")
            self.assertEqual((parent.exit_status(), parent.output), (0, []))

    def test_what_is_under_way_is_answered(self):
        """FAULTS 379: the channel ends during a request."""
        with Parent("app.js", flags=COPY_KEPT) as parent:
            with Client(parent.port()) as client:
                client.send(LATER)
                parent.wait(lambda: parent.count("note") == 1)
                parent.end_channel()
                status, head, body = client.answer()
                self.assertEqual((status, body), (200, b"later\n"))
                self.assertEqual(parent.exit_status(), 0)

    def test_an_idle_worker_ends(self):
        """FAULTS 379: the channel of an idle worker ends."""
        for program in ("app.js", "timers.js"):
            with Parent(program) as parent:
                parent.port()
                parent.end_channel()
                self.assertEqual(parent.exit_status(), 0)


class Closed(unittest.TestCase):
    def test_what_is_kept_is_parked_when_the_program_closes_its_server(self):
        """FAULTS 475: a next request that is on its way is not cut."""
        with Parent("app.js", watch_parked=False) as parent, Client(parent.port()) as kept, Client(parent.port()) as closing:
            parent.wait(lambda: len(parent.connections) == 2)
            parent.sync()
            parent.process.send_signal(signal.SIGSTOP)  # both requests come in one turn of the event loop
            kept.send(b"GET /hello HTTP/1.1\r\nHost: test\r\n\r\n")
            closing.send(b"GET /close HTTP/1.1\r\nHost: test\r\nX-Ms: 1\r\n\r\n")
            parent.process.send_signal(signal.SIGCONT)
            self.assertEqual(kept.answer()[2], b"hello\n")
            self.assertEqual(closing.answer()[2], b"closed\n")
            parent.wait(lambda: parent.only(0).state in ("parked", "idle"))
            self.assertEqual(parent.only(0).state, "parked")
            self.assertEqual(parent.violations, [])


if __name__ == "__main__":
    counted.main()

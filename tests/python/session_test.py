"""The worker's side of the native protocol, against a channel whose other end the test holds."""
import os
import resource
import socket
import struct
import time
import unittest

from prefork_worker import wire
from prefork_worker.session import Session
from prefork_worker.wire import Flag, Kind
from support import Supervisor


class SessionCase(unittest.TestCase):
    def setUp(self):
        self.supervisor = Supervisor()
        self.addCleanup(self.supervisor.close)
        self.session = Session(self.supervisor.worker_end)
        self.session.ready(1)
        record = self.supervisor.expect(self, Kind.READY)
        self.assertEqual((record.value, record.ticket), (1, 1))

    def begin(self, ticket=17, flags=0, memo=b"", **fields):
        client = self.supervisor.connection(ticket, flags, memo, **fields)
        self.addCleanup(client.close)
        connection = self.session.receive(wait=False)
        self.assertEqual(self.supervisor.expect(self, Kind.BUSY).ticket, ticket)
        return client, connection


class Forked(SessionCase):
    def test_a_child_that_the_program_forks_says_nothing_and_ends_nothing(self):
        """FAULTS 405: a handler forks, and the child goes on as if it were the worker."""
        client, connection = self.begin(flags=Flag.MAY_PARK | Flag.COPY_KEPT)
        client.sendall(b"a next request")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                self.session.note("from the child")
                begun = connection.next_request(5)
                connection.finish()
                status = int(begun or self.session.receive() is not None)
            finally:
                os._exit(status)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(self.supervisor.silent())
        connection.socket.sendall(b"answer")
        connection.finish()
        self.assertEqual(client.recv(100), b"answer")
        self.supervisor.expect(self, Kind.IDLE)


class Records(unittest.TestCase):
    def test_a_record_has_the_layout_of_the_protocol(self):
        data = wire.encode(wire.Record(Kind.CONNECTION, 5, 7, 2**63, 11, 13))
        self.assertEqual(data, struct.pack("<HHIQQII", 2, 5, 7, 2**63, 11, 13, 0))

    def test_a_note_is_filled_up_and_cut_between_two_characters(self):
        self.assertEqual(wire.encode_note(b"reading")[32:], b"reading" + bytes(25))
        note = wire.encode_note("ä".encode() * 200)
        self.assertEqual(len(note), 256)
        odd = wire.encode_note(b"x" + "ä".encode() * 200)
        self.assertEqual(struct.unpack_from("<HHI", odd)[2], 223)

    def test_a_memo_follows_park_in_whole_blocks_and_is_limited(self):
        data = wire.encode_park(3, b"m" * 33)
        self.assertEqual(len(data), 96)
        self.assertEqual(list(wire.messages(data))[0][1], b"m" * 33)
        with self.assertRaises(ValueError):
            wire.encode_park(3, b"m" * 225)

    def test_datagrams_that_no_supervisor_sends_are_malformed(self):
        connection = struct.pack("<HHIQQII", 2, 40 << 8, 0, 1, 0, 0, 0)
        for data in (b"", bytes(31), bytes(33), bytes(65 * 32), struct.pack("<HHIQQII", 9, 0, 0, 0, 0, 0, 1), connection):
            with self.assertRaises(wire.Malformed, msg=data):
                list(wire.messages(data))

    def test_records_before_a_malformed_one_are_obeyed(self):
        found = wire.messages(wire.encode(wire.Record(Kind.PING)) + b"\xff" * 32)
        self.assertEqual(next(found)[0].kind, Kind.PING)
        with self.assertRaises(wire.Malformed):
            next(found)


class LateReceipts(SessionCase):
    """A receipt is left out where the supervisor allows it and the program reads at once."""

    LATE = Flag.LATE_RECEIPT | Flag.COPY_KEPT | Flag.MAY_PARK

    def begin_late(self, flags=LATE):
        self.session.late_receipts = True
        client = self.supervisor.connection(17, flags)
        self.addCleanup(client.close)
        return client, self.session.receive(wait=False)

    def test_the_end_says_it_all(self):
        for end, kind in ((lambda one: one.finish(), Kind.IDLE), (lambda one: one.park(), Kind.PARK)):
            _, connection = self.begin_late()
            self.assertTrue(self.supervisor.silent())
            end(connection)
            self.assertEqual(self.supervisor.expect(self, kind).ticket, 17)
            self.assertTrue(self.supervisor.silent())
            self.assertEqual(self.session.open_connections, 0)

    def test_the_receipt_comes_before_everything_else(self):
        for say, kind in (
            (lambda connection: connection.progress(), Kind.PROGRESS),
            (lambda connection: connection.leave(), Kind.LEAVE),
            (lambda connection: (self.session.stop(), connection.finish()), Kind.LEAVE),
        ):
            self.session.left = self.session._stopped = False
            _, connection = self.begin_late()
            say(connection)
            self.assertEqual(self.supervisor.expect(self, Kind.BUSY).ticket, 17)
            self.supervisor.expect(self, kind)
            connection.finish()
            self.supervisor.expect(self, Kind.IDLE)
            self.assertTrue(self.supervisor.silent())

    def test_it_is_sent_once(self):
        _, connection = self.begin_late()
        connection.say_begun()
        connection.say_begun()
        self.supervisor.expect(self, Kind.BUSY)
        self.assertTrue(self.supervisor.silent())

    def test_it_is_not_left_out_where_a_proxy_header_may_be_waited_for_or_the_supervisor_knows_nothing_of_it(self):
        for flags in (self.LATE | Flag.PROXIED, Flag.COPY_KEPT | Flag.MAY_PARK):
            _, connection = self.begin_late(flags)
            self.supervisor.expect(self, Kind.BUSY)
            connection.finish()
            self.supervisor.expect(self, Kind.IDLE)

    def test_a_child_that_the_program_forks_sends_no_receipt(self):
        _, connection = self.begin_late()
        child = os.fork()
        if child == 0:
            connection.say_begun()
            connection.finish()
            os._exit(0)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(self.supervisor.silent())
        connection.finish()
        self.supervisor.expect(self, Kind.IDLE)


class Serving(SessionCase):
    def test_a_connection_is_begun_with_its_receipt_and_ends_with_idle(self):
        client, connection = self.begin(value=2, time_ns=5_000_000_000, wait_us=1500)
        self.assertEqual((connection.listener, connection.accepted, connection.waited), (2, 5.0, 0.0015))
        connection.socket.sendall(b"answer")
        connection.finish()
        connection.finish()
        self.assertEqual(self.supervisor.expect(self, Kind.IDLE).ticket, 17)
        self.assertEqual(client.recv(10), b"answer")
        self.assertEqual(client.recv(10), b"")
        self.assertTrue(self.supervisor.silent())
        self.assertEqual(self.session.open_connections, 0)

    def test_nothing_to_receive_returns_at_once(self):
        self.assertIsNone(self.session.receive(wait=False))
        self.assertFalse(self.session.draining)

    def test_the_clients_end_of_file_comes_though_the_supervisor_keeps_a_copy(self):
        client, served = socket.socketpair()
        self.addCleanup(client.close)
        self.addCleanup(served.close)
        self.supervisor.send(Kind.CONNECTION, Flag.COPY_KEPT, ticket=4, attached=[served])
        connection = self.session.receive(wait=False)
        self.assertTrue(connection.copy_kept)
        connection.finish()
        client.settimeout(5)
        self.assertEqual(client.recv(1), b"")

    def test_a_socket_comes_blocking_whatever_was_set_before(self):
        client, served = socket.socketpair()
        self.addCleanup(client.close)
        served.setblocking(False)
        self.addCleanup(socket.setdefaulttimeout, None)
        socket.setdefaulttimeout(3)
        with served:
            self.supervisor.send(Kind.CONNECTION, ticket=4, attached=[served])
        connection = self.session.receive(wait=False)
        self.assertTrue(os.get_blocking(connection.socket.fileno()))
        self.assertIsNone(connection.socket.gettimeout())
        connection.finish()

    def test_ping_is_answered_also_while_a_connection_is_in_hand(self):
        _, connection = self.begin()
        self.supervisor.send(Kind.PING)
        self.assertFalse(connection.leaving)
        self.supervisor.expect(self, Kind.PONG)

    def test_progress_note_and_load_are_sent(self):
        _, connection = self.begin()
        connection.progress()
        self.assertEqual(self.supervisor.expect(self, Kind.PROGRESS).ticket, 17)
        connection.note("works")
        record, text = self.supervisor.hear()
        self.assertEqual((record.kind, text), (Kind.NOTE, b"works"))
        connection.note("")
        self.session.report_load(2000)
        self.assertEqual(self.supervisor.expect(self, Kind.LOAD).value, 1000)

    def test_more_connections_than_slots_are_refused(self):
        self.begin(1)
        second = self.supervisor.connection(2)
        self.addCleanup(second.close)
        self.session.catch_up()
        self.assertEqual(self.supervisor.expect(self, Kind.REFUSED).ticket, 2)

    def test_several_slots_hold_several_connections(self):
        self.session.slots = 2
        _, first = self.begin(1)
        _, second = self.begin(2)
        self.assertEqual(self.session.open_connections, 2)
        second.finish()
        first.finish()
        self.assertEqual(self.supervisor.expect(self, Kind.IDLE, Kind.IDLE).ticket, 1)


class Parking(SessionCase):
    def test_park_closes_without_shutdown_and_brings_the_memo(self):
        client, served = socket.socketpair()
        self.addCleanup(client.close)
        self.addCleanup(served.close)
        self.supervisor.send(Kind.CONNECTION, Flag.MAY_PARK, ticket=8, attached=[served])
        connection = self.session.receive(wait=False)
        connection.park(b"known")
        self.supervisor.expect(self, Kind.BUSY)
        record, memo = self.supervisor.hear()
        self.assertEqual((record.kind, record.ticket, memo), (Kind.PARK, 8, b"known"))
        served.sendall(b"still open")
        self.assertEqual(client.recv(20), b"still open")

    def test_the_memo_of_the_last_park_comes_with_the_connection(self):
        for memo in (b"", b"m", b"m" * 32, b"m" * 224):
            with self.subTest(len(memo)):
                _, connection = self.begin(9, Flag.MAY_PARK, memo)
                self.assertEqual(connection.memo, memo)
                self.assertEqual(connection.flags, Flag.MAY_PARK)
                connection.finish()
                self.supervisor.expect(self, Kind.IDLE)

    def test_a_connection_that_may_not_park_is_finished(self):
        client, connection = self.begin()
        connection.park()
        self.supervisor.expect(self, Kind.IDLE)
        self.assertEqual(client.recv(1), b"")

    def test_a_connection_is_kept_for_a_moment_and_then_parked(self):
        _, connection = self.begin(flags=Flag.MAY_PARK)
        begin = time.monotonic()
        self.assertFalse(connection.next_request(5))
        self.assertGreaterEqual(time.monotonic() - begin, 0.009)
        self.supervisor.expect(self, Kind.PARK)

    def test_a_client_that_asks_again_at_once_is_kept(self):
        client, connection = self.begin(flags=Flag.MAY_PARK)
        client.sendall(b"more")
        self.assertTrue(connection.next_request(5))

    def test_a_connection_that_must_be_parked_at_once_is(self):
        client, connection = self.begin(flags=Flag.MAY_PARK | Flag.PARK_AT_ONCE)
        client.sendall(b"more")
        self.assertTrue(connection.park_wanted)
        self.assertFalse(connection.next_request(5))
        self.supervisor.expect(self, Kind.PARK)

    def test_yield_ends_the_wait_even_of_a_client_that_asks_until_a_connection_may_be_kept(self):
        client, connection = self.begin(flags=Flag.MAY_PARK)
        client.sendall(b"more")
        self.supervisor.send(Kind.YIELD)
        self.assertFalse(connection.next_request(5))
        self.supervisor.expect(self, Kind.PARK)
        self.assertTrue(self.session.yielding)
        self.begin(18, flags=Flag.MAY_PARK)
        self.assertFalse(self.session.yielding)

    def test_a_yield_that_comes_with_the_connection_is_obeyed(self):
        client, served = socket.socketpair()
        self.addCleanup(client.close)
        records = [wire.Record(Kind.CONNECTION, Flag.MAY_PARK, ticket=3), wire.Record(Kind.YIELD)]
        with served:
            self.supervisor.send_bytes(b"".join(map(wire.encode, records)), [served])
        connection = self.session.receive()
        self.assertFalse(connection.next_request(60))
        self.assertTrue(self.session.yielding)

    def test_a_pool_that_does_not_park_waits_for_the_client(self):
        client, connection = self.begin()
        self.assertFalse(connection.next_request(0.02))
        client.sendall(b"more")
        self.assertTrue(connection.next_request(5))
        self.assertTrue(connection.open)

    def test_further_requests_send_progress_at_most_every_100_ms(self):
        client, connection = self.begin()
        client.sendall(b"more")
        self.assertTrue(connection.next_request(5))
        connection._last_sign -= 1
        self.assertTrue(connection.next_request(5))
        self.assertTrue(connection.next_request(5))
        self.assertFalse(connection.must_end())
        self.supervisor.expect(self, Kind.PROGRESS)
        self.assertTrue(self.supervisor.silent())


class Leaving(SessionCase):
    def test_after_drain_nothing_is_begun(self):
        self.supervisor.send(Kind.DRAIN)
        client = self.supervisor.connection(3)
        self.addCleanup(client.close)
        self.assertIsNone(self.session.receive())
        self.assertTrue(self.session.draining and self.session.finished)

    def test_the_connection_in_hand_hears_of_drain(self):
        _, connection = self.begin()
        self.assertFalse(connection.leaving)
        self.supervisor.send(Kind.DRAIN)
        self.assertTrue(connection.leaving)
        self.assertFalse(self.session.finished)
        connection.finish()
        self.assertTrue(self.session.finished)

    def test_the_last_answer_of_a_pool_that_stops_is_known(self):
        _, connection = self.begin(flags=Flag.LAST_REQUEST)
        self.assertTrue(connection.leaving)

    def test_the_end_of_the_channel_ends_the_worker_after_its_connection(self):
        client, connection = self.begin()
        self.supervisor.channel.close()
        self.assertTrue(connection.leaving)
        connection.socket.sendall(b"answer")
        connection.finish()
        self.assertEqual(client.recv(10), b"answer")
        self.assertIsNone(self.session.receive())
        self.assertEqual(self.session.exit_code, 0)

    def test_without_a_receipt_a_connection_is_not_touched(self):
        client = self.supervisor.connection(3)
        self.addCleanup(client.close)
        self.supervisor.channel.shutdown(socket.SHUT_RD)
        self.assertIsNone(self.session.receive())
        self.assertEqual(client.recv(1), b"")
        self.assertEqual(self.session.open_connections, 0)

    def test_leave_is_sent_once_and_connections_that_were_on_their_way_are_closed_without_a_word(self):
        _, connection = self.begin(1)
        self.session.leave()
        self.session.leave()
        late = self.supervisor.connection(2)
        self.addCleanup(late.close)
        connection.finish()
        self.assertIsNone(self.session.receive())
        self.supervisor.expect(self, Kind.LEAVE, Kind.IDLE)
        self.assertTrue(self.supervisor.silent())

    def test_stop_leaves_before_the_slot_is_free(self):
        _, connection = self.begin()
        self.session.stop()
        connection.finish()
        self.assertIsNone(self.session.receive())
        self.supervisor.expect(self, Kind.LEAVE, Kind.IDLE)

    def test_wrong_records_end_the_worker_with_an_error(self):
        for data in (wire.encode(wire.Record(Kind.IDLE)), b"\xff" * 32, bytes(2080)):
            with self.subTest(data[:2]):
                supervisor = Supervisor()
                self.addCleanup(supervisor.close)
                session = Session(supervisor.worker_end)
                supervisor.send_bytes(data)
                self.assertIsNone(session.receive())
                self.assertEqual(session.exit_code, 1)


class Shortage(SessionCase):
    def test_a_connection_whose_descriptor_is_lost_is_refused_and_a_few_end_the_worker(self):
        """FAULTS 340: a worker in Python that is out of descriptors refuses, and leaves after a few."""
        clients = [self.supervisor.connection(ticket) for ticket in (1, 2, 3)]
        for client in clients:
            self.addCleanup(client.close)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        probe = os.dup(0)
        os.close(probe)
        resource.setrlimit(resource.RLIMIT_NOFILE, (probe, hard))
        try:
            self.assertIsNone(self.session.receive())
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        self.supervisor.expect(self, Kind.REFUSED, Kind.REFUSED, Kind.REFUSED, Kind.LEAVE)
        self.assertEqual(self.session.exit_code, 1)
        self.assertEqual(clients[0].recv(1), b"")

    def test_a_full_channel_is_waited_for(self):
        _, connection = self.begin()
        sent = 0
        while sent < 5000:  # until one does not fit
            try:
                self.session._channel.send(wire.encode(wire.Record(Kind.PROGRESS, ticket=17)))
            except BlockingIOError:
                break
            sent += 1
        self.assertLess(sent, 5000)
        import threading
        reader = threading.Timer(0.05, lambda: [self.supervisor.hear() for _ in range(sent)])
        reader.start()
        connection.finish()
        reader.join()
        self.supervisor.expect(self, Kind.IDLE)

    def test_nothing_is_left_open_after_many_connections(self):
        before = len(os.listdir("/proc/self/fd"))
        for ticket in range(1, 300):
            with self.supervisor.connection(ticket, Flag.MAY_PARK):
                connection = self.session.receive(wait=False)
                connection.park(b"x") if ticket % 2 else connection.finish()
                self.supervisor.expect(self, Kind.BUSY)
                self.supervisor.hear()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class Batches(SessionCase):
    """What an event loop asks of a session."""

    def setUp(self):
        super().setUp()
        self.session.slots = 8
        self.waiting = []
        self.session.flush_later = lambda: self.waiting.append(1)

    def send(self, count):
        clients = [self.supervisor.connection(ticket) for ticket in range(1, count + 1)]
        for client in clients:
            self.addCleanup(client.close)
        return clients

    def datagram(self):
        return [(record.kind, record.ticket) for record, _ in wire.messages(self.supervisor.channel.recv(wire.MAX_DATAGRAM))]

    def test_receipts_of_many_connections_are_one_datagram_and_so_are_their_ends(self):
        self.send(3)
        begun = self.session.receive_all()
        self.assertEqual(self.datagram(), [(Kind.BUSY, 1), (Kind.BUSY, 2), (Kind.BUSY, 3)])
        for connection in begun:
            connection.finish()
        self.assertTrue(self.supervisor.silent())
        self.assertEqual(len(self.waiting), 1)
        self.session.flush()
        self.assertEqual(self.datagram(), [(Kind.IDLE, 1), (Kind.IDLE, 2), (Kind.IDLE, 3)])

    def test_what_is_sent_at_once_does_not_overtake_an_end(self):
        self.send(1)
        self.session.receive_all()[0].finish()
        self.session.leave()
        self.datagram()
        self.assertEqual(self.datagram(), [(Kind.IDLE, 1), (Kind.LEAVE, 0)])

    def test_ends_that_wait_are_sent_before_the_channel_is_closed(self):
        self.send(1)
        self.session.receive_all()[0].finish()
        self.session.close()
        self.datagram()
        self.assertEqual(self.datagram(), [(Kind.IDLE, 1)])

    def test_without_their_receipt_connections_are_not_touched(self):
        """FAULTS 395: the receipts of an event loop's connections cannot be sent; none of them is begun."""
        clients = self.send(2)
        self.supervisor.channel.close()
        self.assertEqual(self.session.receive_all(), [])
        self.assertEqual(self.session.open_connections, 0)
        self.assertTrue(self.session.draining)
        for client in clients:
            self.assertEqual(client.recv(1), b"")  # no copy is left open

"""The options of the WSGI adapter, its access log, proxies, and its ways to leave."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from prefork_worker.wire import Flag, Kind
from support import PACKAGE, PARKING, Pool, Supervisor, Http, eventually, is_missing, send_signal, wsgi

MADE = "plain:create_app('hello', extra='!')"


@unittest.skipIf(is_missing("waitress"), "python3-waitress is not installed")
class Case(unittest.TestCase):
    def directory(self):
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        return pathlib.Path(made.name)


class Loading(Case):
    def run_alone(self, *arguments, **environment):
        return subprocess.run(
            [*wsgi("plain")[:3], *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
            env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", **environment}, timeout=20,
        )

    def test_without_a_supervisor_one_line_says_how_it_is_run(self):
        done = self.run_alone("plain")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn("supervisor run --listen", done.stderr)
        self.assertIn("prefork_worker.wsgi plain", done.stderr)

    def test_wrong_options_are_usage(self):
        for wrong in (["--timeout", "0", "x"], ["--env", "=x", "x"], ["--reload", "--preload", "x"], [],
                      ["--forwarded-allow-ips", "here", "x"], ["--max-requests", "-1", "x"]):
            done = self.run_alone(*wrong)
            self.assertEqual(done.returncode, 2, (wrong, done.stderr))

    def test_a_name_that_means_no_application_is_one_line(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            for name, words in (
                ("absent", "no module absent"), ("plain:absent", "has no absent"), ("plain:BLOCK", "cannot be called"),
                ("plain:create_app(x)", "literals"), ("plain.py", "no module plain.py"), ("plain:1", "a name, or a call"),
                ("./plain", "not the name of a module"), ("plain:a b", "neither a name nor a call"),
            ):
                done = subprocess.run(
                    wsgi(name), capture_output=True, text=True, pass_fds=[theirs.fileno()], check=False, timeout=20,
                    env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", "SUPERVISOR_CHANNEL": str(theirs.fileno())},
                )
                self.assertEqual(done.returncode, 2, name)
                self.assertIn(words, done.stderr)
                self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_a_factory_a_directory_and_a_variable(self):
        directory = self.directory()
        (directory / "mine.py").write_text(
            "import os\ndef application(environ, start):\n"
            "    body = (os.environ['WORD'] + os.getcwd()).encode()\n"
            "    start('200 OK', [('Content-Length', str(len(body)))])\n    return [body]\n"
        )
        with Pool(wsgi("mine", "--chdir", str(directory), "--env", "WORD=a=b")) as pool, pool.http() as client:
            self.assertEqual(client.ask()[2].decode(), "a=b" + os.path.realpath(directory))
        with Pool(wsgi(MADE)) as pool, pool.http() as client:
            self.assertEqual(client.ask()[2], b"hello!")

    def test_with_preload_the_application_is_loaded_in_the_template_only(self):
        directory = self.directory()
        (directory / "counted.py").write_text(
            f"import os\nopen({str(directory / 'loads')!r}, 'a').write('x')\n"
            "def application(environ, start):\n    start('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n"
        )
        for option, loads in (([], 3), (["--preload"], 1)):
            (directory / "loads").unlink(missing_ok=True)
            command = wsgi("counted", "--chdir", str(directory), *option)
            with Pool(command, start="fork", workers=3) as pool, pool.http() as client:
                self.assertEqual(client.ask()[2], b"ok")
                self.assertEqual(len((directory / "loads").read_text()), loads)

    def test_a_clean_application_passes_the_validator(self):
        with Pool(wsgi("plain:validated"), **PARKING) as pool, pool.http() as client:
            for more in ({}, {"method": "POST", "body": b"x" * 10}):
                self.assertEqual(client.ask("/a%20b?c=d", **more)[2], b"ok", pool.log())

    def test_a_changed_file_is_loaded_again(self):
        directory = self.directory()
        text = "def application(environ, start):\n    start('200 OK', [('Content-Length', '1')])\n    return [b'{}']\n"
        (directory / "changing.py").write_text(text.format(1))
        with Pool(wsgi("changing", "--chdir", str(directory), "--reload"), workers=2) as pool:
            def word():
                with pool.http() as client:
                    return client.ask()[2]
            self.assertEqual(word(), b"1")
            pids = pool.pids()
            (directory / "changing.py").write_text(text.format(2))
            os.utime(directory / "changing.py", (1, 1))
            eventually(lambda: not set(pids) & set(pool.pids()) and pool.serving(), 20, "both workers are replaced")
            self.assertEqual(word(), b"2")
            self.assertEqual(pool.pool()["counters"]["crashes"], 0)


class Limits(Case):
    def test_limits_of_lines_fields_and_bodies(self):
        options = ["--limit-request-line", "100", "--limit-request-fields", "3", "--limit-request-field-size", "50",
                   "--limit-request-body", "1000"]
        with Pool(wsgi("plain", *options), **PARKING) as pool:
            for status, arguments, more in (
                (200, ["/" + "x" * 80], {}), (414, ["/" + "x" * 100], {}),
                (200, ["/", "A: b", "C: d"], {}), (431, ["/", "A: b", "C: d", "E: f"], {}),
                (200, ["/", "A: " + "b" * 40], {}), (431, ["/", "A: " + "b" * 50], {}),
                (200, ["/"], {"method": "POST", "body": b"x" * 1000}), (413, ["/"], {"method": "POST", "body": b"x" * 1001}),
                (413, ["/", "Transfer-Encoding: chunked"],
                 {"method": "POST", "body": b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n"}),
            ):
                with pool.http() as client:
                    self.assertEqual(client.ask(*arguments, **more)[0], status, arguments)


    def test_a_body_that_cannot_be_stored_is_said_and_answered(self):
        directory = self.directory() / "temporary"
        directory.mkdir()
        with Pool(wsgi("plain"), env={"TMPDIR": str(directory)}, **PARKING) as pool:
            with pool.http() as client:
                self.assertEqual(client.ask("/digest", method="POST", body=b"x" * 1000000)[0], 200)
                directory.rmdir()
                self.assertEqual(client.ask("/digest", method="POST", body=b"x" * 1000000)[0], 500)
            eventually(lambda: "cannot be stored" in pool.log(), what="a line in the log")
            with pool.http() as client:
                self.assertEqual(client.ask()[0], 200)


class AccessLog(Case):
    def test_lines_have_gunicorns_parts_and_the_time_in_the_queue(self):
        directory = self.directory()
        path = directory / "access.log"
        form = '%(h)s "%(r)s" %(s)s %(b)s "%(a)s" %(m)s %(U)s %(q)s %({x-a}i)s %({content-type}o)s %(Q)s %(D)s %(p)s'
        with Pool(wsgi("plain", "--access-logfile", str(path), "--access-logformat", form), **PARKING) as pool:
            with pool.http() as client:
                client.ask('/show?q"=1', "User-Agent: me \\ \"you\"", "X-A: one")
                client.ask("/nothing")
            with pool.http() as client:
                client.socket.sendall(b"nonsense\r\n\r\n")
                client.answer()
            lines = eventually(lambda: len(path.read_text().splitlines()) == 3 and path.read_text().splitlines())
            self.assertRegex(lines[0], r'^127\.0\.0\.1 "GET /show\?q\\"=1 HTTP/1\.1" 200 \d+ "me \\\\ \\"you\\"" GET /show q\\"=1 '
                             r'one text/plain \d+ \d+ <\d+>$')
            self.assertIn(" 204 - ", lines[1])
            self.assertIn(" 400 ", lines[2])
            path.rename(directory / "old")
            os.kill(pool.pids()[0], signal.SIGUSR1)
            eventually(path.exists, what="the log is opened again")
            with pool.http() as client:
                self.assertEqual(client.ask()[0], 200)
            eventually(lambda: path.read_text().count("\n") == 1)

    def test_a_log_that_cannot_be_opened_or_a_wrong_format_is_said(self):
        for options, words in ((["--access-logfile", "/absent/log"], "/absent/log"),
                               (["--access-logfile", "-", "--access-logformat", "%(x)s"], "no %(x)s")):
            done = subprocess.run([*wsgi("plain", *options)], capture_output=True, text=True, check=False, timeout=20,
                                  env={"PYTHONPATH": str(PACKAGE), "SUPERVISOR_CHANNEL": self.channel()}, pass_fds=[self.number])
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)

    def channel(self):
        supervisor = Supervisor()
        self.addCleanup(supervisor.close)
        self.number = supervisor.worker_end.fileno()
        return str(self.number)


class Proxies(Case):
    def show(self, pool, *fields):
        with pool.http() as client:
            return dict(line.split("=", 1) for line in client.ask("/show", *fields)[2].decode().splitlines())

    def test_a_trusted_proxy_tells_the_address_and_the_scheme(self):
        with Pool(wsgi("plain", "--forwarded-allow-ips", "127.0.0.0/8, 10.0.0.1")) as pool:
            for hops, address in (("1.2.3.4", "1.2.3.4"), ("9.9.9.9, 1.2.3.4, 10.0.0.1", "1.2.3.4"), ("2001:db8::1", "2001:db8::1"),
                                  ("127.0.0.5", "127.0.0.5"), ("1.2.3.4, rubbish", "127.0.0.1"), ("", "127.0.0.1")):
                found = self.show(pool, f"X-Forwarded-For: {hops}", "X-Forwarded-Proto: https")
                self.assertEqual((found["REMOTE_ADDR"], found["wsgi.url_scheme"]), (address, "https"), hops)
            self.assertEqual(self.show(pool, "X-Forwarded-Proto: gopher")["wsgi.url_scheme"], "http")

    def test_nobody_else_is_believed(self):
        """FAULTS 347: a client that is no trusted proxy cannot choose the address or scheme that an application sees."""
        with Pool(wsgi("plain", "--forwarded-allow-ips", "10.0.0.1")) as pool:
            found = self.show(pool, "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https")
            self.assertEqual((found["REMOTE_ADDR"], found["wsgi.url_scheme"]), ("127.0.0.1", "http"))


class Played(Case):
    """The adapter with a channel that the test holds."""

    def setUp(self):
        self.supervisor = Supervisor()
        self.addCleanup(self.supervisor.close)

    def start(self, *options):
        number = self.supervisor.worker_end.fileno()
        self.process = subprocess.Popen(
            wsgi("plain", *options), pass_fds=[number],
            env={"PYTHONPATH": str(PACKAGE), "PYTHONDONTWRITEBYTECODE": "1", "SUPERVISOR_CHANNEL": str(number)},
        )
        self.supervisor.worker_end.close()
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        self.supervisor.expect(self, Kind.READY)

    def connection(self, ticket, flags=0, memo=b""):
        """A connected TCP client, so that there are addresses, and the supervisor's copy."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client = socket.create_connection(listener.getsockname(), 10)
            served, _ = listener.accept()
        self.addCleanup(client.close)
        self.addCleanup(served.close)
        self.supervisor.send(Kind.CONNECTION, flags | len(memo) << 8, ticket=ticket, attached=[served], text=memo)
        http = Http(client)
        self.addCleanup(http.file.close)
        return http, served

    def again(self, ticket, served, flags, memo):
        self.supervisor.send(Kind.CONNECTION, flags | len(memo) << 8, ticket=ticket, attached=[served], text=memo)

    def shown(self, client):
        return dict(line.split("=", 1) for line in client.ask("/show")[2].decode().splitlines())

    def test_the_addresses_of_a_proxy_header_hold_for_all_requests_through_park(self):
        """FAULTS 348: a PROXY header counts only on a connection that says so, once, and for all of its requests."""
        self.start()
        client, served = self.connection(1, Flag.MAY_PARK | Flag.PROXIED)
        client.socket.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 443\r\n")
        found = self.shown(client)
        keys = ("REMOTE_ADDR", "REMOTE_PORT", "SERVER_NAME", "SERVER_PORT")
        self.assertEqual([found[key] for key in keys], ["1.2.3.4", "1111", "5.6.7.8", "443"])
        self.supervisor.expect(self, Kind.BUSY)
        record, memo = self.supervisor.hear()
        self.assertEqual(record.kind, Kind.PARK)
        self.assertTrue(memo)
        self.again(1, served, Flag.MAY_PARK | Flag.PARK_AT_ONCE, memo)
        found = self.shown(client)
        self.assertEqual([found[key] for key in keys], ["1.2.3.4", "1111", "5.6.7.8", "443"])
        self.supervisor.expect(self, Kind.BUSY)
        self.assertEqual(self.supervisor.hear()[1], memo)

    def test_a_connection_without_the_header_that_must_come_is_ended(self):
        self.start("--timeout", "0.3")
        for ticket, start in ((1, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"), (2, b"PROXY TC"), (3, b"")):
            client, _ = self.connection(ticket, Flag.PROXIED)
            client.socket.sendall(start)
            self.supervisor.expect(self, Kind.BUSY, Kind.IDLE)
            try:
                self.assertEqual(client.socket.recv(100), b"")
            except ConnectionResetError:
                pass

    def test_a_pipelined_request_is_answered_before_its_connection_is_parked(self):
        self.start()
        client, _ = self.connection(1, Flag.MAY_PARK | Flag.PARK_AT_ONCE)
        client.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        self.assertEqual((client.answer()[0], client.answer()[0]), (200, 200))
        self.supervisor.expect(self, Kind.BUSY, Kind.PARK)

    def test_half_a_request_is_not_parked(self):
        self.start("--timeout", "5")
        client, _ = self.connection(1, Flag.MAY_PARK | Flag.PARK_AT_ONCE)
        client.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
        self.assertEqual(client.answer()[0], 200)
        client.socket.sendall(b"TP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(client.answer()[0], 200)
        self.supervisor.expect(self, Kind.BUSY, Kind.PARK)

    def test_the_last_answers_say_so(self):
        self.start("--keep-alive", "5")
        client, _ = self.connection(1, Flag.MAY_PARK | Flag.LAST_REQUEST)
        self.assertEqual(client.ask()[1]["connection"], "close")
        self.supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        client, _ = self.connection(2)
        client.send("/wait/200")
        self.supervisor.expect(self, Kind.BUSY)
        self.supervisor.send(Kind.DRAIN)
        self.assertEqual(client.answer()[1]["connection"], "close")
        self.supervisor.expect(self, Kind.PROGRESS, Kind.IDLE)  # it has worked for more than 100 ms
        self.assertEqual(self.process.wait(10), 0)

    def test_max_requests_leaves_and_parks_what_it_has(self):
        self.start("--max-requests", "2")
        client, _ = self.connection(1, Flag.MAY_PARK)
        client.socket.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
        for _ in range(2):
            self.assertNotIn("connection", client.answer()[1])
        self.supervisor.expect(self, Kind.BUSY, Kind.LEAVE, Kind.PARK)
        self.assertEqual(self.process.wait(10), 0)

    def test_max_requests_closes_what_it_cannot_park(self):
        self.start("--max-requests", "2", "--keep-alive", "5")
        client, _ = self.connection(1)
        self.assertNotIn("connection", client.ask()[1])
        self.assertEqual(client.ask()[1]["connection"], "close")
        self.supervisor.expect(self, Kind.BUSY, Kind.LEAVE, Kind.IDLE)
        self.assertEqual(self.process.wait(10), 0)

    def test_an_application_that_ends_the_process_ends_its_connection(self):
        self.start()
        client, _ = self.connection(1)
        client.send("/leave")
        self.supervisor.expect(self, Kind.BUSY, Kind.IDLE)
        self.assertEqual(self.process.wait(10), 3)

    def test_progress_is_sent_while_a_body_comes(self):
        self.start()
        client, _ = self.connection(1)
        client.send("/digest", "Content-Length: 5", method="POST")
        self.supervisor.expect(self, Kind.BUSY)
        client.socket.sendall(b"h")
        time.sleep(0.11)  # the least distance of two
        client.socket.sendall(b"ello")
        self.supervisor.expect(self, Kind.PROGRESS)
        self.assertEqual(client.answer()[0], 200)


class Replacing(Case):
    def test_clients_that_keep_connections_notice_nothing(self):
        """FAULTS 349: keep-alive clients of a WSGI pool lose no request while workers leave, are told to end and are replaced."""
        command = wsgi("plain", "--max-requests", "40", "--max-requests-jitter", "20")
        with Pool(command, workers=3, **PARKING) as pool:
            wrong, stop = [], threading.Event()

            def ask():
                client = pool.http()
                while not stop.is_set():
                    answer = client.ask()
                    if answer is None or answer[0] != 200:
                        wrong.append(answer)
                        break
                    if answer[1].get("connection") == "close":
                        client.close()
                        client = pool.http()
                client.close()
            threads = [threading.Thread(target=ask) for _ in range(8)]
            for one in threads:
                one.start()
            for _ in range(2):
                self.assertEqual(pool.run("restart", "--wait").returncode, 0)
            for pid in pool.pids():
                send_signal(pid, signal.SIGTERM)
            eventually(lambda: pool.pool()["counters"]["parked"] > 100, 20)
            stop.set()
            for one in threads:
                one.join()
            self.assertEqual(wrong, [])
            counters = pool.pool()["counters"]
            self.assertEqual((counters["violations"], counters["lost"]), (0, 0))


if __name__ == "__main__":
    unittest.main()

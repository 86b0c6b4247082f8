"""Programs of other kinds: TLS, HTTP/2, sockets, ES modules, programs that start children."""
import contextlib
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

import counted
from http_client import Client
from parent import COPY_KEPT, MAY_PARK, NODE, PARK_AT_ONCE, PRELOAD, PROXIED, SOURCE, Parent

AT_ONCE = MAY_PARK | PARK_AT_ONCE | COPY_KEPT


@contextlib.contextmanager
def serving(case, kind, **environment):
    with Parent("servers.js", flags=AT_ONCE, environment={"KIND": kind, **environment}) as parent:
        yield parent, parent.port()
        case.assertEqual(parent.violations, [])


def connected(port):
    return socket.create_connection(("127.0.0.1", port), timeout=10)


class Sockets(unittest.TestCase):
    def test_a_socket_of_a_net_server_is_never_parked(self):
        with serving(self, "net") as (parent, port), connected(port) as client:
            self.assertEqual(client.recv(100), f"ticket {parent.only().ticket}\n".encode())
            client.sendall(b"echo")
            self.assertEqual(client.recv(100), b"echo")
            client.shutdown(socket.SHUT_WR)  # the server may go on writing, and ends then
            self.assertEqual(client.recv(100), b"")
            parent.wait(lambda: parent.only().state == "idle")
            parent.sync()
            self.assertEqual(parent.count("park"), 0)

    def test_each_way_to_end_a_socket_is_an_end(self):
        """FAULTS 376: sockets that are destroyed or reset, and a server that closes."""
        for kind in ("destroys", "resets", "closes"):
            with serving(self, kind) as (parent, port):
                with connected(port) as client, contextlib.suppress(ConnectionResetError):
                    while client.recv(100):
                        pass
                parent.wait(lambda: parent.only().state == "idle")

    def test_a_socket_whose_handler_throws_is_followed_to_its_end(self):
        """FAULTS 376: a handler that throws."""
        with serving(self, "throws") as (parent, port), connected(port) as client:
            parent.wait(lambda: "thrown" in parent.output)
            parent.sync()
            self.assertEqual(parent.only().state, "busy")
            client.sendall(b"x")
            parent.wait(lambda: parent.only().state == "idle")

    def test_a_server_that_is_full_refuses(self):
        """FAULTS 376: a server with maxConnections."""
        with serving(self, "full") as (parent, port), connected(port) as first, connected(port):
            parent.wait(lambda: parent.only(1).state == "refused")
            parent.sync()
            self.assertEqual(parent.only(0).state, "busy")
            first.close()
            parent.wait(lambda: parent.only(0).state == "idle")

    def test_a_client_that_resets_its_connection(self):
        with serving(self, "net") as (parent, port):
            with connected(port) as client:
                client.recv(100)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            parent.wait(lambda: parent.only().state == "idle")


class Encrypted(unittest.TestCase):
    def setUp(self):
        if not shutil.which("openssl"):
            self.skipTest("openssl is not installed")
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.files = {"KEY": f"{directory.name}/key", "CERT": f"{directory.name}/cert"}
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-keyout", self.files["KEY"], "-out", self.files["CERT"]],
                       check=True, capture_output=True)
        self.context = ssl.create_default_context(cafile=self.files["CERT"])
        self.context.check_hostname = False

    def test_an_https_connection_is_kept_and_never_parked(self):
        with serving(self, "https", **self.files) as (parent, port), Client(port) as client:
            client.socket = self.context.wrap_socket(client.socket)
            for _ in range(3):
                self.assertEqual(client.request()[2], f"ticket {parent.only().ticket}\n".encode())
            parent.sync()
            self.assertEqual((parent.only().state, parent.count("park")), ("busy", 0))
            client.socket.close()
            parent.wait(lambda: parent.only().state == "idle")

    def test_the_address_of_a_proxy_header_in_front_of_tls(self):
        header = b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 443\r\n"
        with Parent("servers.js", flags=AT_ONCE | PROXIED, environment={"KIND": "https", **self.files}) as parent, Client(parent.port()) as client:
            client.send(header)
            client.socket = self.context.wrap_socket(client.socket)
            self.assertIn("x-peer: 1.2.3.4", client.request()[1])
            self.assertIn("x-peer: 1.2.3.4", client.request()[1])

    def test_a_failed_handshake_is_an_end(self):
        with serving(self, "https", **self.files) as (parent, port), connected(port) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                while client.recv(1000):
                    pass
            parent.wait(lambda: parent.only().state == "idle")

    def test_http2_is_never_parked(self):
        script = """
          const session = require('node:http2').connect(process.argv[1], { rejectUnauthorized: false });
          let left = 3;
          const ask = () => session.request({ ':path': '/' }).on('data', (data) => process.stdout.write(data))
            .on('end', () => (--left > 0 ? ask() : session.close()));
          ask();
        """
        for kind, scheme in (("http2", "https"), ("h2c", "http")):
            with serving(self, kind, **self.files) as (parent, port):
                client = subprocess.run([NODE, "-e", script, f"{scheme}://127.0.0.1:{port}"], capture_output=True, timeout=20)
                parent.wait(lambda: parent.only().state == "idle")
                self.assertEqual(client.stdout, f"ticket {parent.only().ticket}\n".encode() * 3)
                parent.sync()
                self.assertEqual(parent.count("park"), 0)


class Others(unittest.TestCase):
    def test_an_es_module_with_the_named_exports(self):
        with Parent("module.mjs", flags=AT_ONCE) as parent, Client(parent.port()) as client:
            self.assertEqual(json.loads(client.request()[2]), {"underSupervisor": True, "known": True, "kept": True})
            parent.wait(lambda: parent.only().parks == 1)

    def test_typescript_by_the_loader_of_the_runtime(self):
        strips = subprocess.run([NODE, "-p", "process.features.typescript"], capture_output=True, check=True).stdout.strip()
        if strips != b"strip":
            self.skipTest("this Node does not load TypeScript")
        with Parent("typed.ts", flags=AT_ONCE) as parent, Client(parent.port()) as client:
            self.assertEqual(client.request()[2], b"true\n")
            parent.wait(lambda: parent.only().parks == 1)

    def test_a_program_listens_by_itself_at_an_address_that_is_not_the_pools(self):
        """FAULTS 381: other addresses, a unix path and datagrams."""
        with tempfile.TemporaryDirectory() as directory:
            with Parent("elsewhere.js", flags=AT_ONCE, environment={"OWN_PATH": f"{directory}/own"}) as parent:
                with Client(parent.port()) as client:
                    self.assertEqual(client.request()[2], b"hello\n")
                own = json.loads(parent.output[0])
                self.assertEqual(own["code"], "EADDRINUSE")
                with Client(own["metrics"]) as client:
                    self.assertEqual(client.request()[2], b"metrics\n")
                with socket.socket(socket.AF_UNIX) as client:
                    client.connect(f"{directory}/own")
                    self.assertEqual(client.recv(100), b"file\n")
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
                    client.settimeout(10)
                    client.sendto(b"datagram", ("127.0.0.1", own["datagrams"]))
                    self.assertEqual(client.recv(100), b"datagram")
                self.assertFalse(any("udp" in str(message.get("addressType")) for message in parent.messages))
                parent.ask("drain")
                self.assertEqual(parent.exit_status(), 0)

    def test_children_of_the_program_are_not_workers_of_the_supervisor(self):
        """FAULTS 377: children of a Node program."""
        with Parent("children.js", environment={"NODE_OPTIONS": "--no-deprecation"}) as parent, Client(parent.port()) as client:
            client.request()
            said = [json.loads(line) for line in parent.output if line.startswith("{")]
            self.assertEqual(said, [{"names": [], "options": "--no-deprecation", "loaded": False}] * 4)
            self.assertIn("messages 0", parent.output)
            self.assertEqual(parent.count("hello"), 1)

    def test_a_program_without_the_supervisor(self):
        code = """
          const prefork = require(process.argv[1]);
          const server = require('node:http').createServer((request, response) => {
            prefork.setMemo(request, 'memo');
            prefork.progress(request);
            response.end(String(prefork.connectionOf(request)));
          }).listen(0, async () => {
            const answer = await fetch(`http://127.0.0.1:${server.address().port}`);
            console.log(await answer.text(), prefork.underSupervisor, prefork.note('x'), prefork.reportLoad(1), prefork.leave());
            server.close();
          });
        """
        done = subprocess.run([NODE, "--require", str(PRELOAD), "-e", code, str(SOURCE / "worker/node")], capture_output=True, timeout=20)
        self.assertEqual(done.stdout.decode(), "undefined false undefined undefined undefined\n", done.stderr)

    def test_a_socket_that_the_program_sends_stays_here(self):
        """FAULTS 403: a Node program sends its parent a socket and a server."""
        with Parent("app.js", flags=AT_ONCE) as parent, Client(parent.port()) as client:
            self.assertEqual(client.request("/send-socket")[2], b"sent\n")
            parent.wait(lambda: parent.only().state == "parked")
            self.assertEqual([each["text"] for each in parent.messages if "text" in each], ["a socket", "a server"])
            self.assertEqual(parent.violations, [])

    def test_what_the_program_says(self):
        with Parent("app.js", flags=AT_ONCE) as parent, Client(parent.port()) as client:
            client.request("/say", head="X-Text: hello\r\n")
            parent.wait(lambda: any(m.get("value") == 1000 for m in parent.messages))
            self.assertEqual([m["text"] for m in parent.messages if m.get("act") == "note"], ["hello"])
            self.assertEqual((parent.count("progress"), parent.only().progress), (1, 1))
            parent.wait(lambda: parent.only().parks == 1)
            facts = json.loads(client.request("/facts")[2])
            self.assertEqual((facts["ticket"], facts["listener"], facts["queuedMs"]), (parent.only().ticket, 0, 0.025))
            self.assertTrue(0 <= facts["age"] < 10000, facts)

    def test_a_busy_event_loop_is_reported(self):
        with Parent("app.js") as parent, Client(parent.port()) as client:
            client.request("/block", head="X-Ms: 300\r\n")
            parent.wait(lambda: parent.count("load") >= 1)
            client.socket.close()
            parent.wait(lambda: [m["value"] for m in parent.messages if m.get("act") == "load"][-1] == 0)
            self.assertGreater(max(m["value"] for m in parent.messages if m.get("act") == "load"), 500)


if __name__ == "__main__":
    counted.main()

"""The command init: what it writes for each kind of program passes `check`, and the program answers a request.

A kind whose programs are not installed is skipped, with a word.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SUPERVISOR = os.environ["SUPERVISOR"]
WORKER = os.environ["SUPERVISOR_WORKER"]
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PYTHON = "/usr/bin/python3"
PATIENCE = 60

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
"""
ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"hello"})
"""
NODE = "require('http').createServer((request, response) => response.end('hello')).listen(process.env.PORT, '127.0.0.1');\n"
SETTINGS = """
SECRET_KEY = "secret"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "shop.urls"
"""
URLS = """
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("", lambda request: HttpResponse("hello"))]
"""
MANAGE = """
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    from django.core.management import execute_from_command_line
    execute_from_command_line(sys.argv)
"""
DJANGO_WSGI = """
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = get_wsgi_application()
"""


def has_modules(*names):
    return subprocess.run([PYTHON, "-c", "import " + ", ".join(names)], capture_output=True, check=False).returncode == 0


def needs(present, what):
    return unittest.skipUnless(present, f"{what} is missing: script/bootstrap programs installs it")


needs_node = needs(pathlib.Path("/usr/bin/node").exists(), "/usr/bin/node")
needs_waitress = needs(has_modules("waitress"), "waitress")
needs_uvicorn = needs(has_modules("uvicorn"), "uvicorn")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def exchange(port, request):
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


def get(port):
    return exchange(port, b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")


def fastcgi(port, script):
    def record(kind, body):
        return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body

    variables = {"REQUEST_METHOD": "GET", "SCRIPT_FILENAME": script, "SERVER_PROTOCOL": "HTTP/1.1", "REDIRECT_STATUS": "200"}
    pairs = b"".join(bytes([len(name), len(value)]) + (name + value).encode() for name, value in variables.items())
    return exchange(port, record(1, struct.pack(">HB5x", 1, 0)) + record(4, pairs) + record(4, b"") + record(5, b""))


class Init(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)
        self.program = self.path / "program"
        self.program.mkdir()
        self.environment = {
            **os.environ,
            "PATH": f"{pathlib.Path(WORKER).parent}:/usr/bin:/bin:/usr/sbin",
            "PYTHONPATH": str(ROOT / "worker" / "python"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "RUNTIME_DIRECTORY": str(self.path / "run"),
        }

    def write(self, files):
        for name, text in files.items():
            (self.program / name).parent.mkdir(exist_ok=True)
            (self.program / name).write_text(text, encoding="utf-8")

    def run_supervisor(self, *words):
        return subprocess.run(
            [SUPERVISOR, *words], cwd=self.program, env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def init(self, *words):
        """Runs init and check; returns the port and what init has recognised."""
        port = free_port()
        admin = () if "--admin" in words else ("--admin", "127.0.0.1:0")
        done = self.run_supervisor("init", "--listen", f"127.0.0.1:{port}", *admin, *words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        checked = self.run_supervisor("check", "-c", "pool.json")
        self.assertEqual((checked.returncode, checked.stdout), (0, "pool.json: fine\n"), checked.stderr)
        text = (self.program / "pool.json").read_text(encoding="utf-8")
        self.assertIn("// Where clients connect.", text)
        return port, re.search("recognised: (.*)\n", done.stdout)[1]

    def answer(self, port, ask=get, begun="listening on"):
        """What the program answers behind the supervisor that the file describes."""
        with open(self.path / "log", "w+", encoding="utf-8") as log:
            process = subprocess.Popen([SUPERVISOR, "-c", "pool.json"], cwd=self.program, env=self.environment, stderr=log)
            try:
                end = time.monotonic() + PATIENCE
                while begun not in (self.path / "log").read_text(encoding="utf-8"):
                    self.assertIsNone(process.poll(), (self.path / "log").read_text(encoding="utf-8"))
                    self.assertLess(time.monotonic(), end)
                    time.sleep(0.02)
                return ask(port)
            finally:
                process.terminate()
                process.wait(PATIENCE)

    def assert_serves(self, recognised, *words):
        port, said = self.init(*words)
        self.assertEqual(said, recognised)
        self.assertIn(b"hello", self.answer(port), (self.path / "log").read_text(encoding="utf-8"))

    @needs_waitress
    def test_wsgi(self):
        self.write({"tools.py": "x = 1\n", "shop.py": WSGI})
        self.assert_serves("a WSGI application, shop:application in shop.py")

    @needs_waitress
    @needs(has_modules("flask"), "flask")
    def test_flask(self):
        text = 'from flask import Flask\n\n\ndef create_app():\n    app = Flask("web")\n    app.add_url_rule("/", view_func=lambda: "hello")\n    return app\n'
        self.write({"web/__init__.py": text})
        self.assert_serves("a Flask application, web:create_app() in web/__init__.py")

    @needs_waitress
    @needs(has_modules("django"), "django")
    def test_django(self):
        self.write({"manage.py": MANAGE, "shop/settings.py": SETTINGS, "shop/urls.py": URLS, "shop/wsgi.py": DJANGO_WSGI})
        self.assert_serves("a Django application (WSGI), shop.wsgi:application in shop/wsgi.py")

    @needs_uvicorn
    def test_asgi(self):
        self.write({"asgi.py": ASGI})
        self.assert_serves("an ASGI application, asgi:app in asgi.py")

    @needs_uvicorn
    @needs(has_modules("fastapi"), "fastapi")
    def test_fastapi(self):
        text = 'from fastapi import FastAPI, Response\n\napi: FastAPI = FastAPI()\n\n\n@api.get("/")\ndef hello():\n    return Response("hello")\n'
        self.write({"main.py": text})
        self.assert_serves("a FastAPI application, main:api in main.py")

    @needs_node
    def test_node(self):
        for files, script in (
            ({"server.js": NODE}, "server.js"),
            ({"package.json": '{"main": "lib/web.js"}', "lib/web.js": NODE}, "lib/web.js"),
            ({"package.json": '{"main": "none.js", "scripts": {"start": "node --no-warnings start.js"}}', "start.js": NODE}, "start.js"),
        ):
            with self.subTest(script):
                shutil.rmtree(self.program)
                for name, text in files.items():
                    (self.program / name).parent.mkdir(exist_ok=True, parents=True)
                    (self.program / name).write_text(text, encoding="utf-8")
                self.assert_serves(f"a Node program, {script}")

    @needs(shutil.which("php-cgi"), "php-cgi")
    def test_php(self):
        self.write({"index.php": "<?php echo 'hel', 'lo';\n"})
        port, said = self.init()
        self.assertEqual(said, "pages in PHP, index.php")
        script = str(self.program / "index.php")
        self.assertIn(b"hello", self.answer(port, lambda port: fastcgi(port, script)))

    def test_a_program_as_from_inetd(self):
        port, said = self.init("--inetd", "--", "sh", "-c", "read line; echo got $line")
        self.assertEqual(said, "a program that serves one connection on its standard input and output, sh")
        self.assertEqual(self.answer(port, lambda port: exchange(port, b"hello\n")), b"got hello\n")

    def test_any_server(self):
        (self.program / "index.html").write_text("hello", encoding="utf-8")
        script = f'exec {PYTHON} -m http.server --bind "$HOST" "$PORT"'
        self.assert_serves("a server program, sh", "--", "sh", "-c", script)

    @needs_node
    def test_a_node_program_that_is_named(self):
        self.write({"web.js": NODE})
        self.assert_serves("a Node program", "--", "node", "web.js")

    def test_nothing_is_recognised(self):
        self.write({"readme.txt": "hello", "test_app.py": WSGI, "package.json": '{"scripts": {"start": "vite && node x"}}'})
        done = self.run_supervisor("init")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no program is recognised", done.stderr)
        self.assertFalse((self.program / "pool.json").exists())

    def test_a_misspelt_directory_is_no_program(self):
        done = self.run_supervisor("init", "shpo")
        self.assertEqual((done.returncode, done.stderr), (1, "supervisor: init: there is no directory and no program shpo\n"))
        self.assertFalse((self.program / "pool.json").exists())

    def test_a_virtual_environment_is_used(self):
        self.write({"app.py": WSGI})
        (self.program / ".venv" / "bin").mkdir(parents=True)
        (self.program / ".venv" / "bin" / "python").symlink_to(PYTHON)
        done = self.run_supervisor("init")
        self.assertIn("note: the virtual environment needs the package prefork_worker", done.stdout)
        self.assertIn('"command": [".venv/bin/python", "-m", "prefork_worker.wsgi", "app:application"]', self.text())

    def test_an_interpreter_that_has_the_packages_is_chosen(self):
        """FAULTS 494: the first python3 in PATH lacks what the application needs."""
        self.write({"app.py": WSGI})
        shims = self.path / "shims"
        shims.mkdir()
        first = shims / "python3"
        first.write_text("#!/bin/sh\necho asked prefork_worker\n", encoding="utf-8")
        first.chmod(0o755)
        path = self.environment["PATH"]
        self.environment["PATH"] = f"{shims}:{path}"
        done = self.run_supervisor("init")
        note = f"note: {first}, the first python3 in PATH, lacks prefork_worker; the file names {PYTHON}, which has all\n"
        self.assertIn(note, done.stdout)
        self.assertIn(f'"command": ["{PYTHON}", "-m", "prefork_worker.wsgi", "app:application"]', self.text())
        self.environment["PATH"] = f"{shims}:{pathlib.Path(WORKER).parent}"
        (self.program / "pool.json").unlink()
        done = self.run_supervisor("init")
        self.assertIn(f"note: {first}, the first python3 in PATH, lacks prefork_worker: install that for it", done.stdout)
        self.assertIn('"command": ["python3", ', self.text())

    def test_an_interpreter_that_does_not_answer(self):
        """FAULTS 494: an interpreter in PATH that hangs is not waited for long, and the file names it all the same."""
        self.write({"app.py": WSGI})
        (self.path / "python3").write_text("#!/bin/sh\nsleep 600 & wait\n", encoding="utf-8")
        (self.path / "python3").chmod(0o755)
        self.environment["PATH"] = f"{self.path}:{self.environment['PATH']}"
        done = self.run_supervisor("init")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("note:", done.stdout)
        self.assertIn('"command": ["python3", ', self.text())

    def text(self):
        return (self.program / "pool.json").read_text(encoding="utf-8")

    def test_a_file_elsewhere_names_the_directory(self):
        self.write({"app.py": WSGI})
        file = self.path / "elsewhere.json"
        self.assertEqual(self.run_supervisor("init", str(self.program), "-o", str(file)).returncode, 0)
        self.assertIn(f'"directory": {json.dumps(str(self.program))}', file.read_text(encoding="utf-8"))

    def test_the_dashboard_is_in_the_file_and_can_be_reached(self):
        self.write({"app.py": WSGI})
        done = self.run_supervisor("init")
        self.assertEqual(done.stdout.splitlines()[-1], "and its dashboard is at http://127.0.0.1:9465/")
        self.assertIn('\n  "admin": "127.0.0.1:9465"\n', self.text())
        (self.program / "pool.json").unlink()
        socket = self.path / "admin.sock"
        self.init("--admin", f"unix:{socket}")

        def page(_):
            command = ["curl", "-sS", "-m", "10", "--unix-socket", str(socket), "http://localhost/livez"]
            return subprocess.run(command, capture_output=True, check=False).stdout

        self.assertEqual(self.answer(None, page, "admin: listening on"), b"ok\n")

    def test_a_file_without_a_dashboard(self):
        self.write({"app.py": WSGI})
        done = self.run_supervisor("init", "--admin", "false")
        self.assertTrue(done.stdout.splitlines()[-1].startswith("then it listens"), done.stdout)
        self.assertNotIn("admin", self.text())

    def test_hostile_names(self):
        (self.program / "package.json").write_text(json.dumps({"main": 'a"\n//.js'}), encoding="utf-8")
        (self.program / 'a"\n').mkdir()
        (self.program / 'a"\n' / ".js").write_text(NODE, encoding="utf-8")
        self.assertEqual(self.run_supervisor("init").returncode, 0)
        self.assertEqual(self.run_supervisor("check", "-c", "pool.json").returncode, 0)

    def test_hostile_names_at_a_terminal(self):
        """FAULTS 487: the name of a file does not reach the terminal as it is."""
        self.write({"package.json": json.dumps({"main": "a\x1b[31m.js"}), "a\x1b[31m.js": NODE})
        done = self.run_supervisor("init")
        self.assertEqual(done.returncode, 0)
        self.assertIn("recognised: a Node program, a\\u001b[31m.js\n", done.stdout)
        self.assertNotIn("\x1b", done.stdout + self.text())

    def test_init_replaces_nothing_and_waits_for_nothing(self):
        """FAULTS 460: a configuration that exists stays; pipes, endless and binary files do not stop init."""
        self.write({"pool.json": "mine", "zoo.py": WSGI})
        done = self.run_supervisor("init")
        self.assertEqual((done.returncode, done.stderr), (1, "supervisor: init: pool.json exists already, and is left as it is; -o FILE writes another\n"))
        self.assertEqual(self.text(), "mine")
        (self.program / "pool.json").unlink()
        (self.program / "pool.json").symlink_to("elsewhere.json")
        self.assertEqual(self.run_supervisor("init").returncode, 1)
        self.assertFalse((self.program / "elsewhere.json").exists())
        (self.program / "pool.json").unlink()
        os.mkfifo(self.program / "app.py")
        (self.program / "main.py").symlink_to("/dev/zero")
        (self.program / "wsgi.py").write_bytes(bytes(range(256)) * 1000)
        with open(self.program / "asgi.py", "wb") as sparse:
            sparse.truncate(1 << 40)
        (self.program / "server.py").write_text("app" + " " * 60000 + "= Flask(" + "(" * 5000, encoding="utf-8")
        done = self.run_supervisor("init")
        self.assertEqual(done.returncode, 0)
        self.assertIn("zoo:application in zoo.py", done.stdout)


suite = unittest.defaultTestLoader.loadTestsFromTestCase(Init)
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed", flush=True)
sys.exit(1 if failed else 0)

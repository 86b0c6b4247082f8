"""Installs the build into a directory, and writes workers with what is there: installed_test.py BUILD SOURCE.

The programs of docs/examples are compiled outside of the repository, with the flags of pkg-config and nothing else, and
serve under the installed supervisor.
"""
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

BUILD, SOURCE = map(pathlib.Path, sys.argv[1:3])
STRICT = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
CPP = ["g++", "-std=c++17", *STRICT]
C = ["gcc", "-std=c11", *STRICT]
LONG = 30  # seconds: only a failure takes as long


def output_of(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


class Installed:
    """The tree that meson install makes below DESTDIR, and a directory to work in."""

    def __init__(self, directory):
        self.root = directory / "root"
        self.work = directory / "work"
        self.work.mkdir()
        output_of("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", self.root)
        self.libraries = self.only("libprefork-worker.so").parent
        self.include = self.only("prefork_worker.h").parent
        self.environment = {
            **os.environ,
            "PKG_CONFIG_SYSROOT_DIR": str(self.root),
            "PKG_CONFIG_LIBDIR": str(self.libraries / "pkgconfig"),
        }

    def only(self, name):
        (found,) = self.root.rglob(name)
        return found

    def flags(self, *arguments):
        return output_of("pkg-config", *arguments, env=self.environment).split()

    def compile(self, compiler, source, package):
        program = self.work / pathlib.Path(source).stem
        copy = shutil.copy(source, self.work)
        output_of(*compiler, copy, "-o", program, *self.flags("--cflags", "--libs", package), cwd=self.work)
        return program


class Supervisor:
    """The installed supervisor with one pool of `program`."""

    def __init__(self, installed, program, **pool):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=installed.work))
        self.control = self.directory / "control"
        config = {
            "listen": f"unix:{self.directory}/socket",
            "command": [str(program)],
            "environment": {"LD_LIBRARY_PATH": str(installed.libraries)},
            "control": str(self.control),
            "workers": 2,
            **pool,
        }
        (self.directory / "pool.json").write_text(json.dumps(config), encoding="utf-8")
        self.program = installed.only("bin") / "supervisor"
        self.log = open(self.directory / "log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [self.program, "-c", self.directory / "pool.json"], stderr=self.log, stdin=subprocess.DEVNULL
        )

    def __enter__(self):
        return self

    def connect(self):
        """A client. Waits until the socket is there."""
        with open(self.directory / "log", encoding="utf-8") as log:
            while "listening on" not in log.read():
                log.seek(0)
                try:
                    self.process.wait(0.01)
                except subprocess.TimeoutExpired:
                    continue
                raise AssertionError(self.text())
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(LONG)
        client.connect(f"{self.directory}/socket")
        return client

    def ask(self, text):
        """What a new client gets for `text`, up to the end."""
        with self.connect() as client:
            client.sendall(text)
            client.shutdown(socket.SHUT_WR)
            return client.makefile("rb").read()

    def text(self):
        return (self.directory / "log").read_text(encoding="utf-8")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            status = self.process.wait(LONG)
        finally:
            self.process.kill()
            self.log.close()
        if status != 0 or re.search(r"killed|died|violation|BUG", self.text()):
            raise AssertionError(f"exit status {status}\n{self.text()}")


class InstalledTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="installed-")
        cls.addClassCleanup(cls.directory.cleanup)
        cls.installed = Installed(pathlib.Path(cls.directory.name))

    def exported(self, name):
        lines = output_of("nm", "-D", "-C", "--defined-only", self.installed.libraries / name).splitlines()
        return [line.split(" ", 2)[2] for line in lines]

    def test_libraries_have_versioned_names(self):
        for name in ("libprefork-worker", "libprefork-worker-c"):
            real = (self.installed.libraries / f"{name}.so").resolve()
            self.assertRegex(real.name, re.escape(name) + r"\.so\.0\.\d+\.\d+$")
            dynamic = output_of("readelf", "-d", real)
            self.assertIn(f"soname: [{name}.so.0]", dynamic)
            self.assertNotIn("RUNPATH", dynamic)
            needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
            self.assertLessEqual(set(needed), {"libstdc++.so.6", "libgcc_s.so.1", "libm.so.6", "libc.so.6"})

    def test_c_library_exports_the_functions_of_its_headers_and_nothing_else(self):
        headers = "".join(
            header.read_text(encoding="utf-8")
            for header in (*self.installed.include.glob("prefork_*.h"), self.installed.only("classic.h"))
        )
        declared = set(re.findall(r"^\w[\w *]*?(prefork_\w+)\(", headers, re.MULTILINE))
        self.assertGreater(len(declared), 30)
        self.assertEqual(declared, set(self.exported("libprefork-worker-c.so")))

    def test_cpp_library_exports_only_what_is_public(self):
        public = r"prefork::worker::(Connection|Slots|ProxyHeader)::|prefork::worker::\w+\(|prefork::Fd::|prefork_fork_workers$"
        for name in self.exported("libprefork-worker.so"):
            self.assertRegex(name, "^(" + public + ")")

    def test_each_header_stands_for_itself(self):
        headers = sorted(self.installed.include.rglob("*.h"))
        self.assertGreaterEqual(len(headers), 11)
        for header in headers:
            name = header.relative_to(self.installed.include)
            text = f"#include <{name}>\n#include <{name}>\nint main() {{ return 0; }}\n"
            flags = self.installed.flags("--cflags", "prefork-worker", "prefork-worker-c")
            for compiler, language in ((CPP, "c++"), (C, "c")):
                if language == "c" and not re.match(r"prefork_|.*/classic\.h", str(name)):
                    continue
                output_of(*compiler, *flags, "-fsyntax-only", "-x", language, "-", input=text, cwd=self.installed.work)

    def test_the_http_service_in_cpp(self):
        program = self.installed.compile(CPP, SOURCE / "docs/examples/hello.cc", "prefork-worker")
        with Supervisor(self.installed, program, keep_alive={"park": True}) as supervisor:
            with supervisor.connect() as client:
                answers = client.makefile("rb")
                for _ in range(2):  # on one connection
                    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    self.assertEqual(answers.readline(), b"HTTP/1.1 200 OK\r\n")
                    length = int(re.search(rb": (\d+)", answers.readline() + answers.readline())[1])
                    self.assertEqual(answers.readline(), b"\r\n")
                    self.assertRegex(answers.read(length), rb"^hello from worker \d+, queued for \d+ us\n$")
            for request in (
                b"POST / HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\ncontent-LENGTH: 9\r\n\r\nGET / HTT",
                b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            ):
                self.assertTrue(supervisor.ask(request).startswith(b"HTTP/1.1 404 "))
            last = supervisor.ask(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n" * 2)
            self.assertEqual(last.count(b"200 OK"), 1)

    def test_the_event_loop_in_cpp(self):
        program = self.installed.compile(CPP, SOURCE / "docs/examples/event_loop.cc", "prefork-worker")
        with Supervisor(self.installed, program, connections_per_worker=8) as supervisor:
            clients = [supervisor.connect() for _ in range(10)]  # all at a time
            for number, client in enumerate(clients):
                client.sendall(b"%d" % number)
                self.assertEqual(client.recv(10), b"%d" % number)
                client.close()

    def test_the_worker_in_c(self):
        program = self.installed.compile(C, SOURCE / "docs/examples/upper.c", "prefork-worker-c")
        for start in ("exec", "fork"):
            with Supervisor(self.installed, program, start=start) as supervisor:
                self.assertEqual(supervisor.ask(b"hello"), b"ready\nHELLO")


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    failed = len({str(test) for test, _ in result.failures + result.errors})
    print(f"{result.testsRun - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)

"""Completion in the real shells. Those that are not installed are skipped, with a word."""
import contextlib
import json
import os
import pathlib
import pty
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

SUPERVISOR = os.environ["SUPERVISOR"]
WORKER = os.environ["SUPERVISOR_WORKER"]
PATIENCE = 30

COMMANDS = ["run", "check", "status", "top", "reload", "restart", "scale", "stop", "reset-failed", "init"]


def needs(shell):
    return unittest.skipUnless(shutil.which(shell), f"{shell} is missing: script/bootstrap programs installs it")


class Completion(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.path = pathlib.Path(self.directory.name)
        self.runtime = self.path / "run"
        (self.path / "bin").mkdir()
        (self.path / "bin" / "supervisor").symlink_to(SUPERVISOR)
        self.environment = {
            **os.environ,
            "PATH": f"{self.path}/bin:{os.environ['PATH']}",
            "RUNTIME_DIRECTORY": str(self.runtime),
            "HOME": str(self.path),
            "XDG_CONFIG_HOME": str(self.path / "config"),
            "TERM": "dumb",
        }
        for shell in ("bash", "zsh", "fish"):
            done = subprocess.run([SUPERVISOR, "completion", shell], check=True, capture_output=True, text=True)
            (self.path / {"bash": "completion.bash", "zsh": "_supervisor", "fish": "completion.fish"}[shell]).write_text(
                done.stdout, encoding="utf-8"
            )

    def start_supervisor(self):
        pool = {"listen": "127.0.0.1:0", "command": [WORKER, "echo"], "workers": 1}
        file = self.path / "shop.json"
        file.write_text(json.dumps({"pools": {"web": pool, "lines": pool}}), encoding="utf-8")
        process = subprocess.Popen([SUPERVISOR, "-c", str(file)], stderr=subprocess.DEVNULL, env=self.environment)
        self.addCleanup(process.wait, PATIENCE)
        self.addCleanup(process.terminate)
        end = time.monotonic() + PATIENCE
        while not list(self.runtime.glob("*.sock")):
            self.assertLess(time.monotonic(), end, "there is no control socket")
            time.sleep(0.02)
        return file

    def bash(self, *words):
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _supervisor; printf "%s\\n" "${COMPREPLY[@]}"'
        done = subprocess.run(
            ["bash", "--norc", "-u", "-c", script, "bash", str(self.path / "completion.bash"), "supervisor", *words],
            capture_output=True, text=True, env=self.environment, timeout=PATIENCE, check=True, cwd=self.path,
        )
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def fish(self, line):
        script = f"source {self.path}/completion.fish; complete -C {json.dumps(line)}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", script],
            capture_output=True, text=True, env=self.environment, timeout=PATIENCE, check=True, cwd=self.path,
        )
        self.assertEqual(done.stderr, "")
        return [row.split("\t")[0] for row in done.stdout.splitlines()]

    def test_bash_completes_commands_options_and_values(self):
        self.assertLessEqual(set(COMMANDS), set(self.bash("")))
        self.assertEqual(self.bash("sta"), ["status"])
        self.assertEqual(set(self.bash("status", "--")), {"--help", "--json", "--config", "--control"})
        self.assertEqual(self.bash("run", "--drain", ""), ["idle", "now"])
        self.assertEqual(self.bash("run", "--log-format", "j"), ["json"])
        self.assertIn("bash", self.bash("run", "--listen", ":80", "--", "bas"))
        (self.path / "some.json").touch()
        (self.path / "some.txt").touch()
        self.assertEqual(self.bash("status", "-c", "some"), ["some.json"])
        self.assertNotIn("completion", self.bash(""))

    def test_bash_completes_the_pools_of_the_supervisor_that_runs(self):
        self.assertEqual(self.bash("restart", ""), [])
        file = self.start_supervisor()
        for command in ("restart", "scale", "reset-failed"):
            self.assertEqual(self.bash(command, ""), ["lines", "web"])
        self.assertEqual(self.bash("restart", "-c", str(file), "w"), ["web"])
        self.assertEqual(self.bash("restart", "-c", "missing.json", ""), [])

    def test_names_that_a_program_of_another_user_answers(self):
        """FAULTS 487: bash would run a name that is a command; only what can be a pool's name is offered."""
        self.runtime.mkdir(mode=0o700)
        harm = self.path / "harm"
        names = ["web", f"$(touch${{IFS}}{harm})", f"`touch {harm}`", "a b", "a\nb", "\x1b[31m", "", "w" * 65]
        answer = json.dumps({"jsonrpc": "2.0", "id": 1, "result": {"pools": [{"name": name} for name in names]}})
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(self.runtime / "other.sock"))
            server.listen()

            def serve():
                with contextlib.suppress(OSError):
                    while True:
                        with server.accept()[0] as client:
                            if client.recv(4096):
                                client.sendall(answer.encode() + b"\n")

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                self.assertEqual(self.bash("restart", ""), ["web"])
            finally:
                server.shutdown(socket.SHUT_RDWR)
                thread.join(PATIENCE)
        self.assertFalse(harm.exists())

    @needs("fish")
    def test_fish_completes(self):
        self.assertLessEqual(set(COMMANDS), set(self.fish("supervisor ")))
        self.assertIn("--json", self.fish("supervisor status --"))
        self.assertEqual(self.fish("supervisor run --drain "), ["idle", "now"])
        self.assertEqual(self.fish("supervisor restart "), [])
        self.start_supervisor()
        self.assertEqual(self.fish("supervisor restart "), ["lines", "web"])

    @needs("zsh")
    def test_zsh_completes(self):
        self.start_supervisor()
        for line, completed in (
            ("supervisor sta", "supervisor status"),
            ("supervisor status --js", "supervisor status --json"),
            ("supervisor run --drain n", "supervisor run --drain now"),
            ("supervisor restart w", "supervisor restart web"),
        ):
            with self.subTest(line):
                self.assertEqual(self.zsh(line), completed)

    def zsh(self, line):
        """What zsh makes of the line when the key Tab is pressed: the line is printed by the shell itself, as <LINE>."""
        setup = f"fpath=({self.path} $fpath); autoload -Uz compinit; compinit -u -D; print REA''DY\n"
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(self.path)
            os.execvpe("zsh", ["zsh", "-f", "-i"], self.environment)
        try:
            os.write(terminal, setup.encode())
            read_until(terminal, rb"READY\r\n")
            to_begin, to_end = b"\x01", b"\x05"
            os.write(terminal, line.encode() + b"\t" + to_begin + b"print -r -- '<" + to_end + b">'\n")
            return read_until(terminal, rb"\n<(.*?) ?>\r\n")[1].decode()
        finally:
            os.write(terminal, b"exit\n")
            os.close(terminal)
            os.waitpid(child, 0)


def read_until(terminal, pattern):
    text, end = b"", time.monotonic() + PATIENCE
    while not (found := re.search(pattern, text)):
        if not select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            raise AssertionError(f"the shell does not print {pattern}, but {text}")
        text += os.read(terminal, 4096)
    return found


suite = unittest.defaultTestLoader.loadTestsFromTestCase(Completion)
result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors)
print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed", flush=True)
sys.exit(1 if failed else 0)

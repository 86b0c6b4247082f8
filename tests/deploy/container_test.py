"""docs/deploy/Dockerfile, without an engine: what it installs, runs in a namespace of its own as the Dockerfile says."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

from hosts import BUILD, DEPLOY, LONG, end, eventually, get, network, program, replaced

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
HERE = pathlib.Path(__file__).resolve().parent


def words(instruction):
    """The arguments of an instruction of the last stage, written as JSON."""
    return json.loads(re.search(rf"^{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])


def can_unshare():
    return subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL).returncode == 0


class Container(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="container-")
        cls.addClassCleanup(scratch.cleanup)
        cls.root = pathlib.Path(scratch.name) / "image"
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", cls.root], check=True,
                       stdout=subprocess.DEVNULL)
        pathlib.Path(scratch.name).chmod(0o755)

    def test_the_packages_are_those_that_the_programs_need(self):
        if not program("dpkg-query"):
            self.skipTest("this is not Debian")
        needed = set()
        for file in [*self.root.glob("usr/local/bin/*"), *self.root.glob("usr/local/libexec/supervisor/*")]:
            if file.read_bytes()[:4] == b"\x7fELF":
                listed = subprocess.run(["ldd", file], capture_output=True, text=True, check=True).stdout
                needed |= {pathlib.Path(path).name for path in re.findall(r"=> (/\S+)", listed)}
        self.assertGreater(len(needed), 5)
        runtime = re.search(r"--no-install-recommends \\\n(.*?)\\\n", DOCKERFILE, re.DOTALL)[1].split()
        # The libraries of libc6 are in every Debian.
        given = self.with_dependencies({*runtime, "libc6"})
        listed = subprocess.run(["dpkg-query", "--search", *(f"*/{library}" for library in needed)], capture_output=True, text=True)
        packages = {}
        for package, path in re.findall(r"^([^:]+):\S* (\S+)$", listed.stdout, re.MULTILINE):
            packages.setdefault(pathlib.Path(path).name, set()).add(package)
        for library in needed:
            self.assertTrue(packages[library] & given, f"{library} of {packages[library]}")

    def with_dependencies(self, packages):
        """The packages, and what comes with them."""
        listed = subprocess.run(["dpkg-query", "--show", "--showformat=${Package} ${Pre-Depends}, ${Depends}\\n"],
                                capture_output=True, text=True, check=True).stdout
        depends = {line.split()[0]: re.findall(r"[ ,]+([a-z0-9][a-z0-9.+-]+)(?: \(|,|$)", line) for line in listed.splitlines()}
        todo, done = list(packages), set()
        while todo:
            one = todo.pop()
            if one not in done:
                done.add(one)
                todo += depends.get(one, [])
        return done

    def test_it_runs_as_the_file_says(self):
        """FAULTS 463: as the first process of a container and as its user it serves, is healthy, and stops at the signal."""
        if os.getuid() != 0 or not can_unshare():
            self.skipTest("namespaces need root here")
        host = network() + "1"
        file = self.root / "etc/supervisor/pool.json"
        file.parent.mkdir(parents=True)
        text = replaced((DEPLOY / "pool.json").read_text(), (' ":', f' "{host}:'), ('"10s"', '"500ms"'))
        file.write_text(text)
        user = re.search(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)[1]
        with open(self.root.parent / "log", "w") as log:
            outside = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", HERE / "container.sh", self.root, user,
                 *words("ENTRYPOINT"), *words("CMD")], stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        self.addCleanup(lambda: end(outside))
        try:
            self.serves_and_stops(outside, host, int(user.split(":")[0]))
        except Exception:
            print((self.root.parent / "log").read_text(), file=sys.stderr)
            raise

    def serves_and_stops(self, outside, host, user):
        def is_ready():
            self.assertIsNone(outside.poll())
            try:
                return get(host, 9465, "/readyz")[0] == 200
            except OSError:
                return False

        eventually(is_ready, "/readyz of the container")
        self.assertEqual(get(host, 8080, "/")[0], 200)
        first = int(pathlib.Path(f"/proc/{outside.pid}/task/{outside.pid}/children").read_text())
        self.assertEqual(pathlib.Path(f"/proc/{first}").stat().st_uid, user)
        inside = ["nsenter", f"--target={first}", "--mount", "--pid", "--root", "--wd=/", f"--setuid={user}", f"--setgid={user}",
                  "env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin"]
        health = subprocess.run([*inside, *words("HEALTHCHECK .*CMD")], capture_output=True, text=True)
        self.assertEqual(health.returncode, 0, health.stdout + health.stderr)
        stop = re.search(r"^STOPSIGNAL (\w+)$", DOCKERFILE, re.MULTILINE)[1]
        os.kill(first, getattr(signal, stop))
        self.assertEqual(outside.wait(LONG), 0)


if __name__ == "__main__":
    unittest.main()

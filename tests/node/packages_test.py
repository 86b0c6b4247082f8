"""Programs on packages of npm, and the types. script/node-packages installs the packages; without them this is left out."""
import json
import subprocess
import tempfile
import unittest

import counted
from http_client import Client
from parent import COPY_KEPT, MAY_PARK, NODE, PARK_AT_ONCE, SOURCE, Parent

PACKAGES = SOURCE / ".cache/node/node_modules"
AT_ONCE = MAY_PARK | PARK_AT_ONCE | COPY_KEPT


@unittest.skipUnless((PACKAGES / "ws").exists(), "script/node-packages has not been run")
class Packages(unittest.TestCase):
    def served(self, program, **what):
        # NODE_PATH: packages are looked up beside the program otherwise.
        return Parent(program, flags=AT_ONCE, environment={"NODE_PATH": str(PACKAGES), "NODE_ENV": "production"}, **what)

    def exchanges(self, parent, client):
        self.assertEqual(client.request()[2], b"hello\n")
        parent.wait(lambda: parent.only().state == "parked")
        body = json.dumps(list(range(1000)))
        client.send(f"POST /sum HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        self.assertEqual(json.loads(client.answer()[2]), {"sum": 499500})
        for path, status in (("/fails", 500), ("/nothing", 404), ("/", 200)):
            self.assertEqual(client.request(path)[0], status)
        self.assertEqual(client.request(method="HEAD")[0], 200)
        parent.wait(lambda: parent.only().state == "parked")

    def test_express(self):
        with self.served("express_app.js") as parent, Client(parent.port()) as client:
            self.exchanges(parent, client)
            self.assertIn(b"express", client.request("/file")[2])
            tag = next(line for line in client.request("/file")[1].split("\r\n") if line.startswith("etag:"))
            self.assertEqual(client.request("/file", head=f"If-None-Match: {tag[6:].replace('w/', 'W/')}\r\n")[0], 304)
            parent.ask("drain")
            self.assertEqual(parent.exit_status(), 0)
            self.assertEqual(parent.violations, [])

    def test_fastify(self):
        with self.served("fastify_app.js") as parent, Client(parent.port()) as client:
            self.exchanges(parent, client)
            parent.ask("drain")
            self.assertEqual(parent.exit_status(), 0)
            self.assertEqual(parent.violations, [])

    def test_websockets(self):
        script = """
          const { WebSocket } = require('ws');
          const socket = new WebSocket(process.argv[1]);
          let left = 5;
          socket.on('open', () => socket.send('message'));
          socket.on('message', (data) => { console.log(String(data)); --left > 0 ? socket.send('message') : socket.close(); });
        """
        with self.served("websockets.js") as parent:
            client = subprocess.run([NODE, "-e", script, f"ws://127.0.0.1:{parent.port()}"], env={"NODE_PATH": str(PACKAGES)},
                                    capture_output=True, timeout=20)
            self.assertEqual(client.stdout, b"message\n" * 5, client.stderr)
            parent.wait(lambda: parent.only().state == "idle")
            self.assertEqual((parent.count("park"), parent.violations), (0, []))

    def test_the_types(self):
        with tempfile.TemporaryDirectory() as directory:
            settings = {"compilerOptions": {"strict": True, "noEmit": True, "module": "node16", "moduleResolution": "node16", "target": "es2022",
                                            "typeRoots": [str(PACKAGES / "@types")], "types": ["node"], "esModuleInterop": True,
                                            "paths": {"prefork-worker": [str(SOURCE / "worker/node")]}},
                        "files": [str(SOURCE / "tests/node/programs/types.ts"), str(SOURCE / "worker/node/index.d.ts")]}
            with open(f"{directory}/tsconfig.json", "w", encoding="utf-8") as file:
                json.dump(settings, file)
            done = subprocess.run([PACKAGES / ".bin/tsc", "-p", directory], capture_output=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout.decode()), (0, ""))


if __name__ == "__main__":
    counted.main()

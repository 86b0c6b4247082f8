"""The module in a program that listens by itself: what the supervisor hears of each connection."""
import json
import re
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

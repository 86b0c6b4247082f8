"""mandoc finds nothing to say about the manual pages: `manual_test.py PAGE…`."""
import pathlib
import shutil
import subprocess
import sys


def main():
    if not shutil.which("mandoc"):
        print("mandoc is missing: script/bootstrap programs installs it")
        return 77
    failed = 0
    for page in sys.argv[1:]:
        said = subprocess.run(["mandoc", "-Tlint", "-W", "style", page], capture_output=True, text=True, timeout=30, check=False)
        text = pathlib.Path(page).read_text(encoding="utf-8")
        parts = ["NAME", "DESCRIPTION", "SEE ALSO"]
        if page.endswith((".1", ".8")):
            parts.append("SYNOPSIS")
        complete = all(f"\n.SH\n{part}\n" in text for part in parts)
        if said.stdout or said.returncode or not complete:
            print(page, said.stdout, "" if complete else "a section is missing")
            failed += 1
    print(f"{len(sys.argv) - 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())

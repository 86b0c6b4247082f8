"""Runs test modules in Python: run_modules.py FOLDER MODULE…; the last line is "N passed, N failed", as script/test counts.

They find the modules of their folder and of this one, and the Python package. A skipped case is named, and counts neither as passed nor as failed.
A module of which every case is skipped exits with 77, which meson calls SKIP.
"""
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [sys.argv[1], str(HERE.parent.parent / "worker" / "python")]


def main():
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[2:])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed - len(result.skipped)
    print(f"{max(passed, 0)} passed, {failed} failed", flush=True)
    if failed:
        return 1
    return 0 if passed > 0 else 77


sys.exit(main())

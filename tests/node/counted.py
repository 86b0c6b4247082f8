"""Runs the tests of a module and prints their count as script/test reads it."""
import sys
import unittest


def main():
    result = unittest.main(module="__main__", exit=False, verbosity=1).result
    failed = len({str(test) for test, _ in result.failures + result.errors}) + len(result.unexpectedSuccesses)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    if result.wasSuccessful() and len(result.skipped) == result.testsRun:
        sys.exit(77)  # left out, as meson understands it
    sys.exit(0 if result.wasSuccessful() else 1)

"""Runs the named test modules of this folder; the last line is "N passed, N failed", as script/test counts.

A skipped case is named, and counts neither as passed nor as failed.
"""
import sys
import unittest

sys.dont_write_bytecode = True


def main():
    suite = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    passed = result.testsRun - failed - len(result.skipped)
    print(f"{max(passed, 0)} passed, {failed} failed", flush=True)
    if failed:
        return 1
    return 0 if passed > 0 else 77


sys.exit(main())

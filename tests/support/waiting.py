"""Waits for what tests in Python wait for."""
import time


def eventually(condition, seconds=10.0, what="the condition"):
    """The first true value of condition(), which is asked again and again."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not become true within {seconds} s")
        time.sleep(0.01)

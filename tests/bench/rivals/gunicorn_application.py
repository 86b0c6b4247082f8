"""The page of `supervisor-worker http` as a WSGI application, for script/bench."""
import os
import time
import urllib.parse


def application(environ, start_response):
    query = urllib.parse.parse_qs(environ["QUERY_STRING"])
    milliseconds = int(query.get("ms", ["0"])[0])
    if milliseconds:  # sleep(0) gives up the CPU, for 50 µs or more
        time.sleep(milliseconds / 1000)
    body = f"Hello from worker {os.getpid()}.\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

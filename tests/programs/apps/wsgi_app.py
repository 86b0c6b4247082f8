"""A WSGI application: which process answers, and which client asked."""
import os


def app(environ, start_response):
    body = f"pid={os.getpid()} peer={environ['REMOTE_ADDR']}:{environ.get('REMOTE_PORT', '')}\n".encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]

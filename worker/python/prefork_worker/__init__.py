"""Workers for supervisor, in Python: see docs/workers-python.md.

    import prefork_worker

    def handler(connection):
        connection.socket.sendall(connection.socket.recv(4096).upper())

    raise SystemExit(prefork_worker.serve(handler))
"""

from .attach import NotAWorker, attach
from .connection import Connection
from .proxy_header import BadHeader, ProxyHeader, read_proxy_header
from .serving import serve
from .session import Session

__all__ = ["BadHeader", "Connection", "NotAWorker", "ProxyHeader", "Session", "attach", "read_proxy_header", "serve"]
__version__ = "0.1.0"

"""What all connections of a WSGI worker share: the application, the options, the access log, the count of requests."""

import random
from typing import Any, Callable, Optional

from .access_log import AccessLog
from .addresses import KnownAddresses
from .connection import Connection
from .waitress_glue import Server, Settings
from .wsgi_options import Options


class Worker:
    def __init__(self, options: Options, application: Callable[..., Any], access_log: Optional[AccessLog]) -> None:
        self.options = options
        self.access_log = access_log
        self.addresses = KnownAddresses()
        self.settings = Settings(options.limits.head, options.limits.body)
        self.server = Server(self.settings, application)
        self._left = options.max_requests + random.randint(0, options.max_requests_jitter)

    def count(self, connection: Connection) -> None:
        """A request begins. At the last one this worker leaves: its answer is the last one where it cannot park."""
        if self.options.max_requests:
            self._left -= 1
            if self._left <= 0:
                connection.leave()

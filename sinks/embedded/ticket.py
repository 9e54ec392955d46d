"""A request on its way from the event loop to a worker thread, so that it can be given up."""

import threading

from sinks.embedded.engine import Engine
from sinks.embedded.errors import QUERY_CANCELLED, QueryRefusedError


class Ticket:
    """Which connection a request runs on, and whether it was given up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._tag: str | None = None
        self._cancelled = False

    def start(self, tag: str) -> None:
        """Note the connection; raises QueryRefusedError when the request was given up before."""
        with self._lock:
            if self._cancelled:
                raise QueryRefusedError(
                    QUERY_CANCELLED, "QUERY_WAS_CANCELLED", "The request was given up."
                )
            self._tag = tag

    def end(self) -> None:
        """Note that the connection is no longer this request's."""
        with self._lock:
            self._tag = None

    def cancel(self) -> None:
        """Give the request up: it does not start, or its query is asked to stop. Blocks briefly."""
        with self._lock:
            self._cancelled = True
            if self._tag is not None:
                self._engine.kill(self._tag)

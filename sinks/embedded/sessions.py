"""Sessions: connections that clients keep between requests by a session id of their own."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sinks.embedded.engine import Lane
from sinks.embedded.errors import SESSION_IS_LOCKED, SESSION_NOT_FOUND, QueryRefusedError

log = logging.getLogger(__name__)


@dataclass
class _Session:
    lane: Lane
    timeout_s: float
    used_s: float
    busy: bool = True


def _is_clean(lane: Lane) -> bool:
    """Return whether a connection answers what it was asked.

    A failed query's rows can come out with the next answer: the first question takes them.
    """
    mark = f"{lane.tag}\n".encode()
    try:
        lane.raw("SELECT 1")
        return lane.raw("SELECT {mark:String}", mark=lane.tag) == mark
    except RuntimeError:
        return False


class Sessions:
    """Open sessions by (user, session id); safe to use from several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: dict[tuple[str, str], _Session] = {}

    @contextmanager
    def borrow(
        self, key: tuple[str, str], timeout_s: float, must_exist: bool, opener: Callable[[], Lane]
    ) -> Iterator[Lane]:
        """Give the connection of a session to one request, opening it when there is none.

        `timeout_s` is how long the session outlives the request. Raises QueryRefusedError when
        another request uses the session, or when it `must_exist` and does not.
        """
        session = self._take(key, timeout_s, must_exist, opener)
        failed = True
        try:
            yield session.lane
            failed = False
        finally:
            keep = not failed or _is_clean(session.lane)
            with self._lock:
                session.busy, session.used_s = False, self._clock()
                if not keep:
                    del self._sessions[key]
            if not keep:
                log.warning("a session was closed because a failed query left it unclean")
                session.lane.connection.close()

    def _take(
        self, key: tuple[str, str], timeout_s: float, must_exist: bool, opener: Callable[[], Lane]
    ) -> _Session:
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                if must_exist:
                    raise QueryRefusedError(
                        SESSION_NOT_FOUND, "SESSION_NOT_FOUND", f"Session {key[1]} not found."
                    )
                session = _Session(opener(), timeout_s, self._clock())
                self._sessions[key] = session
                return session
            if session.busy:
                raise QueryRefusedError(
                    SESSION_IS_LOCKED,
                    "SESSION_IS_LOCKED",
                    f"Session {key[1]} is used by another request.",
                )
            session.busy, session.timeout_s = True, timeout_s
            return session

    def expire(self, everything: bool = False) -> None:
        """Close the sessions that were unused for longer than their time-out, or all unused."""
        with self._lock:
            now_s = self._clock()
            gone = [
                key
                for key, session in self._sessions.items()
                if not session.busy and (everything or now_s - session.used_s > session.timeout_s)
            ]
            lanes = [self._sessions.pop(key).lane for key in gone]
        for lane in lanes:
            lane.connection.close()

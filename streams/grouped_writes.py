"""Rows of several lanes in one insert: what an insert costs hardly grows with its rows."""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from schemas.errors import DataError
from schemas.events import Event
from schemas.topics import digest

# Lanes of a process read by the same fetches, so that their checkpoints are due together.
GATHER_S = 0.03
# As many as a sink writes all or none.
ROWS_TOGETHER_MAX = 100_000


class Sink(Protocol):
    """Where events come to rest; writing a row again must change nothing."""

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        """Write events of one topic.

        Raises UnavailableError when they must be written later, DataError when never.
        """


class Rows(NamedTuple):
    """Events of one topic that are written together; `token` tells them from all others."""

    topic: str
    events: Sequence[Event]
    token: str


# What became of rows: None when they are written.
Outcome = Exception | None


class _Call:
    """What one lane wants written, and by topic what became of it (None before it is tried)."""

    def __init__(self, wanted: Sequence[Rows]) -> None:
        self.wanted = wanted
        self.outcomes: dict[str, Outcome] | None = None


class GroupedWrites:
    """Writes into `sink` what all callers of the moment want, by topic; safe for threads.

    Who comes first waits `gather_s` for others and writes for them, too. Each caller is told what
    became of its own rows: what is refused is refused to the lane that brought it.
    """

    def __init__(self, sink: Sink, gather_s: float = 0.0) -> None:
        self._sink, self._gather_s = sink, gather_s
        self._coming = threading.Lock()
        self._writing = threading.Lock()
        self._calls: list[_Call] = []

    def write_all(self, wanted: Sequence[Rows]) -> dict[str, Outcome]:
        """Write rows of distinct topics; return by topic what became of them.

        After an error that is no DataError nothing more is tried: the rest has that error, too.
        """
        call = _Call(wanted)
        with self._coming:
            self._calls.append(call)
        with self._writing:
            if call.outcomes is None:
                if self._gather_s:
                    time.sleep(self._gather_s)
                with self._coming:
                    calls, self._calls = self._calls, []
                self._write(calls)
        assert call.outcomes is not None
        return call.outcomes

    def _write(self, calls: Sequence[_Call]) -> None:
        found: dict[tuple[int, str], Outcome] = {}
        ended: Outcome = None
        for topic in dict.fromkeys(rows.topic for call in calls for rows in call.wanted):
            waiting = {
                number: rows
                for number, call in enumerate(calls)
                for rows in call.wanted
                if rows.topic == topic
            }
            for group in _groups(waiting):
                told = dict.fromkeys(group, ended) if ended else self._write_group(group)
                found |= {(number, topic): outcome for number, outcome in told.items()}
                left = [e for e in told.values() if e is not None and not isinstance(e, DataError)]
                ended = left[0] if left else None
        for number, call in enumerate(calls):
            call.outcomes = {rows.topic: found[number, rows.topic] for rows in call.wanted}

    def _write_group(self, group: dict[int, Rows]) -> dict[int, Outcome]:
        """Write rows of one topic in one insert; what is refused is tried lane by lane."""
        rows = list(group.values())
        topic, events, token = rows[0]
        if len(rows) > 1:
            events = [event for one in rows for event in one.events]
            token = digest(*(one.token for one in rows))
        try:
            self._sink.write(topic, events, token)
        except DataError as error:
            if len(rows) == 1:
                return dict.fromkeys(group, error)
            alone = [self._write_group({number: one}) for number, one in group.items()]
            return {number: outcome for told in alone for number, outcome in told.items()}
        except Exception as error:  # each lane raises it in its own name
            return dict.fromkeys(group, error)
        return dict.fromkeys(group, None)


def _groups(waiting: dict[int, Rows]) -> Iterator[dict[int, Rows]]:
    """Yield what is written in one insert each."""
    group: dict[int, Rows] = {}
    size = 0
    for number, rows in waiting.items():
        if group and size + len(rows.events) > ROWS_TOGETHER_MAX:
            yield group
            group, size = {}, 0
        group[number] = rows
        size += len(rows.events)
    if group:
        yield group

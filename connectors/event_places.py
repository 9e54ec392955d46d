"""Where each event stands: what the publisher remembers of what it sent, in memory or on disk.

The text of an event's places is `connectors.moved_events`' own. What is put is remembered at once
here and, by `write`, for every process; nothing may be sent before that, since the memory must
never know less than Kafka. What is left once all was acknowledged is put by `settle`.
"""

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

import orjson

from schemas.errors import OursError, RefusedStateError, UnavailableError
from schemas.events import Outcome, Prediction

STATE_VERSION = 1
BUSY_TIMEOUT_S = 30.0
_TABLES: dict[type[Prediction] | type[Outcome], str] = {
    Prediction: "predictions",
    Outcome: "outcomes",
}
# Ids in no order touch a page each: small pages cost less.
_PAGE_BYTES = 1_024
_CACHE_KIB = 32_768
_CHECKPOINT_PAGES = 16_000
_REFRESHED_AFTER_DAYS = 30

_LOOK = {t: f"SELECT places, day FROM {name} WHERE event_id = ?" for t, name in _TABLES.items()}
_CLASHES = """
    SELECT count(*) FROM json_each(:changes) AS change
    LEFT JOIN {table} ON event_id = json_extract(change.value, '$[0]')
    WHERE coalesce(places, '') NOT IN
        (json_extract(change.value, '$[1]'), json_extract(change.value, '$[2]'))
"""
_WRITE = """
    INSERT OR REPLACE INTO {table} (event_id, places, day)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[2]'), :day FROM json_each(:changes)
"""
_SETTLE = """
    UPDATE {table} SET places = json_extract(change.value, '$[2]')
    FROM json_each(:changes) AS change
    WHERE event_id = json_extract(change.value, '$[0]')
        AND places = json_extract(change.value, '$[1]')
"""

log = logging.getLogger(__name__)

Subject = tuple[type[Prediction] | type[Outcome], str]


class Change(NamedTuple):
    """An event's places before and after; "" stands for none."""

    before: str
    after: str


class Remembering(NamedTuple):
    """Where and how long: events put more than `keep_days` before `today` (UTC) are forgotten."""

    folder: Path
    today: date
    keep_days: int


class EventPlaces(Protocol):
    """What the publisher asks of its memory; a subject is an event's type and id."""

    lasting: bool

    def get(self, subject: Subject) -> str:
        """Return the text of an event's places, "" when there are none."""

    def put(self, subject: Subject, change: Change) -> None:
        """Remember an event's places; those before are what `get` says."""

    def write(self) -> None:
        """Begin to write what was put; `written` waits for the end."""

    def written(self) -> None:
        """Wait until what `write` began is written."""

    def settle(self, moved: Mapping[Subject, Change]) -> None:
        """Put what is left of places, unless they have changed, and make all of it lasting."""

    def close(self) -> None:
        """Let go of the files; what was put and not written is forgotten."""


class EventPlacesInMemory:
    """Remembers for as long as it lives, in about 300 bytes an event."""

    lasting = False

    def __init__(self) -> None:
        self._places: dict[Subject, str] = {}

    def get(self, subject: Subject) -> str:
        return self._places.get(subject, "")

    def put(self, subject: Subject, change: Change) -> None:
        self._places[subject] = change.after

    def write(self) -> None: ...

    def written(self) -> None: ...

    def settle(self, moved: Mapping[Subject, Change]) -> None:
        for subject, (before, after) in moved.items():
            if self._places.get(subject) == before:
                self._places[subject] = after

    def close(self) -> None: ...


class EventPlacesOnDisk:
    """Remembers in one SQLite file, which several processes may use at once.

    Not for several threads. Every method raises UnavailableError while the file is busy or its
    disk is full, RefusedStateError when it is no such file.
    """

    lasting = True

    def __init__(self, name: str, remembering: Remembering) -> None:
        """Open or make the file `name`.sqlite in the folder and forget what is too old."""
        self._path = remembering.folder / f"{name}.sqlite"
        self._today = remembering.today.toordinal()
        self._put: dict[Subject, Change] = {}
        self._in_writing: dict[Subject, Change] = {}
        self._writing: Future[None] | None = None
        self._seen_version = -1
        with self._refusing():
            remembering.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._writer = self._connection()
            self._prepare()
            self._forget_before(self._today - remembering.keep_days)
            self._reader = self._connection()
        self._executor = ThreadPoolExecutor(1, "event-places")

    def _connection(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        for pragma in (
            f"page_size = {_PAGE_BYTES}",
            "journal_mode = WAL",
            # A power cut may undo what was put since `settle`; a killed process undoes nothing.
            "synchronous = NORMAL",
            f"cache_size = -{_CACHE_KIB}",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _prepare(self) -> None:
        with self._transaction() as writer:
            (version,) = writer.execute("PRAGMA user_version").fetchone()
            if version > STATE_VERSION:
                raise RefusedStateError(
                    f"{self._path} was written by a newer version of Recalibra; use that one"
                )
            for table in _TABLES.values():
                writer.execute(
                    f"CREATE TABLE IF NOT EXISTS {table} (event_id TEXT PRIMARY KEY, "
                    "places TEXT NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID"
                )
            writer.execute("CREATE TABLE IF NOT EXISTS upkeep (day INTEGER NOT NULL)")
            writer.execute(f"PRAGMA user_version = {STATE_VERSION}")

    def _forget_before(self, day: int) -> None:
        """Forget what was put before a day; once a day is enough, since all rows are looked at."""
        with self._transaction() as writer:
            (last,) = writer.execute("SELECT max(day) FROM upkeep").fetchone()
            if last is not None and last >= self._today:
                return
            for table in _TABLES.values():
                writer.execute(f"DELETE FROM {table} WHERE day < ?", (day,))
            writer.execute("DELETE FROM upkeep")
            writer.execute("INSERT INTO upkeep VALUES (?)", (self._today,))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            yield self._writer
            self._writer.execute("COMMIT")
        except BaseException:
            # After some errors SQLite has rolled back itself.
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            raise UnavailableError(
                f"what was sent cannot be remembered in {self._path}: {error}; see to its disk and "
                "its rights, then send again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise RefusedStateError(
                f"{self._path} is no memory of sent events ({error}): bring it back from a backup, "
                "or move it away, which forgets where events stand that move later"
            ) from error

    def get(self, subject: Subject) -> str:
        change = self._put.get(subject) or self._in_writing.get(subject)
        if change is not None:
            return change.after
        with self._refusing():
            # One for many look-ups: opening a transaction costs more than looking.
            if not self._reader.in_transaction:
                self._reader.execute("BEGIN")
            found = self._reader.execute(_LOOK[subject[0]], subject[1:]).fetchone()
        if found is None:
            return ""
        places, day = str(found[0]), int(found[1])
        if day + _REFRESHED_AFTER_DAYS < self._today:
            self._put[subject] = Change(places, places)
        return places

    def put(self, subject: Subject, change: Change) -> None:
        first = self._put.get(subject, change)
        self._put[subject] = Change(first.before, change.after)

    def write(self) -> None:
        self.written()
        self._in_writing, self._put = self._put, {}
        if self._in_writing:
            self._writing = self._executor.submit(self._write, self._in_writing)

    def written(self) -> None:
        writing, self._writing = self._writing, None
        try:
            with self._refusing():
                # Behind the end of the old snapshot the next one holds what was written.
                if self._reader.in_transaction:
                    self._reader.execute("COMMIT")
                if writing is not None:
                    writing.result()
        finally:
            self._in_writing = {}

    def _write(self, changes: Mapping[Subject, Change]) -> None:
        with self._transaction() as writer:
            (version,) = writer.execute("PRAGMA data_version").fetchone()
            for table, rows in _by_table(changes):
                if version != self._seen_version:
                    (clashes,) = writer.execute(
                        _CLASHES.format(table=table), {"changes": rows}
                    ).fetchone()
                    if clashes:
                        raise OursError(
                            f"another process has sent {clashes} of the same {table} in other "
                            "forms at this moment; send them again"
                        )
                writer.execute(_WRITE.format(table=table), {"changes": rows, "day": self._today})
        self._seen_version = version

    def settle(self, moved: Mapping[Subject, Change]) -> None:
        self.write()
        self.written()
        with self._refusing():
            if moved:
                with self._transaction() as writer:
                    for table, rows in _by_table(moved):
                        writer.execute(_SETTLE.format(table=table), {"changes": rows})
            # This is what waits for the disk.
            self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def close(self) -> None:
        self._executor.shutdown()
        self._put.clear()
        self._writer.close()
        self._reader.close()


def _by_table(changes: Mapping[Subject, Change]) -> Iterator[tuple[str, str]]:
    """Yield each table's changes as JSON, so that one statement, off Python's lock, takes all."""
    for event_type, table in _TABLES.items():
        rows = sorted(
            (event_id, *change)
            for (kind, event_id), change in changes.items()
            if kind == event_type
        )
        if rows:
            yield table, orjson.dumps(rows).decode()

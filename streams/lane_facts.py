"""What is to be known of a lane from outside, kept without a cost for its records."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import orjson

from processors.open_predictions import OpenPredictions


class Note(NamedTuple):
    """What a checkpoint writes beside the group's offsets, so that any machine can read it.

    Times are milliseconds since 1970. `transactions` counts since the worker took the lane over;
    None of the last two means that the stage has none, or does not know yet.
    """

    worker: str
    at_ms: int
    transactions: int
    open_predictions: int | None
    oldest_open_ms: int | None

    def to_text(self) -> str:
        """Return the note as the broker keeps it.

        >>> note = Note("join-1@lab:7", 1_700_000_000_000, 3, 12, None)
        >>> Note.from_text(note.to_text()) == note
        True
        """
        return orjson.dumps(list(self)).decode()

    @classmethod
    def from_text(cls, text: str | None) -> Self | None:
        """Return a note, or None for what is none of this program's.

        >>> Note.from_text("") is None, Note.from_text('{"a":1}') is None
        (True, True)
        """
        try:
            fields: Any = orjson.loads(text or "")
            return cls(*fields) if isinstance(fields, list) else None
        except (ValueError, TypeError):
            return None


class LaneFacts:
    """The facts of one lane: its own thread writes them, any other may read.

    `open_predictions` asks the lane's processor; None for a stage that has none.
    """

    def __init__(
        self, worker: str, open_predictions: Callable[[], OpenPredictions] | None = None
    ) -> None:
        self._worker, self._open_predictions = worker, open_predictions
        self.transactions = 0
        # In seconds since 1970; None before the first.
        self.checkpoint_at_s: float | None = None
        # Of a restore: records applied, and of how many changelog offsets how many are behind.
        self.restored_records, self.restore_done, self.restore_all = 0, 0, 0

    def restoring(self, applied: int, done: int, of_all: int) -> None:
        """Take note of how far a restore is."""
        self.restored_records, self.restore_done, self.restore_all = applied, done, of_all

    @property
    def open_predictions(self) -> OpenPredictions | None:
        """The open predictions as of the last checkpoint; None before it and without any."""
        if self._open_predictions is None or not self.transactions:
            return None
        return self._open_predictions()

    def note(self) -> str:
        """Return the note of a checkpoint that is about to be committed."""
        found = None if self._open_predictions is None else self._open_predictions()
        oldest_at = None if found is None else found.oldest_at
        return Note(
            self._worker,
            time.time_ns() // 1_000_000,
            self.transactions + 1,
            None if found is None else found.number,
            None if oldest_at is None else oldest_at // 1_000,
        ).to_text()

    def committed(self) -> None:
        """Take note of a checkpoint that succeeded."""
        self.transactions += 1
        self.checkpoint_at_s = time.time()

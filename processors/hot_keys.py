"""Predictions on keys with very many outcomes: paired piece by piece, a piece per checkpoint."""

import struct
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from processors.join_records import JoinRecords, record_key
from processors.options import Options
from processors.pairing import standings
from processors.record_layout import RecordLayout
from processors.restatement import Restatement
from processors.store import Store
from schemas.codec import Codec
from schemas.events import Event, Outcome, Prediction

HOT = b"h"
# A prediction that meets more outcomes than this does so piece by piece, and so many at once.
OUTCOMES_AT_ONCE = 1_000
_KEY = struct.Struct(">Q")


class _Task(NamedTuple):
    """A prediction that changed: which outcomes it is still to meet.

    `start` is the first of their records; `versions` are its models and versions before and after;
    `former` is its form before, encoded, None when it is new.
    """

    key: bytes
    start: bytes
    versions: list[tuple[str, str]]
    former: bytes | None


_TASK = RecordLayout(_Task)


class HotKeys:
    """The unfinished work of one lane, oldest first.

    Each piece says again what stands, whatever was said before: events that come in between and
    say pairs of their own cannot leave a wrong one behind.

    >>> from processors.store import MemoryStore
    >>> from schemas.table import SchemaTable
    >>> codec = Codec(SchemaTable())
    >>> HotKeys(JoinRecords(codec), codec, Options()).work(MemoryStore(), 1)
    []
    """

    def __init__(
        self,
        records: JoinRecords,
        codec: Codec,
        options: Options,
        outcomes_at_once: int = OUTCOMES_AT_ONCE,
    ) -> None:
        self._records, self._codec, self._options = records, codec, options
        self.outcomes_at_once = outcomes_at_once
        self._restatement = Restatement(codec)
        self.working = False

    def add(
        self,
        former: Prediction | None,
        prediction: Prediction,
        key: bytes,
        sequence: int,
        store: Store,
    ) -> None:
        """Plan to restate the pairs of a prediction that changed from `former`, None if new.

        >>> from processors.store import MemoryStore
        >>> from schemas.events import AssayContext
        >>> from schemas.table import SchemaTable
        >>> codec, store = Codec(SchemaTable()), MemoryStore()
        >>> hot_keys = HotKeys(JoinRecords(codec), codec, Options())
        >>> p = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5)
        >>> hot_keys.add(None, p, b"m", 1, store); hot_keys.working
        True
        """
        forms = [form for form in (former, prediction) if form is not None]
        versions = sorted({(form.model_id, form.model_version) for form in forms})
        encoded = None if former is None else self._codec.encode(former)
        task = _Task(key, b"", versions, encoded)
        store.put(HOT + _KEY.pack(sequence), _TASK.pack(task))
        self.working = True

    def work(self, store: Store, sequence: int) -> list[Event]:
        """Do a piece and return what it says; `sequence` becomes the row_version.

        >>> from processors.store import MemoryStore
        >>> from schemas.table import SchemaTable
        >>> codec = Codec(SchemaTable())
        >>> HotKeys(JoinRecords(codec), codec, Options()).work(MemoryStore(), 1)
        []
        """
        waiting = list(islice(store.scan(HOT), 2))
        if not waiting:
            self.working = False
            return []
        own_key, data = waiting[0]
        task = _TASK.unpack(data)
        at_once = self.outcomes_at_once
        met = list(islice(self._records.outcomes(task.key, store, task.start), at_once + 1))
        said = self._restated(task, met[:at_once], sequence, store)
        if len(met) > at_once:
            rest = task._replace(start=record_key(met[at_once], task.key))
            store.put(own_key, _TASK.pack(rest))
        else:
            store.delete(own_key)
        self.working = len(met) > at_once or len(waiting) > 1
        return said

    def _restated(
        self, task: _Task, outcomes: Sequence[Outcome], sequence: int, store: Store
    ) -> list[Event]:
        versions = {tuple(version) for version in task.versions}
        group = [
            kept.prediction
            for kept in self._records.predictions(task.key, store)
            if (kept.prediction.model_id, kept.prediction.model_version) in versions
        ]
        former = None if task.former is None else self._codec.decode(task.former, Prediction)
        said: list[Event] = []
        for outcome in outcomes:
            after = standings(group, outcome, self._options.retention_us(outcome.assay_id))
            if former is not None:
                said += self._restatement.withdrawals(former, after, outcome, sequence)
            for standing in after.values():
                said += self._restatement.statement(standing, outcome, standing[0], sequence)
        return said

"""The join: predictions and outcomes of one molecule and assay, in any order, become pairs.

Per key the store holds the newest revision of every prediction and outcome. What pairs exist is a
function of that set alone, so duplicates, replays and the order of arrival cannot matter; an event
makes the join say again exactly the pairs it changed.
"""

from collections.abc import Iterator

from processors.options import Options
from processors.pairing import RETRACTED, Standing, pair_id_of, pair_of, standings
from processors.store import Store
from schemas.codec import Codec
from schemas.errors import InvalidValueError
from schemas.events import DeadLetter, Event, Outcome, Prediction, Tick
from schemas.precedence import precedence
from schemas.topics import join_key
from schemas.validation import EVENT_BYTES_MAX

PREDICTION_KIND, OUTCOME_KIND = b"p", b"o"
DEFAULTS = Options()


def _prefix(kind: bytes, key: bytes) -> bytes:
    return kind + key + b"\0"


class Join:
    """The join stage's processor.

    >>> from schemas.events import AssayContext
    >>> from schemas.table import SchemaTable
    >>> from processors.store import MemoryStore
    >>> join, store = Join(Codec(SchemaTable())), MemoryStore()
    >>> o = Outcome("o", 0, False, "CCO", "logP", AssayContext(), 1.2)
    >>> p = Prediction("p", 0, False, "CCO", "logP", AssayContext(), "net", "1", 1.5)
    >>> join.process(o, 1, store)
    []
    >>> [(pair.predicted, pair.measured) for pair in join.process(p, 2, store)]
    [(1.5, 1.2)]
    >>> join.process(p, 3, store)
    []
    """

    working = False

    def __init__(self, codec: Codec, options: Options = DEFAULTS, lane: int = 0) -> None:
        self._codec, self._options, self._lane = codec, options, lane

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one prediction or outcome and return the pairs it restates.

        `sequence` grows with every event of the lane; it becomes the pairs' row_version. A pair
        whose units cannot be converted is retracted, with a dead letter that says why.
        """
        if isinstance(event, Tick):
            return []
        if not isinstance(event, (Prediction, Outcome)):
            raise TypeError(f"the join takes predictions and outcomes, not {type(event).__name__}")
        key = join_key(event.molecule_id, event.assay_id)
        kind = PREDICTION_KIND if isinstance(event, Prediction) else OUTCOME_KIND
        own_key = _prefix(kind, key) + event.event_id.encode()
        encoded = self._codec.encode(event)
        if len(encoded) > EVENT_BYTES_MAX:
            raise InvalidValueError(f"the record is larger than {EVENT_BYTES_MAX} bytes")
        known = store.get(own_key)
        if known is not None:
            old = self._codec.decode(known, type(event))
            if precedence(event) <= precedence(old):
                return []
        else:
            old = None
        store.put(own_key, encoded)
        if isinstance(event, Prediction):
            assert old is None or isinstance(old, Prediction)
            return self._prediction_changed(old, event, key, sequence, store)
        assert old is None or isinstance(old, Outcome)
        return self._outcome_changed(old, event, key, sequence, store)

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Return what was held back: the join holds nothing back."""
        return []

    def _events(self, kind: bytes, key: bytes, store: Store) -> Iterator[Event]:
        event_type = Prediction if kind == PREDICTION_KIND else Outcome
        for _, value in store.scan(_prefix(kind, key)):
            yield self._codec.decode(value, event_type)

    def _prediction_changed(
        self, old: Prediction | None, new: Prediction, key: bytes, sequence: int, store: Store
    ) -> list[Event]:
        outcomes = list(self._events(OUTCOME_KIND, key, store))
        if not outcomes:
            return []
        versions = {(p.model_id, p.model_version) for p in (old, new) if p is not None}
        rivals = [
            p
            for p in self._events(PREDICTION_KIND, key, store)
            if isinstance(p, Prediction)
            and p.event_id != new.event_id
            and (p.model_id, p.model_version) in versions
        ]
        changed: list[Event] = []
        for outcome in outcomes:
            assert isinstance(outcome, Outcome)
            before = standings([*rivals, old] if old else rivals, outcome)
            after = standings([*rivals, new], outcome)
            changed += self._restate(before, after, outcome, new, sequence)
        return changed

    def _outcome_changed(
        self, old: Outcome | None, new: Outcome, key: bytes, sequence: int, store: Store
    ) -> list[Event]:
        predictions = [
            p for p in self._events(PREDICTION_KIND, key, store) if isinstance(p, Prediction)
        ]
        before = standings(predictions, old) if old is not None else {}
        after = standings(predictions, new)
        gone = {i: standing for i, standing in before.items() if i not in after}
        return self._restate(gone, after, new, new, sequence)

    def _restate(
        self,
        before: dict[str, Standing],
        after: dict[str, Standing],
        outcome: Outcome,
        cause: Prediction | Outcome,
        sequence: int,
    ) -> list[Event]:
        """Return the pairs that differ between two sets of standings of one outcome."""
        said: list[Event] = []
        for event_id, (prediction, _) in before.items():
            now = after.get(event_id)
            if now is None or now[0].model_id != prediction.model_id:
                said.append(pair_of(prediction, outcome, RETRACTED, sequence))
        for event_id, standing in after.items():
            if before.get(event_id) != standing:
                said += self._pair_or_dead_letter(standing, outcome, cause, sequence)
        return said

    def _pair_or_dead_letter(
        self, standing: Standing, outcome: Outcome, cause: Prediction | Outcome, sequence: int
    ) -> list[Event]:
        prediction, status = standing
        try:
            return [pair_of(prediction, outcome, status, sequence)]
        except InvalidValueError as error:
            dead_letter = DeadLetter(
                dead_letter_id=pair_id_of(prediction, outcome),
                origin="join",
                partition=None,
                position=sequence,
                column=error.column,
                schema_id=None,
                error=type(error).__name__,
                reason=f"prediction {prediction.event_id} and outcome {outcome.event_id} of "
                f"{outcome.molecule_id} in {outcome.assay_id}: {error}",
                key=join_key(outcome.molecule_id, outcome.assay_id),
                payload=self._codec.encode(cause),
            )
            # An earlier revision may have paired: that pair must not stand.
            return [dead_letter, pair_of(prediction, outcome, RETRACTED, sequence)]

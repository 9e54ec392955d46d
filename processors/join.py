"""The join: predictions and outcomes of one molecule and assay, in any order, become pairs.

Per key the store holds the newest revision of every prediction and outcome. What pairs exist is a
function of that set alone, so duplicates, replays and the order of arrival cannot matter; an event
makes the join say again exactly the pairs it changed.
"""

from collections.abc import Iterable
from itertools import islice

from processors.coverage import CoverageCounts, Place, place_of
from processors.deadlines import DROP, LOOK, Deadlines
from processors.hot_keys import OUTCOMES_AT_ONCE, HotKeys
from processors.join_group import EXPIRED, LABELLED, OPEN, Kept
from processors.join_records import JoinRecords, record_key
from processors.open_predictions import OldestOpen, OpenPredictions
from processors.options import DAY_US, DEFAULTS, Options
from processors.pairing import IN_TIME, answers, standings
from processors.restatement import Restatement, Standings
from processors.store import Store
from schemas.codec import Codec
from schemas.errors import ConflictingContentError
from schemas.events import DeadLetter, Event, Outcome, Prediction, Tick
from schemas.precedence import precedence
from schemas.topics import digest, join_key

JOINED_TYPES = (Prediction, Outcome)


class Join:
    """The join stage's processor; `lane` is the number of the lane it is for.

    A prediction that meets more than `outcomes_at_once` does so in pieces of so many.

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

    def __init__(
        self,
        codec: Codec,
        options: Options = DEFAULTS,
        lane: int = 0,
        outcomes_at_once: int = OUTCOMES_AT_ONCE,
    ) -> None:
        self._codec, self._options = codec, options
        self._records, self._restatement = JoinRecords(codec, options), Restatement(codec)
        self._coverage, self._deadlines = CoverageCounts(lane), Deadlines()
        self._hot_keys = HotKeys(self._records, codec, options, outcomes_at_once)
        self._oldest_open = OldestOpen(self._records, self._deadlines)
        self._sequence = 0

    @property
    def open_predictions(self) -> OpenPredictions:
        """The open predictions of the lane as of the last flush; any thread may ask."""
        return OpenPredictions(self._coverage.open, self._oldest_open.at)

    @property
    def working(self) -> bool:
        """Whether predictions are being paired piece by piece, or records are due to be dropped."""
        return self._hot_keys.working or self._deadlines.working

    def prepare(self, events: Iterable[Event], store: Store) -> None:
        """Have at hand what is known of events that come next."""
        keys = {join_key(e.molecule_id, e.assay_id) for e in events if isinstance(e, JOINED_TYPES)}
        self._records.prepare(keys, store)

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        """Take one prediction, outcome or tick and return the pairs it restates.

        `sequence` grows with every event of the lane; it becomes the pairs' row_version. A pair
        whose units cannot be converted is retracted, with a dead letter that says why; so is of two
        contents of one revision the one that does not count.
        """
        if not isinstance(event, JOINED_TYPES):
            if not isinstance(event, Tick):
                raise TypeError(f"the join takes no {type(event).__name__}")
            self._sequence = sequence
            self._deadlines.tick(event.at, store)
            return []
        key = join_key(event.molecule_id, event.assay_id)
        encoded = self._records.encode(event)
        self._sequence = sequence
        known = self._records.known(event, key, store)
        said: list[Event] = []
        if known is not None:
            old = known[0]
            ahead = precedence(event) - precedence(old)
            if ahead and event.revision == old.revision:
                said.append(self._conflict(old if ahead > 0 else event, key))
            if ahead <= 0:
                return said
        former, standing = known or (None, OPEN)
        self._schedule(former, event, record_key(event, key), store)
        if isinstance(event, Prediction):
            assert former is None or isinstance(former, Prediction)
            kept = None if former is None else Kept(former, standing)
            return said + self._prediction_changed(kept, event, encoded, key, store)
        assert former is None or isinstance(former, Outcome)
        return said + self._outcome_changed(former, event, encoded, key, store)

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        """Do a piece of what `working` tells of, and return the coverage that is due."""
        said: list[Event] = []
        # A new owner does not know how far rows are numbered before its first event: a tick comes
        # with every taking over.
        if self._sequence:
            said += self._hot_keys.work(store, self._sequence)
            self._deadlines.flush(store, self._sequence)
            passed = list(self._deadlines.passed(store))
            events = self._records.events_at((own_key for _, own_key in passed), store)
            for what, own_key in passed:
                if own_key in events:
                    self._deadline_passed(what, own_key, events[own_key], store)
            self._deadlines.flush(store, self._sequence)
            # Once at the beginning, too: what is known then is in the first checkpoint's note.
            if quiet or not self._oldest_open.looked:
                self._oldest_open.look(store)
        return [*said, *self._coverage.flush(store, quiet and not self.working)]

    # Pairs

    def _prediction_changed(
        self, former: Kept | None, new: Prediction, encoded: bytes, key: bytes, store: Store
    ) -> list[Event]:
        at_once = self._hot_keys.outcomes_at_once
        outcomes = list(islice(self._records.outcomes(key, store), at_once + 1))
        hot = len(outcomes) > at_once
        every = self._records.outcomes(key, store) if hot else outcomes
        standing = self._standing(new, every, store)
        self._records.put(new, standing, encoded, key, store)
        self._count(former, Kept(new, standing), store)
        if not outcomes:
            return []
        old = former.prediction if former else None
        if hot:
            self._hot_keys.add(old, new, key, self._sequence, store)
            return []
        versions = {(p.model_id, p.model_version) for p in (old, new) if p is not None}
        rivals = [
            p
            for p, _ in self._records.predictions(key, store)
            if p.event_id != new.event_id and (p.model_id, p.model_version) in versions
        ]
        retention_us = self._options.retention_us(new.assay_id)
        said: list[Event] = []
        for outcome in outcomes:
            before = standings([*rivals, old] if old else rivals, outcome, retention_us)
            after = standings([*rivals, new], outcome, retention_us)
            said += self._restatement.differences(before, after, outcome, new, self._sequence)
        return said

    def _outcome_changed(
        self, old: Outcome | None, new: Outcome, encoded: bytes, key: bytes, store: Store
    ) -> list[Event]:
        self._records.put(new, OPEN, encoded, key, store)
        kept = self._records.predictions(key, store)
        predictions = [prediction for prediction, _ in kept]
        retention_us = self._options.retention_us(new.assay_id)
        before = {} if old is None else standings(predictions, old, retention_us)
        after = standings(predictions, new, retention_us)
        self._recount(kept, before, after, key, store)
        gone = {i: standing for i, standing in before.items() if i not in after}
        moved = {i: before[i] for i in after if i in before and before[i][1] != after[i][1]}
        return self._restatement.differences(gone | moved, after, new, new, self._sequence)

    def _conflict(self, loser: Prediction | Outcome, key: bytes) -> DeadLetter:
        kind, payload = type(loser).__name__, self._codec.encode(loser)
        content = str(precedence(loser))
        return DeadLetter(
            dead_letter_id=digest("conflict", kind, loser.event_id, content),
            origin="join",
            partition=None,
            position=self._sequence,
            column="revision",
            schema_id=None,
            error=ConflictingContentError.__name__,
            reason=f"{kind.lower()} {loser.event_id} came with two contents of revision "
            f"{loser.revision}, and this one does not count; send what is right with a higher one",
            key=key,
            payload=payload,
        )

    # Coverage

    def _standing(self, prediction: Prediction, outcomes: Iterable[Outcome], store: Store) -> int:
        retention_us = self._options.retention_us(prediction.assay_id)
        if any(answers(outcome, prediction, retention_us) for outcome in outcomes):
            return LABELLED
        made_at = prediction.predicted_at
        due = None if made_at is None else made_at + retention_us
        return EXPIRED if self._deadlines.is_past(due, store) else OPEN

    def _count(self, before: Kept | None, after: Kept, store: Store) -> None:
        """Count a prediction that is new or stands differently."""
        # One that is new has a deadline that is, too, and is found by it.
        if before is not None and after.is_open and not before.is_open:
            self._oldest_open.start_over()
        if before is not None and not before.prediction.retracted:
            if _place_of(before) == _place_of(after) and not after.prediction.retracted:
                was, now = before.standing, after.standing
                if was != now:
                    labelled = (now == LABELLED) - (was == LABELLED)
                    expired = (now == EXPIRED) - (was == EXPIRED)
                    self._coverage.add(_place_of(after), store, 0, labelled, expired)
                return
            self._count_one(before, -1, store)
        if not after.prediction.retracted:
            self._count_one(after, 1, store)

    def _count_one(self, kept: Kept, sign: int, store: Store) -> None:
        labelled, expired = kept.standing == LABELLED, kept.standing == EXPIRED
        self._coverage.add(_place_of(kept), store, sign, sign * labelled, sign * expired)

    def _recount(
        self, kept: Iterable[Kept], before: Standings, after: Standings, key: bytes, store: Store
    ) -> None:
        """Follow in the counts which predictions an outcome that changed answers now."""
        for prediction, standing in kept:
            place = prediction.event_id
            answered = place in after and after[place][1] in IN_TIME
            was_answered = place in before and before[place][1] in IN_TIME
            now = standing
            if answered:
                now = LABELLED
            elif was_answered:
                now = self._standing(prediction, self._records.outcomes(key, store), store)
            if now != standing:
                self._restand(Kept(prediction, standing), now, key, store)

    def _restand(self, kept: Kept, standing: int, key: bytes, store: Store) -> None:
        self._records.restand(kept.prediction, standing, key, store)
        self._count(kept, Kept(kept.prediction, standing), store)

    # Deadlines

    def _schedule(
        self,
        former: Prediction | Outcome | None,
        event: Prediction | Outcome,
        own_key: bytes,
        store: Store,
    ) -> None:
        """Set the first deadline of an event whose time is new."""
        if former is not None and _time_of(former) == _time_of(event):
            return
        if isinstance(event, Prediction) and event.predicted_at is not None:
            due = event.predicted_at + self._options.retention_us(event.assay_id)
            self._deadlines.add(LOOK, own_key, due)
        else:
            self._set_drop(event, own_key, store)

    def _kept_until(self, event: Prediction | Outcome, time_us: int) -> int:
        # A prediction stays as long as any outcome that it may pair with, so that revisions of
        # either find the other.
        retentions = 2 if isinstance(event, Prediction) else 1
        slack_us = self._options.slack_days * DAY_US
        return time_us + retentions * self._options.retention_us(event.assay_id) + slack_us

    def _set_drop(self, event: Prediction | Outcome, own_key: bytes, store: Store) -> None:
        """Set when an event may be dropped that came in now, or is looked at now."""
        now, time_us = self._deadlines.now(store), _time_of(event)
        if now is None:
            self._deadlines.add(LOOK, own_key, None)
        elif time_us is None:
            self._deadlines.add(DROP, own_key, self._kept_until(event, now))
        else:
            # Old results that are loaded today meet each other today.
            soonest = now + self._options.slack_days * DAY_US
            self._deadlines.add(DROP, own_key, max(self._kept_until(event, time_us), soonest))

    def _deadline_passed(
        self, what: int, own_key: bytes, event: Prediction | Outcome, store: Store
    ) -> None:
        time_us = _time_of(event)
        if what == DROP:
            kept_until = None if time_us is None else self._kept_until(event, time_us)
            if kept_until is None or self._deadlines.is_past(kept_until, store):
                self._records.remove(own_key, store)
                return
        elif isinstance(event, Prediction) and time_us is not None:
            due = time_us + self._options.retention_us(event.assay_id)
            if self._deadlines.is_past(due, store) and self._records.open_at(own_key, store):
                key = join_key(event.molecule_id, event.assay_id)
                self._restand(Kept(event, OPEN), EXPIRED, key, store)
        self._set_drop(event, own_key, store)


def _time_of(event: Prediction | Outcome) -> int | None:
    return event.predicted_at if isinstance(event, Prediction) else event.measured_at


def _place_of(kept: Kept) -> Place:
    prediction = kept.prediction
    return place_of(prediction.model_id, prediction.model_version, prediction.assay_id)

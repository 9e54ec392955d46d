"""The alert of one model version in one assay: one change is one alert, until it has recovered."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import fmean, stdev
from typing import NamedTuple

from processors.cause import NO_CAUSE, Cause, explain, holds
from processors.detectors import Change
from processors.keys import alert_key, progress_key
from processors.onset import onset
from processors.record_layout import RecordLayout
from processors.series import Scored, SeriesName
from processors.store import Store
from schemas.events import Alert
from schemas.topics import digest, monitor_key

OPEN, RECOVERED = "open", "recovered"
# The first results after a change may point at the wrong factor: the cause is looked for again.
CAUSE_LOOK_EVERY_PAIRS = 5
CAUSE_PAIRS_MAX = 200
# Blocks of so many scores do not overlap; their mean has a standard error of 0.14.
RECOVERY_PAIRS = 50
RECOVERY_SCORE_MAX = 0.25


class Subject(NamedTuple):
    """What an alert is about."""

    model_id: str
    model_version: str
    assay_id: str


class _Said(NamedTuple):
    """The alert as last said, how many there were, and whether its segment has a reference."""

    opened: int
    alert: Alert | None
    own_reference: bool


class _Progress(NamedTuple):
    """Pairs since the open alert was raised, and the scores of its latest block."""

    pairs: int
    scores: list[float]


_SAID, _PROGRESS = RecordLayout(_Said), RecordLayout(_Progress)

Rows = Callable[[], list[Scored]]
Scores = Mapping[SeriesName, float | None]
Learned = Callable[[SeriesName], bool]


def _day(time_us: int | None) -> str:
    if time_us is None:
        return "an unstated time"
    return datetime.fromtimestamp(time_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _named(level: tuple[str, str]) -> str:
    return f"{level[0].replace('_', ' ')} {level[1]}"


class AlertKeeper:
    """Opens, explains and closes the alert of one subject; the store changes with `save` only.

    >>> from processors.store import MemoryStore
    >>> store, keeper = MemoryStore(), AlertKeeper(Subject("net", "1", "logP"))
    >>> rows = lambda: []
    >>> change = Change("page_hinkley", 5, None)
    >>> [a.state for a in keeper.changed(change, 9, 1, rows, lambda series: True)]
    ['open']
    >>> keeper.changed(change, 10, 2, rows, lambda series: True)
    []
    >>> keeper.save(store); AlertKeeper.load(Subject("net", "1", "logP"), store).is_open
    True
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        key = monitor_key(subject.model_id, subject.assay_id)
        self._key = alert_key(key, subject.model_version)
        self._progress_key = progress_key(key, subject.model_version)
        self._said = self._stored_said = _Said(0, None, False)
        self._progress = self._stored_progress = _Progress(0, [])

    @classmethod
    def load(cls, subject: Subject, store: Store) -> "AlertKeeper":
        """Return the keeper of a subject as `save` left it, or a fresh one."""
        keeper = cls(subject)
        said, progress = store.get(keeper._key), store.get(keeper._progress_key)
        if said is not None:
            keeper._said = keeper._stored_said = _SAID.unpack(said)
        if progress is not None:
            keeper._progress = keeper._stored_progress = _PROGRESS.unpack(progress)
        return keeper

    def save(self, store: Store) -> None:
        """Write what changed since `load` or the last `save`."""
        if self._said != self._stored_said:
            store.put(self._key, _SAID.pack(self._said))
            self._stored_said = self._said
        if self._progress != self._stored_progress:
            store.put(self._progress_key, _PROGRESS.pack(self._progress))
            self._stored_progress = self._progress

    @property
    def alert(self) -> Alert | None:
        """The alert as last said, or None when none ever was."""
        return self._said.alert

    @property
    def is_open(self) -> bool:
        """Whether an alert is open now."""
        return self.alert is not None and self.alert.state == OPEN

    def changed(
        self, change: Change, at: int | None, sequence: int, rows: Rows, learned: Learned
    ) -> list[Alert]:
        """Take a change that a detector found; open an alert unless one is open.

        `rows()` gives the newest scored pairs of the model version in the order of their times;
        `learned(series)` says whether a series has its reference.
        """
        if self.is_open:
            return []
        number = self._said.opened + 1
        alert = Alert(
            alert_id=digest("alert", *self._subject, str(number)),
            row_version=sequence,
            state=OPEN,
            model_id=self._subject.model_id,
            model_version=self._subject.model_version,
            assay_id=self._subject.assay_id,
            segment_field=None,
            segment_value=None,
            detector=change.detector,
            since=change.since,
            detected_at=at,
            effect_sd=None,
            p_value=change.p_value,
            n=0,
            reason="",
        )
        self._said = self._said._replace(opened=number)
        self._progress = _Progress(0, [])
        return [self._say(self._explained(alert, sequence, rows)[0], learned)]

    def seen(self, scores: Scores, sequence: int, rows: Rows, learned: Learned) -> list[Alert]:
        """Take the scores of one pair; look for the cause again, or close the alert."""
        alert = self.alert
        if alert is None or alert.state != OPEN:
            return []
        whole = SeriesName(alert.model_version, None, None)
        about = whole._replace(field=alert.segment_field, value=alert.segment_value)
        score = scores.get(about if self._said.own_reference else whole)
        if about in scores and score is not None:
            seen = [*self._progress.scores, score]
            full = len(seen) == RECOVERY_PAIRS
            self._progress = self._progress._replace(scores=[] if full else seen)
            if full and abs(fmean(seen)) <= RECOVERY_SCORE_MAX:
                return [self._recover(alert, sequence, learned)]
        pairs = self._progress.pairs + 1
        self._progress = self._progress._replace(pairs=pairs)
        if pairs % CAUSE_LOOK_EVERY_PAIRS or pairs > CAUSE_PAIRS_MAX:
            return []
        again, cause = self._explained(alert, sequence, rows)
        if cause.level in (None, (alert.segment_field, alert.segment_value)):
            return []
        return [self._say(again, learned)]

    def _say(self, alert: Alert, learned: Learned) -> Alert:
        segment = SeriesName(alert.model_version, alert.segment_field, alert.segment_value)
        # A segment whose reference is not complete yet is learning from the bad results.
        self._said = self._said._replace(alert=alert, own_reference=learned(segment))
        self._progress = self._progress._replace(scores=[])
        return alert

    def _recover(self, alert: Alert, sequence: int, learned: Learned) -> Alert:
        reason = (
            f"The last {RECOVERY_PAIRS} results agree with the baseline again. It was: "
            f"{alert.reason}"
        )
        recovered = alert._replace(state=RECOVERED, row_version=sequence, reason=reason)
        return self._say(recovered, learned)

    def _explained(self, alert: Alert, sequence: int, rows: Rows) -> tuple[Alert, Cause]:
        records = rows()
        # The detector follows the log; the records say when it began in whatever order they came.
        found = onset(records)
        started = alert.since if found is None else found
        since = [r for r in records if _is_since(r, started)]
        before = [r for r in records if not _is_since(r, started)]
        cause = explain(since, before) if since else NO_CAUSE
        own = since
        if cause.level is not None:
            level = cause.level
            own = [record for record in since if holds(record, level)]
            started = min((r.at for r in own if r.at is not None), default=started)
        effect = _effect_sd(own, before)
        named = cause.level or (None, None)
        said = alert._replace(
            row_version=sequence,
            segment_field=named[0],
            segment_value=named[1],
            since=started,
            effect_sd=effect,
            p_value=cause.p_value if cause.p_value is not None else alert.p_value,
            n=len(own),
        )
        return said._replace(reason=_reason(said, cause)), cause


def _is_since(record: Scored, start: int | None) -> bool:
    return start is not None and record.at is not None and record.at >= start


def _effect_sd(own: Sequence[Scored], before: Sequence[Scored]) -> float | None:
    now = [r.error for r in own if r.error is not None]
    earlier = [r.error for r in before if r.error is not None]
    if not now or len(earlier) < 2:
        return None
    spread = stdev(earlier)
    return (fmean(now) - fmean(earlier)) / spread if spread > 0 else None


def _reason(alert: Alert, cause: Cause) -> str:
    what = f"Predictions of {alert.model_id} {alert.model_version} in {alert.assay_id}"
    if alert.effect_sd is None:
        moved = "no longer err as they did"
    else:
        way = "above" if alert.effect_sd > 0 else "below"
        size = abs(alert.effect_sd)
        moved = f"read {size:.1f} baseline SD further {way} the bench than before"
    when = f"since {_day(alert.since)}"
    if cause.level is not None:
        return (
            f"{what} {moved} {when}, on results made with {_named(cause.level)} "
            f"({alert.n} results, adjusted p {alert.p_value:.1g} against the others)."
        )
    if cause.tied:
        names = " and ".join(_named(level) for level in cause.tied)
        return f"{what} {moved} {when}; {names} hold the same results and cannot be told apart."
    return f"{what} {moved} {when} ({alert.n} results); no single factor explains it."

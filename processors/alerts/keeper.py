"""The alerts of one model version in one assay: one change is one alert, until it has recovered.

open ──► acknowledged      a person has seen it; a graver severity opens it again
  │  ◄── (graver)
  ├────► muted             while a mute stands: kept, and said again if it still holds
  └────► recovered         when nothing holds it open any more; the next change is another alert
"""

from collections.abc import Collection
from typing import NamedTuple

from processors.alerts.evidence import Evidence, evidence
from processors.alerts.news import ON, Context, Look, RuleWord
from processors.alerts.recovery import RECOVERY_PAIRS, is_over
from processors.alerts.rows import (
    ACKNOWLEDGED,
    MUTED,
    OPEN,
    RECOVERED,
    opened,
    segment_of,
    telling,
    with_evidence,
)
from processors.alerts.sentences import of_change, of_plan
from processors.alerts.severity import INFO, graver, severity_of
from processors.alerts.status import RELEARNS, Status, status_row
from processors.alerts.subject import Subject, last_words
from processors.assay.mean_shift import ControlResults
from processors.detectors import Change
from processors.keys import progress_key
from processors.record_layout import RecordLayout
from processors.series import SeriesName
from processors.store import Store
from schemas.events import CONTEXT_FIELDS, Alert, AlertCommand

# The first results after a change may point at the wrong factor: the cause is looked for again.
CAUSE_LOOK_EVERY_PAIRS = 5
CAUSE_PAIRS_MAX = 200

CHART = "chart"
_RULE = "rule:"


class Standing(NamedTuple):
    """Whether an alert stands (`frozen`: no baseline learns meanwhile), and how many have ended."""

    frozen: bool
    episode: int


class _Hold(NamedTuple):
    """Why an alert is open: how grave that is, and what it says."""

    severity: str
    sentence: str


class _Said(NamedTuple):
    """How many alerts there were, the latest one as last said, and what it rests on.

    `found` is the alert without what people have ordered. `holding` is what holds it open: CHART,
    or rules by name. `own_reference`: its segment had one when it was named. `episode` counts the
    changes that are over.
    """

    opened: int
    alert: Alert | None
    found: Alert | None
    holding: dict[str, _Hold]
    own_reference: bool
    status: Status
    episode: int = 0


class _Progress(NamedTuple):
    """Pairs since the open alert was raised, and the scores of its latest block.

    `effect` is the change at its largest, in baseline SD: once it is over, it seems to get smaller.
    """

    pairs: int
    scores: list[float]
    effect: float = 0.0


_SAID, _PROGRESS = RecordLayout(_Said), RecordLayout(_Progress)


class AlertKeeper:
    """Opens, explains and closes the alerts of one subject; the store changes with `save` only.

    Methods return the rows to be published, at most one of each alert.

    >>> from processors.alerts.orders import Orders
    >>> from processors.store import MemoryStore
    >>> class Nothing:
    ...     def rows(self, about): return []
    ...     def learned(self, about, series): return True
    ...     def controls(self, about, start): return []
    >>> store, keeper = MemoryStore(), AlertKeeper(Subject("net", "1", "logP"))
    >>> look = Look(9, {}, [Change("page_hinkley", 5, None)])
    >>> [a.state for a in keeper.look(look, Context(1, Nothing(), Orders(), store))]
    ['open', 'warning']
    >>> keeper.look(look, Context(2, Nothing(), Orders(), store))
    []
    >>> keeper.save(store); AlertKeeper.load(Subject("net", "1", "logP"), store).is_open
    True
    """

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._progress_key = progress_key(subject.lane_key, subject.model_version)
        self._said = self._stored_said = _Said(0, None, None, {}, False, Status())
        self._progress = self._stored_progress = _Progress(0, [])

    @classmethod
    def load(cls, subject: Subject, store: Store) -> "AlertKeeper":
        """Return the keeper of a subject as `save` left it, or a fresh one."""
        keeper = cls(subject)
        said, progress = store.get(subject.key), store.get(keeper._progress_key)
        if said is not None:
            keeper._said = keeper._stored_said = _SAID.unpack(said)
        if progress is not None:
            keeper._progress = keeper._stored_progress = _PROGRESS.unpack(progress)
        return keeper

    def save(self, store: Store) -> None:
        """Write what changed since `load` or the last `save`."""
        if self._said != self._stored_said:
            store.put(self._subject.key, _SAID.pack(self._said))
            self._stored_said = self._said
        if self._progress != self._stored_progress:
            store.put(self._progress_key, _PROGRESS.pack(self._progress))
            self._stored_progress = self._progress

    @property
    def alert(self) -> Alert | None:
        """The latest alert as last said, or None when none ever was."""
        return self._said.alert

    @property
    def is_open(self) -> bool:
        """Whether an alert stands, be it acknowledged or muted."""
        return bool(self._said.holding)

    @property
    def standing(self) -> Standing:
        """What the charts must know before they look."""
        return Standing(self.is_open, self._said.episode)

    def look(self, look: Look, context: Context) -> list[Alert]:
        """Take what the charts make of one result: open, explain again or close; tell the status.

        A change that is found while an alert stands is the same change.
        """
        said = self._seen(look, context) if CHART in self._said.holding else []
        for change in look.changes:
            said += self._changed(change, look.at, context)
        return last_words([*said, *self._stands(look, context)])

    def ruled(self, word: RuleWord, context: Context) -> list[Alert]:
        """Take what a rule of the lab's says; it holds a standing alert open, too."""
        name = _RULE + word.rule
        if not word.holds:
            return self._released(name, f"The rule {word.rule} is met again.", context)
        if name in self._said.holding:
            return []
        if not self.is_open:
            found = self._evidence(word.since, context, given=True)
            first = self._opened("rule", word.since, word.at)
            self._find(with_evidence(first, found)._replace(n=word.n))
        self._hold(name, _Hold(word.severity, word.sentence))
        return [*self._say(context), *self._stands(None, context)]

    def without_rules(self, names: Collection[str], context: Context) -> list[Alert]:
        """Let go of rules that are not among the lab's (`names`) any more."""
        said: list[Alert] = []
        for held in sorted(self._said.holding):
            rule, _, _ = held.removeprefix(_RULE).partition(ON)
            if held != CHART and rule not in names:
                said += self._released(held, "Its rule is no longer among the settings.", context)
        return last_words(said)

    def silent(self, no_labels_since: int | None, context: Context) -> list[Alert]:
        """Take since when predictions come and outcomes do not, None when outcomes come again."""
        status = self._said.status._replace(no_labels_since=no_labels_since)
        return self._tell(status, None, context)

    def acknowledge(self, command: AlertCommand, context: Context) -> list[Alert]:
        """Take that somebody has seen the alert; one that does not stand is left as it is."""
        found = self._said.found
        if found is None or not self.is_open or found.acknowledged_by is not None:
            return []
        self._find(found._replace(acknowledged_by=command.by))
        return self._say(context)

    def review(self, context: Context) -> list[Alert]:
        """Hold the alert against mutes and plans again: some came or went, or time has passed."""
        return self._say(context) if self.is_open else []

    def rebaseline(self, command: AlertCommand, context: Context) -> list[Alert]:
        """Close the alert, since what is now is the new normal; the series learn anew."""
        note = f": {command.note}" if command.note else ""
        why = f"{command.by} has made what is now the new baseline{note}."
        self._said = self._said._replace(episode=self._said.episode + 1)
        said = self._recovered(why, context) if self.is_open else []
        if command.segment_field is not None:
            return [*said, *self._stands(None, context)]
        self._progress = _Progress(0, [])
        status = self._said.status.looked(RELEARNS, None, False)
        return [*said, *self._tell(status, Look(None, {}, [], None, RELEARNS), context)]

    def _stands(self, look: Look | None, context: Context) -> list[Alert]:
        """Return the subject's status, if it is another than was told."""
        status = self._said.status
        if look is None:
            status = status.opened(self.is_open)
        else:
            status = status.looked(look.missing, look.strength, self.is_open)
        return [] if status == self._said.status else self._tell(status, look, context)

    def _tell(self, status: Status, look: Look | None, context: Context) -> list[Alert]:
        if status.state in (None, status.told):
            self._said = self._said._replace(status=status)
            return []
        self._said = self._said._replace(status=status._replace(told=status.state))
        missing, strength, at = (look.missing, look.strength, look.at) if look else (None,) * 3
        row = status_row(self._subject, status, missing, strength, self.is_open)
        until = context.orders.muted_until(self._subject, row, context.store)
        return [row._replace(row_version=context.sequence, detected_at=at, muted_until=until)]

    def _opened(self, detector: str, since: int | None, at: int | None) -> Alert:
        number = self._said.opened + 1
        self._said = self._said._replace(opened=number)
        self._progress = _Progress(0, [])
        return opened(self._subject, number, detector, since, at)

    def _find(self, found: Alert) -> None:
        self._said = self._said._replace(found=found)

    def _hold(self, name: str, hold: _Hold) -> None:
        self._said = self._said._replace(holding={**self._said.holding, name: hold})

    def _changed(self, change: Change, at: int | None, context: Context) -> list[Alert]:
        if CHART in self._said.holding:
            return []
        found = self._said.found if self.is_open else None
        if found is None:
            found = self._opened(change.detector, change.since, at)
        self._progress = _Progress(0, [])
        found = found._replace(
            since=change.since,
            p_value=change.p_value,
            false_alarms_per_year=change.false_alarms_per_year,
        )
        self._find(found)
        self._explain(self._evidence(change.since, context))
        return self._say(context)

    def _seen(self, look: Look, context: Context) -> list[Alert]:
        """Take the scores of a result while a change is open: is it over, is its cause another?"""
        found = self._said.found
        assert found is not None
        whole = SeriesName(found.model_version, None, None)
        about = _series_of(found)
        score = look.scores.get(about if self._said.own_reference else whole)
        if about in look.scores and score is not None:
            seen = [*self._progress.scores, score]
            full = len(seen) == RECOVERY_PAIRS
            self._progress = self._progress._replace(scores=[] if full else seen)
            if full and is_over(seen, self._progress.effect):
                why = f"The last {RECOVERY_PAIRS} results agree with the baseline again."
                return self._released(CHART, why, context)
        pairs = self._progress.pairs + 1
        self._progress = self._progress._replace(pairs=pairs)
        if pairs % CAUSE_LOOK_EVERY_PAIRS or pairs > CAUSE_PAIRS_MAX:
            return []
        again = self._evidence(found.since, context)
        unnamed = again.level is None and not again.tied
        if unnamed and (found.segment_field is not None or found.tied):
            return []
        self._explain(again)
        return self._say(context)

    def _evidence(self, since: int | None, context: Context, given: bool = False) -> Evidence:
        def controls(start: int | None) -> list[ControlResults]:
            return context.asked.controls(self._subject, start)

        return evidence(context.asked.rows(self._subject), since, controls, given=given)

    def _explain(self, found: Evidence) -> None:
        alert = self._said.found
        assert alert is not None
        self._find(with_evidence(alert, found))
        effect = max(self._progress.effect, abs(found.effect.sd or 0.0))
        self._progress = self._progress._replace(effect=effect)
        # One that stands gets no less grave: a plan alone can do that.
        before = self._said.holding.get(CHART, _Hold(INFO, "")).severity
        severity = graver(before, severity_of(found.effect.sd, found.share))
        self._hold(CHART, _Hold(severity, of_change(self._subject, found)))

    def _released(self, name: str, why: str, context: Context) -> list[Alert]:
        if name not in self._said.holding:
            return []
        if name == CHART:
            self._said = self._said._replace(episode=self._said.episode + 1)
        if len(self._said.holding) == 1:
            return [*self._recovered(why, context), *self._stands(None, context)]
        rest = {held: hold for held, hold in self._said.holding.items() if held != name}
        self._said = self._said._replace(holding=rest)
        return self._say(context)

    def _recovered(self, why: str, context: Context) -> list[Alert]:
        row = self._row(context)
        self._said = self._said._replace(holding={})
        return self._publish(
            row._replace(state=RECOVERED, reason=f"{why} It was: {row.reason}"), context
        )

    def _say(self, context: Context) -> list[Alert]:
        """Return the alert as it stands, if that is not what was said last."""
        row, said = self._row(context), self._said.alert
        graver_now = said is not None and graver(row.severity, said.severity) != said.severity
        if graver_now and row.acknowledged_by is not None:
            # Who has seen a lesser one has not seen this.
            self._find(self._found()._replace(acknowledged_by=None))
            row = self._row(context)
        if said is not None and telling(row) == telling(said):
            return []
        return self._publish(row, context)

    def _found(self) -> Alert:
        found = self._said.found
        assert found is not None
        return found

    def _row(self, context: Context) -> Alert:
        """Return the alert as it stands, with what people have ordered."""
        found, holding = self._found(), self._said.holding
        severity, sentences = INFO, []
        for name in sorted(holding):
            severity = graver(severity, holding[name].severity)
            sentences.append(holding[name].sentence)
        plan = context.orders.plan_of(self._subject, found, context.store)
        if plan is not None:
            severity, sentences = INFO, [*sentences, of_plan(plan)]
        until = context.orders.muted_until(self._subject, found, context.store)
        state = OPEN if found.acknowledged_by is None else ACKNOWLEDGED
        rules = [name.removeprefix(_RULE) for name in sorted(holding) if name != CHART]
        return found._replace(
            row_version=context.sequence,
            state=state if until is None else MUTED,
            severity=severity,
            reason=" ".join(sentences),
            rule=", ".join(rules) or found.rule,
            planned_change=None if plan is None else plan.note,
            muted_until=until,
        )

    def _publish(self, row: Alert, context: Context) -> list[Alert]:
        said = self._said.alert
        segment = _series_of(row)
        if said is None or segment_of(said) != segment_of(row):
            # A segment whose reference is not complete yet is learning from the bad results.
            learned = context.asked.learned(self._subject, segment)
            self._said = self._said._replace(own_reference=learned)
            self._progress = self._progress._replace(scores=[])
        self._said = self._said._replace(alert=row)
        return [row]


def _series_of(alert: Alert) -> SeriesName:
    """Return the series of an alert's segment; runs and model versions have none of their own."""
    if alert.segment_field not in CONTEXT_FIELDS:
        return SeriesName(alert.model_version, None, None)
    return SeriesName(alert.model_version, alert.segment_field, alert.segment_value)

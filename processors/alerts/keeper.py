"""The alerts of one model version in one assay: one change is one alert, until it has recovered.

open ──► acknowledged      a person has seen it; a graver severity opens it again
  │  ◄── (graver)
  ├────► muted             while a mute stands: kept, and said again if it still holds
  └────► recovered         when nothing holds it open any more; the next change is another alert
"""

from collections.abc import Collection
from typing import NamedTuple

from processors.alerts.evidence import Evidence, evidence
from processors.alerts.holds import CHART, RULE, Hold, rule_of, standing_row
from processors.alerts.kept import Kept
from processors.alerts.news import Context, Look, RuleWord
from processors.alerts.progress import NO_PROGRESS
from processors.alerts.recovery import RECOVERY_PAIRS
from processors.alerts.rows import (
    RECOVERED,
    names_more,
    segment_of,
    series_of,
    telling,
    with_evidence,
)
from processors.alerts.sentences import of_change
from processors.alerts.severity import INFO, graver, severity_of
from processors.alerts.status import RELEARNS, Status, status_row
from processors.alerts.subject import Subject, last_words
from processors.assay.mean_shift import ControlResults
from processors.assay.verdict import UNKNOWN
from processors.detectors import Change
from processors.series import SeriesName
from processors.store import Store
from schemas.events import Alert, AlertCommand


class Standing(NamedTuple):
    """Whether an alert stands (`frozen`: no baseline learns meanwhile), and how many have ended."""

    frozen: bool
    episode: int


class AlertKeeper:
    """Opens, explains and closes the alerts of one subject; the store changes with `save` only.

    Methods return the rows to be published, at most one of each alert.

    >>> from processors.alerts.orders import Orders
    >>> from processors.store import MemoryStore
    >>> class Nothing:
    ...     def rows(self, about): return []
    ...     def beside(self, about): return []
    ...     def learned(self, about, series): return True
    ...     def controls(self, about, start): return []
    >>> about, store = Subject("net", "1", "logP"), MemoryStore()
    >>> keeper, look = AlertKeeper(about, store), Look(9, {}, [Change("page_hinkley", 5, None)])
    >>> [a.state for a in keeper.look(look, Context(1, Nothing(), Orders(), store))]
    ['open', 'warning']
    >>> keeper.look(look, Context(2, Nothing(), Orders(), store))
    []
    >>> keeper.save(store); AlertKeeper(about, store).is_open
    True
    """

    def __init__(self, subject: Subject, store: Store) -> None:
        self._subject, self._kept = subject, Kept(subject, store)

    def save(self, store: Store) -> None:
        """Write what changed since it was read or last saved."""
        self._kept.save(store)

    @property
    def alert(self) -> Alert | None:
        """The latest alert as last said, or None when none ever was."""
        return self._kept.said.alert

    @property
    def is_open(self) -> bool:
        """Whether an alert stands, be it acknowledged or muted."""
        return bool(self._kept.said.holding)

    @property
    def standing(self) -> Standing:
        """What the charts must know before they look."""
        return Standing(self.is_open, self._kept.said.episode)

    def look(self, look: Look, context: Context) -> list[Alert]:
        """Take what the charts make of one result: open, explain again or close; tell the status.

        A change that is found while an alert stands is the same change.
        """
        said = self._seen(look, context) if CHART in self._kept.said.holding else []
        for change in look.changes:
            said += self._changed(change, look.at, context)
        return last_words([*said, *self._stands(look, context)])

    def ruled(self, word: RuleWord, context: Context) -> list[Alert]:
        """Take what a rule of the lab's says; it holds a standing alert open, too."""
        name = RULE + word.rule
        if not word.holds:
            return self._released(name, f"The rule {word.rule} is met again.", context)
        if name in self._kept.said.holding:
            return []
        if not self.is_open:
            found = self._evidence(word.since, context, given=True)
            self._kept.open("rule", word.since, word.at)
            kind = found.kind if word.kind == UNKNOWN else word.kind
            row = with_evidence(self._kept.found, found)
            self._kept.find(row._replace(n=word.n, kind=kind))
        self._kept.hold(name, Hold(word.severity, word.sentence))
        return [*self._say(context), *self._stands(None, context)]

    def without_rules(self, names: Collection[str], context: Context) -> list[Alert]:
        """Let go of rules that are not among the lab's any more.

        `names` are those of its rules, or of a rule with its segment where not any will do.
        """
        said: list[Alert] = []
        for held in sorted(self._kept.said.holding):
            rule = rule_of(held)
            if rule is not None and rule not in names and held.removeprefix(RULE) not in names:
                said += self._released(held, "Its rule is no longer among the settings.", context)
        return last_words(said)

    def silent(self, no_labels_since: int | None, context: Context) -> list[Alert]:
        """Take since when predictions come and outcomes do not, None when outcomes come again."""
        status = self._kept.said.status._replace(no_labels_since=no_labels_since)
        return self._tell(status, None, context)

    def acknowledge(self, command: AlertCommand, context: Context) -> list[Alert]:
        """Take that somebody has seen the alert; one that does not stand is left as it is."""
        found = self._kept.said.found
        if found is None or not self.is_open or found.acknowledged_by is not None:
            return []
        self._kept.find(found._replace(acknowledged_by=command.by))
        return self._say(context)

    def review(self, context: Context) -> list[Alert]:
        """Hold the alert against mutes and plans again: some came or went, or time has passed."""
        return self._say(context) if self.is_open else []

    def rebaseline(self, command: AlertCommand, context: Context) -> list[Alert]:
        """Close the alert, since what is now is the new normal; the series learn anew."""
        note = f": {command.note}" if command.note else ""
        why = f"{command.by} has made what is now the new baseline{note}."
        self._kept.end_change()
        said = self._recovered(why, context) if self.is_open else []
        if command.segment_field is not None:
            return [*said, *self._stands(None, context)]
        self._kept.progress = NO_PROGRESS
        status = self._kept.said.status.looked(RELEARNS, None, False)
        return [*said, *self._tell(status, Look(None, {}, [], None, RELEARNS), context)]

    def _stands(self, look: Look | None, context: Context) -> list[Alert]:
        """Return the subject's status, if it is another than was told."""
        status = self._kept.said.status
        if look is None:
            status = status.opened(self.is_open)
        else:
            status = status.looked(look.missing, look.strength, self.is_open)
        return [] if status == self._kept.said.status else self._tell(status, look, context)

    def _tell(self, status: Status, look: Look | None, context: Context) -> list[Alert]:
        if status.state in (None, status.told):
            self._kept.said = self._kept.said._replace(status=status)
            return []
        self._kept.said = self._kept.said._replace(status=status._replace(told=status.state))
        missing, strength, at = (look.missing, look.strength, look.at) if look else (None,) * 3
        row = status_row(self._subject, status, missing, strength, self.is_open)
        until = context.orders.muted_until(self._subject, row, context.store)
        return [row._replace(row_version=context.sequence, detected_at=at, muted_until=until)]

    def _changed(self, change: Change, at: int | None, context: Context) -> list[Alert]:
        if CHART in self._kept.said.holding:
            return []
        if not self.is_open:
            self._kept.open(change.detector, change.since, at)
        self._kept.progress = NO_PROGRESS
        self._kept.find(
            self._kept.found._replace(
                since=change.since,
                p_value=change.p_value,
                false_alarms_per_year=change.false_alarms_per_year,
            )
        )
        self._explain(self._evidence(change.since, context))
        return self._say(context)

    def _seen(self, look: Look, context: Context) -> list[Alert]:
        """Take the scores of a result while a change is open: is it over, is its cause another?"""
        kept, found = self._kept, self._kept.found
        about, whole = series_of(found), SeriesName(found.model_version, None, None)
        score = look.scores.get(about if kept.said.own_reference else whole)
        if about in look.scores and score is not None:
            kept.progress, over = kept.progress.scored(score)
            if over:
                why = f"The last {RECOVERY_PAIRS} results agree with the baseline again."
                return self._released(CHART, why, context)
        kept.progress = kept.progress._replace(pairs=kept.progress.pairs + 1)
        if not kept.progress.asks_for_cause:
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

        asked, about = context.asked, self._subject
        beside = [] if given else asked.beside(about)
        return evidence(asked.rows(about), since, controls, beside=beside, given=given)

    def _explain(self, found: Evidence) -> None:
        kept = self._kept
        kept.find(with_evidence(kept.found, found))
        kept.progress = kept.progress.moved(found.effect.sd)
        # One that stands gets no less grave: a plan alone can do that.
        before = kept.said.holding.get(CHART, Hold(INFO, "")).severity
        severity = graver(before, severity_of(found.effect.sd, found.share))
        kept.hold(CHART, Hold(severity, of_change(self._subject, found)))

    def _released(self, name: str, why: str, context: Context) -> list[Alert]:
        if name not in self._kept.said.holding:
            return []
        if name == CHART:
            self._kept.end_change()
        if len(self._kept.said.holding) == 1:
            return [*self._recovered(why, context), *self._stands(None, context)]
        rest = {held: hold for held, hold in self._kept.said.holding.items() if held != name}
        self._kept.said = self._kept.said._replace(holding=rest)
        return self._say(context)

    def _recovered(self, why: str, context: Context) -> list[Alert]:
        row = self._row(context)
        self._kept.said = self._kept.said._replace(holding={})
        return self._publish(
            row._replace(state=RECOVERED, reason=f"{why} It was: {row.reason}"), context
        )

    def _say(self, context: Context) -> list[Alert]:
        """Return the alert as it stands, if that is not what was said last."""
        row, said = self._row(context), self._kept.said.alert
        graver_now = said is not None and graver(row.severity, said.severity) != said.severity
        if graver_now and row.acknowledged_by is not None:
            # Who has seen a lesser one has not seen this.
            self._kept.find(self._kept.found._replace(acknowledged_by=None))
            row = self._row(context)
        if said is not None and telling(row) == telling(said) and not names_more(row, said):
            return []
        return self._publish(row, context)

    def _row(self, context: Context) -> Alert:
        """Return the alert as it stands, with what people have ordered."""
        found, orders, store = self._kept.found, context.orders, context.store
        plan = orders.plan_of(self._subject, found, store)
        until = orders.muted_until(self._subject, found, store)
        row = standing_row(found, self._kept.said.holding, plan, until)
        return row._replace(row_version=context.sequence)

    def _publish(self, row: Alert, context: Context) -> list[Alert]:
        kept = self._kept
        if kept.said.alert is None or segment_of(kept.said.alert) != segment_of(row):
            # A segment whose reference is not complete yet is learning from the bad results.
            learned = context.asked.learned(self._subject, series_of(row))
            kept.said = kept.said._replace(own_reference=learned)
            kept.progress = kept.progress._replace(scores=[])
        kept.said = kept.said._replace(alert=row)
        return [row]

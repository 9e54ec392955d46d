"""When the lab's rules are judged: each period once it is over, and again when it changes.

A period is over when a result of a later one is there, or when a tick says so. It is judged with
the first event after that, so that alerts hang on the log alone and on no checkpoint.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from processors.alerts.news import ON, RuleWord
from processors.alerts.period import Finding, check_interval, finding, period_of, start_of
from processors.alerts.rule import Rule, check_rules
from processors.alerts.sentences import listed, moment, named
from processors.alerts.subject import Subject
from processors.keys import RULE, SeriesKeys, rule_key
from processors.record_layout import RecordLayout
from processors.series import SeriesName
from processors.store import Store


class _Track(NamedTuple):
    """How far a rule has come on one series: its newest period, and those yet to be judged.

    `told` is the newest period after which something was said, None before the first.
    """

    newest: int
    waiting: list[int]
    told: int | None


_TRACKS = RecordLayout(dict[str, _Track])
_NAME = "\x1f"
Tracks = dict[str, _Track]


class RuleWatch:
    """Judges the rules of a lane; the store changes with `save` only.

    Raises SettingsError for rules that cannot be.

    >>> from processors.keys import row_of
    >>> from processors.row_runs import put_rows
    >>> from processors.series import Compared
    >>> from processors.store import MemoryStore
    >>> store, about, name = MemoryStore(), Subject("net", "1", "a"), SeriesName("1", None, None)
    >>> watch = RuleWatch([Rule("r", metric="recall", below=0.8)])
    >>> keys, week = SeriesKeys(about.lane_key, name), 7 * 86_400_000_000
    >>> for i in range(40):
    ...     pair = Compared(None, None, "miss" if i % 2 else "hit", "hit", None)
    ...     put_rows(store, keys.rows, {row_of(i, b"%016d" % i): pair.to_bytes()})
    ...     assert watch.counted(about, [name], i, store) == []
    >>> [(word.rule, word.holds) for word in watch.counted(about, [name], week, store)]
    [('r', True)]
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        check_rules(rules)
        for rule in rules:
            check_interval(rule)
        self._rules = {rule.name: rule for rule in rules if rule.metric is not None}
        self._drift_rules = [rule for rule in rules if rule.drift_in_features is not None]
        self._tracks: dict[Subject, Tracks] = {}
        self._changed: set[Subject] = set()

    def counted(
        self, about: Subject, names: Iterable[SeriesName], at: int | None, store: Store
    ) -> list[RuleWord]:
        """Take that a pair measured at `at` came into series, or left them; judge what is over."""
        if not self._rules or at is None:
            return []
        rules = [r for r in self._rules.values() if r.concerns(about.model_id, about.assay_id)]
        said: list[RuleWord] = []
        names = list(names)
        tracks = self._of(about, store)
        for rule in rules:
            period = period_of(at, rule.days)
            for name in names:
                if name.field != rule.segment_field:
                    continue
                own = _NAME.join((rule.name, name.value or ""))
                track = tracks.get(own, _Track(period, [], None))
                waiting = track.waiting if period in track.waiting else [*track.waiting, period]
                moved = track._replace(newest=max(track.newest, period), waiting=waiting)
                if moved != track or own not in tracks:
                    self._keep(about, own, moved)
                if period > track.newest:
                    said += self._judge(about, own, moved.newest, store)
        return said

    def drifting(self, about: Subject, features: Collection[str], at: int | None) -> list[RuleWord]:
        """Return what the rules that count features say of those that drift now."""
        names = sorted(features)
        return [
            RuleWord(
                rule=rule.name,
                holds=len(names) >= rule.drift_in_features,
                severity=rule.severity,
                since=at,
                at=at,
                n=0,
                sentence=f"Rule {rule.name} ({rule.text}): {listed(names) if names else 'none'} "
                f"of {about.model_id} {about.model_version} in {about.assay_id} drift.",
            )
            for rule in self._drift_rules
            if rule.drift_in_features is not None and rule.concerns(about.model_id, about.assay_id)
        ]

    def tick(self, at: int, store: Store) -> list[tuple[Subject, RuleWord]]:
        """Take the time in microseconds; judge what is over by it."""
        if not self._rules:
            return []
        said: list[tuple[Subject, RuleWord]] = []
        for about in sorted(self._all_waiting(store)):
            for own, track in sorted(self._of(about, store).items()):
                rule = self._rules.get(own.partition(_NAME)[0])
                if rule is not None:
                    now = max(track.newest, period_of(at, rule.days))
                    said += [(about, word) for word in self._judge(about, own, now, store)]
        return said

    def save(self, store: Store) -> None:
        """Write what changed."""
        for about in self._changed:
            key = rule_key(about.lane_key, about.model_version)
            store.put(key, _TRACKS.pack(self._tracks[about]))
        self._changed.clear()
        self._tracks.clear()

    def _all_waiting(self, store: Store) -> set[Subject]:
        found = {Subject.of_key(key) for key, _ in store.scan(RULE)}
        return found | set(self._tracks)

    def _of(self, about: Subject, store: Store) -> Tracks:
        if about not in self._tracks:
            data = store.get(rule_key(about.lane_key, about.model_version))
            self._tracks[about] = {} if data is None else _TRACKS.unpack(data)
        return self._tracks[about]

    def _keep(self, about: Subject, own: str, track: _Track) -> None:
        self._tracks[about][own] = track
        self._changed.add(about)

    def _judge(self, about: Subject, own: str, now: int, store: Store) -> list[RuleWord]:
        """Judge the periods before `now` that wait, and say what holds after the last of them."""
        track = self._of(about, store)[own]
        over = sorted(period for period in track.waiting if period < now)
        if not over:
            return []
        self._keep(about, own, track._replace(waiting=[p for p in track.waiting if p >= now]))
        rule_name, _, value = own.partition(_NAME)
        rule = self._rules[rule_name]
        name = SeriesName(about.model_version, rule.segment_field, value or None)
        keys = SeriesKeys(about.lane_key, name)
        found: dict[int, Finding] = {}

        def of(period: int) -> Finding:
            if period not in found:
                found[period] = finding(rule, keys, period, store)
            return found[period]

        # A period that changed counts in the runs that end with it or soon after it; what a later
        # period has said stands.
        ends = {p + i for p in over for i in range(rule.periods) if p + i < now}
        for end in sorted((e for e in ends if e >= (track.told or e)), reverse=True):
            run = [of(period) for period in range(end - rule.periods + 1, end + 1)]
            broken = all(one.broken for one in run)
            if broken or run[-1].met:
                kept = self._tracks[about][own]
                self._keep(about, own, kept._replace(told=end))
                return [_word(rule, about, name, end, run if broken else [])]
        return []


def _word(
    rule: Rule, about: Subject, name: SeriesName, end: int, run: Sequence[Finding]
) -> RuleWord:
    """Return what to say after the period `end`; without a run of broken ones the rule is met."""
    where = (
        "" if name.field is None or name.value is None else f"{ON}{named((name.field, name.value))}"
    )
    until = start_of(end + 1, rule.days)
    figures = listed([_figure(one) for one in run]) if run else ""
    span = "1 day" if rule.days == 1 else f"{rule.days} days"
    periods = f"the {span}" if len(run) == 1 else f"{len(run)} times {span}"
    return RuleWord(
        rule=f"{rule.name}{where}",
        holds=bool(run),
        severity=rule.severity,
        since=start_of(end - rule.periods + 1, rule.days),
        at=until,
        n=sum(one.estimate.n for one in run),
        sentence=f"Rule {rule.name} ({rule.text}): of {about.model_id} {about.model_version} in "
        f"{about.assay_id}{where} it was {figures} in {periods} up to {moment(until)}.",
    )


def _figure(found: Finding) -> str:
    value, low, high, n, _ = found.estimate
    interval = "" if low is None or high is None else f", 95 % interval {low:.3g} to {high:.3g}"
    return f"{value:.3g} ({n} results{interval})"

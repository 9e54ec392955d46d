"""The lab's rules that want to know when a control compound breaks Westgard's rules."""

from collections.abc import Sequence
from typing import NamedTuple

from processors.alerts.news import ON, RuleWord
from processors.alerts.rule import Rule
from processors.alerts.sentences import listed
from processors.alerts.subject import Subject
from processors.assay.control_chart import Charted, ChartState, ControlChart
from processors.assay.control_target import Target
from processors.assay.verdict import ASSAY
from processors.causes.results import INSTRUMENT
from processors.controls import Control
from processors.keys import control_chart_key
from processors.record_layout import RecordLayout
from processors.series import Scored
from processors.store import Store

# As many as the longest of Westgard's rules looks back.
IN_CONTROL_RESULTS = 10


class _Charted(NamedTuple):
    """What is kept of one rule and control: the chart, and results in a row that broke nothing."""

    chart: ChartState = ChartState()
    in_control: int = 0


_CHARTS = RecordLayout(dict[str, _Charted])
_NAME = "\x1f"


class ControlRules:
    """Charts each control that a rule concerns; the store changes with `save` only.

    `controls` have canonical names. A rule is met again after IN_CONTROL_RESULTS in a row.

    >>> from processors.store import MemoryStore
    >>> controls = (Control("a", "QC", Target(5.0, 1.0)),)
    >>> rules = ControlRules([Rule("controls", controls_per_run=2)], controls)
    >>> about, store = Subject("net", "1", "a"), MemoryStore()
    >>> def read(at, value): return Scored("1", at, (None,) * 4, 0.0, value, *[None] * 3, "QC")
    >>> said = [rules.read(about, read(0, value), store) for value in (8.5, *[5.5, 4.5] * 5)]
    >>> [(word.rule, word.holds) for words in said for word in words]
    [('controls on control QC', True), ('controls on control QC', False)]
    """

    def __init__(self, rules: Sequence[Rule], controls: Sequence[Control]) -> None:
        self._rules = [rule for rule in rules if rule.controls_per_run is not None]
        self._targets = {(each.assay_id, each.molecule_id): each.target for each in controls}
        self._charts: dict[Subject, dict[str, _Charted]] = {}
        # All that may hold an alert open.
        self.names = {_of_control(r, each.molecule_id) for r in self._rules for each in controls}

    def read(self, about: Subject, record: Scored, store: Store) -> list[RuleWord]:
        """Take a new result of a control; return what the rules say of it."""
        rules = [each for each in self._rules if each.concerns(about.model_id, about.assay_id)]
        molecule_id = record.molecule_id
        if not rules or record.measured is None or molecule_id is None:
            return []
        target = self._targets.get((about.assay_id, molecule_id))
        charts, said = self._of(about, store), list[RuleWord]()
        for rule in rules:
            name = _NAME.join((rule.name, molecule_id))
            known = charts.get(name, _Charted())
            chart = ControlChart(target, rule.controls_per_run or 1)
            chart.state = known.chart
            found = chart.update(record.measured, record.context[INSTRUMENT], record.at)
            in_control = 0 if found.rejected_by else known.in_control + 1
            charts[name] = _Charted(chart.state, min(in_control, IN_CONTROL_RESULTS + 1))
            if found.rejected_by or in_control == IN_CONTROL_RESULTS:
                said.append(_word(rule, about, record, found, chart.target))
        return said

    def save(self, store: Store) -> None:
        """Write what changed."""
        for about, charts in self._charts.items():
            store.put(control_chart_key(about.lane_key, about.model_version), _CHARTS.pack(charts))
        self._charts.clear()

    def _of(self, about: Subject, store: Store) -> dict[str, _Charted]:
        if about not in self._charts:
            data = store.get(control_chart_key(about.lane_key, about.model_version))
            self._charts[about] = {} if data is None else _CHARTS.unpack(data)
        return self._charts[about]


def _of_control(rule: Rule, molecule_id: str | None) -> str:
    return f"{rule.name}{ON}control {molecule_id}"


def _word(
    rule: Rule, about: Subject, record: Scored, found: Charted, target: Target | None
) -> RuleWord:
    broken = [name.replace("_", "-") for name in found.rejected_by]
    sentence = ""
    if broken and target is not None and found.score is not None:
        sentence = (
            f"Rule {rule.name} ({rule.text}): control {record.molecule_id} of {about.assay_id} "
            f"read {record.measured:.4g}, {found.score:+.1f} SD from its target of "
            f"{target.mean:.4g}, which breaks Westgard's {listed(broken)}."
        )
    return RuleWord(
        rule=_of_control(rule, record.molecule_id),
        holds=bool(broken),
        severity=rule.severity,
        since=record.at,
        at=record.at,
        n=1,
        sentence=sentence,
        kind=ASSAY,
    )

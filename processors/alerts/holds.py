"""Why an alert is open: the charts, or rules of the lab's by name."""

from collections.abc import Mapping
from typing import NamedTuple

from processors.alerts.news import ON
from processors.alerts.rows import ACKNOWLEDGED, MUTED, OPEN
from processors.alerts.sentences import of_plan
from processors.alerts.severity import INFO, graver
from schemas.events import Alert, AlertCommand

CHART = "chart"
RULE = "rule:"


class Hold(NamedTuple):
    """How grave that is, and what it says."""

    severity: str
    sentence: str


def rule_of(name: str) -> str | None:
    """Return the lab's rule that a hold is of, whatever the segment; None for the charts.

    >>> rule_of(RULE + "recall on operator ann"), rule_of(CHART)
    ('recall', None)
    """
    return None if name == CHART else name.removeprefix(RULE).partition(ON)[0]


def standing_row(
    found: Alert, holds: Mapping[str, Hold], plan: AlertCommand | None, muted_until: int | None
) -> Alert:
    """Return the row of an alert with why it is open and with what people have ordered.

    `plan` is the planned change that explains it, `muted_until` in microseconds.

    >>> row = Alert("x", 1, "open", "net", "1", "a", *[None] * 2, "d", *[None] * 4, 0, "")
    >>> held = standing_row(row, {CHART: Hold("critical", "It moved.")}, None, 9)
    >>> held.state, held.severity, held.reason
    ('muted', 'critical', 'It moved.')
    """
    severity, sentences = INFO, []
    for name in sorted(holds):
        severity = graver(severity, holds[name].severity)
        sentences.append(holds[name].sentence)
    if plan is not None:
        severity, sentences = INFO, [*sentences, of_plan(plan)]
    state = OPEN if found.acknowledged_by is None else ACKNOWLEDGED
    rules = [name.removeprefix(RULE) for name in sorted(holds) if name != CHART]
    return found._replace(
        state=state if muted_until is None else MUTED,
        severity=severity,
        reason=" ".join(sentences),
        rule=", ".join(rules) or found.rule,
        planned_change=None if plan is None else plan.note,
        muted_until=muted_until,
    )

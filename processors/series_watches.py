"""A pair before the watches of all its series: who looks, and what false alarms it may raise."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from processors.detectors import Change
from processors.options import DEFAULTS, Options
from processors.runs import run_of
from processors.series import Scored, SeriesName
from processors.watch import Watch
from schemas.events import CONTEXT_FIELDS

INSTRUMENT = CONTEXT_FIELDS.index("instrument")


class Watched(Protocol):
    """A series with its watch."""

    watch: Watch

    @property
    def n(self) -> int:
        """How many scored pairs the series holds, the one that is shown included."""


class Looked(msgspec.Struct):
    """What the watches make of a pair.

    `scores` is its distance from the baseline of each series in SD, None while that is learning;
    `changes` are those found, the whole model version's first. `strength` is where the highest
    chart stands, 1 at its limit, None while all are learning.
    """

    scores: dict[SeriesName, float | None]
    changes: list[Change]
    strength: float | None


NOT_LOOKED = Looked({}, [], None)


def look(
    series: Mapping[SeriesName, Watched],
    record: Scored,
    frozen: bool,
    episode: int,
    options: Options = DEFAULTS,
) -> Looked:
    """Show a pair to the watch of each series that it belongs to, the whole one first.

    While an alert is open (`frozen`) no run joins a baseline; `episode` counts the alerts that
    have ended. A pair without numbers or labels is shown to none.

    >>> from types import SimpleNamespace
    >>> whole = SeriesName("1", None, None)
    >>> series = {whole: SimpleNamespace(watch=Watch({"cusum": 1.0}, baseline_results=20), n=90)}
    >>> day = 86_400_000_000
    >>> for i in range(90):
    ...     record = Scored("1", i * day, (None,) * 4, i * 7 % 11 / 4, 0.0, None, None, None)
    ...     found = look(series, record, False, 0)
    >>> round(found.scores[whole], 1), found.changes
    (0.5, [])
    """
    error = record.error
    if error is None:
        return NOT_LOOKED
    first = next(iter(series.values()))
    whole, pairs, score = first.watch.baseline, first.n, first.watch.normal_score(error)
    # A series of all pairs says what the whole says; to look twice would spend twice.
    looking = [
        each.watch.ready(whole) and (each is first or each.n < pairs) for each in series.values()
    ]
    count = sum(looking)
    rate = options.false_alarms_per_pair / max(count, 1)
    at = record.at
    run = run_of(record.context[INSTRUMENT], at)
    scores: dict[SeriesName, float | None] = {}
    changes: list[Change] = []
    strength, above = None, None
    for (name, each), looks in zip(series.items(), looking, strict=True):
        own_rate = rate if looks else None
        seen = each.watch.update(error, run, at, own_rate, above, frozen, episode, score)
        above = whole
        scores[name] = seen.standing
        if seen.changes:
            spent = options.false_alarms_per_model_year / count
            changes += [
                change._replace(false_alarms_per_year=spent * options.detectors[change.detector])
                for change in seen.changes
            ]
        if looks and (strength is None or seen.strength > strength):
            strength = seen.strength
    return Looked(scores, changes, strength)

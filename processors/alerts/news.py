"""What a keeper of alerts is told: of the charts, of the lab's rules, and what is at hand."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from processors.alerts.orders import Orders
from processors.alerts.subject import Asked
from processors.assay.verdict import UNKNOWN
from processors.detectors import Change
from processors.series import SeriesName
from processors.store import Store

# Between a rule's name and the segment that it holds on.
ON = " on "


class Look(msgspec.Struct):
    """What the charts of a subject make of one result, measured at `at`.

    `scores` are the result's, by series, None while a series is learning. `strength` is the highest
    statistic of all charts over its limit, 0 to 1, None where none is known. `missing` says what
    the reference of the whole series still needs, None when it is complete.
    """

    at: int | None
    scores: Mapping[SeriesName, float | None]
    changes: Sequence[Change]
    strength: float | None = None
    missing: str | None = None


class RuleWord(NamedTuple):
    """What a rule of the lab's says now: that it `holds` (the alert is wanted), or no longer.

    `since` and `at` are where the results that it judged begin and end, `n` how many they are. A
    rule by segment is `rule` NAME on SEGMENT. `kind` is what is off, where the rule knows it.
    """

    rule: str
    holds: bool
    severity: str
    since: int | None
    at: int | None
    n: int
    sentence: str
    kind: str = UNKNOWN


class Context(msgspec.Struct):
    """What is at hand while one event of the lane is worked off."""

    sequence: int
    asked: Asked
    orders: Orders
    store: Store

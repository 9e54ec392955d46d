"""This project where the reagent lot is stated: the whole series and each lot, one budget."""

from collections.abc import Iterator

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._product import as_it_is, opened
from benchmarks.drift.streams import Stream


def _alarms(stream: Stream, budget: float) -> Iterator[int]:
    return opened(stream, budget, by_lot=True)


CONTESTANT = Contestant(
    "recalibra",
    "false_alarms_per_model_year",
    1.0,
    0.1,
    50.0,
    as_it_is,
    _alarms,
    own_alerts=True,
    note="it is told the reagent lot, which the others are not; baselines of 50",
)

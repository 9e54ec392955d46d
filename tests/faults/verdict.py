"""One look at what a run has left, as a list of differences from the batch answer."""

import math
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import comparison
from accounting import account
from comparison import differences, newest_metrics
from fault_input import Input
from fault_plan import STAGES, Plan
from observation import Kept, Observer
from oracle_metrics import MetricKey
from oracle_pairs import PairOracle

from schemas.events import Coverage, DeadLetter, LatePair, Metric, Pair
from schemas.topics import TOPICS

COVERAGE_COUNTS = ["predictions", "labelled", "expired"]
SERIES = ["model_id", "model_version", "assay_id"]


class Expected(NamedTuple):
    """The batch answer."""

    pairs: PairOracle
    metrics: dict[MetricKey, float]
    label_coverage: dict[MetricKey, float]


class Verdict(NamedTuple):
    """What differs; `behind` names stages that have not read all of their input."""

    behind: list[str]
    differences: list[str]
    accounted: Counter[str]
    counted: dict[str, float]


def judge(observer: Observer, plan: Plan, given: Input, expected: Expected, last: bool) -> Verdict:
    """Compare all topics and views with the batch answer.

    While stages are behind nothing is compared yet, unless this look is the `last`.
    """
    with ThreadPoolExecutor(len(TOPICS)) as pool:
        kept = dict(zip(TOPICS, pool.map(observer.topic, TOPICS), strict=True))
    lasts: dict[tuple[str, int], int] = {}
    for short, records in kept.items():
        for record in records:
            lasts[short, record.partition] = max(
                record.offset, lasts.get((short, record.partition), 0)
            )
    behind = observer.lag(lasts)
    if behind and not last:
        return Verdict(behind, [], Counter(), {})
    oracle = expected.pairs
    pairs = _decoded(kept["pairs"], Pair)
    metrics = newest_metrics(_decoded(kept["metrics"], Metric))
    letters = _decoded(kept["dead-letters"], DeadLetter)
    inputs = {short: kept[short] for short in ("predictions", "outcomes")}
    accounted = account(
        given.messages, inputs, oracle, plan.partitions, f"seed{plan.seed}", letters
    )
    told = comparison.compare_pairs(oracle, pairs)
    told += comparison.compare_repeats(oracle, pairs, place_of_hot(given))
    told += comparison.compare_late(oracle, _decoded(kept["late"], LatePair))
    told += comparison.compare_coverage(oracle, _decoded(kept["coverage"], Coverage))
    wanted = expected.metrics | expected.label_coverage
    told += comparison.compare_metrics("metric", wanted, metrics)
    told += accounted.differences
    told += _views(observer, expected, letters)
    counted: dict[str, float] = {
        "pairs": len(oracle.pairs),
        "late": len(oracle.late),
        "metrics": len(wanted),
        "dead_letters": len({letter.dead_letter_id for letter in letters}),
        "input_offsets": accounted.counts.total(),
    }
    if last or not told:
        with ThreadPoolExecutor(len(STAGES)) as pool:
            counted["aborted_records"] = sum(pool.map(observer.aborted, STAGES))
    return Verdict(behind, told, accounted.counts, counted)


def place_of_hot(given: Input) -> tuple[str, str]:
    """Return the molecule and assay of the hot key."""
    return given.hot.molecule, given.hot.assay


def _decoded(records: list[Kept], expected: type[Any]) -> list[Any]:
    from fault_input import CODEC

    return [CODEC.decode(record.value, expected) for record in records]


def _views(observer: Observer, expected: Expected, letters: list[DeadLetter]) -> list[str]:
    """Hold ClickHouse's views against the batch answer."""
    oracle = expected.pairs
    columns = ["status", "unit", "predicted", "measured", "prediction_id", "outcome_id"]
    wanted = {
        pair_id: (*row[:4], row[4].event_id, row[5].event_id)
        for pair_id, row in comparison.expected_pairs(oracle).items()
    }
    told = differences("ClickHouse pair", wanted, _rows(observer, "pairs", ["pair_id"], columns))
    told += differences(
        "ClickHouse late pair",
        dict.fromkeys(oracle.late.index, ()),
        _rows(observer, "late", ["pair_id"], []),
    )
    coverage = _rows(observer, "coverage", SERIES, COVERAGE_COUNTS)
    told += differences(
        "ClickHouse coverage",
        comparison.by_index(oracle.coverage),
        {key: row for key, row in coverage.items() if any(row)},
    )
    identity = [*SERIES, "segment_field", "segment_value", "window", "metric"]
    found: dict[MetricKey, float | None] = {
        key: value for key, (value,) in _rows(observer, "accuracy", identity, ["value"]).items()
    }
    metrics = expected.metrics | expected.label_coverage
    told += comparison.compare_metrics("ClickHouse metric", metrics, found)
    ids = {letter.dead_letter_id: () for letter in letters}
    stored = _rows(observer, "dead_letters", ["dead_letter_id"], [])
    return told + differences("ClickHouse dead letter", ids, stored)


def _rows(
    observer: Observer, view: str, identity: list[str], columns: list[str]
) -> dict[Any, tuple[Any, ...]]:
    """Return a view's rows by their identity: a plain value or a tuple."""
    split = len(identity)
    frame = observer.view(view, [*identity, *columns])
    rows = [tuple(map(_none, row)) for row in frame.itertuples(index=False, name=None)]
    return {row[0] if split == 1 else row[:split]: row[split:] for row in rows}


def _none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value

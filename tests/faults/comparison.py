"""What a run has left, held against the batch answer; every difference is one sentence."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd
from oracle_metrics import MetricKey
from oracle_pairs import PairOracle

from schemas.events import Coverage, LatePair, Metric, Pair

SHOWN_MAX = 5
RELATIVE_TOLERANCE = 1e-9
ABSOLUTE_TOLERANCE = 1e-12


def close(one: float | None, other: float | None) -> bool:
    """Return whether two figures are equal to 1e-9; None and NaN are "not stated"."""
    if one is None or other is None or math.isnan(one) or math.isnan(other):
        return (one is None or math.isnan(one)) and (other is None or math.isnan(other))
    return math.isclose(one, other, rel_tol=RELATIVE_TOLERANCE, abs_tol=ABSOLUTE_TOLERANCE)


def differences(what: str, expected: Mapping[Any, Any], found: Mapping[Any, Any]) -> list[str]:
    """Return what is missing, too much or other in `found`; tuples are compared part by part."""
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    other = [key for key in expected if key in found and not _alike(expected[key], found[key])]
    told = [f"{what} {key}: missing, expected {expected[key]}" for key in missing[:SHOWN_MAX]]
    told += [f"{what} {key}: found {found[key]}, none expected" for key in extra[:SHOWN_MAX]]
    told += [
        f"{what} {key}: found {found[key]}, expected {expected[key]}" for key in other[:SHOWN_MAX]
    ]
    if told:
        counts = f"{len(missing)} missing, {len(extra)} too many, {len(other)} other"
        told.insert(0, f"{what}: {counts} of {len(expected)}")
    return told


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return close(one, other)
    if isinstance(one, tuple) and isinstance(other, tuple) and type(one) is type(other) is tuple:
        return len(one) == len(other) and all(map(_alike, one, other))
    return bool(one == other)


def newest(rows: Iterable[Any], identity: Any) -> dict[Any, Any]:
    """Return the row of the highest row_version by identity; of equal ones the last."""
    found: dict[Any, Any] = {}
    for row in rows:
        key = identity(row)
        if key not in found or row.row_version >= found[key].row_version:
            found[key] = row
    return found


def _none(value: Any) -> Any:
    """Return a cell of a frame with None for "not stated"."""
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def expected_pairs(oracle: PairOracle) -> dict[str, tuple[Any, ...]]:
    """Return status, unit, predicted, measured and both events by pair_id."""
    rows = oracle.pairs
    columns = (rows.status, rows.unit, rows.predicted, rows.measured, rows.event_p, rows.event_o)
    return {
        pair_id: tuple(map(_none, row)) for pair_id, *row in zip(rows.index, *columns, strict=True)
    }


def compare_pairs(oracle: PairOracle, said: list[Pair]) -> list[str]:
    """Hold the newest row of every pair against the oracle."""
    standing = {
        pair_id: (p.status, p.unit, p.predicted, p.measured, p.prediction, p.outcome)
        for pair_id, p in newest(said, lambda p: p.pair_id).items()
        if p.status != "retracted"
    }
    return differences("pair", expected_pairs(oracle), standing)


def compare_repeats(oracle: PairOracle, said: list[Pair], hot: tuple[str, str]) -> list[str]:
    """Hold that a pair of a quiet key is said once: no event of the key was ever changed."""
    restless = oracle.changed_places | {hot}
    places = zip(oracle.pairs.molecule, oracle.pairs.assay, strict=True)
    quiet = {
        pair_id
        for pair_id, place in zip(oracle.pairs.index, places, strict=True)
        if place not in restless
    }
    counts = Counter(pair._replace(row_version=0)[:6] for pair in said if pair.pair_id in quiet)
    return [
        f"pair {content[0]} was said {count} times as {content[2:]}"
        for content, count in counts.items()
        if count > 1
    ][:SHOWN_MAX]


def compare_late(oracle: PairOracle, said: list[LatePair]) -> list[str]:
    """Hold the newest row of every late pair against the oracle."""
    standing = {
        pair_id: (late.prediction, late.outcome)
        for pair_id, late in newest(said, lambda late: late.pair_id).items()
        if not late.retracted
    }
    rows = oracle.late
    expected = dict(zip(rows.index, zip(rows.event_p, rows.event_o, strict=True), strict=True))
    return differences("late pair", expected, standing)


def compare_coverage(oracle: PairOracle, said: list[Coverage]) -> list[str]:
    """Hold the sum over lanes of the newest rows against the oracle."""
    rows = newest(said, lambda row: (row[:3], row.lane)).values()
    frame = pd.DataFrame(rows, columns=Coverage._fields)
    names = ["predictions", "labelled", "expired"]
    found = frame.groupby(["model_id", "model_version", "assay_id"])[names].sum()
    return differences("coverage", by_index(oracle.coverage), by_index(found))


def by_index(frame: pd.DataFrame) -> dict[Any, tuple[Any, ...]]:
    """Return a frame's rows as plain tuples by its index; rows of zeros say nothing."""
    rows = {index: tuple(map(int, row)) for index, *row in frame.itertuples(name=None)}
    return {index: row for index, row in rows.items() if any(row)}


def newest_metrics(said: list[Metric]) -> dict[MetricKey, float | None]:
    """Return the newest value of every series, window and metric."""
    return {key: row.value for key, row in newest(said, lambda m: tuple(m[:7])).items()}


def compare_metrics(
    what: str, expected: Mapping[MetricKey, float], found: Mapping[MetricKey, float | None]
) -> list[str]:
    """Hold defined metrics against the oracle; an undefined one and an n of 0 say nothing.

    Drift of inputs is left out: it follows the log in its order, as alerts do.
    """
    defined = {
        key: value
        for key, value in found.items()
        if not key[6].startswith("drift:")
        and value is not None
        and not math.isnan(value)
        and not (key[6] == "n" and value == 0)
    }
    return differences(what, expected, defined)

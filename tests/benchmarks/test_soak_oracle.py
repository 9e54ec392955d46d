"""The soak's oracle beside the product's own replay, whole and with a row that is wrong."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks.soak_oracle import Rows, SoakOracle, chunk_of
from benchmarks.workload import DAY_US
from schemas.codec import Codec
from schemas.events import Coverage, Event, Metric, Outcome, Pair, Prediction
from schemas.table import SchemaTable
from streams.replay import Replay

EVENTS = 600
CHUNKS = 2
START_US = 20_000 * DAY_US


@pytest.fixture(scope="module")
def tables() -> dict[str, Rows]:
    """What ClickHouse's views would show of two chunks, by the replay."""
    sent = [e for n in range(CHUNKS) for e in chunk_of(n, EVENTS, 1, START_US + n * 1_000_000)]
    newest: dict[str, Prediction | Outcome] = {}
    for event in sent:
        known = newest.get(event.event_id)
        if known is None or event.revision > known.revision:
            newest[event.event_id] = event
    said: list[Event] = list(Replay(Codec(SchemaTable())).run(sent))
    pairs = {pair.pair_id: pair for pair in said if isinstance(pair, Pair)}
    coverage = {told[:3]: told for told in said if isinstance(told, Coverage)}
    metrics = {metric[:7]: metric for metric in said if isinstance(metric, Metric)}
    return {
        "predictions": _rows(newest, Prediction),
        "outcomes": _rows(newest, Outcome),
        "pairs": [
            (p.outcome.molecule_id, p.prediction.event_id, p.outcome.event_id, p.status,
             p.predicted, p.measured, p.pair_id)
            for p in pairs.values()
            if p.status != "retracted"
        ],
        "coverage": [(*c[:3], c.predictions, c.labelled, c.expired) for c in coverage.values()],
        "accuracy": [(*m[:7], m.value) for m in metrics.values()],
    }  # fmt: skip


def _rows(newest: dict[str, Any], kind: type[Prediction] | type[Outcome]) -> Rows:
    found = (event for event in newest.values() if isinstance(event, kind))
    return [(e.molecule_id, e.event_id, e.revision, e.value) for e in found]


def asking(tables: dict[str, Rows]) -> Callable[[str], Rows]:
    def ask(sql: str) -> Rows:
        rows = tables[re.findall(r"FROM (\w+)", sql)[0]]
        marks = re.findall(r"startsWith\(molecule_id, '(.*)'\)", sql)
        return [row[1:] for row in rows if row[0].startswith(marks[0])] if marks else rows

    return ask


def differences(tables: dict[str, Rows]) -> list[str]:
    oracle = SoakOracle(asking(tables))
    for number in range(CHUNKS):
        chunk = chunk_of(number, EVENTS, 1, START_US + number * 1_000_000)
        oracle.take(f"{number:06}-", chunk)
    oracle.finish()
    assert all(oracle.compared.values())
    return oracle.differences


def test_the_replay_is_right(tables: dict[str, Rows]) -> None:
    assert differences(tables) == []


@pytest.mark.parametrize("view", ["predictions", "outcomes", "pairs", "coverage"])
def test_a_row_that_is_missing_or_other_is_told(tables: dict[str, Rows], view: str) -> None:
    first, *rest = tables[view]
    assert any(view in told for told in differences(tables | {view: rest}))
    place = 5 if view == "pairs" else -1
    other = (*first[:place], 17.5, *first[place:][1:])
    assert any(view in told for told in differences(tables | {view: [other, *rest]}))


def test_a_metric_that_is_a_little_off_is_told(tables: dict[str, Rows]) -> None:
    off = [
        (*row[:7], row[7] * (1 + 1e-6)) if row[6] == "rmse" else row for row in tables["accuracy"]
    ]
    assert any("accuracy" in told for told in differences(tables | {"accuracy": off}))

"""What ClickHouse must show after a soak: per chunk of the input by dicts, metrics by plain sums.

The chunks have molecules of their own, so one is compared after the other and never all are in
memory. Of the rules `benchmarks.oracle` has the pairs; the rest is counted here.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from benchmarks.oracle import pairs_of
from benchmarks.workload import Event, events
from schemas.events import CONTEXT_FIELDS, Outcome, Prediction

# The windows by count that are held: each needs the newest pairs of every series.
LAST = (50, 200)
SHOWN_MAX = 5

# Model, version, assay, field and value of the segment (None: the whole).
SeriesKey = tuple[str, str, str, str | None, str | None]
MetricKey = tuple[str, str, str, str | None, str | None, str, str]
Rows = list[tuple[Any, ...]]
Ask = Callable[[str], Rows]


def chunk_of(number: int, count: int, seed: int, start_us: int) -> list[Event]:
    """Return the events of one chunk, with names that no other chunk has."""
    mark = f"{number:06}-"
    return [
        event._replace(event_id=mark + event.event_id, molecule_id=mark + event.molecule_id)
        for event in events("full", count, seed * 1_000_003 + number, start_us)
    ]


class Errors(NamedTuple):
    """Sums over the scored pairs of a series."""

    n: int = 0
    total: float = 0.0
    absolute: float = 0.0
    squared: float = 0.0

    def plus(self, error: float) -> "Errors":
        """Return the sums with one more error."""
        squared = self.squared + error * error
        return Errors(self.n + 1, self.total + error, self.absolute + abs(error), squared)


def metrics_of(errors: Iterable[float]) -> dict[str, float]:
    """Return the metrics that are held, of one or more errors.

    >>> metrics_of([1.0, -3.0])
    {'n': 2.0, 'me': -1.0, 'mae': 2.0, 'rmse': 2.23606797749979}
    """
    sums = Errors()
    for error in errors:
        sums = sums.plus(error)
    return _of_sums(sums)


def _of_sums(sums: Errors) -> dict[str, float]:
    n = sums.n
    rmse = math.sqrt(sums.squared / n)
    return {"n": float(n), "me": sums.total / n, "mae": sums.absolute / n, "rmse": rmse}


class SoakOracle:
    """Takes chunk after chunk and holds ClickHouse's views against them; see `differences`."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self.differences: list[str] = []
        self.compared: dict[str, int] = {
            "predictions": 0, "outcomes": 0, "pairs": 0, "coverage": 0, "accuracy": 0,
        }  # fmt: skip
        self._sums: dict[SeriesKey, Errors] = {}
        self._newest: dict[SeriesKey, list[tuple[int, str, float]]] = {}
        self._coverage: dict[tuple[str, str, str], list[int]] = {}

    def take(self, mark: str, chunk: list[Event]) -> None:
        """Compare the rows of a chunk, whose names begin with `mark`, and count its pairs."""
        predictions = _newest(event for event in chunk if isinstance(event, Prediction))
        outcomes = _newest(event for event in chunk if isinstance(event, Outcome))
        for view, newest in (("predictions", predictions), ("outcomes", outcomes)):
            sql = (
                f"SELECT event_id, revision, value FROM {view} "
                f"WHERE startsWith(molecule_id, '{mark}')"
            )
            self._compare(
                view,
                {event.event_id: (event.revision, event.value) for event in newest.values()},
                {row[0]: row[1:] for row in self._ask(sql)},
            )
        self._pairs(mark, chunk, predictions, outcomes)

    def _pairs(
        self,
        mark: str,
        chunk: list[Event],
        predictions: dict[str, Prediction],
        outcomes: dict[str, Outcome],
    ) -> None:
        pairs = pairs_of(chunk)
        expected = {
            (p, o): (pair.status, predictions[p].value, outcomes[o].value)
            for (p, o), pair in pairs.items()
        }
        found: dict[tuple[str, str], tuple[Any, ...]] = {}
        sql = (
            "SELECT prediction_id, outcome_id, status, predicted, measured, pair_id FROM pairs "
            f"WHERE startsWith(molecule_id, '{mark}')"
        )
        ids: dict[tuple[str, str], str] = {}
        for p, o, status, predicted, measured, pair_id in self._ask(sql):
            found[p, o] = (status, predicted, measured)
            ids[p, o] = pair_id
        self._compare("pairs", expected, found)
        labelled: set[str] = set()
        for (p, o), pair in pairs.items():
            if pair.status != "retrospective":
                labelled.add(p)
            if pair.status == "paired":
                self._score(predictions[p], outcomes[o], ids.get((p, o), ""))
        for event_id, prediction in predictions.items():
            place = (prediction.model_id, prediction.model_version, prediction.assay_id)
            counts = self._coverage.setdefault(place, [0, 0])
            counts[0] += 1
            counts[1] += event_id in labelled

    def _score(self, prediction: Prediction, outcome: Outcome, pair_id: str) -> None:
        assert prediction.value is not None
        assert outcome.value is not None
        assert outcome.measured_at is not None
        error = prediction.value - outcome.value
        place = (prediction.model_id, prediction.model_version, prediction.assay_id)
        context = zip(CONTEXT_FIELDS, outcome.context, strict=True)
        series: list[SeriesKey] = [(*place, None, None)]
        series += [(*place, field, value) for field, value in context if value is not None]
        for key in series:
            self._sums[key] = self._sums.get(key, Errors()).plus(error)
            newest = self._newest.setdefault(key, [])
            heapq.heappush(newest, (outcome.measured_at, pair_id, error))
            if len(newest) > max(LAST):
                heapq.heappop(newest)

    def finish(self) -> None:
        """Compare what is counted over all chunks."""
        rows = self._ask(
            "SELECT model_id, model_version, assay_id, predictions, labelled, expired FROM coverage"
        )
        self._compare(
            "coverage",
            {place: (counts[0], counts[1], 0) for place, counts in self._coverage.items()},
            {row[:3]: row[3:] for row in rows},
        )
        expected = dict(self._metrics())
        rows = self._ask(
            "SELECT model_id, model_version, assay_id, segment_field, segment_value, window, "
            "metric, value FROM accuracy"
        )
        found = {row[:7]: (row[7],) for row in rows if row[:7] in expected}
        self._compare("accuracy", expected, found)

    def _metrics(self) -> Iterator[tuple[MetricKey, tuple[float]]]:
        for key, sums in self._sums.items():
            for metric, value in _of_sums(sums).items():
                yield (*key, "all", metric), (value,)
            ordered = sorted(self._newest[key])
            for count in LAST:
                for metric, value in metrics_of(error for *_, error in ordered[-count:]).items():
                    yield (*key, f"last:{count}", metric), (value,)

    def _compare(self, view: str, expected: dict[Any, Any], found: dict[Any, Any]) -> None:
        self.compared[view] += len(expected)
        told = [f"{view} {key}: missing" for key in expected.keys() - found.keys()]
        told += [f"{view} {key}: not expected" for key in found.keys() - expected.keys()]
        told += [
            f"{view} {key}: {found[key]}, expected {row}"
            for key, row in expected.items()
            if key in found and not _alike(row, found[key])
        ]
        self.differences += told[:SHOWN_MAX]
        if len(told) > SHOWN_MAX:
            self.differences.append(f"{view}: and {len(told) - SHOWN_MAX} more")


def _newest(forms: Iterable[Any]) -> dict[str, Any]:
    """Return the newest revision of every event by its id."""
    found: dict[str, Any] = {}
    for event in forms:
        known = found.get(event.event_id)
        if known is None or event.revision > known.revision:
            found[event.event_id] = event
    return found


def _alike(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return all(
        math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
        if isinstance(a, float) and isinstance(b, float)
        else a == b
        for a, b in zip(one, other, strict=True)
    )

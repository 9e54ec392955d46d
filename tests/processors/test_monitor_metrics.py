"""Metrics of the monitor against NumPy, SciPy and scikit-learn over the pairs that stand.

Whatever came before (restatements, retractions, outliers, checkpoints, restarts), the last word on
each window must be that of a batch over the oracle's pairs in event-time order.
"""

import random
import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import sklearn.metrics
from test_pairing_oracle import CODEC, AnyEvent, LivePair, live_pairs

from processors.join import Join
from processors.monitor import Monitor
from processors.store import MemoryStore
from schemas.events import CONTEXT_FIELDS, AssayContext, Event, Metric, Outcome, Pair, Prediction
from schemas.topics import digest

Numbers = npt.NDArray[np.float64]
# model, version, assay, segment field, segment value, window
Window = tuple[str, str, str, str | None, str | None, str]
WINDOWS = {"all": None, "last:50": 50, "last:200": 200}
CLOSE = 1e-9


def of_values(predicted: Numbers, measured: Numbers) -> dict[str, float | None]:
    error = predicted - measured
    found: dict[str, float | None] = {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "me": float(np.mean(error)),
        "r2": None,
        "r2_pearson": None,
        "slope": None,
        "kendall_tau": None,
    }
    if len(error) > 1 and np.ptp(measured) > 0:
        found["r2"] = sklearn.metrics.r2_score(measured, predicted)
        found["slope"] = float(scipy.stats.linregress(measured, predicted).slope)
        found["r2_pearson"] = 0.0
        if np.ptp(predicted) > 0:
            found["r2_pearson"] = float(scipy.stats.pearsonr(predicted, measured).statistic) ** 2
            found["kendall_tau"] = float(scipy.stats.kendalltau(predicted, measured).statistic)
    return found


def of_labels(predicted: Sequence[str], measured: Sequence[str]) -> dict[str, float | None]:
    said = np.array([label == "hit" for label in predicted])
    truth = np.array([label == "hit" for label in measured])
    found = {
        "accuracy": sklearn.metrics.accuracy_score(truth, said),
        "precision": sklearn.metrics.precision_score(truth, said, zero_division=np.nan),
        "recall": sklearn.metrics.recall_score(truth, said, zero_division=np.nan),
        "f2": sklearn.metrics.fbeta_score(truth, said, beta=2, zero_division=np.nan),
    }
    return {name: None if np.isnan(value) else float(value) for name, value in found.items()}


def of_pairs(pairs: Sequence[LivePair]) -> dict[str, float | None]:
    """Return every metric of one window; None where it applies and is undefined."""
    found: dict[str, float | None] = {"n": float(len(pairs))}
    numeric = [
        (p.prediction.value, p.outcome.value)
        for p in pairs
        if p.prediction.value is not None and p.outcome.value is not None
    ]
    if numeric:
        array = np.array(numeric, dtype=np.float64)
        found |= of_values(array[:, 0], array[:, 1])
    labels = [
        (p.prediction.label, p.outcome.label)
        for p in pairs
        if p.prediction.label is not None and p.outcome.label is not None
    ]
    if labels:
        found |= of_labels([said for said, _ in labels], [truth for _, truth in labels])
    ranked = [
        (p.prediction.probability, p.outcome.label == "hit")
        for p in pairs
        if p.prediction.probability is not None and p.outcome.label is not None
    ]
    if ranked:
        both = len({truth for _, truth in ranked}) == 2
        scores, truths = [s for s, _ in ranked], [t for _, t in ranked]
        found["roc_auc"] = sklearn.metrics.roc_auc_score(truths, scores) if both else None
    return found


def comparable(pair: LivePair) -> bool:
    prediction, outcome = pair.prediction, pair.outcome
    if pair.status != "paired" or outcome.qualifier not in (None, "="):
        return False
    numeric = prediction.value is not None and outcome.value is not None
    said = prediction.label is not None or prediction.probability is not None
    return numeric or (said and outcome.label is not None)


def batch(lane: "Lane", events: Iterable[AnyEvent]) -> dict[Window, dict[str, float | None]]:
    """Return every metric of every window that holds a pair of `events`, which `lane` was given."""

    def in_event_time(pair: LivePair) -> tuple[bool, int, str]:
        at = pair.outcome.measured_at
        ids = pair.prediction.event_id, pair.outcome.event_id
        return at is not None, at or 0, lane.pair_ids[ids]

    series: dict[tuple[str, str, str, str | None, str | None], list[LivePair]] = {}
    for pair in sorted(filter(comparable, live_pairs(events).values()), key=in_event_time):
        prediction = pair.prediction
        of_model = prediction.model_id, prediction.model_version, prediction.assay_id.strip()
        levels = zip(CONTEXT_FIELDS, pair.outcome.context, strict=True)
        for field, value in ((None, None), *((f, v) for f, v in levels if v is not None)):
            series.setdefault((*of_model, field, value), []).append(pair)
    return {
        (*name, window): of_pairs(pairs[-size:] if size else pairs)
        for name, pairs in series.items()
        for window, size in WINDOWS.items()
    }


class Lane:
    """Join and monitor with their stores, and what readers of the metrics hold as the last word."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self._join_store = MemoryStore()
        self._join = Join(CODEC)
        self.monitor = Monitor()
        self._sequence = 0
        self.latest: dict[Window, dict[str, Metric]] = {}
        self.pair_ids: dict[tuple[str, str], str] = {}

    def feed(self, event: AnyEvent) -> None:
        self._sequence += 1
        for pair in self._join.process(event, self._sequence, self._join_store):
            assert isinstance(pair, Pair)
            if pair.status != "retracted":
                self.pair_ids[pair.prediction.event_id, pair.outcome.event_id] = pair.pair_id
            self.monitor.process(pair, self._sequence, self.store)

    def flush(self, quiet: bool) -> list[Event]:
        said = self.monitor.flush(self.store, quiet)
        for metric in said:
            if isinstance(metric, Metric):
                self._take(metric)
        return said

    def restart(self) -> None:
        """Go on as another worker does that takes the lane over after a checkpoint."""
        self.monitor = Monitor()

    def _take(self, metric: Metric) -> None:
        """Keep the higher row_version, and of equal ones the later, as ClickHouse does."""
        known = self.latest.setdefault(metric[:6], {})  # type: ignore[arg-type]
        if metric.metric not in known or metric.row_version >= known[metric.metric].row_version:
            known[metric.metric] = metric

    def finish(self) -> dict[Window, dict[str, Metric]]:
        self.flush(quiet=True)
        return self.latest


def check(
    latest: dict[Window, dict[str, Metric]], expected: dict[Window, dict[str, float | None]]
) -> None:
    for window, metrics in expected.items():
        for name, value in metrics.items():
            said = latest[window][name]
            where = (*window, name)
            if value is None:
                assert said.value is None, where
            else:
                assert said.value == pytest.approx(value, rel=CLOSE, abs=CLOSE), where
    for window, said_of in latest.items():
        for name, said in said_of.items():
            if name not in expected.get(window, {}):
                assert said.value in ((0.0,) if name == "n" else (None,)), (*window, name)


LOTS, INSTRUMENTS = (None, "L1", "L2"), (None, "I1")


def prediction(rng: random.Random, number: int) -> Prediction:
    return Prediction(
        event_id=f"p{number}",
        revision=rng.randrange(4),
        retracted=rng.random() < 0.08,
        molecule_id=f"m{number % 40}",
        assay_id=rng.choice(["a", "a "]),
        context=AssayContext(rng.choice([None, None, None, "L1"])),
        model_id="net" if number % 5 else "tree",
        model_version="2" if number % 7 == 0 else "1",
        value=rng.choice([None, *(rng.gauss(0, 1) for _ in range(6)), 1.0, 1e9]),
        label=rng.choice([None, "hit", "miss"]),
        probability=rng.choice([None, rng.random(), 0.5]),
        predicted_at=rng.choice([None, rng.randrange(0, 40)]),
    )


def outcome(rng: random.Random, number: int) -> Outcome:
    return Outcome(
        event_id=f"o{number}",
        revision=rng.randrange(4),
        retracted=rng.random() < 0.08,
        molecule_id=f"m{number % 40}",
        assay_id="a",
        context=AssayContext(rng.choice(LOTS), rng.choice(INSTRUMENTS)),
        value=rng.choice([None, *(rng.gauss(0, 1) for _ in range(6)), 1.0, -1e9]),
        label=rng.choice([None, "hit", "miss"]),
        qualifier=rng.choice([None, None, "=", ">"]),
        measured_at=rng.choice([None, *(rng.randrange(-5, 60) for _ in range(5))]),
    )


def history(seed: int) -> list[AnyEvent]:
    """Return 1,250 events of 100 predictions and 700 outcomes: several revisions of most."""
    rng = random.Random(seed)
    events: list[AnyEvent] = [prediction(rng, rng.randrange(100)) for _ in range(250)]
    events += [outcome(rng, rng.randrange(700)) for _ in range(1_000)]
    rng.shuffle(events)
    return events


def run(events: Sequence[AnyEvent], seed: int, flush_part: float) -> Lane:
    rng, lane = random.Random(seed), Lane()
    for event in events:
        lane.feed(event)
        if rng.random() < flush_part:
            lane.flush(quiet=rng.random() < 0.5)
            if rng.random() < 0.3:
                lane.restart()
    return lane


@pytest.fixture(autouse=True)
def _quiet_oracles() -> Iterable[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_those_of_a_batch(seed: int) -> None:
    events = history(seed)
    lane = run(events, seed, 0.02)
    latest, expected = lane.finish(), batch(lane, events)
    assert max(metrics["n"] or 0 for metrics in expected.values()) > 200
    check(latest, expected)


def test_the_order_of_arrival_leaves_no_trace() -> None:
    events = history(7)
    again = [*events, *random.Random(1).sample(events, 200)]
    random.Random(2).shuffle(again)
    lane = run(again, 3, 0.01)
    check(lane.finish(), batch(lane, events))


def test_a_worker_that_takes_over_before_the_last_flush_has_the_last_word() -> None:
    """The busy flush publishes some, the restart finds the rest pending in the store."""
    events = history(8)
    lane = run(events[:600], 4, 0.02)
    lane.flush(quiet=True)
    for event in events[600:]:
        lane.feed(event)
    lane.flush(quiet=False)
    lane.restart()
    check(lane.finish(), batch(lane, events))


def test_an_outlier_that_came_and_went_leaves_no_trace() -> None:
    rng = random.Random(5)
    made: list[AnyEvent] = [
        Prediction(f"p{i}", 0, False, f"m{i}", "a", AssayContext(), "net", "1", rng.gauss(0, 1))
        for i in range(120)
    ]
    made += [
        Outcome(f"o{i}", 0, False, f"m{i}", "a", AssayContext(), rng.gauss(0, 1), measured_at=i)
        for i in range(120)
    ]
    outliers = [
        Outcome(f"x{i}", 0, False, f"m{i}", "a", AssayContext(), 1e9 * (i + 1), measured_at=500 + i)
        for i in range(9)
    ]
    gone = [outcome._replace(revision=1, retracted=True) for outcome in outliers]
    events = [*made[:200], *outliers, *made[200:], *gone]
    for given in (events, made):
        lane = run(given, 5, 0.05)
        check(lane.finish(), batch(lane, made))


def test_when_the_last_pair_leaves_no_value_stands() -> None:
    rng = random.Random(6)
    events = [e._replace(retracted=False) for e in history(9)[:300]]
    gone = [e._replace(revision=9, retracted=True) for e in events if isinstance(e, Outcome)]
    rng.shuffle(gone)
    lane = run(events, 6, 0.1)
    lane.flush(quiet=True)
    assert batch(lane, events) and not batch(lane, [*events, *gone])
    for event in gone:
        lane.feed(event)
    check(lane.finish(), {})
    assert lane.latest


P = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1.5, "hit", 0.9)


def test_when_the_last_label_leaves_and_numbers_stay_no_label_metric_stands() -> None:
    number = Outcome("o1", 0, False, "m", "a", AssayContext(), 1.0, measured_at=1)
    label = Outcome("o2", 0, False, "m", "a", AssayContext(), None, "hit", measured_at=2)
    lane = Lane()
    for event in (P, number, label):
        lane.feed(event)
    lane.flush(quiet=True)
    lane.feed(label._replace(revision=1, retracted=True))
    check(lane.finish(), batch(lane, [P, number]))


def test_when_labels_push_the_numbers_out_of_a_window_no_number_stands_there() -> None:
    numbers: list[AnyEvent] = [
        Outcome(f"o{i}", 0, False, "m", "a", AssayContext(), i / 7, measured_at=i) for i in range(5)
    ]
    labels: list[AnyEvent] = [
        Outcome(f"l{i}", 0, False, "m", "a", AssayContext(), None, "hit", measured_at=9 + i)
        for i in range(60)
    ]
    lane = Lane()
    for event in (P, *numbers):
        lane.feed(event)
    lane.flush(quiet=True)
    for event in labels:
        lane.feed(event)
    check(lane.finish(), batch(lane, [P, *numbers, *labels]))


def test_a_revision_to_another_model_leaves_the_old_models_metrics() -> None:
    events: list[AnyEvent] = [P, Outcome("o", 0, False, "m", "a", AssayContext(), 1.0)]
    lane = Lane()
    for event in events:
        lane.feed(event)
    lane.flush(quiet=True)
    moved = P._replace(revision=1, model_id="tree")
    lane.feed(moved)
    check(lane.finish(), batch(lane, [*events, moved]))


def pair(number: int, measured: float, label: str | None = None) -> Pair:
    outcome = Outcome(f"o{number}", 0, False, "m", "a", AssayContext(), measured, label, None, None)
    outcome = outcome._replace(measured_at=number)
    return Pair(digest(str(number)), 1, "paired", None, P.value, measured, P, outcome)


def test_rank_metrics_are_made_up_for_when_it_turns_quiet() -> None:
    """Under load a large window is published without them; the last word must have them."""
    lane, rng = Lane(), random.Random(1)
    for number in range(2_100):
        prediction = P._replace(value=rng.gauss(0, 1))
        one = pair(number, rng.gauss(0, 1))._replace(
            predicted=prediction.value, prediction=prediction
        )
        lane.monitor.process(one, number + 1, lane.store)
        if number == 1_000:
            lane.flush(quiet=True)
    stale = lane.latest["net", "1", "a", None, None, "all"]["kendall_tau"]
    assert stale.n == 1_001
    lane.flush(quiet=False)
    said = lane.finish()["net", "1", "a", None, None, "all"]
    assert said["rmse"].n == 2_100
    assert said["kendall_tau"].n == 2_100


def test_nothing_is_said_twice_when_nothing_changed() -> None:
    lane = run(history(3)[:200], 1, 0.0)
    assert lane.flush(quiet=True)
    assert lane.flush(quiet=True) == []
    lane.restart()
    assert lane.flush(quiet=True) == []


def test_a_window_says_how_many_pairs_and_the_newest_time() -> None:
    lane = Lane()
    for number in range(60):
        lane.monitor.process(pair(number, number / 10), number + 1, lane.store)
    latest = lane.finish()
    said = {window: latest["net", "1", "a", None, None, window] for window in WINDOWS}
    assert [said[w]["rmse"].n for w in WINDOWS] == [60, 50, 60]
    assert {metric.at for metrics in said.values() for metric in metrics.values()} == {59}


def test_state_records_stay_small_whatever_the_labels() -> None:
    """A label may hold 1,000 characters, and free text makes every one of them new."""
    lane = Lane()
    for number in range(80):
        one = pair(number, 1.0, f"{number:03}" + "y" * 990)
        lane.monitor.process(one, number + 1, lane.store)
    lane.flush(quiet=True)
    assert max(len(key) + len(value) for key, value in lane.store.scan(b"")) <= 65_536

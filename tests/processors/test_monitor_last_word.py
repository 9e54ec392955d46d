"""The last word of the monitor: nothing stale stands, nothing is said twice, records stay small."""

import random

import pytest
from test_monitor_oracle import WINDOWS, Lane, batch, check
from test_pairing_oracle import AnyEvent

from processors import monitor
from schemas.events import AssayContext, Event, Metric, Outcome, Pair, Prediction
from schemas.topics import digest

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


MODELS = [f"net{number}" for number in range(6)]


def large_series(lane: Lane, pairs: int) -> None:
    """Give every model more pairs than are ranked at every checkpoint."""
    rng = random.Random(2)
    for number in range(pairs):
        for model in MODELS:
            one = pair(number, rng.gauss(0, 1))
            prediction = P._replace(model_id=model)
            lane.take(one._replace(prediction=prediction, pair_id=digest(model, str(number))))


def ranked(said: list[Event]) -> dict[str, int]:
    """Return of how many pairs each model's tau of the whole was told."""
    metrics = [event for event in said if isinstance(event, Metric)]
    return {m.model_id: m.n for m in metrics if (m.window, m.metric) == ("all", "kendall_tau")}


def test_ranks_come_by_and_by_though_the_stream_never_pauses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(monitor, "RANK_PAIRS_AT_ONCE", 1)
    lane = Lane()
    large_series(lane, 250)
    told: dict[str, int] = {}
    for number in range(250, 290):
        large = pair(number, 0.5)
        for model in MODELS:
            one = large._replace(prediction=P._replace(model_id=model))
            lane.take(one._replace(pair_id=digest(model, str(number))))
        found = ranked(lane.flush(quiet=False))
        assert len(found) <= 1
        told |= found
    assert set(told) == set(MODELS) and min(told.values()) > 270


def test_a_quiet_moment_ranks_some_and_works_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(monitor, "RANK_PAIRS_AT_ONCE_QUIET", 1)
    lane = Lane()
    large_series(lane, 250)
    lane.flush(quiet=False)
    lane.restart()
    told: dict[str, int] = {}
    for number in range(len(MODELS)):
        assert lane.monitor.working == (number > 0)
        found = ranked(lane.flush(quiet=True))
        assert len(found) == 1
        told |= found
    assert not lane.monitor.working
    assert told == dict.fromkeys(MODELS, 250)
    assert lane.flush(quiet=True) == []


def test_nothing_is_said_twice_when_nothing_changed() -> None:
    lane = Lane()
    for number in range(70):
        lane.monitor.process(pair(number, number / 10), number + 1, lane.store)
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
    assert {w: said[w]["rmse"].n for w in WINDOWS} == {
        "all": 60,
        "last:50": 50,
        "last:200": 60,
        "days:30": 60,
    }
    assert {metric.at for metrics in said.values() for metric in metrics.values()} == {59}


def test_state_records_stay_small_whatever_the_labels() -> None:
    """A label may hold 1,000 characters, and free text makes every one of them new."""
    lane = Lane()
    for number in range(80):
        one = pair(number, 1.0, f"{number:03}" + "y" * 990)
        lane.monitor.process(one, number + 1, lane.store)
    lane.flush(quiet=True)
    assert max(len(key) + len(value) for key, value in lane.store.scan(b"")) <= 65_536


def test_a_window_whose_pairs_stay_is_not_told_of_again() -> None:
    """A late result changes the whole series and not the last 50 pairs."""
    lane = Lane()
    for number in range(100, 400):
        lane.take(pair(number, number / 10))
    first = lane.flush(quiet=True)
    assert {m.window for m in first if isinstance(m, Metric)} == set(WINDOWS)
    lane.take(pair(1, 0.5))
    told = [m for m in lane.flush(quiet=True) if isinstance(m, Metric)]
    assert {m.window for m in told} == {"all", "days:30"}
    assert {m.n for m in told} == {301}
    lane.take(pair(500, 0.5))
    told = [m for m in lane.flush(quiet=True) if isinstance(m, Metric)]
    assert {m.window for m in told} == set(WINDOWS)

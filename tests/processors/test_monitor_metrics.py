"""Metrics of the monitor against a batch over the pairs that stand.

Whatever came before (restatements, retractions, outliers, checkpoints, restarts), the last word on
each window must be that of the batch.
"""

import random
from collections.abc import Sequence

import pytest
from test_monitor_oracle import Lane, batch, check
from test_pairing_oracle import AnyEvent

from processors.options import DAY_US
from schemas.events import AssayContext, Outcome, Prediction

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
        predicted_at=rng.choice([None, rng.randrange(0, 40) * DAY_US]),
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
        measured_at=rng.choice([None, *(rng.randrange(-10, 120) * DAY_US // 2 for _ in range(5))]),
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

"""Inputs that drift, through the whole monitor: what is told of them, and the rules that count."""

import random

import pytest
from test_alerting import any_lot, pair

from processors.alerts.rule import Rule
from processors.monitor import Monitor
from processors.options import Options
from processors.store import MemoryStore
from schemas.events import Alert, AlertCommand, Event, Metric, Pair

HOUR_US = 3_600_000_000
RULE = Rule("moved", drift_in_features=2)


def log_of(moved: int) -> list[Pair]:
    """Three hundred pairs with three features; from number 200 on some are 3 SD off."""
    rng = random.Random(1)
    log = []
    for number in range(300):
        one = pair(number, rng.gauss(0, 1), any_lot(number, rng))
        off = 3.0 if number >= 200 else 0.0
        features: dict[str, float | str] = {
            f"f{i}": rng.gauss(0, 1) + (off if i < moved else 0.0) for i in range(3)
        }
        log.append(one._replace(prediction=one.prediction._replace(features=features)))
    return log


def said_of(log: list[Event], save_every: int = 1_000, restarts: bool = True) -> list[Event]:
    monitor, store, said = Monitor(Options(rules=(RULE,))), MemoryStore(), list[Event]()
    for sequence, event in enumerate(log, 1):
        said += monitor.process(event, sequence, store)
        if sequence % save_every == 0:
            monitor.flush(store, quiet=False)
            if restarts:
                monitor = Monitor(Options(rules=(RULE,)))
    return said


def drifts(said: list[Event]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for row in said:
        if isinstance(row, Metric) and row.metric.startswith("drift:"):
            assert (row.window, row.n, row.segment_field) == ("last:50", 50, None)
            found.setdefault(row.metric, []).append(row.value or 0.0)
    return found


def ruled(said: list[Event]) -> list[tuple[str, str | None]]:
    return [
        (row.state, row.rule)
        for row in said
        if isinstance(row, Alert) and not row.is_status and row.rule
    ]


def test_each_full_window_after_the_reference_is_told_and_rules_count_features() -> None:
    said = said_of([*log_of(2)])
    found = drifts(said)
    names = ["prediction", "outcome", *(f"feature:f{i}" for i in range(3))]
    assert sorted(found) == sorted(f"drift:{name}" for name in names)
    # The first 200 are the reference: the windows are of results 200 to 249 and 250 to 299.
    assert all(len(p_values) == 2 for p_values in found.values())
    assert max(found["drift:feature:f0"] + found["drift:feature:f1"]) < 1e-6
    assert min(found["drift:feature:f2"]) > 0.01
    assert ruled(said) == [("open", "moved")]


def test_one_feature_is_not_two() -> None:
    assert ruled(said_of([*log_of(1)])) == []


def test_a_restart_changes_nothing() -> None:
    assert said_of([*log_of(2)], save_every=7) == said_of([*log_of(2)])


def test_what_is_too_much_to_keep_at_hand_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = said_of([*log_of(2)])
    for most in ("inputs.WATCHES", "domains.DOMAINS", "series_at_hand.SERIES"):
        monkeypatch.setattr(f"processors.{most}_AT_HAND_MAX", 0)
    assert said_of([*log_of(2)], save_every=7, restarts=False) == kept


def test_a_new_baseline_is_one_of_inputs_too() -> None:
    log: list[Event] = [*log_of(2)]
    unset = [None] * 4
    log.insert(200, AlertCommand("c", "rebaseline", *[None] * 2, "a", *unset, "ann", "new", 1))
    assert drifts(said_of(log)) == {}

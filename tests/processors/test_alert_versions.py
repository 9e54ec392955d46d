"""Versions of a model that are used side by side: one alone that moves is itself the cause."""

import random

import pytest
from test_alerting import HOUR_US, any_lot, pair

from processors.monitor import Monitor
from processors.store import MemoryStore
from schemas.events import Alert, Pair

Shift = tuple[str | None, str | None, float]


def log_of(shifts: list[tuple[int, Shift]], versions: tuple[str, ...] = ("1", "2")) -> list[Pair]:
    """Return stretches of (results, (version, lot, shift in SD)); None: of all.

    Every result is held against each version's prediction; their errors have SD 1, half of whose
    variance is the bench's.
    """
    rng, log, number = random.Random(3), list[Pair](), 0
    for results, (shifted, lot, shift) in shifts:
        for _ in range(results):
            number += 1
            context, of_the_bench = any_lot(number, rng), rng.gauss(0, 0.5**0.5)
            for version in versions:
                off = shift if shifted in (None, version) else 0.0
                off = off if lot in (None, context.reagent_batch) else 0.0
                error = of_the_bench + rng.gauss(0, 0.5**0.5) + off
                one = pair(number * 10 + int(version), error, context)
                prediction = one.prediction._replace(model_version=version)
                outcome = one.outcome._replace(measured_at=number * HOUR_US)
                log.append(one._replace(prediction=prediction, outcome=outcome))
    return log


def alerts_of(log: list[Pair], restart_every: int = 10_000) -> dict[str, list[Alert]]:
    """Return the alerts of each version, as they were said."""
    monitor, store = Monitor(), MemoryStore()
    found: dict[str, list[Alert]] = {}
    for sequence, one in enumerate(log, 1):
        for said in monitor.process(one, sequence, store):
            if isinstance(said, Alert) and not said.is_status:
                found.setdefault(said.model_version, []).append(said)
        if sequence % restart_every == 0:
            monitor.flush(store, quiet=False)
            monitor = Monitor()
    return found


QUIET: Shift = (None, None, 0.0)


def test_a_version_that_moves_alone_is_the_cause_until_it_is_over() -> None:
    log = log_of([(250, QUIET), (80, ("2", None, 1.5)), (150, QUIET)])
    found = alerts_of(log)
    assert list(found) == ["2"]
    last_open = [alert for alert in found["2"] if alert.state == "open"][-1]
    assert (last_open.segment_field, last_open.segment_value) == ("model_version", "2")
    assert last_open.kind == "model" and "made with model version 2" in last_open.reason
    # Results 251 to 330 of version 2 alone are counted.
    assert last_open.since is not None and abs(last_open.since - 251 * HOUR_US) <= 5 * HOUR_US
    assert last_open.n <= 85
    assert found["2"][-1].state == "recovered"
    assert alerts_of(log, restart_every=7) == found


def test_without_another_version_beside_it_no_factor_is_named() -> None:
    found = alerts_of(log_of([(250, QUIET), (80, ("2", None, 1.5))], versions=("2",)))
    assert {alert.segment_field for alert in found["2"]} == {None}


@pytest.mark.parametrize("lot", ["L1", None])
def test_what_moves_both_versions_is_no_fault_of_one(lot: str | None) -> None:
    found = alerts_of(log_of([(250, QUIET), (120, (None, lot, 2.0))]))
    assert sorted(found) == ["1", "2"]
    for said in found.values():
        field = None if lot is None else "reagent_batch"
        assert (said[-1].segment_field, said[-1].segment_value) == (field, lot)
        assert said[-1].kind != "model"

"""Alerts of the monitor where the change is known: one change, one alert, until it is over."""

import random
from collections.abc import Callable, Sequence

import pytest

from processors.alerts.recovery import RECOVERY_PAIRS
from processors.monitor import Monitor
from processors.options import DEFAULTS
from processors.store import MemoryStore
from schemas.events import Alert, AssayContext, Outcome, Pair, Prediction
from schemas.topics import digest

P = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 0.0)
HOUR_US = 3_600_000_000
LOTS = ("L1", "L2", "L3")

Level = Callable[[int, random.Random], AssayContext]


def pair(number: int, error: float, context: AssayContext, timed: bool = True) -> Pair:
    """Return a pair of prediction − outcome `error`, measured an hour after the one before."""
    at = number * HOUR_US if timed else None
    outcome = Outcome(f"o{number}", 0, False, "m", "a", context, -error, measured_at=at)
    return Pair(digest(str(number)), 1, "paired", None, 0.0, -error, P, outcome)


def any_lot(number: int, rng: random.Random) -> AssayContext:
    return AssayContext(rng.choice(LOTS), rng.choice(("I1", "I2")))


def story(
    seed: int, shifts: Sequence[tuple[int, float]], level: Level = any_lot, lot: str | None = None
) -> list[Pair]:
    """Return stretches of (pairs, shift of `lot` or of all); errors have SD 1."""
    rng = random.Random(seed)
    found: list[Pair] = []
    for count, shift in shifts:
        for _ in range(count):
            context = level(len(found), rng)
            off = shift if lot in (None, context.reagent_batch) else 0.0
            found.append(pair(len(found), rng.gauss(0, 1) + off, context))
    return found


def alerts_of(pairs: Sequence[Pair], restarts: random.Random | None = None) -> list[Alert]:
    monitor, store = Monitor(), MemoryStore()
    said: list[Alert] = []
    for sequence, one in enumerate(pairs, 1):
        found = monitor.process(one, sequence, store)
        said += [e for e in found if isinstance(e, Alert) and not e.is_status]
        if restarts is not None and restarts.random() < 0.2:
            monitor.flush(store, quiet=restarts.random() < 0.5)
            monitor = Monitor()
    return said


def last_words(said: Sequence[Alert]) -> list[Alert]:
    latest: dict[str, Alert] = {}
    for alert in said:
        known = latest.get(alert.alert_id)
        assert known is None or alert.row_version > known.row_version
        latest[alert.alert_id] = alert
    return list(latest.values())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shift", [1.5, -1.5])
def test_a_lot_that_goes_bad_is_one_alert_that_names_it(seed: int, shift: float) -> None:
    pairs = story(seed, [(240, 0.0), (200, shift)], lot="L2")
    (alert,) = last_words(alerts_of(pairs))
    assert (alert.state, alert.model_id, alert.assay_id) == ("open", "net", "a")
    assert (alert.segment_field, alert.segment_value) == ("reagent_batch", "L2")
    assert alert.since is not None and alert.detected_at is not None
    assert alert.detected_at >= 240 * HOUR_US
    assert alert.since <= alert.detected_at
    assert abs(alert.since - 240 * HOUR_US) <= 40 * HOUR_US
    assert alert.effect_sd == pytest.approx(shift, abs=0.6)
    assert alert.n > 0
    assert "L2" in alert.reason and ("above" if shift > 0 else "below") in alert.reason


@pytest.mark.parametrize("seed", range(3))
def test_a_change_of_everything_is_one_alert_without_a_cause(seed: int) -> None:
    (alert,) = last_words(alerts_of(story(seed, [(150, 0.0), (120, 2.0)])))
    assert (alert.state, alert.segment_field, alert.segment_value) == ("open", None, None)
    assert "no single factor" in alert.reason


@pytest.mark.parametrize("seed", range(4))
def test_no_change_is_no_alert(seed: int) -> None:
    assert alerts_of(story(seed, [(400, 0.0)])) == []


def test_too_few_pairs_are_no_alert() -> None:
    pairs = story(1, [(DEFAULTS.baseline_results // 2, 0.0), (DEFAULTS.baseline_results // 2, 5.0)])
    assert alerts_of(pairs) == []


@pytest.mark.parametrize("seed", range(3))
def test_an_alert_recovers_and_the_next_change_is_another(seed: int) -> None:
    pairs = story(seed, [(150, 0.0), (60, 2.5), (120, 0.0), (60, -2.5)])
    said = last_words(alerts_of(pairs))
    assert [alert.state for alert in said] == ["recovered", "open"]
    first, second = said
    assert first.alert_id != second.alert_id
    assert second.detected_at is not None and second.detected_at >= 330 * HOUR_US
    assert second.effect_sd is not None and second.effect_sd < 0


@pytest.mark.parametrize("seed", range(3))
def test_an_alert_does_not_recover_while_the_change_lasts(seed: int) -> None:
    said = alerts_of(story(seed, [(150, 0.0), (300, 1.5)]))
    assert {alert.state for alert in said} == {"open"}
    assert len(last_words(said)) == 1


@pytest.mark.parametrize("part", [0.3, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_new_lot_that_is_bad_from_its_first_result_stays_one_open_alert(
    seed: int, part: float
) -> None:
    """Its own series knows no good result: what it learns there is not what it recovers to."""

    def with_new_lot(number: int, rng: random.Random) -> AssayContext:
        lot = "L9" if number >= 200 and rng.random() < part else rng.choice(LOTS)
        return AssayContext(lot, rng.choice(("I1", "I2")))

    pairs = story(seed, [(200, 0.0), (300, 2.5)], with_new_lot, lot="L9")
    said = alerts_of(pairs)
    assert [alert.state for alert in last_words(said)] == ["open"]
    assert {alert.state for alert in said} == {"open"}
    (alert,) = last_words(said)
    # Among others the first bad results may have gone unnoticed too long to tell; never another.
    assert alert.segment_value == "L9" or (alert.segment_value is None and part < 1.0)


@pytest.mark.parametrize("seed", range(3))
def test_a_named_lot_recovers_when_its_results_do(seed: int) -> None:
    pairs = story(seed, [(240, 0.0), (120, 2.0), (RECOVERY_PAIRS * 12, 0.0)], lot="L2")
    (alert,) = last_words(alerts_of(pairs))
    assert alert.state == "recovered"
    assert (alert.segment_field, alert.segment_value) == ("reagent_batch", "L2")


@pytest.mark.parametrize("seed", range(3))
def test_alerts_are_a_function_of_the_log_wherever_a_worker_took_over(seed: int) -> None:
    pairs = story(seed, [(240, 0.0), (120, 2.0), (150, 0.0)], lot="L2")
    uninterrupted = alerts_of(pairs)
    assert uninterrupted
    assert alerts_of(pairs, random.Random(seed)) == uninterrupted


def test_a_restated_pair_is_not_a_result_of_its_own() -> None:
    good = story(1, [(200, 0.0)])
    restated = [
        one._replace(row_version=2, measured=9.0, outcome=one.outcome._replace(value=9.0))
        for one in [good[0]] * 30
    ]
    again = [one._replace(row_version=2 + i, measured=9.0 + i) for i, one in enumerate(restated)]
    assert alerts_of([*good, *again]) == []


def test_a_year_of_nothing_but_more_pairs_raises_nothing() -> None:
    """A constant bias, however many results show it, is what the model always did."""
    rng = random.Random(9)
    pairs = [pair(i, 0.5 + rng.gauss(0, 0.1), AssayContext("L1")) for i in range(2_000)]
    assert alerts_of(pairs) == []


def test_each_model_version_has_its_own_alert() -> None:
    bad = story(2, [(150, 0.0), (60, 2.5)])
    good = [
        one._replace(pair_id=digest("v2", one.pair_id), prediction=P._replace(model_version="2"))
        for one in story(3, [(210, 0.0)])
    ]
    mixed = [one for both in zip(bad, good, strict=True) for one in both]
    assert {alert.model_version for alert in alerts_of(mixed)} == {"1"}


def test_without_times_an_alert_says_so_and_claims_nothing() -> None:
    rng = random.Random(4)
    pairs = [
        pair(i, rng.gauss(0, 1) + (2.5 if i >= 150 else 0.0), AssayContext("L1"), timed=False)
        for i in range(240)
    ]
    (alert,) = last_words(alerts_of(pairs))
    assert alert.since is None and alert.effect_sd is None and alert.n == 0
    assert "since an unstated time" in alert.reason

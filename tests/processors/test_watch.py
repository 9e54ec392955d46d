"""The watch on a series: learning, what it is held against, and its state at every point."""

import random
from bisect import insort
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from processors.detectors import all_detectors
from processors.normal_scores import normal_score
from processors.record_layout import RecordLayout
from processors.run_moments import Baseline
from processors.runs import run_of
from processors.watch import NOTHING, Seen, Watch, WatchState

DAY_US = 86_400_000_000
STATE = RecordLayout(WatchState)
ALL = dict.fromkeys(sorted(all_detectors()), 0.1)
RATE = 1e-3
WHOLE = Baseline(0.0, 20, 10.0, 0.1, 19.0, 1.0, 180, 0.0, 1.0)


def see(
    watch: Watch, value: float, instrument: str | None, at: int | None, *rest: Any, **named: Any
) -> Seen:
    """Show a value of the run of an instrument on a day."""
    return watch.update(value, run_of(instrument, at), at, *rest, **named)


def stored_and_read(watch: Watch, whole: bool = True) -> Watch:
    state = STATE.unpack(STATE.pack(watch.state()))
    return Watch(ALL, state, list(watch.reference), 50, whole)


@settings(deadline=None)
@given(
    st.floats(-5, 5) | st.sampled_from([0.0, 1.0]),
    st.lists(st.floats(-5, 5) | st.sampled_from([0.0, 1.0]), min_size=1, max_size=60),
)
def test_the_normal_score_is_that_of_the_errors_mid_rank(
    error: float, reference: list[float]
) -> None:
    pooled = [*reference, error]
    rank = rankdata(pooled)[-1]
    expected = norm.ppf((rank - 0.5) / len(pooled))
    assert normal_score(error, sorted(reference)) == pytest.approx(expected, abs=1e-9)


def results(seed: int, number: int, shift_at: int = 10**9, shift: float = 3.0) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(shift if index >= shift_at else 0.0, 1.0) for index in range(number)]


def shown(
    watch: Watch, values: list[float], first: int = 0, rate: float | None = RATE
) -> list[Seen]:
    """Show results, ten a day, and return what the watch makes of them."""
    return [
        see(watch, value, "LC-1", (first + index) // 10 * DAY_US, rate)
        for index, value in enumerate(values)
    ]


def test_a_watch_learns_until_runs_of_its_results_are_closed() -> None:
    watch, seen = Watch(ALL), []
    for index, value in enumerate(results(1, 120)):
        ready = watch.ready(None)
        seen += shown(watch, [value], index)
        assert (seen[-1] == NOTHING) == (watch.baseline is None) == (watch.missing is not None)
        assert not ready or seen[-1] != NOTHING
    learned = seen.index(next(each for each in seen if each != NOTHING))
    assert 50 <= learned <= 75
    # What comes while there is no baseline is the reference.
    assert watch.reference == sorted(results(1, 120)[: learned + 1])
    standing = seen[-1].standing
    assert standing is not None and watch.baseline is not None
    last = normal_score(results(1, 120)[-1], watch.reference)
    assert standing == pytest.approx((last - watch.baseline.mean) / watch.baseline.sd, abs=0.1)


def test_whatever_happens_while_learning_is_no_change() -> None:
    watch = Watch(ALL)
    assert not any(each.changes for each in shown(watch, results(2, 55, 25, 100.0)))


def test_no_look_is_no_change_and_no_standing() -> None:
    watch = Watch(ALL)
    shown(watch, results(3, 100))
    assert shown(watch, [1e6] * 30, 100, rate=None) == [NOTHING] * 30


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("unstated", [False, True])
@pytest.mark.parametrize("shift", [0.0, 2.0])
def test_a_watch_that_is_stored_at_every_point_sees_the_same(
    shift: float, unstated: bool, whole: bool
) -> None:
    uninterrupted = Watch(ALL, whole=whole)
    stored = Watch(ALL, whole=whole)
    found = 0
    for index, value in enumerate(results(4, 260, 150, shift)):
        at = None if unstated else index // 10 * DAY_US
        seen = stored.update(value, None, at, RATE, score=value)
        assert seen == uninterrupted.update(value, None, at, RATE, score=value), index
        stored = stored_and_read(stored, whole)
        assert stored.state() == uninterrupted.state()
        assert stored.strength == uninterrupted.strength
        found += len(seen.changes)
    assert found or not shift


def test_a_series_that_comes_up_late_is_held_against_the_whole() -> None:
    watch = Watch(ALL, whole=False)
    assert watch.ready(WHOLE) and not watch.ready(None)
    seen = [see(watch, 4.0, None, DAY_US, RATE, WHOLE, score=4.0) for _ in range(20)]
    assert seen[0].standing == 3.5
    assert watch.missing is None
    # It stays with that, though its own runs are there by now.
    see(watch, 4.0, None, 90 * DAY_US, RATE, WHOLE, score=4.0)
    assert not watch.ready(None)
    assert see(watch, 4.0, None, 91 * DAY_US, RATE, None, score=4.0) == NOTHING


def test_a_series_that_began_before_the_whole_has_its_own_baseline() -> None:
    watch = Watch(ALL, whole=False)
    see(watch, 4.0, None, DAY_US, RATE, None, score=4.0)
    assert see(watch, 4.0, None, DAY_US, RATE, WHOLE, score=4.0) == NOTHING
    assert watch.missing == "0 of 50 results of closed runs are there"


def test_only_the_whole_keeps_a_reference_and_all_detectors() -> None:
    whole, part = Watch(ALL), Watch(ALL, whole=False)
    shown(whole, results(5, 90))
    shown(part, results(5, 90))
    assert 50 <= len(whole.reference) < 75 and part.reference == []
    assert set(whole.state().detectors) == set(ALL)
    each = {name for name in ALL if all_detectors()[name].EACH_SERIES}
    assert set(part.state().detectors) == each
    assert "cusum" in each


def test_the_reference_is_the_first_values_in_order() -> None:
    watch, expected = Watch({"cusum": 1.0}, baseline_results=30), list[float]()
    values = [3.0, 1.0, 2.0, 2.0, -1.0, 8.0, 0.0, 99.0]
    for value in values * 5:
        see(watch, value, None, None, RATE)
        if len(expected) < 30:
            insort(expected, value)
    assert watch.reference == expected


def test_a_reference_of_one_run_is_none() -> None:
    watch = Watch({"cusum": 1.0}, baseline_results=20)
    shown(watch, results(2, 40), 0)
    assert watch.baseline is None and len(watch.reference) == 40


def test_while_frozen_nothing_joins_the_baseline() -> None:
    watch = Watch({"cusum": 1.0})
    shown(watch, results(6, 100))
    before = watch.baseline
    for index, value in enumerate(results(7, 200)):
        see(watch, value, None, (20 + index // 10) * DAY_US, RATE, frozen=True)
    assert watch.baseline == before
    for index, value in enumerate(results(8, 200)):
        see(watch, value, None, (50 + index // 10) * DAY_US, 1e-9)
    assert watch.baseline is not None and before is not None
    assert watch.baseline.runs > before.runs + 15


def test_what_is_suspected_waits_until_it_is_not() -> None:
    watch = Watch({"cusum": 1.0})
    shown(watch, results(6, 100))
    before = watch.baseline
    shifted = [see(watch, 5.0, None, (20 + index) * DAY_US, 1e-5) for index in range(4)]
    assert all(each.strength > 0.15 for each in shifted)
    assert watch.baseline == before


def test_a_new_episode_starts_all_detectors_afresh_and_forgets_the_old() -> None:
    watch = Watch({"cusum": 1.0})
    shown(watch, results(6, 100))
    before = watch.baseline
    for index in range(30):
        if watch.strength < 0.8:
            see(watch, 3.0, None, (20 + index) * DAY_US, 1e-5, frozen=True)
    assert watch.strength > 0.8
    seen = see(watch, 0.0, None, 60 * DAY_US, 1e-5, episode=1)
    assert seen.strength < 0.1
    for index in range(30):
        see(watch, 0.0, "LC-1", (70 + index // 10) * DAY_US, 1e-5, episode=1)
    assert watch.baseline is not None and before is not None
    assert abs(watch.baseline.mean) <= abs(before.mean) + 1e-9
    assert watch.state().episode == 1


def test_each_detector_may_spend_its_share() -> None:
    def strength(share: float) -> float:
        watch = Watch({"cusum": share})
        shown(watch, results(9, 100), rate=1e-4)
        return shown(watch, [1.0] * 10, 100, rate=1e-4)[-1].strength

    assert 0 < strength(0.01) < strength(0.1) < strength(1.0)


@pytest.mark.parametrize(
    "values",
    [[0.0] * 200, [2.5] * 199 + [3.0], [0.0, 1.0] * 100, [1e9, -1e9] * 100, [0.0] * 60 + [1e12]],
    ids=["zero", "constant", "two", "huge", "jump"],
)
def test_odd_values_never_crash(values: list[float]) -> None:
    watch = Watch(ALL)
    for each in shown(watch, values):
        assert each.standing is None or abs(each.standing) <= 3.5
        assert 0 <= each.strength < float("inf")
    if len(set(values)) == 1:
        assert watch.missing is not None and "are alike" in watch.missing

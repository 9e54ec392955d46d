"""The watch on a series: learning, normal scores, and its state at every point."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, rankdata

from processors.detectors import State
from processors.normal_scores import normal_score
from processors.record_layout import RecordLayout
from processors.watch import REFERENCE_PAIRS, Watch

DETECTORS = RecordLayout(dict[str, State])


def stored_and_read(watch: Watch) -> Watch:
    return Watch(watch.reference, DETECTORS.unpack(DETECTORS.pack(watch.detector_states())))


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


@settings(deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=2, max_size=60, unique=True))
def test_scores_mirror_when_errors_do(errors: list[int]) -> None:
    error, *rest = map(float, errors)
    mirrored = normal_score(-error, sorted(-e for e in rest))
    assert normal_score(error, sorted(rest)) == pytest.approx(-mirrored, abs=1e-12)


@pytest.mark.parametrize("error", [1e9, -1e9, 1e100])
def test_an_outlier_has_a_finite_score(error: float) -> None:
    reference = [float(i) for i in range(REFERENCE_PAIRS)]
    assert 2.0 < abs(normal_score(error, reference)) < 3.0


def test_a_watch_learns_first_and_keeps_what_it_learned() -> None:
    rng, watch = random.Random(1), Watch()
    errors = [rng.gauss(0, 1) for _ in range(REFERENCE_PAIRS)]
    for error in errors:
        assert watch.learning
        assert watch.update(error, 1) == (None, [])
    assert not watch.learning
    for _ in range(30):
        assert watch.update(rng.gauss(0, 1), 2).score is not None
    assert watch.reference == sorted(errors)


def test_whatever_happens_while_learning_is_no_change() -> None:
    watch = Watch()
    assert not any(watch.update(100.0 * (i > 25), i).changes for i in range(REFERENCE_PAIRS))


@pytest.mark.parametrize("shift", [0.0, 1.5])
@pytest.mark.parametrize("unstated", [False, True])
def test_a_watch_that_is_stored_at_every_point_sees_the_same(shift: float, unstated: bool) -> None:
    rng = random.Random(2)
    errors = [rng.gauss(shift if i > 150 else 0.0, 1.0) for i in range(260)]
    uninterrupted, stored = Watch(), Watch()
    for index, error in enumerate(errors):
        at = None if unstated else index
        stored = stored_and_read(stored)
        assert stored.update(error, at) == uninterrupted.update(error, at), index


@pytest.mark.parametrize(
    "stored_after", [REFERENCE_PAIRS - 1, REFERENCE_PAIRS, REFERENCE_PAIRS + 1]
)
def test_a_watch_that_is_stored_once_sees_the_same(stored_after: int) -> None:
    rng = random.Random(3)
    errors = [rng.gauss(1.5 if i > 60 else 0.0, 1.0) for i in range(120)]
    uninterrupted, stored = Watch(), Watch()
    for index, error in enumerate(errors):
        if index == stored_after:
            stored = stored_and_read(stored)
        assert stored.update(error, index) == uninterrupted.update(error, index), index

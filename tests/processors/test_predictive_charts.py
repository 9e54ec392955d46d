"""Charts against a baseline that is itself an estimate: ratios of predictive likelihoods."""

import math

import numpy as np
import pytest
from scipy.stats import multivariate_normal, multivariate_t

from processors.detectors import Observation, State, all_detectors, cusum, spread

RATE = 1e-4


def seen(score: float, at: int = 0, **known: float) -> Observation:
    return Observation(score, score, 1.0, at, (), 1.0, **known)


def strength_after(name: str, scores: list[float], **known: float) -> float:
    detector = all_detectors()[name].Detector()
    for at, score in enumerate(scores):
        detector.update(seen(score, at, **known), RATE)
    assert detector.limit is not None
    return detector.strength * detector.limit


@pytest.mark.parametrize("results", [20.0, 60.0, math.inf])
def test_the_mean_of_a_baseline_counts_for_the_results_it_rests_on(results: float) -> None:
    scores = (0.8 + np.random.default_rng(1).uniform(0, 1, 8)).tolist()
    # What the baseline's mean is off, normal with variance 1/results, is in all of them.
    covariance = np.eye(len(scores)) + 1 / results
    shifted = multivariate_normal(np.ones(len(scores)), covariance).logpdf(scores)
    expected = shifted - multivariate_normal(np.zeros(len(scores)), covariance).logpdf(scores)
    found = strength_after("cusum", scores, information=results)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("freedom", [10.0, 60.0, 1e6])
def test_the_variance_of_a_baseline_counts_for_its_degrees_of_freedom(freedom: float) -> None:
    scores = (1.5 + np.random.default_rng(2).uniform(0, 1, 9)).tolist()
    shape = np.eye(len(scores))
    wider = multivariate_t(shape=shape * spread.RATIO**2, df=freedom).logpdf(scores)
    expected = wider - multivariate_t(shape=shape, df=freedom).logpdf(scores)
    found = strength_after("spread", scores, variance_freedom=freedom)
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_large_sum_counts_for_less_the_fewer_degrees_of_freedom_there_are() -> None:
    scores = [1.5] * 8
    exact = strength_after("cusum", scores)
    assert exact == pytest.approx(8.0)
    half = cusum.SUM_PER_FREEDOM * 2 / 2
    few = strength_after("cusum", scores, freedom=2.0)
    assert few == pytest.approx(half * math.log(1 + 8 / half))
    assert few < strength_after("cusum", scores, freedom=50.0) < exact


@pytest.mark.parametrize(("freedom", "looks"), [(9.0, False), (11.0, True)])
def test_window_tests_wait_until_runs_are_known(freedom: float, looks: bool) -> None:
    detector = all_detectors()["kolmogorov_smirnov"].Detector()
    reference = [i / 25 - 1.0 for i in range(50)]
    found = [
        detector.update(Observation(9.0, 9.0, 1.0, at, reference, 1.0, freedom=freedom), RATE)
        for at in range(50)
    ]
    assert any(found) is looks
    state: State = detector.state()
    assert state[1] == []

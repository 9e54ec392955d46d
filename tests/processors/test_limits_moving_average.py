"""The limit of a moving average against a simulation of its run length."""

import numpy as np
import pytest

from processors.limits.moving_average import LIMIT_MAX, LIMIT_MIN, moving_average_limit
from processors.limits.run_length import LIMIT_MIN as SOLVED_MIN
from processors.limits.run_length import (
    cusum_limit,
    cusum_run_length,
    ewma_limit,
    ewma_run_length,
)


@pytest.mark.parametrize(("values", "run_length"), [(20, 200), (20, 1_000), (10, 500)])
def test_the_run_length_is_the_one_asked_for(values: int, run_length: int) -> None:
    limit = moving_average_limit(values, 1 / run_length) * np.sqrt(values)
    rng, series, steps = np.random.default_rng(values + run_length), 400, run_length * 3
    last, age, alarms = np.zeros((series, values)), np.zeros(series, dtype=int), 0
    for step in range(steps):
        last[:, step % values] = rng.normal(size=series)
        age += 1
        alarmed = (age >= values) & (np.abs(last.sum(axis=1)) > limit)
        alarms += int(alarmed.sum())
        last[alarmed], age[alarmed] = 0.0, 0
    assert series * steps / alarms == pytest.approx(run_length, rel=0.12)


def test_limits_at_the_ends_are_bounded() -> None:
    assert moving_average_limit(20, 0.9) == pytest.approx(LIMIT_MIN)
    assert moving_average_limit(20, 1e-30) == pytest.approx(LIMIT_MAX)
    assert ewma_limit(0.1, 1.0) == cusum_limit(0.5, 1.0) == SOLVED_MIN


@pytest.mark.parametrize("run_length", [20.0, 5e3, 1e6, 1e9])
def test_solved_limits_have_the_run_lengths_asked_for(run_length: float) -> None:
    assert ewma_run_length(0.1, ewma_limit(0.1, run_length)) == pytest.approx(run_length, rel=1e-4)
    assert cusum_run_length(0.25, cusum_limit(0.25, run_length)) == pytest.approx(
        run_length, rel=1e-4
    )


def test_run_lengths_beyond_what_can_be_solved_have_the_last_limit() -> None:
    assert ewma_limit(0.1, 1e15) == ewma_limit(0.1, 1e9)
    assert cusum_limit(0.25, 1e15) == cusum_limit(0.25, 1e9)

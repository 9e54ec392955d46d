"""What levels read before a change: shrunk as an analysis of variance says."""

import numpy as np
import pytest
from scipy.stats import f_oneway

from processors.causes.results import FACTORS
from processors.causes.standing import standing


def one_factor(numbers: np.ndarray[tuple[int], np.dtype[np.int64]]) -> np.ndarray:  # type: ignore[type-arg]
    codes = np.full((numbers.size, len(FACTORS)), -1)
    codes[:, 0] = numbers
    return codes


@pytest.mark.parametrize("seed", range(20))
def test_differences_of_balanced_levels_are_shrunk_by_one_less_the_inverse_of_f(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.tile(np.arange(4), 25)
    values = rng.normal(size=100) + rng.normal(0, 0.3, 4)[levels]
    groups = [values[levels == level] for level in range(4)]
    kept = max(0.0, 1 - 1 / f_oneway(*groups).statistic)
    found = standing(values, one_factor(levels), np.arange(100), np.ones(4, bool))
    expected = [kept * (group.mean() - values.mean()) for group in groups]
    assert found.difference == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_factor_that_follows_another_is_not_counted_twice() -> None:
    rng = np.random.default_rng(1)
    levels = np.tile([0, 1], 50)
    codes = one_factor(levels)
    codes[:, 1] = levels + 2
    values = rng.normal(size=100) + 3.0 * levels
    found = standing(values, codes, np.arange(100), np.ones(4, bool))
    assert found.of(codes)[1] - found.of(codes)[0] == pytest.approx(3.0, abs=0.6)


def test_constant_values_and_single_levels_differ_in_nothing() -> None:
    levels = np.tile([0, 1], 10)
    for values, codes in (
        (np.ones(20), one_factor(levels)),
        (np.arange(20.0), one_factor(levels * 0)),
        (np.arange(20.0), one_factor(levels * 0 - 1)),
    ):
        found = standing(values, codes, np.arange(20), np.ones(2, bool))
        assert not found.difference.any() and not found.variance.any()

"""Exact sums of many pairs at once: those of each pair by itself, to the last bit."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.summaries.exact_terms import PAIRS_MAX, exact_terms
from processors.summaries.moments import Moments
from processors.summaries.ratio import root

doubles = st.floats(allow_nan=False, allow_infinity=False)
usual = st.floats(-1e6, 1e6).filter(lambda x: x == 0 or abs(x) > 1e-9)


def window_of(pairs: list[tuple[float, float]]) -> Moments:
    window = Moments()
    predicted, measured = (np.array([pair[i] for pair in pairs], np.float64) for i in (0, 1))
    for terms, n in exact_terms(predicted, measured):
        window.add_all(terms, n)
    return window


@settings(deadline=None)
@given(st.lists(st.tuples(usual, usual)) | st.lists(st.tuples(doubles, doubles)))
def test_sums_are_those_of_pairs_one_by_one(pairs: list[tuple[float, float]]) -> None:
    want = Moments()
    for pair in pairs:
        want.update(*pair)
    assert window_of(pairs).to_bytes() == want.to_bytes()


@pytest.mark.parametrize("count", [PAIRS_MAX, PAIRS_MAX + 1, 3 * PAIRS_MAX + 7])
def test_digits_of_ones_do_not_overflow(count: int) -> None:
    """Against fractions: 53 bits of ones in every number make the largest sums of digits."""
    full = math.nextafter(1024.0, 0.0)
    window = window_of([(full, -full), (-full, full)] * (count // 2) + [(full, full)] * (count % 2))
    square = Fraction(full) ** 2
    assert window.n == count
    squares = 4 * square * (count // 2 * 2) / count
    assert window.root_mean_squared_error() == root(squares.numerator, squares.denominator)
    assert window.mean_absolute_error() == float(2 * Fraction(full) * (count // 2 * 2) / count)

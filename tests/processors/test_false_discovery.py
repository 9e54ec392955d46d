"""Adjusted p-values, held against SciPy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from processors.false_discovery import benjamini_hochberg

# A few of them often, so that many p-values are equal.
P_VALUES = st.sampled_from([0.0, 1e-300, 1e-6, 0.05, 0.5, 1.0]) | st.floats(0.0, 1.0)


@given(st.lists(P_VALUES, min_size=1, max_size=300))
def test_adjusts_as_scipy_does(p_values: list[float]) -> None:
    wanted = false_discovery_control(p_values).tolist()
    assert benjamini_hochberg(p_values) == pytest.approx(wanted, rel=1e-12, abs=1e-300)


def test_of_no_test_nothing_is_adjusted() -> None:
    assert benjamini_hochberg([]) == []

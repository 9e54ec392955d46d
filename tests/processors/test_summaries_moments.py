"""Moments: exact against rational arithmetic, revertible, and independent of order."""

import math
import random
import statistics
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.summaries.moments import Moments
from processors.summaries.ratio import ratio, root
from schemas.errors import InvalidValueError, RefusedStateError

NIST = Path(scipy.stats.__file__).parent / "tests" / "data" / "nist_anova"

any_double = st.floats(allow_nan=False, allow_infinity=False)
any_pairs = st.lists(st.tuples(any_double, any_double), max_size=12)


def window_of(pairs: list[tuple[float, float]]) -> Moments:
    window = Moments()
    for pair in pairs:
        window.update(*pair)
    return window


def nearest(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@settings(deadline=None)
@given(any_pairs, any_pairs, st.randoms(use_true_random=False))
def test_what_came_and_went_leaves_nothing_in_any_order(
    kept: list[tuple[float, float]], gone: list[tuple[float, float]], shuffler: random.Random
) -> None:
    want = window_of(kept)
    steps: list[tuple[str, tuple[float, float]]] = [("update", pair) for pair in kept + gone]
    shuffler.shuffle(steps)
    window = Moments()
    for step, pair in steps:
        getattr(window, step)(*pair)
    shuffler.shuffle(gone)
    for pair in gone:
        window.revert(*pair)
    assert window == want
    assert window.to_bytes() == want.to_bytes()


@settings(deadline=None)
@given(any_pairs)
def test_bytes_round_trip_and_the_window_goes_on(pairs: list[tuple[float, float]]) -> None:
    again = Moments.from_bytes(window_of(pairs).to_bytes())
    assert again == window_of(pairs)
    for pair in pairs:
        again.revert(*pair)
    assert again == Moments()


@settings(deadline=None)
@given(any_pairs, any_double, any_double)
def test_terms_are_shared_by_windows_of_any_scale(
    pairs: list[tuple[float, float]], p: float, o: float
) -> None:
    terms = Moments.terms(p, o)
    for window in (Moments(), window_of(pairs)):
        before = window.to_bytes()
        window.add(terms)
        assert window.n == Moments.from_bytes(before).n + 1
        window.subtract(terms)
        assert window.to_bytes() == before


@settings(deadline=None)
@given(st.lists(any_pairs, max_size=4), any_pairs)
def test_a_merge_is_the_window_of_all_pairs_and_goes_on(
    parts: list[list[tuple[float, float]]], more: list[tuple[float, float]]
) -> None:
    merged, every = Moments(), [pair for part in parts for pair in part]
    for part in parts:
        other = window_of(part)
        merged.merge(other)
        assert other.to_bytes() == window_of(part).to_bytes()
    assert merged.n == len(every)
    assert merged.to_bytes() == window_of(every).to_bytes()
    for pair in more:
        merged.update(*pair)
    for pair in every:
        merged.revert(*pair)
    assert merged.to_bytes() == window_of(more).to_bytes()


@settings(deadline=None)
@given(st.lists(st.tuples(any_double, any_double), min_size=1, max_size=12))
def test_means_are_the_nearest_double_to_the_rational(pairs: list[tuple[float, float]]) -> None:
    window = window_of(pairs)
    errors = [Fraction(p) - Fraction(o) for p, o in pairs]
    n = len(pairs)
    assert window.mean_error() == nearest(sum(errors, Fraction()) / n)
    assert window.mean_absolute_error() == nearest(sum(map(abs, errors), Fraction()) / n)
    squares = sum((e * e for e in errors), Fraction()) / n
    assert window.root_mean_squared_error() == root(squares.numerator, squares.denominator)


def of_squares(window: Moments, figure: int) -> Fraction:
    """Return a figure of a window's scatter in squared units."""
    return Fraction(figure, window.n << 2 * window._scale)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)),
        min_size=2,
        max_size=12,
    )
)
def test_spreads_are_those_of_the_statistics_module(pairs: list[tuple[float, float]]) -> None:
    window = window_of(pairs)
    predicted = [Fraction(p) for p, _ in pairs]
    measured = [Fraction(o) for _, o in pairs]
    errors = [p - o for p, o in zip(predicted, measured, strict=True)]
    n = len(pairs)
    exact = window.scatter()
    assert of_squares(window, exact.predicted) == statistics.pvariance(predicted) * n
    assert of_squares(window, exact.measured) == statistics.pvariance(measured) * n
    mean_p, mean_o = statistics.mean(predicted), statistics.mean(measured)
    products = [(p - mean_p) * (o - mean_o) for p, o in zip(predicted, measured, strict=True)]
    assert of_squares(window, exact.product) == sum(products)
    assert window.error_sd() == statistics.stdev(errors)
    assert window.absolute_error_sd() == statistics.stdev([abs(error) for error in errors])


@pytest.mark.parametrize("outlier", [1e9, -1e30, 5e-324, 1.7976931348623157e308])
def test_an_outlier_that_came_and_went(outlier: float) -> None:
    pairs = [(0.1 * i, 0.1 * i + 0.01 * (i % 7)) for i in range(200)]
    window = window_of(pairs)
    window.update(outlier, 0.3)
    for i in range(200):
        window.revert(*pairs[i])
        window.update(*pairs[i])
    window.revert(outlier, 0.3)
    errors = [Fraction(p) - Fraction(o) for p, o in pairs]
    assert window.mean_error() == float(sum(errors, Fraction()) / 200)
    assert window.to_bytes() == window_of(pairs).to_bytes()


@pytest.mark.parametrize(
    ("name", "within", "between", "f"),
    [
        ("SmLs07", 1.8, 1.68, 21.0),
        ("SmLs08", 18.0, 16.08, 201.0),
        ("SmLs09", 180.0, 160.08, 2001.0),
    ],
)
def test_nist_thirteen_constant_digits(name: str, within: float, between: float, f: float) -> None:
    """NIST's certified sums of squares; in tenths, since doubles hold the file's tenths inexactly.

    As read, in ones, the sums must be those of the doubles to the last bit (rational arithmetic).
    """
    lines = (NIST / f"{name}.dat").read_text(encoding="ascii").splitlines()[60:]
    rows = [line.split() for line in lines if line.strip()]
    groups = {treatment: Moments() for treatment, _ in rows}
    total, as_read = Moments(), Moments()
    for treatment, text in rows:
        tenths = float(text.replace(".", ""))
        groups[treatment].update(tenths, 0.0)
        total.update(tenths, 0.0)
        as_read.update(float(text), 0.0)
    inside = sum(of_squares(group, group.scatter().predicted) for group in groups.values())
    outside = of_squares(total, total.scatter().predicted) - inside
    assert float(inside / 100) == pytest.approx(within, rel=1e-14)
    assert float(outside / 100) == pytest.approx(between, rel=1e-13)
    freedom = len(groups) - 1, total.n - len(groups)
    assert float(outside / freedom[0] / inside * freedom[1]) == pytest.approx(f, rel=1e-13)
    exact = statistics.pvariance([Fraction(float(text)) for _, text in rows]) * len(rows)
    assert of_squares(as_read, as_read.scatter().predicted) == exact


@settings(deadline=None)
@given(st.integers(0, 10**60), st.integers(1, 10**60))
def test_root_is_correctly_rounded(numerator: int, denominator: int) -> None:
    found = root(numerator, denominator)
    exact = Fraction(numerator, denominator)
    below = (Fraction(found) + Fraction(math.nextafter(found, -math.inf))) / 2
    above = (Fraction(found) + Fraction(math.nextafter(found, math.inf))) / 2
    assert max(below, Fraction()) ** 2 <= exact <= above**2


def test_root_reaches_where_the_square_cannot() -> None:
    window = window_of([(1e300, -1e300), (1e-200, 0.0)])
    assert window.root_mean_squared_error() == pytest.approx(math.sqrt(2) * 1e300, rel=1e-15)
    assert window_of([(3e-200, 0.0)]).root_mean_squared_error() == 3e-200


@pytest.mark.parametrize(
    "figure",
    [
        Moments.mean_error,
        Moments.mean_absolute_error,
        Moments.root_mean_squared_error,
        Moments.error_sd,
    ],
)
def test_an_empty_window_refuses_its_figures(figure: Callable[[Moments], float]) -> None:
    with pytest.raises(InvalidValueError):
        figure(Moments())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_numbers_must_be_finite(bad: float) -> None:
    window = Moments()
    for pair in ((bad, 1.0), (1.0, bad)):
        with pytest.raises(InvalidValueError):
            window.update(*pair)
    assert window == Moments()


def test_a_pair_that_is_not_held_cannot_go() -> None:
    with pytest.raises(RefusedStateError):
        Moments().revert(1.0, 2.0)
    with pytest.raises(RefusedStateError):
        window_of([(1.0, 2.0)]).revert(1.0, 2.5)


def test_other_formats_and_damage_are_refused() -> None:
    good = window_of([(1.5, 2.5), (3e100, 1e-9)]).to_bytes()
    for bad in (b"", b"\x02" + good[1:], good[:-1], good + b"\x01\x00", b"\x01", b"\x01\xff\xff"):
        with pytest.raises(RefusedStateError):
            Moments.from_bytes(bad)


def test_a_window_is_no_key_and_equals_only_windows() -> None:
    assert Moments() != 0
    with pytest.raises(TypeError):
        hash(Moments())


def test_ratio_by_nothing_is_refused() -> None:
    for figure in (ratio, root):
        with pytest.raises(InvalidValueError):
            figure(1, 0)

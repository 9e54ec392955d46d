"""The assay's noise: published figures, SciPy's intervals, and the floor's budget and power."""

import csv
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, f

from processors.assay.noise_floor import (
    BLOCK_PAIRS,
    PAIRS_PER_YEAR,
    BlockState,
    FloorLook,
    FloorWatch,
    NoiseFloor,
    above_floor,
    mean_square,
    noise_floor,
    ratio_max,
    stated_floor,
)
from processors.assay.repeats import LastTwo, Repeats
from processors.figures.estimate import Estimate
from processors.record_layout import RecordLayout
from processors.run_moments import RunMoments
from schemas.errors import SettingsError

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
needs_data = pytest.mark.skipif(
    not DATA.is_dir(),
    reason="needs ../shared/data beside this repository, whose data is not copied into it",
)


def rows_of(path: str) -> list[dict[str, str]]:
    with (DATA / path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def repeats_of(pairs: list[tuple[float, float]], log_scale: bool = True) -> Repeats:
    repeats = Repeats(log_scale)
    for earlier, last in pairs:
        repeats.measured(LastTwo(earlier, "1", None), last, "2")
    return repeats


@needs_data
@pytest.mark.parametrize("log_scale", [True, False])
def test_the_published_replicate_experiment(log_scale: bool) -> None:
    pairs = [(float(row["Exp1"]), float(row["Exp2"])) for row in rows_of("msr/MSR3data32.csv")]
    if log_scale:
        pairs = [(math.log10(earlier), math.log10(last)) for earlier, last in pairs]
    repeats = repeats_of(pairs, log_scale)
    ratio, shift = repeats.minimum_significant_ratio(), repeats.mean_ratio()
    assert repeats.n == 32
    assert ratio.value is not None and round(ratio.value, 2) == 2.53
    assert [round(x, 3) for x in (shift.low or 0, shift.high or 0)] == [0.898, 1.255]
    assert shift.value is not None and round(shift.value, 2) == 1.06


@needs_data
@pytest.mark.parametrize(
    ("name", "certified"), [("AtmWtAg", 15.9467335677930), ("SiRstv", 1.18046237440255)]
)
def test_nists_certified_analyses_of_variance(name: str, certified: float) -> None:
    groups: dict[str, list[float]] = {}
    for row in rows_of(f"nist/nist_{name}.csv"):
        # Doubles hold AtmWtAg's values to nine digits of their differences only.
        groups.setdefault(row["group"], []).append(float(Decimal(row["y"]) - Decimal("107.868")))
    moments = RunMoments()
    for group in groups.values():
        squares = float(np.var(group)) * len(group)
        moments = moments.with_run(len(group), float(np.mean(group)), squares)
    (size,) = {len(group) for group in groups.values()}
    between = size * moments.between / (moments.runs - 1)
    found = between / (moments.within / moments.within_freedom)
    assert found == pytest.approx(certified, rel=1e-9)


values = st.integers(-50, 50).map(lambda i: i / 8)
differences = st.lists(st.tuples(values, values), min_size=3, max_size=20)


@settings(deadline=None)
@given(differences)
def test_the_sd_and_its_interval_are_those_of_numpy_and_scipy(
    pairs: list[tuple[float, float]],
) -> None:
    found = repeats_of(pairs).measurement_sd()
    s = float(np.std([a - b for a, b in pairs], ddof=1)) / math.sqrt(2)
    if s < 1e-12:
        assert found.reason == "all repeats differ alike, which is no measurement's noise"
        return
    degrees = len(pairs) - 1
    low, high = (s * math.sqrt(degrees / chi2.ppf(q, degrees)) for q in (0.975, 0.025))
    assert (found.value, found.low, found.high) == pytest.approx((s, low, high), rel=1e-9)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), values), max_size=30))
def test_each_molecule_counts_with_its_last_two(seen: list[tuple[int, float]]) -> None:
    repeats, kept = Repeats(), dict[int, LastTwo]()
    for run, (molecule, value) in enumerate(seen):
        kept[molecule] = repeats.measured(kept.get(molecule), value, str(run))
    last = {m: [value for other, value in seen if other == m][-2:] for m, _ in seen}
    expected = repeats_of([(two[0], two[1]) for two in last.values() if len(two) == 2])
    assert repeats.measurement_sd() == expected.measurement_sd()
    assert repeats.mean_ratio() == expected.mean_ratio()


def test_measurements_of_one_run_are_not_compared() -> None:
    repeats = Repeats()
    first = repeats.measured(None, 1.0, "monday")
    assert repeats.measured(first, 2.0, "monday") == first
    assert repeats.measured(first, math.nan, "tuesday") == first
    assert repeats.n == 0
    assert repeats.measured(first, 2.0, None) == LastTwo(2.0, None, 1.0)


def test_an_outlier_that_came_and_went_leaves_nothing() -> None:
    repeats, expected = repeats_of([(1.0, 1.1), (2.0, 2.3)]), repeats_of([(1.0, 1.1), (2.0, 2.3)])
    first = repeats.measured(None, 1e9, "1")
    for run, value in enumerate((1.0, 1.2), 2):
        first = repeats.measured(first, value, str(run))
    expected.measured(LastTwo(1.0, "2", None), 1.2, "3")
    assert repeats.mean_ratio() == expected.mean_ratio()


def test_values_that_are_no_logarithms() -> None:
    repeats = repeats_of([(10.0, 12.0), (0.0, 1.0), (-3.0, 2.0), (5.0, 4.0)], log_scale=False)
    assert repeats.n == repeats.measurement_sd().n == 4
    assert repeats.minimum_significant_ratio().n == 2
    huge = repeats_of([(0.0, 300.0), (0.0, -300.0)])
    assert huge.minimum_significant_ratio().reason == "beyond the range of a double"


def test_the_floor_of_an_msr_of_three() -> None:
    assert stated_floor(3.0).value == pytest.approx(0.17, abs=0.002)
    assert stated_floor(3.0, replicates=4).value == stated_floor(3.0).value / 2
    assert noise_floor(Estimate(None, None, None, 1)) is None
    for ratio in (1.0, 0.5, math.nan, math.inf):
        with pytest.raises(SettingsError):
            stated_floor(ratio)
    with pytest.raises(SettingsError):
        stated_floor(3.0, replicates=0)


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.5, 0.999))
def test_limits_are_scipys(pairs: int, degrees: int, level: float) -> None:
    squares = mean_square(pairs)
    assert ratio_max(squares, degrees, level) ** 2 == pytest.approx(f.ppf(level, pairs, degrees))
    assert ratio_max(squares, None, level) ** 2 == pytest.approx(chi2.ppf(level, pairs) / pairs)


@given(st.floats(0.01, 10), st.integers(2, 300), st.floats(0.01, 10))
def test_a_model_is_not_blamed_while_its_interval_includes_the_floor(
    rmse: float, n: int, floor: float
) -> None:
    low = rmse * math.sqrt(n / chi2.ppf(0.975, n))
    if abs(low / floor - 1) > 1e-9:
        found = above_floor(Estimate(rmse, low, 2 * rmse, n), NoiseFloor(floor, None))
        assert found == (low > floor)


def test_without_a_floor_nothing_is_said() -> None:
    measured = Estimate(1.0, 0.9, 1.2, 20)
    assert above_floor(measured, None) is None
    assert above_floor(measured, NoiseFloor(0.0, None)) is None
    assert above_floor(Estimate(None, None, None, 0), NoiseFloor(1.0, None)) is None


def looks(watch: FloorWatch, errors: list[float], floor: NoiseFloor | None) -> list[FloorLook]:
    found = (watch.update(error, 5, floor) for error in errors)
    return [look for look in found if look is not None]


def test_a_perfect_model_stays_within_the_budget() -> None:
    # 40 model-years at a budget of one: more than 54 false statements are as likely as 1 in 60.
    rng, floor = np.random.default_rng(1), stated_floor(3.0)
    watch = FloorWatch(false_per_year=1.0)
    errors = rng.normal(0, floor.value, 40 * PAIRS_PER_YEAR).tolist()
    found = [look.above for look in looks(watch, errors, floor)]
    assert len(found) == 40 * PAIRS_PER_YEAR // BLOCK_PAIRS
    assert 24 <= sum(found) <= 54


def test_one_and_a_half_times_the_floor_is_found_within_a_hundred_pairs() -> None:
    # Wherever in a block it begins.
    rng, floor, found = np.random.default_rng(2), stated_floor(3.0), 0
    for _ in range(200):
        watch = FloorWatch()
        begins = int(rng.integers(BLOCK_PAIRS))
        errors = rng.normal(0, floor.value, begins).tolist()
        errors += rng.normal(0, 1.5 * floor.value, 100).tolist()
        found += any(look.above for look in looks(watch, errors, floor))
    assert found >= 0.9 * 200


@pytest.mark.parametrize("degrees", [5, 31, 300])
@pytest.mark.parametrize("level", [0.5, 0.975, 0.9975, 0.9999])
def test_limits_of_runs_go_over_into_those_of_independent_pairs(degrees: int, level: float) -> None:
    # As good as no correlation, but not 0: by quadrature instead of F.
    found = ratio_max(mean_square(50, 1e-6, 20), degrees, level)
    assert found**2 == pytest.approx(f.ppf(level, 50, degrees), rel=2e-4)


@pytest.mark.parametrize("degrees", [None, 60])
@pytest.mark.parametrize("correlation", [0.1, 0.3])
def test_limits_of_runs_hold_in_simulation(correlation: float, degrees: int | None) -> None:
    rng, blocks, size = np.random.default_rng(6), 40_000, 10
    shared = rng.normal(size=(blocks, 5, 1))
    own = rng.normal(size=(blocks, 5, size))
    errors = math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own
    rmse = np.sqrt(np.mean(errors**2, axis=(1, 2)))
    floors = np.sqrt(rng.chisquare(degrees, blocks) / degrees) if degrees else 1.0
    limit = ratio_max(mean_square(5 * size, correlation, size), degrees, 0.9975)
    # 100 expected; the three moments are not the whole distribution.
    assert 65 <= np.count_nonzero(rmse / floors > limit) <= 135


def test_the_watch_goes_on_from_its_state() -> None:
    rng, floor = np.random.default_rng(4), NoiseFloor(1.0, 40)
    errors = [*rng.normal(0, 1.6, 220).tolist(), math.nan]
    whole, stored, layout = FloorWatch(), FloorWatch(), RecordLayout(BlockState)
    for error in errors:
        stored = FloorWatch(state=layout.unpack(layout.pack(stored.state)))
        assert stored.update(error, 5, floor) == whole.update(error, 5, floor)
    assert whole.state.pairs == 20


def test_a_block_without_a_floor_says_nothing() -> None:
    assert looks(FloorWatch(), [1.0] * 100, None) == []
    for budget in (0.0, -1.0, 100.0, math.nan):
        with pytest.raises(SettingsError, match="looked at 100 times"):
            FloorWatch(false_per_year=budget)

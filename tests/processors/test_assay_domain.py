"""The applicability domain: neighbours as scikit-learn's, ranks, categories, gaps and bounds."""

import math
import random

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from processors.assay.domain import (
    DOMAIN_LAYOUT,
    NEIGHBOURS,
    OUTSIDE_RANK,
    REFERENCE_MIN,
    Domain,
    Place,
)
from schemas.errors import SettingsError

RECORD_BYTES_MAX = 64 * 1024


def features(row: list[float]) -> dict[str, float | str]:
    return {f"f{column:03d}": value for column, value in enumerate(row)}


def learnt(rows: list[list[float]]) -> Domain:
    domain = Domain(len(rows))
    for index, row in enumerate(rows):
        assert domain.learning
        assert domain.update(f"M-{index}", features(row)).rank is None
    assert not domain.learning
    return domain


@pytest.mark.parametrize("p", [1, 5, 30])
def test_ranks_are_those_of_scikit_learns_neighbours(p: int) -> None:
    rng = np.random.default_rng(p)
    # Between -1 and 1 no two values differ by five deviations.
    reference = rng.uniform(-1, 1, (40, p)).astype(np.float32).astype(float)
    new = rng.uniform(-1.2, 1.2, (30, p)).astype(np.float32).astype(float)
    deviation = np.median(np.abs(reference - np.median(reference, axis=0)), axis=0)
    scale = 1.4826 * deviation * math.sqrt(p)
    tree = NearestNeighbors().fit(reference / scale)
    # The nearest of a reference molecule is itself.
    own = tree.kneighbors(reference / scale, NEIGHBOURS + 1)[0][:, 1:].mean(axis=1)
    distances = tree.kneighbors(new / scale, NEIGHBOURS)[0].mean(axis=1)
    domain = learnt(reference.tolist())
    for row, distance in zip(new.tolist(), distances, strict=True):
        expected = (1 + np.count_nonzero(own >= distance)) / 41
        assert domain.update("new", features(row)).rank == pytest.approx(expected)


@pytest.mark.parametrize("n", [50, 100])
@pytest.mark.parametrize("p", [1, 10, 50])
def test_few_molecules_like_the_reference_are_outside(n: int, p: int) -> None:
    outside = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        domain = learnt(rng.normal(size=(n, p)).tolist())
        new = rng.normal(size=(40, p)).tolist()
        outside += sum(domain.update("new", features(row)).outside or False for row in new)
    # References differ, so that the count spreads more than a binomial one.
    assert outside / 400 <= OUTSIDE_RANK + 0.05


def test_molecules_from_elsewhere_are_outside() -> None:
    rng = np.random.default_rng(1)
    # Two series far apart: what lies between them is in the domain of neither.
    reference = rng.normal(size=(100, 10)) + np.where(np.arange(100) % 2, 8, -8)[:, None]
    domain = learnt(reference.tolist())
    between = [domain.update("m", features(row)).outside for row in rng.normal(size=(50, 10))]
    assert all(between)
    assert not domain.update("m", features([8.0] * 10)).outside


def test_an_unseen_category_is_outside_and_a_seen_one_is_not() -> None:
    rng, domain = random.Random(1), Domain(30)
    for index in range(30):
        series = "A" if index % 3 else "B"
        domain.update(str(index), {"logP": rng.gauss(0, 1), "series": series})
    for series in "AB":
        assert domain.update("m", {"logP": 0.0, "series": series}).outside is False
    place = domain.update("m", {"logP": 0.0, "series": "C"})
    assert place.outside is True
    assert place.reason == "series has a category that no molecule of the reference has"


def test_only_categories() -> None:
    domain = Domain(20)
    for index in range(20):
        domain.update(str(index), {"series": "AB"[index % 2]})
    assert domain.update("m", {"series": "A"}) == Place(1.0)
    assert domain.update("m", {"series": "Z"}).outside is True


def test_a_constant_feature_and_rare_marks_give_defined_ranks() -> None:
    rng = random.Random(2)
    rows = [[7.0, rng.gauss(0, 1), float(index == 3)] for index in range(40)]
    domain = learnt(rows)
    assert domain.update("m", features([7.0, 0.0, 0.0])).outside is False
    assert domain.update("m", features([8.0, 0.0, 0.0])).outside is True
    all_equal = learnt([[1.0, 2.0]] * 20)
    assert all_equal.update("m", features([1.0, 2.0])).rank == 1.0
    assert all_equal.update("m", features([1.0, 2.1])).outside is True


def test_features_that_are_not_stated() -> None:
    rng = random.Random(3)
    domain = learnt([[rng.gauss(0, 1) for _ in range(4)] for _ in range(50)])
    assert domain.update("m", {"f000": 0.0, "f002": 0.1}).outside is False
    assert domain.update("m", {"f000": 9.0}).outside is True
    for missing in ({"other": 1.0}, {"f000": math.nan}, {"f000": "text"}):
        place = domain.update("m", missing)
        assert place == Place(None, "the prediction shares no feature with the reference")
        assert place.outside is None
    assert domain.update("m", {}).reason == "the prediction states no features"


def test_gaps_in_the_reference_do_not_make_a_molecule_foreign() -> None:
    rng, domain = random.Random(4), Domain(60)
    for index in range(60):
        row = [rng.gauss(0, 1) for _ in range(5)]
        row[index % 5 if index else 0] = 0.0 if not index else math.nan
        domain.update(str(index), features(row))
    assert not domain.learning
    assert domain.update("m", features([0.0] * 5)).outside is False
    assert domain.update("m", features([6.0] * 5)).outside is True


@pytest.mark.parametrize("value", [1e100, -1e100, 1e-300, 1e9])
def test_extreme_numbers_are_defined(value: float) -> None:
    rng = random.Random(5)
    rows = [[rng.gauss(0, 1), rng.gauss(0, 1)] for _ in range(30)]
    rows[7][0] = value
    place = learnt(rows).update("m", features([value, 0.0]))
    assert place.rank is not None and 0 < place.rank <= 1


def test_a_molecule_counts_once() -> None:
    domain = Domain(20)
    for _ in range(200):
        domain.update("control", {"logP": 1.0})
    assert domain.learning
    assert len(domain.state.molecules) == 1


@pytest.mark.parametrize("features_held", [1, 50, 120, 500])
def test_a_record_stays_under_64_kib(features_held: int) -> None:
    rng = np.random.default_rng(6)
    domain, name = Domain(200), "a long name of a descriptor"
    for index in range(200):
        row = rng.normal(size=features_held).tolist()
        mixed = {f"{name} {i}": v if i % 3 else f"{v:.0f}" for i, v in enumerate(row)}
        domain.update(str(index), mixed)
        assert len(DOMAIN_LAYOUT.pack(domain.state)) < RECORD_BYTES_MAX
        if not domain.learning:
            break
    assert not domain.learning
    assert len(domain.state.molecules) >= REFERENCE_MIN


def test_the_state_survives_at_every_point() -> None:
    rng = random.Random(7)
    whole, stored = Domain(25), Domain(25)
    for index in range(40):
        row: dict[str, float | str] = {"x": rng.gauss(0, 1), "series": rng.choice("ABC")}
        stored = Domain(25, DOMAIN_LAYOUT.unpack(DOMAIN_LAYOUT.pack(stored.state)))
        assert stored.update(str(index), row) == whole.update(str(index), row)
    assert not whole.learning


@pytest.mark.parametrize("size", [19, 201])
def test_an_impossible_reference_is_refused(size: int) -> None:
    with pytest.raises(SettingsError, match="20 to 200"):
        Domain(size)

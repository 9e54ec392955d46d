"""Label coverage from the counts of the join's lanes, as the monitor publishes it."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from processors.label_coverage import LabelCoverage, coverage_estimate
from processors.monitor import Monitor
from processors.publication import CHANGED_MIN
from processors.store import MemoryStore
from schemas.events import Coverage, Metric

LANES = 3


def event(version: str, lane: int, labelled: int, expired: int, row_version: int) -> Coverage:
    predictions = labelled + expired + 7
    return Coverage("net", version, "logP", lane, predictions, labelled, expired, row_version)


events = st.builds(
    event,
    st.sampled_from(["1", "2"]),
    st.integers(0, LANES - 1),
    st.integers(0, 60),
    st.integers(0, 60),
    st.integers(1, 9),
)


class Reader:
    """A monitor, and what a reader of its metrics holds as the last word."""

    def __init__(self) -> None:
        self._store, self._monitor, self._sequence = MemoryStore(), Monitor(), 0
        self.latest: dict[str, Metric] = {}
        self.said = 0

    def take(self, one: Coverage) -> None:
        self._sequence += 1
        assert self._monitor.process(one, self._sequence, self._store) == []

    def flush(self, quiet: bool) -> None:
        for metric in self._monitor.flush(self._store, quiet):
            assert isinstance(metric, Metric)
            known = self.latest.get(metric.model_version)
            assert known is None or metric.row_version > known.row_version
            self.latest[metric.model_version] = metric
            self.said += 1

    def restart(self) -> None:
        self._monitor = Monitor()


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(events, st.sampled_from(["", "", "busy", "quiet", "restart"]))))
def test_the_last_word_is_the_sum_of_the_newest_counts(
    steps: list[tuple[Coverage, str]],
) -> None:
    """A lane tells its counts with a growing row_version; repeats and stale ones are no news."""
    reader, newest = Reader(), dict[tuple[str, int], Coverage]()
    for one, then in steps:
        known = newest.get((one.model_version, one.lane))
        if known is None or one.row_version > known.row_version:
            newest[one.model_version, one.lane] = one
        reader.take(one)
        if then:
            reader.flush(quiet=then != "busy")
        if then == "restart":
            reader.restart()
    reader.flush(quiet=True)
    assert set(reader.latest) == {version for version, _ in newest}
    for version, said in reader.latest.items():
        counts = [one for (its, _), one in newest.items() if its == version]
        labelled, expired = sum(c.labelled for c in counts), sum(c.expired for c in counts)
        n = labelled + expired
        assert said[:7] == ("net", version, "logP", None, None, "all", "label_coverage")
        assert (said.n, said.at) == (n, None)
        assert said.value == (pytest.approx(labelled / n) if n else None)
    before = reader.said
    reader.flush(quiet=True)
    reader.restart()
    reader.flush(quiet=True)
    assert reader.said == before, "nothing is said twice"


@pytest.mark.parametrize(("labelled", "expired"), [(1, 0), (0, 4), (8, 2), (500, 1)])
def test_the_interval_is_wilsons(labelled: int, expired: int) -> None:
    found = coverage_estimate(labelled, expired)
    interval = binomtest(labelled, labelled + expired).proportion_ci(0.95, method="wilson")
    assert found.low == pytest.approx(interval.low, abs=1e-12)
    assert found.high == pytest.approx(interval.high, abs=1e-12)


def test_while_every_prediction_is_open_coverage_is_undefined() -> None:
    reader = Reader()
    reader.take(event("1", 0, 0, 0, 1))
    reader.flush(quiet=True)
    assert (reader.latest["1"].value, reader.latest["1"].n) == (None, 0)


def test_an_expired_prediction_that_is_answered_late_is_covered() -> None:
    reader = Reader()
    for row_version, (labelled, expired) in enumerate([(3, 0), (3, 1), (4, 0)], 1):
        reader.take(event("1", 0, labelled, expired, row_version))
        reader.flush(quiet=True)
        assert reader.latest["1"].value == labelled / 4 or (labelled, expired) == (3, 0)
    assert reader.latest["1"].value == 1.0


def test_under_load_small_changes_wait_until_it_is_quiet() -> None:
    reader = Reader()
    reader.take(event("1", 0, 100, 0, 1))
    reader.flush(quiet=False)
    assert reader.said == 1, "the first word is no small change"
    reader.take(event("1", 0, 100, CHANGED_MIN - 1, 2))
    reader.flush(quiet=False)
    assert reader.said == 1
    reader.restart()
    reader.flush(quiet=True)
    assert (reader.said, reader.latest["1"].n) == (2, 100 + CHANGED_MIN - 1)
    reader.take(event("1", 0, 100, 2 * CHANGED_MIN, 3))
    reader.flush(quiet=False)
    assert reader.said == 3


def test_counts_of_two_subjects_do_not_mix() -> None:
    rng, coverage, store = random.Random(1), LabelCoverage(), MemoryStore()
    told = [
        Coverage(model, "1", assay, lane, 99, rng.randrange(9), rng.randrange(1, 9), 1)
        for model in ("net", "net2")
        for assay in ("a", "a b")
        for lane in range(LANES)
    ]
    for sequence, one in enumerate(told, 1):
        coverage.take(one, sequence, store)
    for metric in coverage.flush(store, quiet=True):
        mine = [c for c in told if (c.model_id, c.assay_id) == (metric.model_id, metric.assay_id)]
        assert metric.n == sum(c.labelled + c.expired for c in mine)

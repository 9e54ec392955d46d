"""What is told of single classes: names, limits, and a defined answer to every table."""

from pathlib import Path
from urllib.parse import unquote

import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

import processors.class_metrics
from processors.class_metrics import (
    CLASSES_MAX,
    NAME_BYTES_MAX,
    all_class_metrics,
    compute_classes,
    quoted,
)
from processors.figures.estimate import Estimate
from processors.summaries.confusion import Confusion

texts = st.text(max_size=12) | st.sampled_from(["a:b", "100 %", "%3A", "a", "b"])


def told(pairs: list[tuple[str, str]], whole: bool = True) -> dict[str, Estimate]:
    return dict(compute_classes(Confusion.of(pairs), whole))


def test_every_file_is_a_figure_and_declares_what_it_must() -> None:
    folder = Path(processors.class_metrics.__file__).parent
    assert set(all_class_metrics()) == {file.stem for file in folder.glob("[!_]*.py")}
    for metric in all_class_metrics().values():
        assert metric.UNIT in {"value", "1"}
        assert metric.BIGGER_IS_BETTER in {True, False, None}
        assert metric.WHOLE_SERIES_ONLY in {True, False}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(texts, texts), max_size=30))
def test_cells_and_rates_are_those_that_are_counted(pairs: list[tuple[str, str]]) -> None:
    found = told(pairs)
    for name, (value, low, high, n, reason) in found.items():
        kind, *labels = [unquote(part, errors="strict") for part in name.split(":")]
        if kind == "confusion":
            assert value == n == pairs.count((labels[1], labels[0])) > 0
            assert low is None and reason is None
            continue
        side = {"precision": 0, "recall": 1}[kind]
        held = [pair for pair in pairs if pair[side] == labels[0]]
        assert n == len(held)
        assert (value is None) == bool(reason) == (not held)
        if held:
            hits = sum(a == b for a, b in held)
            ends = scipy.stats.binomtest(hits, n).proportion_ci(method="wilson")
            assert value == hits / n
            assert (low, high) == pytest.approx((ends.low, ends.high), abs=1e-12)


def test_the_table_is_told_of_the_whole_series_only() -> None:
    pairs = [("a", "b"), ("b", "b")]
    kinds = {name.partition(":")[0] for name in told(pairs, whole=False)}
    assert kinds == {"precision", "recall"}
    assert told(pairs)["confusion:b:a"].value == 1


def test_the_most_frequent_classes_are_told_and_no_more() -> None:
    pairs = [(f"c{number:02}", f"c{number:02}") for number in range(30)] + [("c29", "c28")]
    classes = {name.split(":")[1] for name in told(pairs)}
    assert classes == {f"c{number:02}" for number in (*range(CLASSES_MAX - 2), 28, 29)}


def test_a_label_too_long_for_a_name_is_left_out() -> None:
    fits, long = "ä" * (NAME_BYTES_MAX // 2), "ä" * (NAME_BYTES_MAX // 2) + "x"
    assert set(told([(fits, long)])) == {f"precision:{fits}", f"recall:{fits}"}
    assert len(quoted(":" * NAME_BYTES_MAX)) == 3 * NAME_BYTES_MAX

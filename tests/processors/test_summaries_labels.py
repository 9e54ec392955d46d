"""Confusion and Values, and the rule that finds the positive label."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.summaries.confusion import Confusion
from processors.summaries.positive import positive_label
from processors.summaries.values import Values
from schemas.errors import InvalidValueError, RefusedStateError

some_labels = st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), max_size=3
) | st.sampled_from(["hit", "miss", "x" * 300])
label_pairs = st.lists(st.tuples(some_labels, some_labels), max_size=20)


def window_of(pairs: list[tuple[str, str]]) -> Confusion:
    window = Confusion()
    for pair in pairs:
        window.update(*pair)
    return window


@settings(deadline=None)
@given(label_pairs, label_pairs)
def test_counts_are_those_of_what_stayed(
    kept: list[tuple[str, str]], gone: list[tuple[str, str]]
) -> None:
    window = window_of(gone + kept)
    for pair in reversed(gone):
        window.revert(*pair)
    assert dict(window.counts) == Counter(kept)
    assert window.n == len(kept)
    assert window == window_of(kept[::-1])
    assert window.to_bytes() == window_of(kept[::-1]).to_bytes()


@settings(deadline=None)
@given(label_pairs, label_pairs)
def test_a_merge_is_the_window_of_all_pairs_and_goes_on(
    some: list[tuple[str, str]], others: list[tuple[str, str]]
) -> None:
    merged, other = window_of(some), window_of(others)
    merged.merge(other)
    assert other == window_of(others)
    assert dict(merged.counts) == Counter(some + others)
    assert merged.n == len(some) + len(others)
    for pair in others:
        merged.revert(*pair)
    assert merged == window_of(some)
    assert other == window_of(others)


@settings(deadline=None)
@given(label_pairs)
def test_bytes_round_trip(pairs: list[tuple[str, str]]) -> None:
    window = window_of(pairs)
    again = Confusion.from_bytes(window.to_bytes(), positive="hit")
    assert again == window
    assert (again.n, again.positive) == (window.n, "hit")


def test_a_pair_that_is_not_held_cannot_go() -> None:
    window = window_of([("a", "b")])
    with pytest.raises(RefusedStateError):
        window.revert("b", "a")
    assert window.n == 1


def test_other_formats_and_damage_are_refused() -> None:
    good = window_of([("a", "b"), ("b", "b")]).to_bytes()
    not_utf8 = b"\x01\x01\x01\x01\xff"
    cell_out_of_range = b"\x01\x01\x01\x01a\x01\x00\x01\x01\x01\x01"
    count_of_zero = b"\x01\x01\x01\x01a\x01\x00\x01\x00\x01\x00"
    for bad in (
        b"",
        b"\x01",
        b"\x07" + good[1:],
        good[:-1],
        good[:-2],
        not_utf8,
        cell_out_of_range,
        count_of_zero,
    ):
        with pytest.raises(RefusedStateError):
            Confusion.from_bytes(bad)


@pytest.mark.parametrize(
    ("labels", "stated", "positive"),
    [
        ({"active", "inactive"}, None, "active"),
        ({"0", "1"}, None, "1"),
        ({"False", "TRUE"}, None, "TRUE"),
        ({"no", "Yes"}, None, "Yes"),
        ({"neg", "Pos"}, None, "Pos"),
        ({"Class1", "Class2"}, None, "Class2"),
        ({"Class1", "Class2"}, "Class1", "Class1"),
        ({"binder", "non-binder"}, None, "binder"),
        ({"Responder", "nonresponder"}, None, "Responder"),
        ({"stable", "unstable"}, None, "stable"),
        ({"a", "innate"}, None, "innate"),
        ({"hit", "toxic"}, None, "toxic"),
        ({"toxic"}, None, "toxic"),
        ({"clean"}, None, None),
        ({"clean"}, "toxic", "toxic"),
        (set(), None, None),
    ],
)
def test_positive_label(labels: set[str], stated: str | None, positive: str | None) -> None:
    assert positive_label(labels, stated) == positive


def test_values_hold_doubles_and_their_size() -> None:
    values = Values([1, 2, 3], [1, 2, 4], [0.5], ["hit"])
    assert values.predicted.dtype == np.float64
    assert values.n == 3
    assert Values().n == 0


@pytest.mark.parametrize(
    "arrays",
    [
        {"predicted": [1.0]},
        {"probability": [0.5], "label": []},
        {"predicted": [float("nan")], "measured": [1.0]},
        {"predicted": [[1.0]], "measured": [[1.0]]},
        {"probability": [float("inf")], "label": ["a"]},
    ],
)
def test_values_refuse_what_does_not_fit(arrays: dict[str, list[float]]) -> None:
    with pytest.raises(InvalidValueError):
        Values(**arrays)  # type: ignore[arg-type]

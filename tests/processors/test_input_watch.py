"""Input drift: quiet without one, found with one, whatever is missing, constant or too much."""

import math
import random
from collections.abc import Iterator, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.input_sample import InputState
from processors.input_watch import INPUTS_MAX, InputsHead, InputWatch, Look
from processors.record_layout import RecordLayout
from schemas.errors import InvalidValueError

STATE, HEAD = RecordLayout(InputState), RecordLayout(InputsHead)
Inputs = Mapping[str, float | str]
RATE = 1e-4


def stored_and_read(watch: InputWatch) -> InputWatch:
    states = {name: STATE.unpack(STATE.pack(state)) for name, state in watch.states().items()}
    return InputWatch(HEAD.unpack(HEAD.pack(watch.head())), states)


def shown(watch: InputWatch, rows: list[Inputs], first: int = 0, rate: float = RATE) -> list[Look]:
    looks = (
        watch.update(row, ("", index // 20), index, rate) for index, row in enumerate(rows, first)
    )
    return [look for look in looks if look is not None]


def rows(seed: int, number: int, moved_from: int = 10**9) -> Iterator[Inputs]:
    rng = random.Random(seed)
    for index in range(number):
        moved = index >= moved_from
        row: dict[str, float | str] = {
            "prediction": rng.gauss(2.0 * moved, 1),
            "outcome": rng.gauss(0, 1),
            "feature:mass": rng.lognormvariate(5 - moved, 0.3),
            "feature:wide": rng.gauss(0, 1 + 5 * moved),
            "feature:salt": rng.choice(["Na", "K", "none"]) if not moved else "K",
            "feature:new": "old" if not moved else "new",
            "feature:same": 7.0,
        }
        if rng.random() < 0.3:
            del row["feature:mass"]
        yield row


def test_drifts_are_found_and_told_with_their_direction() -> None:
    watch = InputWatch()
    assert [len(look.p_values) for look in shown(watch, list(rows(1, 200)))] == [0] * 4
    assert watch.learning == {"feature:mass"}
    quiet = shown(watch, list(rows(2, 300)), 200)
    assert not any(look.drifts for look in quiet) and not watch.drifting
    # Those with values missing have their full window one look later.
    assert {len(look.p_values) for look in quiet} == {6, 7}
    drifts = {
        drift.name: drift
        for look in shown(watch, list(rows(3, 200, 0)), 500)
        for drift in look.drifts
    }
    assert {name: drift.direction for name, drift in drifts.items()} == {
        "prediction": "higher",
        "feature:mass": "lower",
        "feature:wide": "spread",
        "feature:salt": "more K",
        "feature:new": "more others",
    }
    assert watch.drifting == drifts.keys()
    for drift in drifts.values():
        assert drift.since is not None and 480 <= drift.since < 700
        assert 0 <= drift.p_value <= drift.adjusted <= RATE * 50


def test_an_input_that_is_as_before_drifts_no_more() -> None:
    watch = InputWatch()
    shown(watch, list(rows(1, 300)))
    shown(watch, list(rows(1, 100, 0)), 300)
    assert "prediction" in watch.drifting
    shown(watch, list(rows(5, 150)), 400)
    assert not watch.drifting


# Values of a run share what the run did; a test that ignored it would alarm in half of its looks.
@pytest.mark.parametrize("icc", [0.0, 0.3])
def test_without_a_drift_looks_keep_to_their_rate(icc: float) -> None:
    rate, looks, false = 1e-3, 0, 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        shared = np.repeat(rng.normal(0, math.sqrt(icc), (60, 4)), 20, axis=0)
        values = shared + rng.normal(0, math.sqrt(1 - icc), (1_200, 4))
        kinds = np.digitize(values, [-0.8, 0.3]).astype(str)
        watch = InputWatch()
        found = shown(
            watch,
            [
                {"a": v[0], "b": v[1], "c": k[2], "d": k[3]}
                for v, k in zip(values.tolist(), kinds.tolist(), strict=True)
            ],
            rate=rate,
        )
        looks += sum(len(look.p_values) > 0 for look in found)
        false += sum(bool(look.drifts) for look in found)
    # One look in 20 may be wrong: 12 of 240, and three standard deviations.
    assert looks == 240
    assert false <= 22


def test_a_watch_that_is_stored_at_every_point_sees_the_same() -> None:
    uninterrupted, stored = InputWatch(), InputWatch()
    looks = 0
    for index, row in enumerate(rows(6, 500, 350)):
        run = None if index % 7 == 0 else ("LC-1", index // 20)
        look = stored.update(row, run, index, RATE)
        assert look == uninterrupted.update(row, run, index, RATE)
        stored = stored_and_read(stored)
        assert stored.states() == uninterrupted.states()
        looks += look is not None and bool(look.drifts)
    assert looks


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.dictionaries(
            st.sampled_from("abc"),
            st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(["x", "", "y", 1.0]),
        ),
        max_size=120,
    ),
    st.booleans(),
)
def test_any_finite_inputs_have_a_defined_answer(inputs: list[Inputs], in_runs: bool) -> None:
    watch = InputWatch(reference_values=20, window_values=10)
    for index, row in enumerate(inputs):
        look = watch.update(row, ("", index // 5) if in_runs else None, None, 0.005)
        for drift in look.drifts if look else ():
            assert 0 <= drift.p_value <= 1 and 0 <= drift.adjusted <= 1
    for state in watch.states().values():
        assert STATE.unpack(STATE.pack(state)) == state


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused_and_nothing_taken(value: float) -> None:
    watch = InputWatch()
    with pytest.raises(InvalidValueError, match="The input b is") as caught:
        watch.update({"a": 1.0, "b": value}, None, None, RATE)
    assert caught.value.column == "b"
    assert watch.states() == {} and watch.head() == InputsHead()


def test_inputs_beyond_the_most_are_counted_as_unwatched() -> None:
    watch = InputWatch()
    for _ in range(2):
        watch.update({f"f{number}": 1.0 for number in range(INPUTS_MAX + 5)}, None, None, RATE)
    assert len(watch.states()) == INPUTS_MAX and watch.unwatched == 5
    assert stored_and_read(watch).unwatched == 5


def test_records_stay_small_whatever_the_categories() -> None:
    watch = InputWatch()
    for index in range(449):
        row: Inputs = {"text": chr(0x1F600 + index) * 10_000, "number": index / 7, "few": "é" * 300}
        watch.update(row, ("instrument" * 100, index), 2**52 + index, RATE)
        if index % 100 == 99 or index == 448:
            assert all(len(STATE.pack(state)) < 60_000 for state in watch.states().values())


def test_too_few_runs_are_learned_from_and_not_tested() -> None:
    watch = InputWatch(reference_values=50)
    looks = [
        watch.update({"a": index % 9.0}, ("", index // 100), index, 1e-3) for index in range(300)
    ]
    tested = [len(look.p_values) for look in looks if look is not None]
    # The reference and the two windows after it are three runs, or parts of runs.
    assert tested == [0, 0, 0, 1, 1, 1]


def test_a_category_where_numbers_are_is_as_good_as_missing() -> None:
    watch = InputWatch()
    for value in (1.0, "n/a", 2.0):
        watch.update({"a": value}, None, None, RATE)
    assert watch.states()["a"].reference.numbers == (1.0, 2.0)

"""Units: a pair has one, or there is no pair."""

import math
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_pairing_oracle import CODEC, AnyEvent

from processors.join import Join
from processors.store import MemoryStore
from processors.units import convert
from schemas.errors import InvalidValueError
from schemas.events import AssayContext, DeadLetter, Event, Outcome, Pair, Prediction
from schemas.topics import join_key

P = Prediction("p", 0, False, "m", "a", AssayContext(), "net", "1", 1500.0, unit="nM")
O = Outcome("o", 0, False, "m", "a", AssayContext(), 1.2, unit="uM")  # noqa: E741


# Factors of NIST SP 811 and the International Temperature Scale's zero.
@pytest.mark.parametrize(
    ("value", "unit", "into", "expected"),
    [
        (1500.0, "nM", "uM", 1.5),
        (2.0, "mM", "nM", 2e6),
        (1.0, "kcal/mol", "kJ/mol", 4.184),
        (-4.184, "kJ/mol", "kcal/mol", -1.0),
        (25.0, "degC", "K", 298.15),
        (0.0, "K", "degC", -273.15),
        (2.0, "mg/mL", "ug/mL", 2000.0),
        (1.5, "h", "min", 90.0),
        (90.0, "s", "min", 1.5),
        (0.3, "nM", "nM", 0.3),
        (0.3, None, "nM", 0.3),
        (0.3, "nM", None, 0.3),
        (0.3, None, None, 0.3),
    ],
)
def test_values_by_hand(value: float, unit: str | None, into: str | None, expected: float) -> None:
    assert convert(value, unit, into) == pytest.approx(expected, rel=1e-12)


@settings(deadline=None)
@given(
    st.floats(-1e12, 1e12),
    st.sampled_from([("nM", "uM"), ("degC", "K"), ("kcal/mol", "kJ/mol"), ("s", "h")]),
)
def test_there_and_back_again(value: float, units: tuple[str, str]) -> None:
    there = convert(value, *units)
    assert math.isclose(convert(there, *reversed(units)), value, rel_tol=1e-9, abs_tol=1e-9)


@pytest.mark.parametrize(
    ("unit", "into"),
    [
        ("nM", "kcal/mol"),
        ("mg/mL", "uM"),
        ("nonsense", "nM"),
        ("nM", "nonsense"),
        ("((", "nM"),
        ("nM", "2 nM"),
    ],
)
def test_what_cannot_be_converted_is_the_datas_fault(unit: str, into: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        convert(1.0, unit, into)
    assert refused.value.column == "unit"


def test_a_logarithmic_unit_is_converted_by_its_own_law_or_not_at_all() -> None:
    try:
        found = convert(20.0, "dBm", "mW")
    except InvalidValueError:
        return
    assert found == pytest.approx(100.0)


def test_a_unit_that_is_arithmetic_does_not_stop_the_lane() -> None:
    """A unit is text from outside; in a child process, since nothing can interrupt the sum."""
    root = Path(__file__).resolve().parents[2]
    program = (
        "from processors.units import convert\nfrom schemas.errors import DataError\n"
        "for unit in ('m**9**9**9', '10**10**10**10'):\n"
        "    try: convert(1.0, unit, 'nM')\n    except DataError: pass\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=root, timeout=15, check=True)


def said_of(events: Sequence[AnyEvent]) -> list[Event]:
    join, store = Join(CODEC), MemoryStore()
    return [
        event
        for sequence, given in enumerate(events, 1)
        for event in join.process(given, sequence, store)
    ]


def last_pair(said: Sequence[Event]) -> Pair:
    return [event for event in said if isinstance(event, Pair)][-1]


def test_the_prediction_is_given_in_the_unit_of_the_outcome() -> None:
    both: list[AnyEvent] = [P, O]
    for events in (both, both[::-1]):
        (pair,) = said_of(events)
        assert isinstance(pair, Pair)
        assert pair.predicted == pytest.approx(1.5, rel=1e-12)
        assert (pair.measured, pair.unit) == (1.2, "uM")
        assert pair.prediction.value == 1500.0


def test_a_unit_only_one_side_states_holds_for_both() -> None:
    assert last_pair(said_of([P, O._replace(unit=None)])).unit == "nM"
    assert last_pair(said_of([P._replace(unit=None), O])).unit == "uM"
    assert last_pair(said_of([P._replace(unit=None), O._replace(unit=None)])).unit is None


@pytest.mark.parametrize("swapped", [False, True])
def test_units_that_cannot_be_converted_are_a_dead_letter_and_no_live_pair(swapped: bool) -> None:
    events: list[AnyEvent] = [P, O._replace(unit="kcal/mol")]
    said = said_of(events[::-1] if swapped else events)
    (letter,) = (event for event in said if isinstance(event, DeadLetter))
    assert (letter.column, letter.origin, letter.error) == ("unit", "join", "InvalidValueError")
    assert letter.key == join_key("m", "a")
    cause = events[0] if swapped else events[1]
    assert CODEC.decode(letter.payload, type(cause)) == cause
    assert all(e.status == "retracted" for e in said if isinstance(e, Pair))


def test_a_revision_breaks_and_mends_the_pair() -> None:
    broken = O._replace(revision=1, unit="kcal/mol")
    mended = O._replace(revision=2, unit="nM", value=1400.0)
    said = said_of([P, O, broken])
    assert last_pair(said).status == "retracted"
    said = said_of([P, O, broken, mended])
    assert last_pair(said)[2:6] == ("paired", "nM", 1500.0, 1400.0)
    said = said_of([O._replace(unit="kcal/mol"), P, P._replace(revision=1, unit="kJ/mol")])
    assert last_pair(said).status == "paired"
    assert last_pair(said).predicted == pytest.approx(1500 / 4.184)


def test_one_bad_unit_leaves_the_other_predictions_paired() -> None:
    others: list[AnyEvent] = [
        P._replace(event_id="q", model_id="tree"),
        P._replace(unit="kcal/mol"),
        O,
    ]
    last = {e.prediction.event_id: e.status for e in said_of(others) if isinstance(e, Pair)}
    assert last["q"] == "paired"
    assert last.get("p") in (None, "retracted")


def test_a_predicted_value_is_in_the_unit_of_the_pair() -> None:
    """Here the outcome has a class and the unit of its cut-off, but no value."""
    outcome = O._replace(value=None, label="hit", unit="uM")
    pair = last_pair(said_of([P._replace(label="hit"), outcome]))
    if pair.predicted is not None:
        assert (pair.predicted, pair.unit) in ((1500.0, "nM"), (pytest.approx(1.5), "uM"))


def test_lanes_that_convert_their_first_pair_at_once_agree() -> None:
    """In a process of its own: the table of units is made once."""
    script = """
import sys, threading
from processors.units import convert
sys.setswitchinterval(1e-5)
together, found = threading.Barrier(4), []
def lane():
    together.wait()
    found.append(convert(1.0, "uM", "nM"))
threads = [threading.Thread(target=lane) for _ in range(4)]
[thread.start() for thread in threads], [thread.join() for thread in threads]
assert len(found) == 4, found
assert all(abs(value - 1000.0) < 1e-9 for value in found), found
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr

"""A small part of benchmarks/cause.py: labs whose cause is known, judged as the monitor would."""

from collections import Counter

import pytest

from benchmarks.cause import SETTINGS, measured
from benchmarks.cause_lab import LEVELS

LABS = 9


def judged(names: list[str], labs: int, estimated: bool = False) -> Counter[str]:
    found: Counter[str] = Counter()
    for place, name in enumerate(names):
        for word, part in measured(SETTINGS[name], labs, 1_000 * place, estimated).items():
            found[word] += round(part * labs)
    return found


# Of what is right in 95 of 100 labs, fewer than 38 of 45 are right once in 500 times.
@pytest.mark.parametrize("estimated", [False, True])
def test_a_level_that_goes_bad_is_on_top(estimated: bool) -> None:
    assert judged(list(LEVELS), LABS, estimated)["right"] >= 38


def test_of_two_both_are_on_top() -> None:
    names = ["operator and reagent_batch", "instrument and protocol_version"]
    found = judged(names, LABS)
    assert found["right"] >= 14 and found["right"] + found["half"] >= 17


@pytest.mark.parametrize(
    "name", ["no shift", "everything shifts", "levels differ, everything shifts"]
)
def test_without_a_cause_none_is_named(name: str) -> None:
    # Of what comes in 5 of 100 labs, more than 4 of 20 come once in 400 times.
    assert judged([name], 20)["none"] >= 16


@pytest.mark.parametrize("estimated", [False, True])
@pytest.mark.parametrize("unlike", ["0%", "5%"])
def test_aliased_levels_are_never_told_apart(unlike: str, estimated: bool) -> None:
    found = judged([f"reagent_batch aliased with instrument, {unlike} unlike"], LABS, estimated)
    assert found["guessed"] == 0 and found["tied"] >= LABS - 1


def test_runs_that_differ_are_no_cause() -> None:
    """Tested as if results were independent, most of these labs would name one."""
    assert judged(["no shift, ICC 0.3", "everything shifts, ICC 0.3"], 10)["none"] >= 15

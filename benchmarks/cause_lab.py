"""Simulated labs whose cause of a change is known."""

from typing import NamedTuple

import numpy as np

from processors.cause import Level
from processors.causes.results import DAY_US, FACTORS
from processors.series import Scored

LEVELS = {
    "reagent_batch": ("L1", "L2", "L3", "L4"),
    "instrument": ("I1", "I2", "I3"),
    "operator": ("ann", "bob", "cid", "dee"),
    "protocol_version": ("p1", "p2"),
    "model_version": ("1.0", "1.1"),
}
PAIRS = tuple((a, b) for a in LEVELS for b in LEVELS if a < b)
BEFORE_RESULTS = 200
BAD_RESULTS = 30
RUN_RESULTS = 20
NEW = "new"


class Setting(NamedTuple):
    """A lab and what goes wrong in it.

    `bad` are the factors of which one level moves by `shift_sd`, `everything_sd` what all results
    move by. A bad level is `new` with the change, with the `share` of the results since that is
    given, or was there before. `by_run` has one instrument and one operator in each run of 20, else
    all levels are drawn for each result. Of two aliased factors the second is at its bad level
    wherever the first is, but for `unlike` of the results.
    """

    bad: tuple[str, ...] = ()
    shift_sd: float = 1.0
    everything_sd: float = 0.0
    new: bool = False
    share: float | None = None
    icc: float = 0.0
    by_run: bool = False
    aliased: tuple[str, str] | None = None
    unlike: float = 0.0
    since: int = 230
    standing_sd: float = 0.0

    def bad_level(self, factor: str) -> Level:
        """Return the level of a factor that goes bad."""
        return factor, NEW if self.new else LEVELS[factor][0]


class Lab(NamedTuple):
    """What a simulated lab made: results in the order of their times, and how many before."""

    results: list[Scored]
    before: int


def simulated(setting: Setting, rng: np.random.Generator) -> Lab:
    """Return the results of one simulated lab."""
    rows: list[dict[str, str]] = []
    errors: list[float] = []
    counts = dict.fromkeys(setting.bad, 0)
    in_run: dict[str, str] = {}
    effects: dict[tuple[int, str], float] = {}
    standing = {
        (factor, level): float(rng.normal(0.0, setting.standing_sd)) if setting.standing_sd else 0.0
        for factor, levels in LEVELS.items()
        for level in (*levels, NEW)
    }
    while True:
        number = len(rows)
        if number >= BEFORE_RESULTS and _enough(setting, counts, number - BEFORE_RESULTS):
            break
        changed = number >= BEFORE_RESULTS
        if number % RUN_RESULTS == 0:
            in_run = _drawn(setting, changed, rng)
        row = _drawn(setting, changed, rng)
        if setting.by_run:
            row |= {factor: in_run[factor] for factor in ("instrument", "operator")}
        _alias(setting, row, changed, rng)
        run = (number // RUN_RESULTS, row["instrument"])
        if run not in effects:
            effects[run] = float(rng.normal(0.0, setting.icc**0.5))
        error = sum(standing[place] for place in row.items())
        error += effects[run] + float(rng.normal(0.0, (1 - setting.icc) ** 0.5))
        if changed:
            error += setting.everything_sd
            for factor in setting.bad:
                is_bad = row[factor] == setting.bad_level(factor)[1]
                counts[factor] += is_bad
                error += setting.shift_sd * is_bad
        rows.append(row)
        errors.append(error)
    return Lab(
        [_scored(n, row, e) for n, (row, e) in enumerate(zip(rows, errors, strict=True))],
        BEFORE_RESULTS,
    )


def _enough(setting: Setting, counts: dict[str, int], since: int) -> bool:
    return min(counts.values()) >= BAD_RESULTS if counts else since >= setting.since


def _drawn(setting: Setting, changed: bool, rng: np.random.Generator) -> dict[str, str]:
    row = {}
    for factor, levels in LEVELS.items():
        value = levels[int(rng.integers(len(levels)))]
        if factor in setting.bad and changed and (setting.new or setting.share is not None):
            share = 0.25 if setting.share is None else setting.share
            bad = setting.bad_level(factor)[1]
            if rng.random() < share:
                value = bad
            elif value == bad:
                value = levels[int(rng.integers(1, len(levels)))]
        row[factor] = value
    return row


def _alias(setting: Setting, row: dict[str, str], changed: bool, rng: np.random.Generator) -> None:
    """Make the second of two aliased factors follow the first."""
    if setting.aliased is None or not changed:
        return
    first, second = setting.aliased
    follows = rng.random() >= setting.unlike
    if row[first] == setting.bad_level(first)[1] and follows:
        row[second] = setting.bad_level(second)[1]
    elif row[second] == setting.bad_level(second)[1] or not follows:
        row[second] = LEVELS[second][-1]


def _scored(number: int, row: dict[str, str], error: float) -> Scored:
    day, place = divmod(number, RUN_RESULTS)
    return Scored(
        row["model_version"],
        day * DAY_US + place * DAY_US // RUN_RESULTS,
        tuple(row[factor] for factor in FACTORS[:4]),
        error,
        0.0,
        None,
        None,
        None,
        f"M{number}",
    )

"""Scored pairs as arrays: errors, and which level of each factor made them."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from processors.causes.answer import Affected, Level
from processors.series import Scored
from schemas.events import CONTEXT_FIELDS

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

FACTORS = (*CONTEXT_FIELDS, "model_version", "run")
RUN = FACTORS.index("run")
INSTRUMENT = CONTEXT_FIELDS.index("instrument")
DAY_US = 86_400_000_000
MOLECULE_IDS_MAX = 20
# Errors beyond so many robust standard deviations count as that far in the size of an effect.
WINSORISED_SD = 10.0
BASELINE_RESULTS_MIN = 5
# Squares of larger ones would be infinite.
ERROR_MAX = 1e150
_QUARTILES_OF_NORMAL_SD = 1.349

Run = tuple[str | None, int]
_FIRST_DAY = date(1970, 1, 1)


def run_of(record: Scored) -> Run | None:
    """Return instrument and UTC day, in days since 1970, or None for a result without a time.

    >>> run_of(Scored("1", 86_400_000_000, (None, "I1", None, None), *[None] * 5))
    ('I1', 1)
    """
    return None if record.at is None else (record.context[INSTRUMENT], record.at // DAY_US)


@lru_cache(10_000)
def run_name(run: Run | None) -> str:
    """Return how a run is called; a result without a time has none, the empty name.

    >>> run_name(("I1", 1)), run_name((None, 1)), run_name(None)
    ('I1 1970-01-02', '1970-01-02', '')
    """
    if run is None:
        return ""
    day = (_FIRST_DAY + timedelta(days=run[1])).isoformat()
    return day if run[0] is None else f"{run[0]} {day}"


def holds(record: Scored, level: Level) -> bool:
    """Return whether a result was made at a level of one of FACTORS.

    >>> record = Scored("2", 0, (None, "I1", None, None), *[None] * 5)
    >>> [holds(record, level) for level in (("instrument", "I1"), ("run", "I1 1970-01-01"))]
    [True, True]
    """
    factor, value = level
    if factor == "run":
        return run_name(run_of(record)) == value
    if factor == "model_version":
        return record.model_version == value
    return record.context[CONTEXT_FIELDS.index(factor)] == value


def affected(records: Sequence[Scored]) -> Affected:
    """Return what a finding says of the results it touches.

    >>> rows = [Scored("1", t, (None,) * 4, *[None] * 5, m) for t, m in [(9, "CC"), (5, "CO")]]
    >>> affected(rows)
    Affected(results=2, first_run='1970-01-01', first_at=5, molecules=2, molecule_ids=('CO', 'CC'))
    """
    timed = sorted(records, key=lambda record: (record.at is None, record.at or 0))
    molecules = list(dict.fromkeys(r.molecule_id for r in timed if r.molecule_id))
    first = run_of(timed[0]) if timed else None
    return Affected(
        results=len(records),
        first_run=run_name(first) or None,
        first_at=timed[0].at if timed else None,
        molecules=len(molecules),
        molecule_ids=tuple(molecules[:MOLECULE_IDS_MAX]),
    )


class Results(NamedTuple):
    """Results that have an error: first those before the change, then those since.

    `codes` has a row a result and a column a factor: the number of its level in `levels`, or -1
    when it is not stated. `runs` numbers the runs; a result without a time is a run of its own.
    """

    records: list[Scored]
    errors: Numbers
    before: int
    codes: Codes
    levels: list[Level]
    runs: Codes

    @property
    def since(self) -> int:
        """How many results are since the change."""
        return len(self.records) - self.before

    def counts(self, codes: Codes) -> Codes:
        """Return how many results each level has among rows of `codes`."""
        flat = codes.ravel()
        counted: Codes = np.bincount(flat[flat >= 0], minlength=len(self.levels))
        return counted


def tabulated(since: Sequence[Scored], before: Sequence[Scored]) -> Results:
    """Return the results of both sides as arrays, those without an error left out.

    >>> row = Scored("1", 5, ("L1", None, None, None), 1.0, 0.5, None, None, None)
    >>> found = tabulated([row], [row._replace(at=None)])
    >>> found.levels
    [('reagent_batch', 'L1'), ('model_version', '1'), ('run', '1970-01-01')]
    >>> found.codes.tolist(), found.runs.tolist()
    ([[0, -1, -1, -1, 1, -1], [0, -1, -1, -1, 1, 2]], [1, 0])
    """
    sides = [[(r, e) for r in side if (e := r.error) is not None] for side in (before, since)]
    records = [record for side in sides for record, _ in side]
    codes = np.full((len(records), len(FACTORS)), -1, np.int64)
    levels: list[Level] = []
    context = zip(*(record.context for record in records), strict=True)
    stated = [*context, [record.model_version for record in records]] if records else []
    for place, values in enumerate(stated):
        known = dict.fromkeys(values)
        numbers: dict[str | None, int] = {}
        for value in known:
            numbers[value] = -1 if value is None else len(levels) + len(numbers) - (None in numbers)
        codes[:, place] = list(map(numbers.__getitem__, values))
        levels += [(FACTORS[place], value) for value in known if value is not None]
    errors = np.array([error for side in sides for _, error in side], float)
    errors = np.clip(errors, -ERROR_MAX, ERROR_MAX)
    runs, first_of_run = _runs(records, codes[:, INSTRUMENT])
    timed = runs < len(first_of_run)
    codes[timed, RUN] = len(levels) + runs[timed]
    levels += [("run", run_name(run_of(records[first]))) for first in first_of_run]
    return Results(records, errors, len(sides[0]), codes, levels, runs)


def _runs(records: Sequence[Scored], instruments: Codes) -> tuple[Codes, list[int]]:
    """Return the number of each result's run, and the first result of each that has a time.

    Numbers from there on are those of results without one.
    """
    days = np.array([-1 if r.at is None else r.at // DAY_US for r in records], np.int64)
    timed = np.array([r.at is not None for r in records], bool)
    # Two columns in one number: there are far fewer instruments than that.
    _, first, numbers = np.unique(
        days[timed] * (len(records) + 1) + instruments[timed] + 1,
        return_index=True,
        return_inverse=True,
    )
    runs = np.empty(len(records), np.int64)
    runs[timed] = numbers
    runs[~timed] = first.size + np.arange(len(records) - np.count_nonzero(timed))
    return runs, np.flatnonzero(timed)[first].tolist()


def normal_scores(values: Numbers) -> Numbers:
    """Return the normal scores of values among themselves; ties have that of their mean rank.

    An outlier is one rank, whatever its size. Reference: A. Hazen (1914), Transactions of the ASCE
    77, 1539-1640; B. L. van der Waerden (1952), Indagationes Mathematicae 14, 453-458.

    >>> normal_scores(np.array([2.0, 1.0, 1e9])).round(2).tolist()
    [0.0, -0.97, 0.97]
    """
    from scipy.special import ndtri  # slow to import

    ordered = np.sort(values)
    ranks = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    scores: Numbers = ndtri(ranks / (2 * values.size))
    return scores


def in_baseline_sd(errors: Numbers, before: int) -> Numbers | None:
    """Return errors in standard deviations of the first `before`, or None when these are constant.

    With fewer than BASELINE_RESULTS_MIN before, all are the baseline. Errors are winsorised first.

    >>> in_baseline_sd(np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.16]), 5).round(1).tolist()
    [-1.3, -0.6, 0.0, 0.6, 1.3, 2.0]
    """
    baseline = errors[:before] if before >= BASELINE_RESULTS_MIN else errors
    low, middle, high = np.percentile(baseline, [25, 50, 75])
    if high > low:
        reach = WINSORISED_SD * (high - low) / _QUARTILES_OF_NORMAL_SD
        errors = np.clip(errors, middle - reach, middle + reach)
        baseline = errors[:before] if before >= BASELINE_RESULTS_MIN else errors
    spread = float(baseline.std(ddof=1)) if baseline.size > 1 else 0.0
    if not 0 < spread < np.inf:
        return None
    scaled: Numbers = (errors - baseline.mean()) / spread
    return scaled

"""What each level read before the change: standing differences that are no cause of it.

A level is held against its own past only as far as levels of its factor are known to differ: the
difference is shrunk by the variance between levels. Where levels read alike, all results before the
change are the past of each, which a lot of thirty results could not be judged without.
"""

from typing import NamedTuple

import numpy as np

from processors.causes.results import RUN, Codes, Flags, Numbers
from processors.causes.spread import pooled_run_variance


class Standing(NamedTuple):
    """Per level: how far it reads from the others, and the variance of that figure."""

    difference: Numbers
    variance: Numbers

    def of(self, codes: Codes) -> Numbers:
        """Return the sum of the differences of each row's levels.

        >>> standing = Standing(np.array([0.5, 0.25]), np.zeros(2))
        >>> standing.of(np.array([[0, 1], [0, -1]])).tolist()
        [0.75, 0.5]
        """
        # The last place is that of -1, a level which is not stated.
        padded = np.append(self.difference, 0.0)
        total: Numbers = padded[codes].sum(axis=1)
        return total


class _OneWay(NamedTuple):
    """Means of a factor's levels with the variance of each, and that between levels."""

    levels: Codes
    means: Numbers
    variances: Numbers
    between: float


def standing(values: Numbers, codes: Codes, runs: Codes, past: Flags) -> Standing:
    """Return the standing differences among results before the change.

    `past` says which levels have enough results there. Factors are taken one after the other, the
    one that differs most first. Reference: R. DerSimonian, N. Laird (1986), Controlled Clinical
    Trials 7, 177-188, for the variance between levels; 0 where theirs is negative.

    >>> values = np.tile([2.1, 1.9, 0.1, -0.1], 10)
    >>> codes = np.tile([[0], [0], [1], [1]], (10, 1))
    >>> found = standing(values, codes, np.arange(40), np.array([True, True]))
    >>> found.difference.round(2).tolist()
    [1.0, -1.0]
    """
    found = Standing(np.zeros(past.size), np.zeros(past.size))
    factors = [f for f in range(codes.shape[1]) if f != RUN]
    ways = {f: _one_way(values, codes[:, f], runs, past) for f in factors}
    differing = [f for f in factors if (way := ways[f]) is not None and way.between > 0]
    differing.sort(key=lambda f: -getattr(ways[f], "between", 0.0))
    for place, factor in enumerate(differing):
        way = _one_way(values, codes[:, factor], runs, past) if place else ways[factor]
        if way is None or way.between <= 0:
            continue
        weights = 1 / (way.between + way.variances)
        centre = (weights * way.means).sum() / weights.sum()
        kept = way.between * weights
        found.difference[way.levels] = kept * (way.means - centre)
        found.variance[way.levels] = kept * way.variances
        values = values - np.append(found.difference, 0.0)[codes[:, factor]]
    return found


def _one_way(values: Numbers, level_of: Codes, runs: Codes, past: Flags) -> _OneWay | None:
    """Return a factor's levels as they read, or None when there are not two to compare."""
    counts = np.bincount(level_of[level_of >= 0], minlength=past.size) * past
    levels = np.flatnonzero(counts)
    number = levels.size
    if number < 2:
        return None
    numbered = np.full(past.size + 1, -1)
    numbered[levels] = np.arange(number)
    places = numbered[level_of]
    held = places >= 0
    values, runs, places, counts = values[held], runs[held], places[held], counts[levels]
    means = np.bincount(places, values) / counts
    # Runs lie within levels of some factors: their variance is what is left beside the levels.
    within, between = pooled_run_variance(values - means[places], runs, number)
    shared = np.bincount(runs * number + places, minlength=(runs.max() + 1) * number)
    by_runs = (shared.reshape(-1, number) ** 2).sum(axis=0) / counts**2
    variances = within / counts + between * by_runs
    if not (variances > 0).all():
        return None
    weights = 1 / variances
    centre = (weights * means).sum() / weights.sum()
    excess = float((weights * (means - centre) ** 2).sum()) - (number - 1)
    scale = weights.sum() - (weights**2).sum() / weights.sum()
    return _OneWay(levels, means, variances, max(0.0, excess / scale))

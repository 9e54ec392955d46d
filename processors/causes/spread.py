"""Variance between runs, by the method of moments.

Reference: S. R. Searle, G. Casella, C. E. McCulloch (1992), Variance components, section 3.6.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


class RunSizes(NamedTuple):
    """How many runs, how many results in them, and the sum of the squares of their sizes."""

    runs: int
    results: int
    squares: int


def run_size(sizes: RunSizes) -> float:
    """Return the size that runs of equal size would have for the same weight, at least 1.

    >>> run_size(RunSizes(2, 40, 800)), run_size(RunSizes(1, 1, 1))
    (20.0, 1.0)
    """
    if sizes.runs < 2:
        return 1.0
    return max(1.0, (sizes.results - sizes.squares / sizes.results) / (sizes.runs - 1))


def run_variance(between_ms: Numbers, within_ms: Numbers, size: float) -> Numbers:
    """Return the variance between runs of a size, 0 where the moments give less.

    Both mean squares are arrays of equal shape.

    >>> run_variance(np.array([5.0, 0.5]), np.array([1.0, 1.0]), 20.0).tolist()
    [0.2, 0.0]
    """
    variance: Numbers = np.maximum(0.0, between_ms - within_ms) / size
    return variance


def mean_squares(residuals: Numbers, runs: Codes) -> tuple[float, float, RunSizes]:
    """Return the sum of squares of residuals, that of them between runs, and the runs' sizes.

    `runs` numbers the run of each.

    >>> mean_squares(np.array([1.0, 3.0, -4.0]), np.array([5, 5, 2]))
    (26.0, 24.0, RunSizes(runs=2, results=3, squares=5))
    """
    sizes = np.bincount(runs)
    held = sizes > 0
    sums, sizes = np.bincount(runs, residuals)[held], sizes[held]
    return (
        float(residuals @ residuals),
        float((sums**2 / sizes).sum()),
        RunSizes(sizes.size, residuals.size, int((sizes**2).sum())),
    )


def pooled_run_variance(residuals: Numbers, runs: Codes, fitted: int) -> tuple[float, float]:
    """Return the variances within and between runs of residuals after `fitted` means.

    >>> runs = np.repeat(np.arange(4), 2)
    >>> residuals = np.array([2.0, 2.0, -2.0, -2.0, 1.0, -1.0, 1.0, -1.0])
    >>> [round(variance, 3) for variance in pooled_run_variance(residuals, runs, 1)]
    [0.69, 2.167]
    """
    squares, between_ss, sizes = mean_squares(residuals, runs)
    total = squares / max(1, residuals.size - fitted)
    if sizes.runs <= fitted or sizes.results <= sizes.runs:
        return total, 0.0
    between_ms = np.array([between_ss / (sizes.runs - fitted)])
    within_ms = np.array([max(0.0, squares - between_ss) / (sizes.results - sizes.runs)])
    between = float(run_variance(between_ms, within_ms, run_size(sizes))[0])
    return max(0.0, total - between), between

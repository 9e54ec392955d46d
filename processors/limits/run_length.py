"""Average run lengths of two-sided CUSUM and EWMA charts over independent standard normal values.

The run length is the number of values up to and with the first alarm. Its mean solves an integral
equation over where the chart stands, taken here at Gauss-Legendre nodes (Nyström's method).

References: J. M. Lucas, R. B. Crosier (1982), Technometrics 24, 199-205; J. M. Lucas,
M. S. Saccucci (1990), Technometrics 32, 1-12; S. V. Crowder (1987), Technometrics 29, 401-407.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

# Enough for seven digits at the limits that occur, 2 to 20 standard deviations.
NODES = 120
LIMIT_MIN = 0.5
# Beyond it the equations are too nearly singular; a limit for more is that for so much.
RUN_LENGTH_MAX = 1e9


@cache
def _nodes() -> tuple[Numbers, Numbers]:
    """Return the nodes and weights of the integral from -1 to 1."""
    return np.polynomial.legendre.leggauss(NODES)


def _density(x: Numbers) -> Numbers:
    density: Numbers = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    return density


def _below(x: Numbers) -> Numbers:
    from scipy.special import ndtr  # slow to import

    below: Numbers = ndtr(x)
    return below


def _one_sided(allowance: float, limit: float, shift: float) -> float:
    """Return the average run length of max(0, S + x - allowance) > limit from S = 0."""
    nodes, weights = _nodes()
    places = limit * (nodes + 1) / 2
    drift = shift - allowance
    # The first place is zero, where the chart stands with a probability of its own.
    starts = np.concatenate(([0.0], places))
    move = np.empty((NODES + 1, NODES + 1))
    move[:, 0] = _below(-starts - drift)
    move[:, 1:] = _density(places - starts[:, None] - drift) * weights * limit / 2
    return float(np.linalg.solve(np.eye(NODES + 1) - move, np.ones(NODES + 1))[0])


def cusum_run_length(allowance: float, limit: float, shift: float = 0.0) -> float:
    """Return the average run length of a two-sided CUSUM that starts at zero.

    All are in standard deviations: `allowance` (k) and `limit` (h) above 0; `shift` is that of the
    mean.

    >>> round(cusum_run_length(0.5, 4.0)), round(cusum_run_length(0.5, 4.0, 1.0), 2)
    (168, 8.38)
    """
    up = _one_sided(allowance, limit, shift)
    down = _one_sided(allowance, limit, -shift) if shift else up
    return 1 / (1 / up + 1 / down)


def ewma_run_length(weight: float, limit: float, shift: float = 0.0) -> float:
    """Return the average run length of a two-sided EWMA that starts at the mean.

    `weight` (λ) is above 0 and at most 1; `limit` (L) is in standard deviations of the chart when
    it has run long, `shift` in those of the values.

    >>> round(ewma_run_length(0.5, 3.071)), round(ewma_run_length(0.5, 3.071, 1.0), 1)
    (500, 17.5)
    """
    nodes, weights = _nodes()
    half = limit * math.sqrt(weight / (2 - weight))
    # The last place is the mean, where the chart starts.
    places = np.concatenate((half * nodes, [0.0]))
    reach = np.concatenate((half * weights, [0.0])) / weight
    stands = (places - (1 - weight) * places[:, None]) / weight - shift
    move = _density(stands) * reach
    return float(np.linalg.solve(np.eye(NODES + 1) - move, np.ones(NODES + 1))[-1])


def cusum_limit(allowance: float, run_length: float) -> float:
    """Return the limit at which a CUSUM has an average run length without a shift.

    It is LIMIT_MIN at least.

    >>> round(cusum_limit(0.5, 465.4), 2)
    5.0
    """
    return _limit(lambda limit: cusum_run_length(allowance, limit), run_length)


def ewma_limit(weight: float, run_length: float) -> float:
    """Return the limit at which an EWMA has an average run length without a shift.

    It is LIMIT_MIN at least.

    >>> round(ewma_limit(0.5, 500.0), 2)
    3.07
    """
    return _limit(lambda limit: ewma_run_length(weight, limit), run_length)


def _limit(run_length_at: Callable[[float], float], run_length: float) -> float:
    from scipy.optimize import brentq  # slow to import

    wanted = min(run_length, RUN_LENGTH_MAX)
    low = high = LIMIT_MIN
    while run_length_at(high) < wanted:
        low, high = high, high * 1.5
    if low == high:
        return LIMIT_MIN

    def excess(limit: float) -> float:
        return math.log(run_length_at(limit) / wanted)

    return float(brentq(excess, low, high, xtol=1e-6))

"""River's KSWIN."""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace

import numpy as np

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._river import detected, standardised

_p_values: dict[tuple[int, int, int], float] = {}


def ks_2samp(
    first: Sequence[float], second: Sequence[float], method: str = "auto"
) -> tuple[float, float]:
    """Return what scipy.stats.ks_2samp does; each p-value is asked of it but once."""
    both = np.array([*first, *second])
    one, other = np.sort(both[: len(first)]), np.sort(both[len(first) :])
    below = np.searchsorted(one, both, "right") * len(other)
    steps = int(np.abs(below - np.searchsorted(other, both, "right") * len(one)).max())
    key = len(one), len(other), steps
    if key not in _p_values:
        from scipy import stats

        _p_values[key] = float(stats.ks_2samp(first, second, method=method).pvalue)
    return steps / (len(one) * len(other)), _p_values[key]


def _alarms(values: list[float], alpha: float) -> Iterator[int]:
    from river.drift import kswin

    # It tests with every value: SciPy's own function would take twenty times as long.
    kswin.stats = SimpleNamespace(ks_2samp=ks_2samp)
    return detected(kswin.KSWIN(alpha=alpha, seed=1), values)


CONTESTANT = Contestant(
    "river",
    "alpha",
    0.005,
    1e-12,
    0.1,
    standardised,
    _alarms,
    note="seeded; the p-values of samples of 30 are few, so not every rate can be reached",
)

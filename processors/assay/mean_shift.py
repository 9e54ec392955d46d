"""By how much a mean moved, with its interval, from few numbers on either side."""

import math
from collections.abc import Sequence
from statistics import fmean, variance
from typing import NamedTuple

from processors.assay.control_target import Target

# Fewer results since a change say too little of their own variance: the baseline's stands for it.
OWN_VARIANCE_MIN = 5
# Squares of smaller SD may be 0, and their inverse beyond a double.
VARIANCE_MIN = 1e-300


class Shift(NamedTuple):
    """A difference of means; `variance` is that of the difference, `degrees` inf where known."""

    value: float
    variance: float
    degrees: float

    @property
    def half_width(self) -> float:
        """Half of the 95 % interval (Student's t)."""
        from scipy.special import ndtri, stdtrit  # slow to import

        known = math.isinf(self.degrees)
        factor = float(ndtri(0.975) if known else stdtrit(self.degrees, 0.975))
        return factor * math.sqrt(self.variance)

    @property
    def clear(self) -> bool:
        """Whether the 95 % interval excludes 0."""
        return abs(self.value) > self.half_width

    def plus(self, other: "Shift") -> "Shift":
        """Return the sum of two independent shifts.

        >>> Shift(1.0, 0.5, 10.0).plus(Shift(-1.0, 0.5, 10.0))
        Shift(value=0.0, variance=1.0, degrees=20.0)
        """
        return _combined([(1.0, self), (1.0, other)])

    def __str__(self) -> str:
        low, high = self.value - self.half_width, self.value + self.half_width
        return f"{self.value:+.3g} ({low:+.3g} to {high:+.3g})"


def mean_shift(since: Sequence[float], before: Sequence[float]) -> Shift | None:
    """Return mean(since) − mean(before) of finite values; None below two on a side.

    Reference: B. L. Welch (1947), Biometrika 34, 28-35.

    >>> str(mean_shift([2.0, 3.0, 4.0], [0.0, 1.0, 2.0]))
    '+2 (-0.267 to +4.27)'
    """
    if len(since) < 2 or len(before) < 2:
        return None
    parts = [
        (1.0, Shift(fmean(since), variance(since) / len(since), len(since) - 1)),
        (-1.0, Shift(fmean(before), variance(before) / len(before), len(before) - 1)),
    ]
    return _combined(parts)


class ControlResults(NamedTuple):
    """One control compound: its target and its finite results since a change, in one unit."""

    target: Target
    since: Sequence[float]


def control_shift(controls: Sequence[ControlResults]) -> Shift | None:
    """Return by how much the controls moved since a change; None without a result since.

    Each compound is held against its target: a known SD as it is, a learnt one by Welch; compounds
    are weighted by what their targets promise. Results count as independent: a run's own shift is
    a shift of the assay for the pairs of that run, too.

    >>> shift = control_shift([ControlResults(Target(10.0, 1.0), [11.0, 12.0, 11.5, 11.5])])
    >>> str(shift)
    '+1.5 (+0.52 to +2.48)'
    """
    parts = []
    for target, since in controls:
        count = len(since)
        if not count:
            continue
        sd_squared, own = target.sd**2, target.sd**2 / count
        if target.n is None:
            shift = Shift(fmean(since) - target.mean, own, math.inf)
        elif count < OWN_VARIANCE_MIN:
            both = sd_squared * (1 / target.n + 1 / count)
            shift = Shift(fmean(since) - target.mean, both, target.n - 1)
        else:
            shift = _combined(
                [
                    (1.0, Shift(fmean(since), variance(since) / count, count - 1)),
                    (-1.0, Shift(target.mean, sd_squared / target.n, target.n - 1)),
                ]
            )
        promised = own + (sd_squared / target.n if target.n else 0.0)
        parts.append((1 / max(promised, VARIANCE_MIN), shift))
    total = math.fsum(weight for weight, _ in parts)
    return _combined([(weight / total, shift) for weight, shift in parts]) if parts else None


def _combined(parts: Sequence[tuple[float, Shift]]) -> Shift:
    """Return a weighted sum of independent shifts (Welch-Satterthwaite)."""
    value = math.fsum(weight * part.value for weight, part in parts)
    variances = [weight**2 * part.variance for weight, part in parts]
    total = math.fsum(variances)
    if total <= 0:
        return Shift(value, 0.0, math.inf)
    # Parts of the total, since squares of variances may be beyond a double.
    inverse = math.fsum(
        (own / total) ** 2 / part.degrees for own, (_, part) in zip(variances, parts, strict=True)
    )
    return Shift(value, total, 1 / inverse if inverse > 0 else math.inf)

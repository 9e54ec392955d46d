"""How well an assay repeats itself: the minimum significant ratio from molecules measured again.

Each molecule counts with its last two measurements, so that a control compound measured a thousand
times weighs no more than any other. Measurements of one run share that run's shift and say less
than they seem to; only those of different runs are compared. Reference: J. V. Haas,
B. J. Eastwood, P. W. Iversen, J. R. Weidner (2013), Minimum Significant Ratio - A Statistic to
Assess Assay Variability, in: Assay Guidance Manual, NCBI NBK169432.
"""

import math
from typing import NamedTuple

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import mean_interval
from processors.figures.quantiles import chi_squared
from processors.summaries.moments import Moments


class LastTwo(NamedTuple):
    """What is kept of a molecule: its last measurement with its run, and the one before or None."""

    last: float
    run: str | None
    earlier: float | None


class Repeats:
    """Paired differences (earlier − last) of molecules measured again in one assay.

    Values are taken for log10 of what was measured (pIC50, logP) unless `log_scale` is False; then
    ratios rest on their own log10, and values that are not above 0 have none. Sums are exact, so
    the figures depend on which pairs are held and on nothing else.

    >>> repeats = Repeats()
    >>> first = repeats.measured(None, 6.0, "monday")
    >>> _ = repeats.measured(first, 6.2, "tuesday")
    >>> _ = repeats.measured(repeats.measured(None, 5.0, "monday"), 4.8, "tuesday")
    >>> repeats.n, round(repeats.minimum_significant_ratio().value, 2)
    (2, 3.68)
    """

    def __init__(self, log_scale: bool = True) -> None:
        self._log_scale = log_scale
        self._plain, self._logs = Moments(), Moments()

    @property
    def n(self) -> int:
        """How many molecules were measured again."""
        return self._plain.n

    def measured(self, before: LastTwo | None, value: float, run: str | None) -> LastTwo:
        """Take a molecule's new measurement; return what to keep of the molecule.

        `before` is what was kept of it, None at its first. `run` names the run, None when not
        stated. A value that is not finite, or of the run of the last one, changes nothing; the
        first of a run counts. Raises InvalidValueError when the first one is not finite.

        >>> Repeats().measured(LastTwo(6.0, "monday", None), 6.2, "tuesday")
        LastTwo(last=6.2, run='tuesday', earlier=6.0)
        """
        if before is None:
            Moments.terms(value, value)
            return LastTwo(value, run, None)
        if not math.isfinite(value) or (run is not None and run == before.run):
            return before
        after = LastTwo(value, run, before.last)
        for window, pair in self._pairs(before):
            window.revert(*pair)
        for window, pair in self._pairs(after):
            window.update(*pair)
        return after

    def _pairs(self, kept: LastTwo) -> list[tuple[Moments, tuple[float, float]]]:
        if kept.earlier is None:
            return []
        pairs = [(self._plain, (kept.earlier, kept.last))]
        if not self._log_scale and min(kept.earlier, kept.last) > 0:
            pairs.append((self._logs, (math.log10(kept.earlier), math.log10(kept.last))))
        return pairs

    def measurement_sd(self) -> Estimate:
        """Return s, the SD of one measurement in the unit of the values, over n molecules.

        s = s_d/√2 with s_d the SD (n − 1) of the differences about their mean; the interval is
        that of chi-squared with n − 1 degrees of freedom, for normal differences. Undefined below
        two molecules and where all differences are equal, which is no assay's noise.

        >>> Repeats().measurement_sd().reason
        'fewer than two molecules measured again in another run'
        """
        return _measurement_sd(self._plain)

    def minimum_significant_ratio(self) -> Estimate:
        """Return MSR = 10^(2 s_d): two results further apart than this ratio differ at 95 %.

        Undefined where `measurement_sd` is, and where the ratio is beyond a double.

        >>> Repeats().minimum_significant_ratio().value is None
        True
        """
        s = _measurement_sd(self._plain if self._log_scale else self._logs)
        if s.value is None or s.low is None or s.high is None:
            return s
        value, low, high = (_power(2 * math.sqrt(2) * sd) for sd in (s.value, s.low, s.high))
        return estimate(s.n, value, (low, high))

    def mean_ratio(self) -> Estimate:
        """Return the geometric mean ratio of earlier to last, 1 when nothing shifts, with limits.

        Undefined without a molecule measured again.

        >>> Repeats().mean_ratio().value is None
        True
        """
        held = self._plain if self._log_scale else self._logs
        if not held.n:
            return undefined(0, "no molecule measured again in another run")
        mean = held.mean_error()
        limits = mean_interval(held.n, mean, held.error_sd()) if held.n > 1 else None
        ratios = (_power(limits[0]), _power(limits[1])) if limits else None
        return estimate(held.n, _power(mean), ratios)


def _measurement_sd(held: Moments) -> Estimate:
    if held.n < 2:
        return undefined(held.n, "fewer than two molecules measured again in another run")
    s = held.error_sd() / math.sqrt(2)
    if s <= 0:
        return undefined(held.n, "all repeats differ alike, which is no measurement's noise")
    lower, upper = chi_squared(held.n - 1)
    degrees = held.n - 1
    return estimate(held.n, s, (s * math.sqrt(degrees / upper), s * math.sqrt(degrees / lower)))


def _power(exponent: float) -> float:
    return math.inf if exponent > 308 else 10.0**exponent

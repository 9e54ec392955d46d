"""Tests of whether a window comes from where its reference came from, one per file.

Each file gives `compare(reference, window, design_effect)`, which returns a Comparison. What
results of a run have in common makes both samples worth fewer results; `design_effect` says by how
much, 1 for independent ones. Order in the samples does not matter.

Reference: L. Kish (1965), Survey Sampling, chapter 8 (the design effect).
"""

from typing import NamedTuple


class Comparison(NamedTuple):
    """A statistic and its two-sided p-value, 0 to 1.

    Both are None where they are undefined; `reason` says why. It also says why nothing could come
    out where all values are alike, and is None else.
    """

    statistic: float | None
    p_value: float | None
    reason: str | None = None


EMPTY = Comparison(None, None, "one of the two samples is empty")
NOT_NUMBERS = Comparison(None, None, "a value is not a number")
ALIKE = "all values of both samples are alike"

"""Rates of one class against the rest, and their average over the classes."""

import math
from collections.abc import Callable
from typing import NamedTuple

from processors.metrics._estimate import Estimate, estimate, undefined
from processors.metrics._intervals import wilson_interval
from processors.summaries.confusion import Confusion
from processors.summaries.positive import positive_label


class Tally(NamedTuple):
    """One class against the rest: true positives, false positives, false negatives."""

    true_positives: int
    false_positives: int
    false_negatives: int


def tally(confusion: Confusion, label: str) -> Tally:
    """Return the counts of `label` against all others.

    >>> window = Confusion(); window.update("hit", "miss"); tally(window, "hit")
    Tally(true_positives=0, false_positives=1, false_negatives=0)
    """
    counts = confusion.counts
    predicted = sum(count for cell, count in counts.items() if cell[0] == label)
    measured = sum(count for cell, count in counts.items() if cell[1] == label)
    hits = counts.get((label, label), 0)
    return Tally(hits, predicted - hits, measured - hits)


def macro(confusion: Confusion, parts: Callable[[Tally], tuple[int, int]], reason: str) -> Estimate:
    """Return the mean of a rate over the labels for which it is defined, with no interval.

    `parts` gives numerator and denominator of a tally. Undefined for `reason` where every
    denominator is 0.

    >>> window = Confusion(); window.update("hit", "hit"); window.update("hit", "miss")
    >>> macro(window, lambda t: (t.true_positives, t.true_positives + t.false_negatives), "").value
    0.5
    """
    n = confusion.n
    if not n:
        return undefined(0, "no pairs")
    every = [parts(tally(confusion, label)) for label in confusion.labels()]
    rates = [top / bottom for top, bottom in every if bottom]
    return estimate(n, math.fsum(rates) / len(rates)) if rates else undefined(n, reason)


def rate(
    confusion: Confusion,
    parts: Callable[[Tally], tuple[int, int]],
    reason: str,
    proportion: bool = True,
) -> Estimate:
    """Return a rate whose numerator and denominator are `parts` of a tally.

    Of the positive label where one is stated or the window has at most two labels; there n is the
    denominator and the interval Wilson's if the rate is a `proportion` (else n is all pairs and
    there is no interval). With more labels and none stated, the mean over the labels for which the
    rate is defined (macro average; scikit-learn's `zero_division=nan`), with no interval. Undefined
    for `reason` where the denominator is 0.

    >>> window = Confusion(); window.update("hit", "hit"); window.update("hit", "miss")
    >>> rate(window, lambda t: (t.true_positives, t.true_positives + t.false_positives), "").value
    0.5
    """
    n = confusion.n
    if not n:
        return undefined(0, "no pairs")
    labels = confusion.labels()
    if confusion.positive is None and len(labels) > 2:
        return macro(confusion, parts, reason)
    positive = positive_label(labels, confusion.positive)
    if positive is None:
        return undefined(n, "one class only")
    numerator, denominator = parts(tally(confusion, positive))
    if not denominator:
        return undefined(0 if proportion else n, reason)
    value = numerator / denominator
    if not proportion:
        return estimate(n, value)
    return estimate(denominator, value, wilson_interval(numerator, denominator))

"""Recall and precision: of one class against the rest, and their mean over the classes."""

import math
from collections.abc import Callable

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.intervals import wilson_interval
from processors.summaries.confusion import Confusion, Tally

# What of a class the share of hits is taken of.
Whole = Callable[[Tally], int]


def measured(tally: Tally) -> int:
    """Return of how many pairs recall is the share.

    >>> measured(Tally(1, 2, 3))
    3
    """
    return tally.measured


def predicted(tally: Tally) -> int:
    """Return of how many pairs precision is the share.

    >>> predicted(Tally(1, 2, 3))
    2
    """
    return tally.predicted


def of_class(tally: Tally, whole: Whole, reason: str) -> Estimate:
    """Return the share of hits with Wilson's interval; n is what it is taken of.

    Undefined for `reason` where that is 0.

    >>> of_class(Tally(1, 2, 4), measured, "").value
    0.25
    """
    n = whole(tally)
    if not n:
        return undefined(0, reason)
    return estimate(n, tally.hits / n, wilson_interval(tally.hits, n))


def macro(confusion: Confusion, whole: Whole, reason: str) -> Estimate:
    """Return the mean of a rate over the labels for which it is defined; n is all pairs.

    The interval joins Wilson's of each class, which are independent given what the rates are taken
    of. Undefined for `reason` where no label has a rate.

    Source: G. Y. Zou, W. Huang and X. Zhang, "A note on confidence interval estimation for a linear
    function of binomial proportions", Computational Statistics & Data Analysis 53 (2009),
    1080-1085.

    >>> window = Confusion(); window.update("hit", "hit"); window.update("hit", "miss")
    >>> macro(window, measured, "").value
    0.5
    """
    n = confusion.n
    if not n:
        return undefined(0, "no pairs")
    rates, below, above = [], 0.0, 0.0
    for tally in confusion.tallies().values():
        of = whole(tally)
        if of:
            rate = tally.hits / of
            low, high = wilson_interval(tally.hits, of)
            rates.append(rate)
            below += (rate - low) ** 2
            above += (high - rate) ** 2
    if not rates:
        return undefined(n, reason)
    count = len(rates)
    value = math.fsum(rates) / count
    low, high = value - math.sqrt(below) / count, value + math.sqrt(above) / count
    return estimate(n, value, (max(0.0, low), min(1.0, high)))


def rate(confusion: Confusion, whole: Whole, reason: str) -> Estimate:
    """Return a rate of the positive label, or its mean over the classes.

    Of the positive label where one is stated or the window has at most two labels. With more labels
    and none stated, the mean over the labels for which the rate is defined (macro average;
    scikit-learn's `zero_division=nan`). Undefined for `reason` where there is nothing to take it
    of.

    >>> window = Confusion(); window.update("hit", "hit"); window.update("hit", "miss")
    >>> rate(window, predicted, "").value
    0.5
    """
    if not confusion.n:
        return undefined(0, "no pairs")
    tallies = confusion.tallies()
    if confusion.positive is None and len(tallies) > 2:
        return macro(confusion, whole, reason)
    positive = confusion.positive_class()
    if positive is None:
        return undefined(confusion.n, "one class only")
    return of_class(tallies.get(positive, NEVER), whole, reason)


NEVER = Tally(0, 0, 0)

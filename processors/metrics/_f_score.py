"""F-beta: of one class against the rest, and its mean over the classes."""

import math

from processors.figures.estimate import Estimate, estimate, undefined
from processors.figures.quantiles import NORMAL
from processors.metrics._by_class import NEVER
from processors.summaries.confusion import Confusion, Tally


def f_score(confusion: Confusion, missed: int, false: int) -> Estimate:
    """Return F-beta with `missed` : `false` = beta² : 1, the weights of FN and FP; n is all pairs.

    F = (missed + false)·TP / ((missed + false)·TP + missed·FN + false·FP), of the positive label
    where one is stated or the window has at most two labels; with more and none stated the mean
    over the classes, as `macro_f_score`. The interval is the delta method's on the log odds of F,
    whose variance is 1/TP + (missed²·FN + false²·FP) / (missed·FN + false·FP)²; none at 0 and 1.
    Undefined where nothing was predicted or measured positive.

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, ch. 7; the
    delta method for F as in K. Takahashi, K. Yamamoto, A. Kuchiba and T. Koyama, "Confidence
    interval for micro-averaged F1 and macro-averaged F1 scores", Applied Intelligence 52 (2022),
    4961-4972, there without the log odds.

    >>> window = Confusion(); window.update("hit", "hit"); window.update("hit", "miss")
    >>> f_score(window, 4, 1).value == 5 / 6
    True
    """
    n = confusion.n
    if not n:
        return undefined(0, "no pairs")
    tallies = confusion.tallies()
    if confusion.positive is None and len(tallies) > 2:
        return macro_f_score(confusion, missed, false)
    positive = confusion.positive_class()
    if positive is None:
        return undefined(n, "one class only")
    tally = tallies.get(positive, NEVER)
    whole = _whole(tally, missed, false)
    if not whole:
        return undefined(n, "nothing predicted or measured positive")
    return estimate(n, (missed + false) * tally.hits / whole, _interval(tally, missed, false))


def macro_f_score(confusion: Confusion, missed: int, false: int) -> Estimate:
    """Return the mean of F-beta over the classes; weights as in `f_score`, n is all pairs.

    The interval is the delta method's over the cells of the table, cut at 0 and 1; none where it
    has no width. Undefined on an empty window. Source: Takahashi et al., see `f_score`.

    >>> window = Confusion(); window.update("hit", "hit"); window.update("hit", "miss")
    >>> round(macro_f_score(window, 1, 1).value, 4)
    0.3333
    """
    n = confusion.n
    if not n:
        return undefined(0, "no pairs")
    tallies = confusion.tallies()
    wholes = {label: _whole(tally, missed, false) for label, tally in tallies.items()}
    scores = {
        label: (missed + false) * tally.hits / wholes[label] for label, tally in tallies.items()
    }
    value = math.fsum(scores.values()) / len(scores)
    variance = 0.0
    for (said, truth), count in confusion.counts.items():
        if said == truth:
            slope = (missed + false) * (1 - scores[said]) / wholes[said]
        else:
            slope = false * scores[said] / wholes[said] + missed * scores[truth] / wholes[truth]
        variance += count * slope * slope
    if not variance:
        return estimate(n, value)
    half = NORMAL * math.sqrt(variance) / len(scores)
    return estimate(n, value, (max(0.0, value - half), min(1.0, value + half)))


def _whole(tally: Tally, missed: int, false: int) -> int:
    return missed * tally.measured + false * tally.predicted


def _interval(tally: Tally, missed: int, false: int) -> tuple[float, float] | None:
    hits, misses, alarms = tally.hits, tally.false_negatives, tally.false_positives
    wrong = missed * misses + false * alarms
    if not hits or not wrong:
        return None
    variance = 1 / hits + (missed * missed * misses + false * false * alarms) / (wrong * wrong)
    factor = math.exp(NORMAL * math.sqrt(variance))
    odds = (missed + false) * hits / wrong
    return odds / (odds + factor), odds * factor / (odds * factor + 1)

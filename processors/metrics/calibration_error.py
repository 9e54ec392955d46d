"""How far probabilities are from the shares that were measured positive."""

import numpy as np

from processors.figures.estimate import Estimate, estimate
from processors.metrics._probability import positives
from processors.summaries.values import Values

UNIT = "1"
BIGGER_IS_BETTER = False
NEEDS = Values

BINS = 10


def get(summary: Values) -> Estimate:
    """Return the expected calibration error over BINS equal bins of the probability, 0 to 1.

    Per bin |mean probability - share measured positive|, weighted by its pairs; a bin holds its
    upper end, the first one 0 too. No interval: with few pairs a bin the figure lies above 0 for a
    perfect model, by about sqrt(2·p·(1 - p)/(π·pairs a bin)). Undefined as `brier`.

    Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities
    using Bayesian binning", AAAI 2015, 2901-2907.

    >>> get(Values(probability=[0.75, 0.75], label=["hit", "miss"])).value
    0.25
    """
    measured = positives(summary)
    if isinstance(measured, Estimate):
        return measured
    probability = summary.probability
    places = np.clip(np.ceil(probability * BINS).astype(int) - 1, 0, BINS - 1)
    counted = np.bincount(places, minlength=BINS)
    stated = np.bincount(places, probability, BINS)
    hits = np.bincount(places, measured.astype(float), BINS)
    n = int(counted.sum())
    return estimate(n, float(np.abs(stated - hits).sum() / n))

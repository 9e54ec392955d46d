"""Evidently's Kolmogorov-Smirnov test, window by window against the baseline."""

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._windows import below, evidently

CONTESTANT = Contestant(
    "evidently",
    "threshold",
    0.05,
    1e-12,
    0.5,
    evidently("ks"),
    below,
    peer=True,
    note="windows of 50 pairs",
)

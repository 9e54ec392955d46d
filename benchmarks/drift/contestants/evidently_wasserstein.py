"""Evidently's Wasserstein distance, window by window against the baseline."""

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._windows import at_least, evidently

CONTESTANT = Contestant(
    "evidently",
    "threshold",
    0.1,
    5.0,
    0.02,
    evidently("wasserstein"),
    at_least,
    peer=True,
    note="windows of 50 pairs, normed by the baseline's SD",
)

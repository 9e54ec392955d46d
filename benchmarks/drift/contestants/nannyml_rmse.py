"""NannyML's rule on the RMSE of chunks."""

from collections.abc import Sequence

import numpy as np

from benchmarks.drift.contestants import Contestant
from benchmarks.drift.contestants._nannyml import beyond, chunks


def _metric(errors: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(errors))))


CONTESTANT = Contestant(
    "nannyml",
    "multiplier",
    3.0,
    50.0,
    0.3,
    chunks(_metric),
    beyond,
    peer=True,
    note="chunks of 20; its thresholds of RMSE computed here",
)

"""River's detectors on a stream that is standardised on the baseline."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from benchmarks.drift.streams import Stream

# Of the baseline so many errors are larger: what detectors of error rates count.
LARGE_PART = 0.2


def standardised(stream: Stream) -> list[float]:
    """Return the errors in SD of the baseline: River's detectors are not free of scale."""
    return stream.standardised()


def large(stream: Stream) -> list[bool]:
    """Return of each error whether it is among the largest fifth of the baseline, either way."""
    sizes = np.abs(np.asarray(stream.standardised()))
    found: list[bool] = (sizes > np.quantile(sizes[: stream.baseline], 1 - LARGE_PART)).tolist()
    return found


def detected(detector: Any, values: Iterable[float]) -> Iterator[int]:
    """Yield where the detector says drift; it starts afresh by itself."""
    for place, value in enumerate(values):
        detector.update(value)
        if detector.drift_detected:
            yield place

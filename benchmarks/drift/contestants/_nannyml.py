"""NannyML's rule: a chunk's metric beyond the mean of the reference chunks ± some of their SD."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from benchmarks.drift.contestants._windows import Scores, scores
from benchmarks.drift.streams import RUN_PAIRS, Stream


class Chunks(NamedTuple):
    """The metric of each reference chunk, and of each later one."""

    reference: list[float]
    later: Scores


def chunks(metric: Callable[[Sequence[float]], float]) -> Callable[[Stream], Chunks]:
    """Return what finds a metric of all chunks, one a run of 20."""

    def prepare(stream: Stream) -> Chunks:
        starts = range(0, stream.baseline - RUN_PAIRS + 1, RUN_PAIRS)
        reference = [metric(stream.errors[start : start + RUN_PAIRS]) for start in starts]
        return Chunks(reference, scores(stream, RUN_PAIRS, metric))

    return prepare


def beyond(found: Chunks, multiplier: float) -> Iterator[int]:
    """Yield the chunks beyond its thresholds."""
    import numpy as np
    from nannyml.thresholds import StandardDeviationThreshold

    rule = StandardDeviationThreshold(multiplier, multiplier)
    low, high = rule.thresholds(np.asarray(found.reference))
    return (place for place, value in found.later if value < low or value > high)

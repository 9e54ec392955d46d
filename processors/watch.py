"""The watch on one series: its reference errors, their normal scores, and its detectors."""

from bisect import insort
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from processors.detectors import Change, Detector, Observation, State, all_detectors
from processors.normal_scores import normal_score

# Limits of the detectors hold from here on; below it a series is learning, never healthy.
REFERENCE_PAIRS = 50
FRESH: Mapping[str, State] = MappingProxyType({})


class Seen(NamedTuple):
    """What a watch makes of one error: its score (None while learning) and the changes found."""

    score: float | None
    changes: list[Change]


class Watch:
    """Watches the errors of one series in the order of the log.

    The first REFERENCE_PAIRS errors become the reference and stay it. `reference` and `detectors`
    are what `reference` and `detector_states()` gave, to go on from there.

    >>> watch = Watch()
    >>> [watch.update(float(i % 7), i).score for i in range(50)][-1] is None
    True
    >>> again = Watch(watch.reference, watch.detector_states())
    >>> round(again.update(3.0, 51).score, 1)
    0.0
    """

    def __init__(
        self, reference: Sequence[float] = (), detectors: Mapping[str, State] = FRESH
    ) -> None:
        self.reference: list[float] = list(reference)
        self._detectors: dict[str, Detector] = {
            name: file.Detector(detectors.get(name)) for name, file in all_detectors().items()
        }

    @property
    def learning(self) -> bool:
        """Whether the reference is still being collected."""
        return len(self.reference) < REFERENCE_PAIRS

    @property
    def missing(self) -> str | None:
        """What the reference still lacks, as a part of a sentence; None when it is complete."""
        if not self.learning:
            return None
        return f"{len(self.reference)} of the {REFERENCE_PAIRS} results of its reference are there"

    def update(self, error: float, at: int | None) -> Seen:
        """Take the error of one pair measured at `at` (microseconds, None when not stated)."""
        if self.learning:
            insort(self.reference, error)
            return Seen(None, [])
        observation = Observation(error, normal_score(error, self.reference), at, self.reference)
        found = [detector.update(observation) for detector in self._detectors.values()]
        return Seen(observation.score, [change for change in found if change is not None])

    def detector_states(self) -> dict[str, State]:
        """Return the states of the detectors as plain data; empty while learning."""
        if self.learning:
            return {}
        return {name: detector.state() for name, detector in self._detectors.items()}

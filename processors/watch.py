"""The watch on one series: its baseline, its reference values, and its detectors."""

from bisect import insort
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from processors.detectors import Change, Detector, Observation, State, detector_file
from processors.innovations import Innovations, InnovationsState
from processors.normal_scores import normal_score
from processors.run_moments import Baseline
from processors.runs import Run

# Among fewer values a rank says too little.
SCALE_MIN = 20
# So many it has at most while there is no baseline yet.
REFERENCE_MAX = 500
# A run of which a chart thinks so much of its limit does not belong to the baseline yet.
SUSPECTED_STRENGTH = 0.15


class Seen(msgspec.Struct):
    """What a watch makes of one value.

    `standing` is its distance from the baseline's mean in SD, None while learning; `strength` is
    where the highest detector stands, 0 to 1 at its limit; `changes` are those found.
    """

    standing: float | None
    strength: float
    changes: Sequence[Change]


class WatchState(NamedTuple):
    """All that is needed to go on; `first` are values with their runs before there is a scale."""

    innovations: InnovationsState = InnovationsState()
    first: tuple[tuple[float, Run | None], ...] = ()
    on_whole: bool = False
    episode: int = 0
    strength: float = 0.0
    detectors: Mapping[str, State] = {}


NOTHING = Seen(None, 0.0, ())
UNSEEN = Observation(0.0, 0.0, 0.0, None, (), 1.0)


class Watch:
    """Watches the values of one series in the order of the log.

    `shares` gives the detectors by name with the part of the false alarms that each may raise.
    A series that comes up when the whole model version has its baseline already is held against
    that: its own first results may be the bad ones.

    >>> watch = Watch({"cusum": 1.0}, baseline_results=20)
    >>> day = 86_400_000_000
    >>> for i in range(90):
    ...     value = i * 7 % 11 / 4
    ...     seen = watch.update(value, ("", i), i * day, 1e-4)
    >>> round(seen.standing, 1), watch.missing
    (0.5, None)
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        state: WatchState | None = None,
        reference: list[float] | None = None,
        baseline_results: int = 50,
        whole: bool = True,
    ) -> None:
        found = state or WatchState()
        self.reference = reference or []
        self._whole = whole
        self._baseline_results = baseline_results
        self._innovations = Innovations(found.innovations, baseline_results)
        self._first = found.first
        self.on_whole = found.on_whole
        self._fresh = state is None
        self._episode = found.episode
        self.strength = found.strength
        self._shares = shares
        # One for all results that are held against one baseline: half of it does not change.
        self._observed_by: Baseline | None = None
        self._observation = UNSEEN
        self._detectors: dict[str, tuple[Detector, float]] = {}
        self._start(found.detectors)

    def _start(self, states: Mapping[str, State]) -> None:
        self._detectors = {
            name: (detector_file(name).Detector(states.get(name)), share)
            for name, share in self._shares.items()
            if self._whole or detector_file(name).EACH_SERIES
        }

    @property
    def baseline(self) -> Baseline | None:
        """What is expected of the series by its own results; None while there are too few."""
        return self._innovations.baseline

    @property
    def missing(self) -> str | None:
        """A sentence of what the series lacks for a baseline, or None."""
        if self._whole and len(self.reference) < SCALE_MIN:
            return f"{len(self.reference)} of {self._baseline_results} results are there"
        return None if self.on_whole else self._innovations.missing

    def ready(self, whole: Baseline | None) -> bool:
        """Whether the next value can be judged; `whole` is the baseline of the model version."""
        held = whole if self.on_whole or self._fresh else self._innovations.baseline
        return held is not None

    @property
    def _needs_reference(self) -> bool:
        """Ranks among values of one run say where that run was: several must be there."""
        values = len(self.reference)
        wanted = self._baseline_results if self.baseline is not None else REFERENCE_MAX
        return values < max(wanted, self._baseline_results)

    def standing(self) -> dict[str, tuple[float | None, float]]:
        """Return the limit of each detector, None before its first look, and its strength."""
        return {name: (found.limit, found.strength) for name, (found, _) in self._detectors.items()}

    def normal_score(self, value: float) -> float | None:
        """Return a value's normal score among the reference; None while that is too small.

        Real errors have tails and lean to a side: of sums of such, limits for normal ones let
        several times as many false alarms pass.
        """
        return normal_score(value, self.reference) if len(self.reference) >= SCALE_MIN else None

    def update(
        self,
        value: float,
        run: Run | None,
        at: int | None,
        rate: float | None,
        whole: Baseline | None = None,
        frozen: bool = False,
        episode: int = 0,
        score: float | None = None,
    ) -> Seen:
        """Take the value of one pair of a run (None: a run of its own).

        `at` is when it was measured in microseconds, None when not stated. `score` is what the
        whole model version's watch gave as its `normal_score` before; None lets the whole ask.
        `rate` is how many false alarms all detectors together may raise with it, None for no look;
        while `frozen` no run joins the baseline; with a new `episode` all detectors start afresh,
        and what was seen in the old one stays out of the baseline.
        """
        if episode != self._episode:
            self._episode = episode
            self._innovations.forget_waiting()
            self.strength = 0.0
            self._start({})
        if self._fresh:
            self._fresh = False
            self.on_whole = whole is not None
        if self._whole:
            if score is None:
                score = self.normal_score(value)
            if self._needs_reference:
                insort(self.reference, value)
        if score is None:
            if self._whole:
                self._learn_scale(value, run)
            return NOTHING
        innovations = self._innovations
        new = innovations.take(score, run, whole if self.on_whole else None)
        if new is None or rate is None:
            if innovations.ripe and not frozen:
                innovations.settle()
            return NOTHING
        baseline = whole if self.on_whole else innovations.baseline
        assert baseline is not None
        if baseline is not self._observed_by:
            self._observed_by, self._observation = baseline, _observation(baseline, self.reference)
        observation = self._observation
        observation.value, observation.at = value, at
        observation.score, observation.gain = new.score, new.gain
        changes: list[Change] = []
        highest = 0.0
        for detector, share in self._detectors.values():
            change = detector.update(observation, rate * share)
            if change is not None:
                changes.append(change)
            strength = detector.strength
            if strength > highest:
                highest = strength
        self.strength = highest
        if innovations.ripe and not frozen and highest < SUSPECTED_STRENGTH:
            innovations.settle()
        return Seen(new.standing, highest, changes)

    def _learn_scale(self, value: float, run: Run | None) -> None:
        """Keep one of the first values; once they give a scale, learn from all of them."""
        self._first = (*self._first, (value, run))
        if len(self.reference) < SCALE_MIN:
            return
        for each, of_run in self._first:
            self._innovations.take(normal_score(each, self.reference), of_run)
        self._first = ()

    def state(self) -> WatchState:
        """Return all that is needed to go on, the reference excepted."""
        detectors = {name: detector.state() for name, (detector, _) in self._detectors.items()}
        return WatchState(
            self._innovations.state(),
            self._first,
            self.on_whole,
            self._episode,
            self.strength,
            detectors,
        )


def _observation(baseline: Baseline, reference: Sequence[float]) -> Observation:
    """Return an observation that is held against a baseline, without the result itself."""
    return msgspec.structs.replace(
        UNSEEN,
        reference=reference,
        design_effect=baseline.design_effect,
        information=baseline.information,
        freedom=baseline.between_freedom,
        variance_freedom=baseline.between_freedom + baseline.within_freedom,
    )

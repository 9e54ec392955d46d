"""Innovations: what each result says that the earlier ones of its run did not.

A result is held against the results of earlier runs. Of its run the mean so far counts, whose
variance the baseline tells, and of that what is new since the result before: while nothing changes
the innovations are independent and standard normal, whatever the baseline's size and however much
results of a run have in common. Each comes with its gain: by how much its mean would move if all
results did by one SD, about 1 for the first of a run and less for each that follows.

References: D. M. Hawkins (1987), Self-starting CUSUM charts, The Statistician 36, 299-316;
D. L. Wallace (1959), Annals of Mathematical Statistics 30, 1121-1130 (t to normal); P. J. Huber
(1964), ibid. 35, 73-101 (why results are clipped).
"""

import math
from copy import copy
from typing import NamedTuple

import msgspec

from processors.run_moments import Baseline, RunMoments
from processors.runs import Run

# A single result counts as this many SD from the mean at most.
CLIP_SD = 3.5
# Instruments work at the same time and results come out of order: a run is taken for closed when
# it got none of so many results, for each run that is open.
CLOSED_AFTER_RESULTS = 6
OPEN_RUNS_MAX = 8
# So many results wait together until as many more have come: a shift that is found late must not
# be learnt meanwhile.
WAITING_RESULTS = 50
# Below it there is hardly a measure of how much runs differ.
RUNS_MIN = 3


class Innovation(msgspec.Struct, gc=False):
    """One result as charts see it; `standing` is its distance from the mean in SD, clipped."""

    score: float
    gain: float
    standing: float


class OpenRun(msgspec.Struct, array_like=True):
    """A run that may get further results; `last` is the number of its newest in the series."""

    run: Run | None
    results: int
    mean: float
    squares: float
    last: int

    def take(self, value: float, last: int) -> None:
        """Take the series' result number `last`."""
        self.results += 1
        step = value - self.mean
        self.mean += step / self.results
        self.squares += step * (value - self.mean)
        self.last = last


class InnovationsState(NamedTuple):
    """All that is needed to go on: moments of the baseline and of what waits, and open runs."""

    settled: RunMoments = RunMoments()
    ripening: RunMoments = RunMoments()
    waiting: RunMoments = RunMoments()
    open_runs: tuple[OpenRun, ...] = ()
    taken: int = 0


class Innovations:
    """Turns the results of one series into innovations.

    Runs that are closed wait until `settle` says that nothing is suspected of them; only then they
    belong to the baseline.

    >>> series = Innovations(baseline_results=6)
    >>> for day in range(20):
    ...     told = [series.take(value, ("", day)) for value in (1.0 + day % 2, 2.0, 3.0)]
    ...     series.settle()
    >>> found = series.take(2.1, ("", 20)); round(found.gain), abs(found.score) < 1
    (1, True)
    """

    def __init__(self, state: InnovationsState | None = None, baseline_results: int = 50) -> None:
        found = state or InnovationsState()
        self._settled, self._ripening, self._waiting = found[:3]
        self._open: dict[Run | None, OpenRun] = {each.run: copy(each) for each in found.open_runs}
        self._taken = found.taken
        # Before so many results no open run can be idle.
        self._idle_after = 0
        # What the newest result of each open run made of it, and by which baseline.
        self._told: dict[Run | None, _Told] = {}
        self._baseline_results = baseline_results
        # Whether `settle` has something to do.
        self.ripe = True
        # What is expected of results; None while there are too few, or all are alike.
        self.baseline: Baseline | None = None
        self._learn()

    def _learn(self) -> None:
        results = self._settled.results
        if results >= self._baseline_results and self._settled.runs >= RUNS_MIN:
            found = self._settled.baseline()
            self.baseline = found if found is not None and found.sd > 0 else None

    @property
    def missing(self) -> str | None:
        """A sentence of what is missing for a baseline, or None."""
        if self.baseline is not None:
            return None
        results, runs = self._settled.results, self._settled.runs
        if results < self._baseline_results:
            return f"{results} of {self._baseline_results} results of closed runs are there"
        if runs < RUNS_MIN:
            return f"{runs} of {RUNS_MIN} runs (days of an instrument) are there"
        return f"all {results} results are alike, which is no measure of how much they vary"

    def take(
        self, value: float, run: Run | None, against: Baseline | None = None
    ) -> Innovation | None:
        """Take a result of a run (None: a run of its own); return what is new, None when learning.

        `against` is the baseline to be held against in place of the series' own.
        """
        # Reinserted below, so that the run that waits longest stands first.
        of_run = self._open.pop(run, None)
        self._taken += 1
        if self._taken > self._idle_after or len(self._open) >= OPEN_RUNS_MAX:
            self._close_idle()
        baseline = against or self.baseline
        standing = 0.0
        if baseline is not None:
            standing = (value - baseline.mean) / baseline.sd
            if standing > CLIP_SD or standing < -CLIP_SD:
                standing = math.copysign(CLIP_SD, standing)
                value = baseline.mean + standing * baseline.sd
        before = _NOTHING_TOLD
        if of_run is None:
            of_run = OpenRun(run, 1, value, 0.0, self._taken)
        else:
            if baseline is not None:
                told = self._told.get(run)
                if told is None or told.baseline is not baseline:
                    told = _told(baseline, of_run)
                before = told
            of_run.take(value, self._taken)
        self._open[run] = of_run
        found = None
        if baseline is not None:
            found = self._told[run] = _told(baseline, of_run)
        if run is None:
            self._close(run)
        return None if found is None else _innovation(before, found, standing)

    def _close_idle(self) -> None:
        while self._open:
            run, waits = next(iter(self._open.items()))
            # The run of the result at hand is open, too.
            idle_after = waits.last + CLOSED_AFTER_RESULTS * (len(self._open) + 1)
            if self._taken <= idle_after and len(self._open) < OPEN_RUNS_MAX:
                self._idle_after = idle_after
                return
            self._close(run)

    def _close(self, run: Run | None) -> None:
        closed = self._open.pop(run)
        self._idle_after = 0
        self._told.pop(run, None)
        self._waiting = self._waiting.with_run(closed.results, closed.mean, closed.squares)
        self.ripe = True
        if self.baseline is None:
            self.settle()

    def settle(self) -> None:
        """Take the runs that have waited into the baseline; while learning, all at once."""
        self.ripe = False
        if self.baseline is not None:
            if self._waiting.results < min(WAITING_RESULTS, self._settled.results):
                return
            ripe, self._ripening, self._waiting = self._ripening, self._waiting, RunMoments()
        else:
            ripe, self._waiting = self._ripening.merged(self._waiting), RunMoments()
            self._ripening = RunMoments()
        if ripe.runs:
            self._settled = self._settled.merged(ripe)
            self._learn()

    def forget_waiting(self) -> None:
        """Leave the runs that wait, and those that are open, out of the baseline for good."""
        self._ripening = self._waiting = RunMoments()
        self._open.clear()
        self._idle_after = 0
        self._told.clear()

    def state(self) -> InnovationsState:
        """Return all that is needed to go on."""
        return InnovationsState(
            self._settled,
            self._ripening,
            self._waiting,
            tuple(copy(each) for each in self._open.values()),
            self._taken,
        )


class _Told(msgspec.Struct):
    """What the results of a run say by a baseline: the gain of their mean, and that times z."""

    baseline: Baseline | None
    gain: float
    evidence: float


_NOTHING_TOLD = _Told(None, 0.0, 0.0)


def _told(baseline: Baseline, run: OpenRun) -> _Told:
    error, freedom, gain, scale = baseline.precision(run.results)
    t = (run.mean - baseline.mean) / error
    z = gain * scale * math.sqrt(freedom * math.log1p(t * t / freedom))
    return _Told(baseline, gain, z if t >= 0 else -z)


def _innovation(before: _Told, now: _Told, standing: float) -> Innovation:
    gained = now.gain * now.gain - before.gain * before.gain
    if gained <= 1e-12:
        return Innovation(0.0, 0.0, standing)
    gain = math.sqrt(gained)
    return Innovation((now.evidence - before.evidence) / gain, gain, standing)

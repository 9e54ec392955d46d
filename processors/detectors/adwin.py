"""ADWIN of the scores: whether two parts of all since the last change have different means.

The window is kept as buckets of 1, 2, 4, … scores, and each 32nd observation tries the cuts between
buckets. Every cut found is a change, and the window starts afresh. It finds what River's ADWIN does
when it does; River's keeps its state to itself and its delta for good, while the rate changes with
the number of series.

ADWIN's delta is a bound that far fewer false alarms keep to. RUN_LENGTHS holds those measured,
which is what the limit follows from. What it costs is time: of the detectors here it is the
slowest.

Reference: A. Bifet, R. Gavaldà (2007), Learning from time-changing data with adaptive windowing,
SIAM International Conference on Data Mining, 443-448.
"""

import math
from functools import lru_cache
from itertools import pairwise

from processors.detectors import Change, Observation, State

EACH_SERIES = False
CLOCK, BUCKETS_MAX, PART_MIN, GRACE = 32, 5, 5, 10
# Average run length by delta, of River's ADWIN over standard normal values; see
# benchmarks/detector_limits.py. The last digits are chance: 43 alarms at the least.
RUN_LENGTHS = (
    (3.0, 163.0),
    (1.0, 1_078.0),
    (0.3, 5_427.0),
    (0.1, 22_472.0),
    (0.03, 97_087.0),
    (0.01, 348_837.0),
)
UNSTATED = -1e18
"""Stands for a time that is not stated, which a list of numbers cannot hold otherwise."""

Row = tuple[list[float], list[float], list[float]]


@lru_cache(maxsize=1_000)
def delta_of(rate: float) -> float:
    """Return the delta for a rate of false alarms per observation, 3 at most.

    Between those measured it is interpolated on scales of logarithms. Beyond the last it falls as
    the rate does, which errs on the safe side.

    >>> round(delta_of(1 / 5_427), 3), round(delta_of(1 / 3_488_370), 6), delta_of(0.5)
    (0.3, 0.001, 3.0)
    """
    run_length = 1 / rate
    if run_length <= RUN_LENGTHS[0][1]:
        return RUN_LENGTHS[0][0]
    for (delta, shorter), (next_delta, longer) in pairwise(RUN_LENGTHS):
        if run_length <= longer:
            share = math.log(run_length / shorter) / math.log(longer / shorter)
            return float(delta * (next_delta / delta) ** share)
    last_delta, longest = RUN_LENGTHS[-1]
    return last_delta * longest / run_length


class Detector:
    """Adaptive windowing; state is [observations, sum, squares, strength, row, row, …].

    A row holds the buckets of one size, the oldest first: their sums, their sums of squares about
    their means, and when they begin.

    >>> detector = Detector()
    >>> def seen(score, at): return Observation(score, score, 1.0, at, (), 1.0)
    >>> quiet = [detector.update(seen(at % 3 - 1.0, at), 1e-4) for at in range(96)]
    >>> shifted = [detector.update(seen(at % 3 + 2.0, at), 1e-4) for at in range(96, 160)]
    >>> any(quiet), next(change.since for change in shifted if change)
    (False, 96)
    """

    def __init__(self, state: State | None = None) -> None:
        self.strength = 0.0
        self.limit: float | None = None
        self._seen = 0
        self._sum = self._squares = 0.0
        self._rows: list[Row] = []
        if state:
            self._seen, self._sum, self._squares, self.strength = state[:4]  # type: ignore[assignment]
            lists = [list(each) for each in state[4:]]  # type: ignore[arg-type]
            self._rows = list(zip(lists[::3], lists[1::3], lists[2::3], strict=True))

    def update(self, observation: Observation, rate: float) -> Change | None:
        """Take one observation; each 32nd one may complete a change."""
        if not self._seen:
            self.strength = 0.0
        self._insert(observation.score, observation.at)
        if self._seen % CLOCK or self._seen <= GRACE:
            return None
        self.limit = delta_of(rate)
        self.strength, since = self._best_cut(self.limit)
        if self.strength <= 1.0:
            return None
        self._seen = 0
        self._sum = self._squares = 0.0
        self._rows = []
        return Change("adwin", since, None)

    def _insert(self, score: float, at: int | None) -> None:
        if self._seen:
            step = score - self._sum / self._seen
            self._squares += self._seen * step * step / (self._seen + 1)
        self._seen += 1
        self._sum += score
        total, squares, start = score, 0.0, UNSTATED if at is None else float(at)
        for number in range(len(self._rows) + 1):
            if number == len(self._rows):
                self._rows.append(([], [], []))
            totals, all_squares, starts = self._rows[number]
            totals.append(total)
            all_squares.append(squares)
            starts.append(start)
            if len(totals) <= BUCKETS_MAX:
                return
            # The two oldest become one of twice the size.
            step = (totals[0] - totals[1]) / 2**number
            total = totals[0] + totals[1]
            squares = all_squares[0] + all_squares[1] + 2**number * step * step / 2
            start = starts[0]
            for each in (totals, all_squares, starts):
                del each[:2]

    def _best_cut(self, delta: float) -> tuple[float, int | None]:
        """Return the largest difference of means in units of its bound, and when the new begins."""
        confidence = math.log(2 * math.log(self._seen) / delta)
        variance = self._squares / self._seen
        best, since = 0.0, UNSTATED
        old, old_sum = 0, 0.0
        for number in range(len(self._rows) - 1, -1, -1):
            totals, _, starts = self._rows[number]
            for place, start in enumerate(starts):
                new = self._seen - old
                if old >= PART_MIN and new >= PART_MIN:
                    difference = abs(old_sum / old - (self._sum - old_sum) / new)
                    parts = 1 / (old - PART_MIN + 1) + 1 / (new - PART_MIN + 1)
                    bound = math.sqrt(2 * parts * variance * confidence)
                    bound += 2 / 3 * confidence * parts
                    if difference / bound > best:
                        best, since = difference / bound, start
                old += 2**number
                old_sum += totals[place]
        return best, None if since == UNSTATED else int(since)

    def state(self) -> State:
        """Return the buckets, what they sum up to, and where the last look found the detector."""
        lists = [list(each) for row in self._rows for each in row]
        return [self._seen, self._sum, self._squares, self.strength, *lists]

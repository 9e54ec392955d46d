"""What follows an open alert: is its change over, is its cause to be looked for again?"""

from typing import NamedTuple

from processors.alerts.recovery import RECOVERY_PAIRS, is_over

# The first results after a change may point at the wrong factor: the cause is looked for again.
CAUSE_LOOK_EVERY_PAIRS = 5
CAUSE_PAIRS_MAX = 200


class Progress(NamedTuple):
    """Pairs since the open alert was raised, and the scores of its latest block.

    `effect` is the change at its largest, in baseline SD: once it is over, it seems to get smaller.

    >>> later, over = NO_PROGRESS.scored(0.5); later.scores, over
    ([0.5], False)
    >>> NO_PROGRESS.moved(-1.5).effect
    1.5
    """

    pairs: int
    scores: list[float]
    effect: float = 0.0

    def scored(self, score: float) -> tuple["Progress", bool]:
        """Return what comes of a result's score, in baseline SD, and whether the change is over."""
        seen = [*self.scores, score]
        full = len(seen) == RECOVERY_PAIRS
        return self._replace(scores=[] if full else seen), full and is_over(seen, self.effect)

    def moved(self, effect_sd: float | None) -> "Progress":
        """Return what comes of a look at the size of the change in baseline SD, None: not known."""
        return self._replace(effect=max(self.effect, abs(effect_sd or 0.0)))

    @property
    def asks_for_cause(self) -> bool:
        """Whether the cause is to be looked for with the latest pair.

        >>> [NO_PROGRESS._replace(pairs=pairs).asks_for_cause for pairs in (4, 5, 205)]
        [False, True, False]
        """
        return self.pairs % CAUSE_LOOK_EVERY_PAIRS == 0 and self.pairs <= CAUSE_PAIRS_MAX


NO_PROGRESS = Progress(0, [])

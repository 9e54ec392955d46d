"""What a run is asked to do, and how often things go wrong in it."""

from random import Random
from typing import NamedTuple

from simulated_stage import SimulatedStage


class Odds(NamedTuple):
    """How often things go wrong; each seed draws its own.

    `kill`, `interleave`, `unlucky` and `sink_away` are per step or call, `zombie` per member of a
    rebalance; `trouble` and `pause` weigh what happens by itself.
    """

    kill: float = 0.0
    interleave: float = 0.0
    zombie: float = 0.0
    unlucky: float = 0.0
    sink_away: float = 0.0
    trouble: float = 0.0
    pause: float = 0.0


class Plan(NamedTuple):
    """What a run is asked to do.

    With a `kill_at` one process dies at that step (at none, if 0) and nothing else goes wrong.
    """

    stage_class: type[SimulatedStage] = SimulatedStage
    kill_at: int | None = None
    traced: bool = False


def draw_odds(random: Random) -> Odds:
    """Return the odds of one seed: some faults are often, some never in it."""
    return Odds(
        kill=random.choice((0.0, 0.002, 0.01)),
        interleave=random.choice((0.0, 0.05, 0.15)),
        zombie=random.choice((0.0, 0.1, 0.5)),
        unlucky=random.choice((0.0, 0.01, 0.05)),
        sink_away=random.choice((0.0, 0.1, 0.3)),
        trouble=random.choice((0.2, 1.0, 3.0)),
        pause=random.choice((0.1, 0.1, 4.0)),
    )

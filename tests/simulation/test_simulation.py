"""Exactly once, proved under faults: the production lane in a simulated world, seed by seed.

A plain run does 2,000 seeds; SIMULATION_SEEDS=10000 sets another number, and SIMULATION_FIRST_SEED
where to begin. Whatever fails prints its seed and all that happened; the same seed does it again.
"""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from planted_bugs import PLANTED
from simulated_plan import Plan
from simulated_world import Violation
from simulation import run_seed, run_traced

FIRST_SEED = int(os.environ.get("SIMULATION_FIRST_SEED", "0"))
SEEDS = int(os.environ.get("SIMULATION_SEEDS", "2000"))
# Many times what one takes, for a machine that has other things to do.
SECONDS_PER_SEED_MAX = 0.15
SEEDS_UNTIL_FOUND_MAX = 1_000
# The tally, the tally and the sink, the join.
STEPPED_SEEDS = (4, 7, 31)


@pytest.fixture(autouse=True)
def _quiet_lanes() -> Iterator[None]:
    """Lanes warn of every lost answer, and here they lose thousands."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.timeout(SEEDS * SECONDS_PER_SEED_MAX + 60)
def test_every_seed_is_exactly_once(tmp_path: Path) -> None:
    for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
        run_seed(seed, tmp_path)


@pytest.mark.parametrize("seed", STEPPED_SEEDS)
def test_a_process_may_die_at_any_step(seed: int, tmp_path: Path) -> None:
    """One death and no other fault, at each step of a run in turn."""
    steps = run_seed(seed, tmp_path, Plan(kill_at=0)).steps_to_rest
    assert steps > 50
    for step in range(1, steps + 1):
        run_seed(seed, tmp_path, Plan(kill_at=step))


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, tmp_path: Path) -> None:
    """One of the first seeds is exactly once as it is, and is not with the bug in it."""

    def fails(seed: int, plan: Plan) -> bool:
        try:
            run_seed(seed, tmp_path, plan)
        except Violation:
            return True
        return False

    planted = Plan(PLANTED[bug])
    seeds = range(SEEDS_UNTIL_FOUND_MAX)
    assert any(fails(seed, planted) and not fails(seed, Plan()) for seed in seeds)


@pytest.mark.parametrize("seed", range(5))
def test_a_seed_replays_the_same_events(seed: int, tmp_path: Path) -> None:
    first, again = run_traced(seed, tmp_path / "a"), run_traced(seed, tmp_path / "b")
    assert len(first) > 50
    assert first == again

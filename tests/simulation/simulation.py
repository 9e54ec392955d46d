"""Runs one seed from its first event to the oracle."""

from pathlib import Path

from simulated_oracle import check
from simulated_plan import Plan
from simulated_world import SimulatedWorld, Violation, simulated_clients

CLEAN = Plan()


def _run(world: SimulatedWorld) -> None:
    with simulated_clients(world):
        world.busy_phase()
        world.calm_phase()
        check(world)


def run_traced(seed: int, folder: Path, plan: Plan = CLEAN) -> list[str]:
    """Run one seed and return what happened, up to its end or its violation."""
    world = SimulatedWorld(seed, folder, plan._replace(traced=True))
    try:
        _run(world)
    except Violation as error:
        world.trace.append(f"VIOLATION: {error}")
    return world.trace


def run_seed(seed: int, folder: Path, plan: Plan = CLEAN) -> SimulatedWorld:
    """Run one seed; raises Violation, with all that happened, when it is not exactly once."""
    world = SimulatedWorld(seed, folder, plan)
    try:
        _run(world)
    except Violation as error:
        trace = "\n".join(run_traced(seed, folder, plan))
        raise Violation(f"seed {seed}, {plan}: {error}\n{trace}") from error
    return world

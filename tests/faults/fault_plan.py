"""What a seed does to the stages: which faults, where, and on how much input."""

from random import Random
from typing import NamedTuple

STAGES = ("join", "monitor", "sink")
# Where a worker is killed; see `fault_points`.
POINTS = (
    "before_begin",
    "after_produce",
    "after_commit",
    "during_restore",
    "after_seek",
    "hand_over",
)
MAJORS = (
    "zombie_before_begin",
    "broker_stop",
    "clickhouse_freeze",
    "storm",
    "zombie_after_produce",
    "broker_kill",
    "clickhouse_stop",
)
EVENTS_MIN, EVENTS_MAX = 4_000, 6_500
LARGE_EVENTS = 9_000


class Trap(NamedTuple):
    """What a worker does to itself at the n-th passage of a point: "kill" or "stop"."""

    action: str
    point: str
    passage: int

    def __str__(self) -> str:
        return f"{self.action}:{self.point}:{self.passage}"


class Plan(NamedTuple):
    """All that a seed decides before it runs.

    `traps` names, by worker such as "join 1", the trap of each of its lives in turn; `wiped` are
    the workers whose stores are lost with their first life. `zombie_stage` is None without one.
    """

    seed: int
    events: int
    partitions: int
    hot_outcomes: int
    major: str
    traps: dict[str, tuple[Trap, ...]]
    wiped: tuple[str, ...]
    zombie_stage: str | None
    storm_stages: tuple[str, ...]
    own_folders: bool

    @property
    def fault_kinds(self) -> set[str]:
        """The names of all faults of this seed, kills by their point."""
        traps = (trap for lives in self.traps.values() for trap in lives)
        return {self.major} | {f"kill_{trap.point}" for trap in traps if trap.action == "kill"}

    def describe(self) -> str:
        """Return the plan in one line."""
        traps = ", ".join(
            f"{worker} {'+'.join(map(str, lives))}" for worker, lives in self.traps.items()
        )
        return (
            f"{self.events} events on {self.partitions} partitions, {self.hot_outcomes} on one "
            f"key; {self.major}; {traps}"
        )


def plan_of(seed: int) -> Plan:
    """Return what seed `seed` (0 or more) does: the same at every call.

    Six points and seven majors take turns, so that any 20 seeds in a row hold every kind.
    """
    rng = Random(f"plan {seed}")
    major = MAJORS[seed % len(MAJORS)]
    zombie_stage = STAGES[seed // 3 % 3] if major.startswith("zombie") else None
    traps: dict[str, tuple[Trap, ...]] = {}
    wiped: list[str] = []
    for number, stage in enumerate(STAGES):
        worker = f"{stage} 1"
        point = POINTS[(seed + 2 * number) % len(POINTS)]
        traps[worker] = _lives(point, rng)
        if point == "during_restore":
            wiped.append(worker)
    if zombie_stage is not None:
        point = major.removeprefix("zombie_")
        traps[f"{zombie_stage} 2"] = (Trap("stop", point, rng.randint(2, 5)),)
    return Plan(
        seed=seed,
        events=LARGE_EVENTS if seed % 10 == 4 else rng.randrange(EVENTS_MIN, EVENTS_MAX),
        partitions=8 if seed % 4 == 3 else 4,
        hot_outcomes=rng.randrange(1_300, 2_200),
        major=major,
        traps=traps,
        wiped=tuple(wiped),
        zombie_stage=zombie_stage,
        storm_stages=tuple(rng.sample(STAGES, 2)) if major == "storm" else (),
        own_folders=rng.random() < 0.5,
    )


def _lives(point: str, rng: Random) -> tuple[Trap, ...]:
    early = Trap("kill", "before_begin", rng.randint(3, 10))
    if point == "during_restore":
        return (early._replace(point="after_commit"), Trap("kill", point, 1))
    if point == "after_seek":
        return (early, Trap("kill", point, 1))
    if point == "hand_over":
        return (Trap("kill", point, rng.randint(1, 2)),)
    return (early._replace(point=point),)

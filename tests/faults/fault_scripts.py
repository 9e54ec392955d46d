"""The faults of a seed that take more than one process: told step by step beside the load.

A script is a generator: it yields while it waits, and ends when its fault has taken effect.
"""

import signal
import time
from collections.abc import Iterator

from crew import Crew, send_signal
from fault_plan import Plan
from services import Absence, Services

Script = Iterator[None]

STORM_PAUSE_S = 0.5
STORM_STEP_S = 5.0
HAND_OVER_ROUND_S = 30.0
LOAD_FIRST_S = 1.0


def scripts_of(
    plan: Plan, crew: Crew, services: Services, effects: dict[str, float]
) -> dict[str, Script]:
    """Return the scripts of a plan by name; what they bring about is counted in `effects`."""
    found = {
        f"hand-over of {name}": _hand_over(name, crew)
        for name, lives in plan.traps.items()
        if any(trap.point == "hand_over" for trap in lives)
    }
    if plan.zombie_stage is not None:
        found["zombie"] = _zombie(plan.zombie_stage, crew, effects)
    if plan.major.startswith("broker"):
        found["broker"] = _broker(plan.major == "broker_kill", crew, services, effects)
    if plan.major.startswith("clickhouse"):
        freeze = plan.major == "clickhouse_freeze"
        found["ClickHouse"] = _clickhouse(freeze, crew, services, effects)
    for stage in plan.storm_stages:
        found[f"storm of {stage}"] = _storm(stage, crew, effects)
    return found


def _pause(seconds: float) -> Script:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        yield


def _hand_over(name: str, crew: Crew) -> Script:
    """Bring in and send away a third worker until the first is caught handing over to it."""
    stage = name.split()[0]
    newcomer = f"{stage} 3"
    while not crew.markers("assigned", stage=stage):
        yield
    while crew.workers[name].traps_left:
        began = time.time()
        crew.start(newcomer)
        until = time.monotonic() + HAND_OVER_ROUND_S
        while crew.workers[name].traps_left and time.monotonic() < until:
            told = crew.markers("assigned", stage=stage, after=began)
            if any(marker["worker"] == newcomer for marker in told):
                break
            yield
        if crew.workers[name].traps_left:
            crew.workers[newcomer].leave()
            yield from _pause(STORM_PAUSE_S)


def _zombie(stage: str, crew: Crew, effects: dict[str, float]) -> Script:
    """Wake the stopped worker when others have its lane; it must be fenced, end, or rejoin."""
    while not (stopped := crew.markers("stop", stage=stage)):
        yield
    zombie, partition = int(stopped[0]["pid"]), int(stopped[0]["partition"])
    began = float(stopped[0]["at"])
    while not any(
        partition in marker["partitions"] and marker["pid"] != zombie
        for marker in crew.markers("assigned", stage=stage, after=began)
    ):
        yield
    woken = time.time()
    effects["zombie_s"] = woken - began
    # Once more each time round: a signal to a process that goes on changes nothing.
    while send_signal(zombie, signal.SIGCONT):
        told = crew.markers("fenced", "assigned", stage=stage, after=woken)
        if any(marker["pid"] == zombie for marker in told):
            break
        yield
    effects["zombies"] = 1


def _broker(kill: bool, crew: Crew, services: Services, effects: dict[str, float]) -> Script:
    while not crew.markers("assigned", stage="join"):
        yield
    yield from _pause(LOAD_FIRST_S)
    absence = Absence(lambda: services.restart_broker(kill))
    while not absence.over:
        yield
    effects["broker_restarts"] = 1
    effects["broker_away_s"] = absence.seconds or 0.0


def _clickhouse(freeze: bool, crew: Crew, services: Services, effects: dict[str, float]) -> Script:
    while not crew.markers("assigned", stage="sink"):
        yield
    yield from _pause(LOAD_FIRST_S)
    began = time.time()
    absence = Absence(lambda: services.take_clickhouse_away(freeze))
    while not absence.over:
        yield
    effects["clickhouse_away_s"] = absence.seconds or 0.0
    # The sink has felt it: it was refused, or a write took until the end.
    while not crew.markers("clickhouse_away", "clickhouse_slow", stage="sink", after=began):
        yield


def _storm(stage: str, crew: Crew, effects: dict[str, float]) -> Script:
    """Let a second and a third worker join and leave while the first goes on."""
    while not crew.markers("assigned", stage=stage):
        yield
    for number, joins in ((2, True), (3, True), (2, False), (2, True), (3, False)):
        began = time.time()
        name = f"{stage} {number}"
        if joins:
            crew.start(name)
        else:
            crew.workers[name].leave()
        deadline = time.monotonic() + STORM_STEP_S
        while time.monotonic() < deadline and not crew.markers(
            "assigned", stage=stage, after=began
        ):
            yield
        if crew.markers("assigned", stage=stage, after=began):
            effects["storm_rebalances"] = effects.get("storm_rebalances", 0) + 1
        yield from _pause(STORM_PAUSE_S)

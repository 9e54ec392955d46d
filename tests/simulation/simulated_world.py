"""The world of one seed: processes, faults and time, all drawn from one random number generator.

A busy phase with faults comes first, then a calm one in which all must come to rest.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from unittest.mock import patch

from simulated_clients import Config, SimulatedConsumer, SimulatedProducer
from simulated_disk import SimulatedDisks, SimulatedRocks, SimulatedWriteBatch
from simulated_group import SimulatedGroup
from simulated_happenings import Happenings
from simulated_log import SimulatedLog
from simulated_plan import Odds, Plan, draw_odds
from simulated_specs import draw_stages
from simulated_stage import Killed, SimulatedStage, StageSpec
from tally import LostSequence

import streams.changelog
import streams.lane
import streams.lane_log
import streams.lane_store
from schemas.errors import FencedError, RecalibraError
from schemas.events import Event

DEPTH_MAX = 3
CALM_ROUNDS_MAX = 40
AWAY_ROUNDS = 5
CALM_TURNS_MAX = 30
RESTORE_BATCH_RECORDS = 2
COMMIT_TRIES = 2
FREE_BYTES = 10**12


class Violation(Exception):
    """Something was lost, doubled, disordered or stuck."""


class SimulatedWorld:
    """Everything of one seed; `folder` is a real one in which stores may make their folders."""

    def __init__(self, seed: int, folder: Path, plan: Plan) -> None:
        self.seed, self.folder, self.plan = seed, folder, plan
        self.random = Random(seed)
        self.odds = draw_odds(self.random)
        if plan.kill_at is not None:
            self.odds = Odds()
        self.partitions = self.random.randint(1, 3)
        self.workers = self.random.randint(1, 3)
        self.events = self.random.randint(8, 24)
        self.one_machine = self.random.random() < 0.3
        self.log = SimulatedLog()
        self.disks = SimulatedDisks()
        self.rows: set[Event] = set()
        self.trace: list[str] = []
        self.steps = 0
        self.steps_to_rest = 0
        self.sent = 0
        # How often each lane was opened, by stage and partition.
        self.opened: Counter[tuple[str, int]] = Counter()
        self.calm = False
        self.calm_rounds = 0
        self.started = 0
        self._depth = 0
        self._running: list[SimulatedStage] = []
        self.specs = draw_stages(self.random, self.rows)
        self.processes: list[SimulatedStage] = []
        self.groups = {
            spec.name: SimulatedGroup(self.partitions, self.random, self.run) for spec in self.specs
        }
        self.happenings = Happenings(self)
        for spec in self.specs:
            for worker in range(self.workers):
                self.start(spec, worker)

    # What processes ask for

    def note(self, who: str, what: str) -> None:
        """Write a line of the trace."""
        if self.plan.traced:
            # The same in every folder.
            said = what.replace(str(self.folder), "")
            self.trace.append(f"{self.steps:5d} {'  ' * self._depth}{who}: {said}")

    def step(self, process: SimulatedStage, what: str) -> None:
        """Something is about to happen in a process; raises Killed when it dies of it."""
        self.steps += 1
        self.note(process.name, what)
        if not process.alive:
            raise Killed
        killed = self.steps == self.plan.kill_at
        if killed or (not self.calm and self.random.random() < self.odds.kill):
            self.note(process.name, "KILLED")
            process.alive = False
            raise Killed
        if self.calm:
            return
        if self._depth < DEPTH_MAX and self.random.random() < self.odds.interleave:
            for _ in range(self.random.randint(1, 6)):
                self.happenings.act()
            if not process.alive:
                raise Killed

    def unlucky(self, fault: str) -> bool:
        """Return whether a fault of this kind strikes now."""
        if fault == "sink away":
            # An outage of the sink only makes what comes to rest later, however often it comes.
            struck = self.calm_rounds < AWAY_ROUNDS and self.random.random() < self.odds.sink_away
        else:
            struck = not self.calm and self.random.random() < self.odds.unlucky
        if struck:
            self.note("fault", fault)
        return struck

    @property
    def running(self) -> SimulatedStage:
        """The process in which the current call runs."""
        return self._running[-1]

    def run(self, process: SimulatedStage, call: Callable[[], object]) -> None:
        """Run a call inside a process; whatever kills that process stays inside it."""
        if not process.alive:
            return
        self._depth += 1
        self._running.append(process)
        try:
            call()
        except Killed:
            pass
        except RecalibraError as error:
            self.note(process.name, f"ENDED by {type(error).__name__}: {error}")
            process.alive = False
            self._check_end(process, error)
        except LookupError as error:
            raise Violation(f"{process.name} broke inside: {error!r}") from error
        finally:
            self._running.pop()
            self._depth -= 1

    def _check_end(self, process: SimulatedStage, error: RecalibraError) -> None:
        """Raise Violation unless this process may end of this."""
        if process.overtaken:
            # It may be fenced, and what it restored may be torn: records that its successor wrote
            # meanwhile are part of it, or are why others were compacted away. It cannot commit.
            return
        if isinstance(error, FencedError):
            raise Violation(f"{process.name} had handed over and was fenced: {error}") from error
        if isinstance(error, LostSequence):
            raise Violation(f"{process.name} has a state that is torn: {error}") from error
        if self.calm:
            raise Violation(f"{process.name} ended though all is calm: {error}") from error

    def overtakes(self, process: SimulatedStage) -> None:
        """A process that may be overtaken itself fences: whoever has its lanes meets that."""
        for other in self.processes:
            if other.spec is process.spec:
                other.overtaken = True

    def machine(self, worker: int) -> Path:
        """The folder of a worker's machine."""
        return self.folder / str(0 if self.one_machine else worker)

    def start(self, spec: StageSpec, worker: int) -> None:
        """Start a process of a stage on a worker; it joins its group."""
        self.started += 1
        name = f"{spec.name}-{worker}#{self.started}"
        process = self.plan.stage_class(self, name, spec, self.machine(worker))
        process.worker = worker
        self.processes.append(process)
        self.groups[spec.name].join(process)

    def alive(self) -> list[SimulatedStage]:
        """Every living process."""
        return [process for process in self.processes if process.alive]

    def give_turns(self, process: SimulatedStage, turns: int) -> bool:
        """Give a process turns while they do anything; return whether one did."""
        moved: list[bool] = []
        for _ in range(turns):
            before = len(moved)
            self.run(process, lambda: moved.append(process.turn()))
            if len(moved) == before or not moved[-1]:
                break
        return any(moved)

    # Phases

    def busy_phase(self) -> None:
        """Let everything happen, until all input is sent and for a while after."""
        left = self.events * 3
        while left > 0:
            if self.sent == self.events:
                left -= 1
            self.happenings.act()

    def calm_phase(self) -> None:
        """Let no more faults happen; all must come to rest."""
        self.calm = True
        self.note("world", "is calm now")
        for self.calm_rounds in range(CALM_ROUNDS_MAX):
            self.happenings.time_out()
            while self.happenings.mark():
                pass
            for group in self.groups.values():
                while group.notice():
                    pass
            while self.happenings.restart():
                pass
            for group in self.groups.values():
                if group.needs_rebalance:
                    group.rebalance(0.0)
            moved = [self.give_turns(process, CALM_TURNS_MAX) for process in self.alive()]
            if not any(moved) and self.at_rest:
                self.steps_to_rest = self.steps
                return
        raise Violation(f"not at rest after {CALM_ROUNDS_MAX} rounds of calm")

    @property
    def at_rest(self) -> bool:
        """Whether every partition has one owner, and no owner anything to do."""
        for spec in self.specs:
            owned = [p for x in self.groups[spec.name].members if x.alive for p in x.tasks]
            if sorted(owned) != list(range(self.partitions)):
                return False
        return all(process.alive and process.idle for process in self.processes)


@contextmanager
def simulated_clients(world: SimulatedWorld) -> Iterator[None]:
    """Put the world's log and disks in the place of Kafka's clients and RocksDB."""

    def producer(config: Config) -> SimulatedProducer:
        return SimulatedProducer(world.running, config)

    def consumer(config: Config) -> SimulatedConsumer:
        return SimulatedConsumer(world.running, config)

    with (
        patch.multiple(
            streams.lane_log, Producer=producer, Consumer=consumer, COMMIT_TRIES=COMMIT_TRIES
        ),
        patch.multiple(streams.changelog, Consumer=consumer, BATCH_RECORDS=RESTORE_BATCH_RECORDS),
        patch.multiple(
            streams.lane_store,
            Rdict=SimulatedRocks(world.disks, lambda: world.running),
            WriteBatch=SimulatedWriteBatch,
            free_bytes=lambda _folder: 0 if world.unlucky("full disk") else FREE_BYTES,
        ),
    ):
        yield

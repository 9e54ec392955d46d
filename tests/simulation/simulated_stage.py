"""One process of a stage: the production lanes in a mirror of their host.

Lane, KafkaLaneLog, changelog.restore and LaneStore are the production ones. Their host is asyncio,
threads and Faust, which no seed can replay; it is repeated here, call by call:

| here | there |
|---|---|
| `revoked` | Faust's `App._on_partitions_revoked`, then `StageApp._revoked` |
| `hand_over_all`, `give_up`, `hand_over` | `StageApp._hand_over_all`, `LaneTask.hand_over` |
| `assigned` | `StageApp._take_over`, then the end of Faust's `Recovery._resume_streams` |
| `make_lane`, `make_lane_log`, `open_store` | `StageApp._lane` |
| `seek_offsets`, `perform_seek` | `StageApp._next_offsets`, `BlockConsumer.perform_seek` |
| `offer` | `StageApp._agent`, `LaneTask.offer` |
| `work_lane`, `take`, `checkpoint` | one turn of `LaneTask._run`, `LaneTask._checkpoint` |
| `SimulatedWorld.run`, `start` | `StageApp._fail`, then the supervisor's new process |
| SimulatedReader | `BlockConsumer` |

Where the host awaits, the world may let others run or kill the process: lanes do so in every call
of the log and the store, the host between its turns.
"""

from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple, Protocol

from simulated_disk import SimulatedDisks
from simulated_input import CODEC, PREFIX
from simulated_log import CLOCK_US, PartitionName, SimulatedLog
from simulated_reader import SimulatedReader

from processors.processor import Processor
from schemas.errors import OursError, UnavailableError
from streams.blocks import Block
from streams.lane import Lane
from streams.lane_log import KafkaLaneLog, LaneAddress, LaneLog
from streams.lane_store import LaneStore

BLOCKS_WAITING_MAX = 2
TICK_INTERVAL = 20


class Killed(BaseException):
    """The process is gone; nothing in it may handle that."""


class World(Protocol):
    """What a process asks of the world."""

    log: SimulatedLog
    disks: SimulatedDisks
    random: Random
    partitions: int
    opened: Counter[tuple[str, int]]

    def step(self, process: "SimulatedStage", what: str) -> None:
        """Something is about to happen in a process; raises Killed when it dies of it."""

    def unlucky(self, fault: str) -> bool:
        """Return whether a fault of this kind strikes now."""

    def overtakes(self, process: "SimulatedStage") -> None:
        """A process that was overtaken itself fences others now."""

    def note(self, who: str, what: str) -> None:
        """Write a line of the trace."""


class StageSpec(NamedTuple):
    """A stage: its inputs, those that it owns, how its processor is made, whether it ticks."""

    name: str
    inputs: tuple[str, ...]
    owned: tuple[str, ...]
    make_processor: Callable[["SimulatedStage", int], Processor]
    ticking: bool


class SimulatedLaneTask:
    """The state of a `LaneTask`; `busy` while its lane is in a call that others interrupt."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.blocks: deque[Block] = deque()
        self.busy = False


class SimulatedStage:
    """One process of one stage; `folder` is its machine's."""

    def __init__(self, world: World, name: str, spec: StageSpec, folder: Path) -> None:
        self.world, self.name, self.spec, self.folder = world, name, spec, folder
        self.log, self.random = world.log, world.random
        self.worker = 0
        self.alive = True
        # Others may have its lanes although it never answered: it may be fenced.
        self.overtaken = False
        self.generation = 0
        self.due_assignment: int | None = None
        self.opening: list[Lane] = []
        self.tasks: dict[int, SimulatedLaneTask] = {}
        self.reader = SimulatedReader(self.log, self.random, spec.inputs, f"{PREFIX}-{spec.name}")

    def step(self, what: str) -> None:
        """Let the world kill this process, or let others run, before what comes next."""
        self.world.step(self, what)

    def unlucky(self, fault: str) -> bool:
        """Return whether a fault of this kind strikes now."""
        return self.world.unlucky(fault)

    def fences(self) -> None:
        """Tell the world that whoever has this process's lane is fenced from now on."""
        if self.overtaken:
            self.world.overtakes(self)

    @property
    def busy(self) -> bool:
        """Whether a lane is in the middle of a call, in which it is not heard."""
        return bool(self.opening) or any(task.busy for task in self.tasks.values())

    @property
    def idle(self) -> bool:
        """Whether all that was fetched is taken and committed."""
        return (
            self.due_assignment is None
            and self.reader.empty
            and all(not task.blocks and not task.lane.dirty for task in self.tasks.values())
        )

    # The group's callbacks

    def revoked(self) -> None:
        """Hand everything over; once this returns, others get the partitions."""
        self.due_assignment = None
        self.reader.stop()
        self.hand_over_all()

    def hand_over_all(self) -> None:
        """Hand every lane over, in any order: they do so side by side."""
        self._hand_over_tasks(set(self.tasks))

    def _hand_over_tasks(self, partitions: set[int]) -> None:
        tasks = [self.tasks.pop(partition) for partition in sorted(partitions)]
        self.random.shuffle(tasks)
        for task in tasks:
            self.hand_over(task)

    def give_up(self) -> None:
        """Make lanes that are being opened end soon."""
        for lane in self.opening:
            lane.give_up()

    def hand_over(self, task: SimulatedLaneTask) -> None:
        """Commit what was taken and release the lane; what waits in the queue is dropped."""
        self.step(f"hand over {task.lane.address.partition}")
        with suppress(UnavailableError):  # the next owner reads the input again
            self.checkpoint(task.lane, quiet=False)
        task.lane.close()

    def assign(self, partitions: set[int], generation: int) -> None:
        """The group's answer; the lanes are opened when the process gets to it."""
        self.generation = self.due_assignment = generation
        self.reader.assign(partitions)

    def assigned(self) -> None:
        """Open what is new, then read from where the lanes stand."""
        generation = self.due_assignment
        mine = self.reader.assignment
        self._hand_over_tasks(self.tasks.keys() - mine)
        lanes = [self.make_lane(partition) for partition in sorted(mine - self.tasks.keys())]
        self.random.shuffle(lanes)
        self.opening = lanes
        opened = [lane for lane in lanes if self.open_lane(lane)]
        self.opening = []
        for lane in opened:
            self.tasks[lane.address.partition] = SimulatedLaneTask(lane)
        if self.due_assignment != generation:
            return  # Faust: "Recovery rebalancing again"
        self.due_assignment = None
        self.reader.unpause()
        self.perform_seek()
        self.reader.resume()

    def seek_offsets(self) -> dict[PartitionName, int]:
        """Where each input of each lane is to be read from."""
        return {
            (topic, partition): offset
            for partition, task in self.tasks.items()
            for topic, offset in task.lane.next_offsets.items()
        }

    def perform_seek(self) -> None:
        """Read from the lanes' own offsets."""
        self.reader.perform_seek(self.seek_offsets())

    # Lanes

    def make_lane(self, partition: int) -> Lane:
        """Return the production lane of a partition, not opened yet."""
        address = LaneAddress(PREFIX, self.spec.name, partition, self.world.partitions)
        folder = self.folder / address.group / str(partition)
        return Lane(
            address,
            self.spec.inputs,
            self.spec.owned,
            self.spec.make_processor(self, partition),
            CODEC,
            self.make_lane_log(address),
            lambda now_us: self.open_store(folder, now_us),
            self.log.now_us,
            TICK_INTERVAL * CLOCK_US / 1e6 if self.spec.ticking else None,
        )

    def make_lane_log(self, address: LaneAddress) -> LaneLog:
        """Return the lane's side of the log; its clients find their process in the settings."""
        return KafkaLaneLog(address, {"process": self})

    def open_store(self, folder: Path, now_us: int) -> LaneStore:
        """Open the lane's store."""
        return LaneStore(folder, now_us, free_min_bytes=1)

    def open_lane(self, lane: Lane) -> bool:
        """Take a lane over; return whether it was, since it may be given up meanwhile."""
        self.world.opened[self.spec.name, lane.address.partition] += 1
        try:
            lane.open()
        except OursError:
            if not lane.given_up:
                raise
            self.world.note(self.name, f"gave up {lane.address.partition}")
            return False
        self.world.note(self.name, f"stands at {lane.next_offsets} of {lane.address.partition}")
        return True

    def checkpoint(self, lane: Lane, quiet: bool) -> None:
        """Make a checkpoint; raises UnavailableError when it must be asked for again."""
        if lane.checkpoint(quiet):
            partition = lane.address.partition
            self.world.note(self.name, f"checkpoint of {partition}: {lane.next_offsets}")

    def take(self, lane: Lane, block: Block) -> None:
        """Let a lane take a block; a failure ends the process."""
        where = f"{block.topic}[{block.partition}] {block.start}-{block.stop}"
        self.world.note(self.name, f"takes {where}")
        lane.take(block)

    # Turns

    def turn(self) -> bool:
        """Do one thing that waits to be done; return whether there was any."""
        if self.due_assignment is not None and not self.opening:
            self.assigned()
            return True
        turns = [self.offer, self.reader.drain, self.work, self.reader.fetch]
        first = int(self.random.random() * len(turns))
        return any(turn() for turn in turns[first:] + turns[:first])

    def offer(self) -> bool:
        """Hand the first block to its lane, or drop one of an earlier assignment."""
        if not self.reader.blocks:
            return False
        block = self.reader.blocks[0]
        task = self.tasks.get(block.partition)
        if task is not None and block.epoch == self.reader.epoch:
            if len(task.blocks) >= BLOCKS_WAITING_MAX:
                return False
            task.blocks.append(block)
        self.reader.blocks.popleft()
        return True

    def work(self) -> bool:
        """Give lanes that are not in a call their turn, until one had something to do."""
        tasks = [task for task in self.tasks.values() if not task.busy]
        if len(tasks) > 1:
            self.random.shuffle(tasks)
        return any(self.work_lane(task) for task in tasks)

    def work_lane(self, task: SimulatedLaneTask) -> bool:
        """Take a block or make a checkpoint; return whether there was anything to do."""
        lane = task.lane
        if not task.blocks and not lane.dirty:
            return False
        task.busy = True
        try:
            if task.blocks and self.random.random() < 0.8:
                self.take(lane, task.blocks.popleft())
            elif lane.dirty:
                # It is asked again at a later turn while a service is away.
                with suppress(UnavailableError):
                    self.checkpoint(lane, not task.blocks and self.random.random() < 0.5)
            return True
        finally:
            task.busy = False

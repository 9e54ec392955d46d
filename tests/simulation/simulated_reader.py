"""A stage's consumer: where it reads, and the blocks that are on their way to the lanes.

The mirror of `streams.transport.BlockConsumer`. A fetch and what becomes of it are two turns, so
that a fetch may begin under one assignment and end under another.
"""

from collections import deque
from random import Random

from simulated_input import PREFIX
from simulated_log import Fetched, PartitionName, SimulatedLog

from schemas.errors import OursError
from schemas.topics import topic_name
from streams.blocks import Block

BLOCKS_IN_FLIGHT_MAX = 8
FETCH_RECORDS_MAX = 5


class SimulatedReader:
    """Reads the inputs of one stage's process, as the group `group`."""

    def __init__(
        self, log: SimulatedLog, random: Random, inputs: tuple[str, ...], group: str
    ) -> None:
        self._log, self._random, self._group = log, random, group
        self._topics = [topic_name(PREFIX, short) for short in inputs]
        self.assignment: set[int] = set()
        self.epoch = 0
        self.blocks: deque[Block] = deque()
        self.fetch_positions: dict[PartitionName, int] = {}
        self._flow_active = True
        self._paused: set[int] = set()
        self._positions: dict[PartitionName, int] = {}
        self._fetched: tuple[int, dict[PartitionName, list[Fetched]]] | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way."""
        return self._fetched is None and not self.blocks

    def committed(self, name: PartitionName) -> int:
        """The group's offset of a partition."""
        return self._log.group_offsets.get((self._group, *name), 0)

    def assign(self, partitions: set[int]) -> None:
        """What the group says: reading starts at its offsets, paused, until it is sought."""
        self.assignment = partitions
        self._paused = set(partitions)
        for partition in partitions:
            for topic in self._topics:
                self.fetch_positions[topic, partition] = self.committed((topic, partition))

    def stop(self) -> None:
        """Faust's side of a revoke: the flow stops and queues are cleared.

        The block that the agent holds in its hand stays.
        """
        if self.assignment:
            self._flow_active = False
            while len(self.blocks) > 1:
                self.blocks.pop()

    def unpause(self) -> None:
        """Faust resumes partitions before it seeks; a fetch may begin in between."""
        self._paused.clear()
        if self._random.random() < 0.5:
            self.fetch()

    def resume(self) -> None:
        """Faust lets blocks flow again."""
        self._flow_active = True

    def perform_seek(self, next_offsets: dict[PartitionName, int]) -> None:
        """Mirrors `BlockConsumer.perform_seek` and `_seek_to`, in which nothing is awaited."""
        self.epoch += 1
        self._positions = {}
        for name, offset in next_offsets.items():
            if name[1] not in self.assignment:
                raise OursError(f"aiokafka has no current assignment for partition {name}")
            self.fetch_positions[name] = offset
            self._positions[name] = offset

    def fetch(self) -> bool:
        """Mirrors the fetch in `BlockConsumer._drain_messages`; return whether it got any."""
        if not self._flow_active or self._fetched is not None:
            return False
        fetched: dict[PartitionName, list[Fetched]] = {}
        for partition in self.assignment - self._paused:
            for topic in self._topics:
                name = (topic, partition)
                records_max = self._random.randint(1, FETCH_RECORDS_MAX)
                records, self.fetch_positions[name] = self._log.read(
                    name, self.fetch_positions[name], records_max
                )
                if records:
                    fetched[name] = records
        if fetched:
            self._fetched = (self.epoch, fetched)
        return bool(fetched)

    def drain(self) -> bool:
        """Mirrors `BlockConsumer._drain_messages` behind its fetch, and `_hand_over`."""
        if self._fetched is None or len(self.blocks) >= BLOCKS_IN_FLIGHT_MAX:
            return False
        (epoch, fetched), self._fetched = self._fetched, None
        if epoch != self.epoch:
            for name, offset in self._positions.items():
                if name[1] in self.assignment:
                    self.fetch_positions[name] = offset
            return True
        for name, records in fetched.items():
            if not self._flow_active:
                break
            start, stop = self._positions.get(name), records[-1].offset + 1
            if start is None:
                continue
            self._positions[name] = stop
            self.blocks.append(Block(*name, start, stop, self.epoch, list(records)))
        return True

"""One lane of a stage made anew: its inputs are worked off once more, up to where it stood.

The lane itself does the work, over an empty store, with a log that sends nothing and only notes
what would be said.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from pathlib import Path

from processors.options import Options
from processors.topology import Stage, owned_inputs
from schemas.codec import Codec
from streams.blocks import Block
from streams.lane import Lane
from streams.lane_log import Checkpoint, LaneAddress, Outgoing
from streams.lane_store import DurableStore, LaneStore
from streams.lane_task import PART_RECORDS_MAX
from streams.topic_reader import TopicReader
from streams.wall_clock import now_us

CHECKPOINT_EVERY_RECORDS = 2_500

Note = Callable[[list[Outgoing]], None]


@dataclass(slots=True)
class Arrived:
    """A record of an input with the time it came at, milliseconds since 1970 in UTC."""

    at_ms: int
    topic: str
    offset: int
    key: bytes | None
    value: bytes | None


class _NotedLog:
    """A lane's log that sends nothing; `note` is given what would be sent at each checkpoint."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self._position = 0

    def fence(self) -> None:
        """Nobody is to be kept away from nothing."""

    def restore(self, store: DurableStore, given_up: Callable[[], bool]) -> int:
        """There is nothing to restore from."""
        return 0

    def commit(self, checkpoint: Checkpoint) -> int:
        """Note what would be sent."""
        self._note(checkpoint.outgoing)
        self._position += 1
        return self._position

    def close(self) -> None:
        """Nothing is held."""


def make_anew(
    stage: Stage,
    address: LaneAddress,
    stops: Mapping[str, int],
    folder: Path,
    codec: Codec,
    options: Options,
    reader: TopicReader,
    note: Note,
    progress: Callable[[int], None],
    free_min_bytes: int = 0,
) -> None:
    """Make the state of a lane in an empty folder, from its inputs up to the offsets in `stops`.

    All work that hangs on the input alone is done and told to `note`, also what the lane had put
    off. `progress` is given how many records were taken.
    """
    lane = Lane(
        address,
        stage.inputs,
        owned_inputs(stage),
        stage.make_processor(codec, options, address.partition),
        codec,
        _NotedLog(note),
        lambda at_us: LaneStore(folder, at_us, free_min_bytes),
        now_us,
    )
    lane.open()
    try:
        taken = since = 0
        for block in _blocks(lane, arrivals(reader, stops, address.partition), address.partition):
            lane.take(block)
            taken, since = taken + len(block.records), since + len(block.records)
            if since >= CHECKPOINT_EVERY_RECORDS or lane.working:
                lane.checkpoint(quiet=False)
                since = 0
                progress(taken)
        for topic, stop in stops.items():
            # Markers of transactions may stand behind the last record.
            start = lane.next_offsets[topic]
            lane.take(Block(topic, address.partition, start, stop, 0, []))
        lane.checkpoint(quiet=True)
        while lane.working or not lane.flushed_quiet:
            lane.checkpoint(quiet=True)
        progress(taken)
    finally:
        lane.close()


def arrivals(reader: TopicReader, stops: Mapping[str, int], partition: int) -> Iterator[Arrived]:
    """Yield a partition's records of several topics, in the order in which they came.

    Between topics that is told by the records' times alone. The results do not depend on it, but
    for what the ticks have let go in the meantime.
    """
    inputs = [_of_topic(reader, topic, partition, stop) for topic, stop in stops.items() if stop]
    return heapq.merge(*inputs, key=attrgetter("at_ms"))


def _of_topic(reader: TopicReader, topic: str, partition: int, stop: int) -> Iterator[Arrived]:
    for message in reader.records(topic, {partition: (0, stop)}):
        at_ms, offset = message.timestamp()[1], message.offset() or 0
        yield Arrived(at_ms, topic, offset, message.key(), message.value())


def _blocks(lane: Lane, arrived: Iterator[Arrived], partition: int) -> Iterator[Block]:
    for topic, some in groupby(arrived, attrgetter("topic")):
        while records := list(islice(some, PART_RECORDS_MAX)):
            start, stop = lane.next_offsets[topic], records[-1].offset + 1
            yield Block(topic, partition, start, stop, 0, list(records))

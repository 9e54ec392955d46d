"""A lane: one partition of one stage, with its store, its producer and its place in the log.

A checkpoint is one Kafka transaction (what follows from the events, what changed in the store, and
how far the input was read), then one batch of the store. Nothing is sent before the checkpoint, so
a worker that dies leaves no open transaction behind that readers would have to wait for.
"""

import logging
import struct
from collections.abc import Callable, Iterable

from processors.processor import Processor
from schemas.acceptance import accepted
from schemas.codec import Codec, schema_id_of
from schemas.errors import DataError, OursError
from schemas.events import DeadLetter, Event
from schemas.topics import SHORT_NAMES, TOPICS, digest, key_of, partition_of, topic_name
from streams.blocks import Block, Record
from streams.lane_log import Checkpoint, LaneAddress, LaneLog, Outgoing
from streams.lane_store import DurableStore

log = logging.getLogger(__name__)

# Below the smallest usual limit of a broker (1 MB), so that a dead letter can always be written;
# the whole record stays where its dead letter says.
DEAD_PAYLOAD_BYTES_MAX = 500_000


class Lane:
    """One lane, from taking it over (`open`) to handing it on (`close`). Not safe for threads."""

    def __init__(
        self,
        address: LaneAddress,
        inputs: Iterable[str],
        owned: Iterable[str],
        processor: Processor,
        codec: Codec,
        lane_log: LaneLog,
        open_store: Callable[[], DurableStore],
    ) -> None:
        self.address = address
        self._types = {topic_name(address.prefix, short): TOPICS[short] for short in inputs}
        # What is wrong with a record is said once: by the one stage that owns its topic.
        self._owned = {topic_name(address.prefix, short) for short in owned}
        self.next_offsets: dict[str, int] = dict.fromkeys(self._types, 0)
        self._processor = processor
        self._codec = codec
        self._log = lane_log
        self._open_store = open_store
        self._outgoing: list[Outgoing] = []
        self._advanced = False
        self._flushed_quiet = False
        self.restored = 0
        self.events = 0

    def open(self) -> None:
        """Take the lane over: fence whoever had it, then restore the store. Blocks for seconds."""
        self._log.fence()
        self._store = self._open_store()
        self.restored = self._log.restore(self._store)
        saved = self._store.offsets
        if saved is not None:
            self.next_offsets.update(_unpacked(saved))

    @property
    def sequence(self) -> int:
        """How many input offsets lie behind the lane: grows with every event."""
        return sum(self.next_offsets.values())

    @property
    def dirty(self) -> bool:
        """Whether a checkpoint has anything to do."""
        return self._advanced or not self._flushed_quiet

    def take(self, block: Block) -> None:
        """Process the records of a block that are not behind the lane.

        Raises OursError when records are missing in front of it.
        """
        behind = self.next_offsets[block.topic]
        if block.stop <= behind:
            return
        if block.start > behind:
            raise OursError(
                f"lane {self.address} stands at offset {behind} of {block.topic} and was given "
                f"{block.start}: records are missing in between"
            )
        for record in block.records:
            if record.offset >= behind:
                self.next_offsets[block.topic] = record.offset + 1
                self._take_record(block.topic, record)
        self.next_offsets[block.topic] = block.stop
        self._advanced = True
        self._flushed_quiet = False

    def _take_record(self, topic: str, record: Record) -> None:
        self.events += 1
        try:
            event = accepted(self._codec, record.value, self._types[topic])
            key = key_of(event)
            partition = partition_of(key, self.address.partitions)
            if partition != self.address.partition and topic in self._owned:
                # Its producer does not share our key or partitioner: it goes where it belongs.
                self._outgoing.append(Outgoing(topic, partition, key, record.value))
                return
            followed = self._processor.process(event, self.sequence, self._store)
        except DataError as error:
            self._reject(topic, record, error)
            return
        self._send(followed)

    def _send(self, events: Iterable[Event]) -> None:
        for event in events:
            key = key_of(event)
            topic = topic_name(self.address.prefix, SHORT_NAMES[type(event)])
            partition = partition_of(key, self.address.partitions)
            self._outgoing.append(Outgoing(topic, partition, key, self._codec.encode(event)))

    def _reject(self, topic: str, record: Record, error: DataError) -> None:
        if self._types[topic] is DeadLetter:
            # A letter of a letter would be the next to be rejected, without end.
            log.error("%s[%d] at %d: %s", topic, self.address.partition, record.offset, error)
        elif topic in self._owned:
            self._send([self._dead_letter(topic, record, error)])

    def _dead_letter(self, topic: str, record: Record, error: DataError) -> DeadLetter:
        return DeadLetter(
            dead_letter_id=digest(topic, str(self.address.partition), str(record.offset)),
            origin=topic,
            partition=self.address.partition,
            position=record.offset,
            column=error.column,
            schema_id=schema_id_of(record.value),
            error=type(error).__name__,
            reason=str(error),
            key=record.key[:DEAD_PAYLOAD_BYTES_MAX] if record.key else record.key,
            payload=(record.value or b"")[:DEAD_PAYLOAD_BYTES_MAX],
        )

    def checkpoint(self, quiet: bool) -> bool:
        """Make all that was taken durable; return whether there was anything to do.

        `quiet` says that no input waits. Raises UnavailableError, with everything kept for another
        try, when the processor's flush does; FencedError or OursError when the lane must be given
        up.
        """
        if not self._advanced and (self._flushed_quiet or not quiet):
            return False
        self._send(self._processor.flush(self._store, quiet))
        changes = self._store.pending()
        self._flushed_quiet = quiet
        if not (self._advanced or changes or self._outgoing):
            return False
        offsets = _packed(self.next_offsets)
        position = self._log.commit(
            Checkpoint(self._outgoing, changes, dict(self.next_offsets), offsets)
        )
        self._store.commit(offsets, position)
        self._outgoing.clear()
        self._advanced = False
        return True

    def close(self) -> None:
        """Release the store and the producer; what no checkpoint holds is given up."""
        self._outgoing.clear()
        self._store.close()
        self._log.close()


def _packed(offsets: dict[str, int]) -> bytes:
    return b"".join(
        struct.pack(">H", len(topic.encode())) + topic.encode() + struct.pack(">q", offset)
        for topic, offset in sorted(offsets.items())
    )


def _unpacked(data: bytes) -> dict[str, int]:
    found: dict[str, int] = {}
    while data:
        (size,) = struct.unpack_from(">H", data)
        (offset,) = struct.unpack_from(">q", data, 2 + size)
        found[data[2 : 2 + size].decode()] = offset
        data = data[10 + size :]
    return found

"""A lane: one partition of one stage, with its store, its producer and its place in the log.

A checkpoint is one Kafka transaction (what follows from the events, what changed in the store, and
how far the input was read), then one batch of the store. Nothing is sent before the checkpoint, so
a worker that dies leaves no open transaction behind that readers would have to wait for.
"""

import logging
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from processors.processor import Processor
from schemas.codec import Codec, schema_id_of
from schemas.errors import DataError, FencedError, InvalidValueError, OursError
from schemas.events import DeadLetter, Event, Outcome, Prediction
from schemas.topics import TOPICS, digest, key_of, partition_of, topic_name
from schemas.validation import EVENT_BYTES_MAX, check_outcome, check_prediction
from streams.blocks import Block, Record
from streams.changelog import restore
from streams.lane_store import OFFSETS_KEY, LaneStore

log = logging.getLogger(__name__)

TRANSACTION_TIMEOUT_MS = 15_000
FENCE_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 10.0
COMMIT_TRIES = 12
# Below the smallest usual limit of a broker (1 MB), so that a dead letter can always be written;
# the whole record stays where its dead letter says.
DEAD_PAYLOAD_BYTES_MAX = 500_000


class LaneAddress(NamedTuple):
    """Which lane: application prefix, stage name, partition, and how many partitions there are."""

    prefix: str
    stage: str
    partition: int
    partitions: int

    @property
    def changelog(self) -> str:
        """The topic that this lane's state is logged to."""
        return topic_name(self.prefix, f"{self.stage}-changelog")

    @property
    def group(self) -> str:
        """The consumer group of the stage."""
        return f"{self.prefix}-{self.stage}"


class Outgoing(NamedTuple):
    """A message that waits for the checkpoint."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None


class Lane:
    """One lane, from taking it over (`open`) to handing it on (`close`). Not safe for threads."""

    def __init__(
        self,
        address: LaneAddress,
        inputs: Iterable[str],
        owned: Iterable[str],
        processor: Processor,
        codec: Codec,
        client: dict[str, Any],
        state_dir: Path,
    ) -> None:
        self.address = address
        self._types = {topic_name(address.prefix, short): TOPICS[short] for short in inputs}
        # What is wrong with a record is said once: by the one stage that owns its topic.
        self._owned = {topic_name(address.prefix, short) for short in owned}
        self.next_offsets: dict[str, int] = dict.fromkeys(self._types, 0)
        self._processor = processor
        self._codec = codec
        self._client = client
        self._folder = state_dir / "stores" / address.group / str(address.partition)
        self._outgoing: list[Outgoing] = []
        self._advanced = False
        self._flushed_quiet = False
        self.restored = 0
        self.events = 0

    def open(self) -> None:
        """Take the lane over: fence whoever had it, then restore the store. Blocks for seconds."""
        self._producer = Producer(
            self._client
            | {
                "transactional.id": f"{self.address.group}-{self.address.partition}",
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "linger.ms": 5,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        try:
            self._producer.init_transactions(FENCE_TIMEOUT_S)
        except KafkaException as error:
            raise OursError(f"lane {self.address} cannot be taken over: {error}") from error
        self._store = LaneStore(self._folder)
        partition = self.address.partition
        self.restored = restore(self._store, self.address.changelog, partition, self._client)
        saved = self._store.offsets
        if saved is not None:
            self.next_offsets.update(_unpacked(saved))
        # Never subscribed: it only carries the group's name into the transaction.
        self._group = Consumer(self._client | {"group.id": self.address.group})
        self._metadata = self._group.consumer_group_metadata()

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
            event = self._codec.decode(record.value, self._types[topic])
            if len(record.value or b"") > EVENT_BYTES_MAX:
                raise InvalidValueError(f"the record is larger than {EVENT_BYTES_MAX} bytes")
            if isinstance(event, Prediction):
                check_prediction(event)
            elif isinstance(event, Outcome):
                check_outcome(event)
            key = key_of(event)
            partition = partition_of(key, self.address.partitions)
            if partition != self.address.partition and topic in self._owned:
                # Its producer does not share our key or partitioner: it goes where it belongs.
                self._outgoing.append(Outgoing(topic, partition, key, record.value))
                return
            followed = self._processor.process(event, self.sequence, self._store)
        except DataError as error:
            if topic in self._owned:
                self._send([self._dead_letter(topic, record, error)])
            return
        self._send(followed)

    def _send(self, events: Iterable[Event]) -> None:
        for event in events:
            key = key_of(event)
            topic = topic_name(self.address.prefix, _SHORT_NAMES[type(event)])
            partition = partition_of(key, self.address.partitions)
            self._outgoing.append(Outgoing(topic, partition, key, self._codec.encode(event)))

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
        position = self._transaction(changes, offsets)
        self._store.commit(offsets, position)
        self._outgoing.clear()
        self._advanced = False
        return True

    def _transaction(self, changes: list[tuple[bytes, bytes | None]], offsets: bytes) -> int:
        """Send everything in one transaction; return the changelog offset behind it."""
        changelog, partition = self.address.changelog, self.address.partition
        logged: list[int] = []

        def on_logged(error: KafkaError | None, message: Message) -> None:
            if error is None:
                logged.append(message.offset() or 0)

        consumed = [
            TopicPartition(topic, partition, offset) for topic, offset in self.next_offsets.items()
        ]
        try:
            self._producer.begin_transaction()
            for topic, to, key, value in self._outgoing:
                self._produce(topic, to, key, value)
            for key, value in changes:
                self._produce(changelog, partition, key, value)
            self._produce(changelog, partition, OFFSETS_KEY, offsets, on_logged)
            self._producer.send_offsets_to_transaction(consumed, self._metadata, CALL_TIMEOUT_S)
            self._commit()
        except KafkaException as error:
            raise self._given_up(error) from error
        return logged[0] + 1

    def _produce(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        on_delivery: Any = None,
    ) -> None:
        extra = {} if on_delivery is None else {"on_delivery": on_delivery}
        while True:
            try:
                self._producer.produce(topic, value, key, partition, **extra)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _commit(self) -> None:
        """Commit; a commit whose outcome is unknown is asked again, never aborted."""
        for attempt in range(COMMIT_TRIES):
            try:
                self._producer.commit_transaction(CALL_TIMEOUT_S)
                return
            except KafkaException as error:
                if not error.args[0].retriable() or attempt == COMMIT_TRIES - 1:
                    raise
                log.warning("lane %s asks again for its commit: %s", self.address, error)

    def _given_up(self, error: KafkaException) -> OursError:
        cause: KafkaError = error.args[0]
        if cause.fatal():
            return FencedError(f"lane {self.address} belongs to another worker now: {cause.str()}")
        return OursError(f"lane {self.address} could not make its checkpoint: {cause.str()}")

    def close(self) -> None:
        """Release the store and the producer; what no checkpoint holds is given up."""
        self._outgoing.clear()
        self._store.close()
        self._group.close()


_SHORT_NAMES = {event_type: short for short, event_type in TOPICS.items()}


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

"""A lane: one partition of one stage, with its store, its producer and its place in the log.

A checkpoint is one Kafka transaction (what follows from the events, what changed in the store, and
how far the input was read), then one batch of the store. Nothing is sent before the checkpoint, so
a worker that dies leaves no open transaction behind that readers would have to wait for.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable

from processors.processor import Processor
from schemas.acceptance import all_accepted
from schemas.codec import Codec, schema_id_of
from schemas.errors import DataError, OursError
from schemas.events import DeadLetter, Event, Tick
from schemas.topics import TOPICS, address_of, addresses_of, digest, topic_name
from streams.blocks import Block, Record
from streams.lane_log import Checkpoint, LaneAddress, LaneLog, Outgoing
from streams.lane_offsets import packed, unpacked
from streams.lane_store import UNUSED_MAX_US, DurableStore

log = logging.getLogger(__name__)

# Below the smallest usual limit of a broker (1 MB), so that a dead letter can always be written;
# the whole record stays where its dead letter says.
DEAD_PAYLOAD_BYTES_MAX = 500_000


class Lane:
    """One lane, from taking it over (`open`) to handing it on (`close`).

    Not safe for threads, but for `give_up`. `now_us` is the clock in microseconds since 1970, which
    `open_store` is given, too. A lane with a `tick_interval_s` tells it to its own log, once it is
    open and then as often; None: never.
    """

    def __init__(
        self,
        address: LaneAddress,
        inputs: Iterable[str],
        owned: Iterable[str],
        processor: Processor,
        codec: Codec,
        lane_log: LaneLog,
        open_store: Callable[[int], DurableStore],
        now_us: Callable[[], int],
        tick_interval_s: float | None = None,
    ) -> None:
        self.address = address
        self._types = {topic_name(address.prefix, short): TOPICS[short] for short in inputs}
        self._topics = {
            event_type: topic_name(address.prefix, short) for short, event_type in TOPICS.items()
        }
        # What is wrong with a record is said once: by the one stage that owns its topic.
        self._owned = {topic_name(address.prefix, short) for short in owned}
        self.next_offsets: dict[str, int] = dict.fromkeys(self._types, 0)
        self._processor = processor
        self._codec = codec
        self._log = lane_log
        self._open_store = open_store
        self._now_us = now_us
        self._tick_interval_s = tick_interval_s
        self._ticked_at_us: int | None = None
        self._given_up = threading.Event()
        self._outgoing: list[Outgoing] = []
        self._advanced = False
        self._flushed_quiet = False
        self.restored = 0
        self.records_taken = 0
        # By the monotonic clock; None while no commit is under way.
        self.committing_since_s: float | None = None

    def open(self) -> None:
        """Take the lane over: fence whoever had it, then restore the store. Blocks for seconds.

        Raises RefusedStateError for a state of another version, OursError soon after `give_up` or
        when it took so long that it must begin again; nothing is held then.
        """
        if self.given_up:
            raise OursError(f"lane {self.address} was given up before it was opened")
        self._log.fence()
        try:
            self._open_and_restore()
        except BaseException:
            self._log.close()
            raise
        saved = self._store.offsets
        if saved is not None:
            self.next_offsets.update(unpacked(saved))

    def _open_and_restore(self) -> None:
        opened_at_us = self._now_us()
        self._store = self._open_store(opened_at_us)
        try:
            self.restored = self._log.restore(self._store, self._given_up.is_set)
            if self._now_us() - opened_at_us > UNUSED_MAX_US:
                # A machine that slept: removals behind the place it had read to may be gone.
                raise OursError(f"restoring lane {self.address} took too long and begins again")
            self._store.restored(opened_at_us)
        except BaseException:
            self._store.close()
            raise

    def give_up(self) -> None:
        """Make an `open` that still restores end soon; the next owner goes on. From any thread."""
        self._given_up.set()

    @property
    def given_up(self) -> bool:
        """Whether the lane is wanted no more by who opened it."""
        return self._given_up.is_set()

    @property
    def sequence(self) -> int:
        """How many input offsets lie behind the lane: grows with every event."""
        return sum(self.next_offsets.values())

    @property
    def advanced(self) -> bool:
        """Whether something was taken that no checkpoint holds."""
        return self._advanced

    @property
    def flushed_quiet(self) -> bool:
        """Whether all was told that is due when no input waits."""
        return self._flushed_quiet

    @property
    def working(self) -> bool:
        """Whether work waits that each checkpoint does a piece of, without any input."""
        return self._processor.working

    @property
    def tick_due_in_s(self) -> float | None:
        """How long until the time is to be told, 0 when it is due; None when it never is."""
        if self._tick_interval_s is None:
            return None
        if self._ticked_at_us is None:
            return 0.0
        since_s = (self._now_us() - self._ticked_at_us) / 1e6
        # A clock that was set back must not keep the time untold until it catches up.
        return 0.0 if since_s < 0 else max(0.0, self._tick_interval_s - since_s)

    @property
    def due(self) -> bool:
        """Whether a checkpoint is wanted though nothing was taken and quiet is told."""
        return self.working or self.tick_due_in_s == 0

    @property
    def dirty(self) -> bool:
        """Whether a checkpoint has anything to do when it is quiet."""
        return self._advanced or not self._flushed_quiet or self.due

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
        topic = block.topic
        records = [record for record in block.records if record.offset >= behind]
        events = all_accepted(self._codec, [r.value for r in records], self._types[topic])
        good = [event for event in events if not isinstance(event, DataError)]
        self._processor.prepare(good, self._store)
        # What others write is checked: a producer may not share our key or partitioner.
        checked = (
            iter(addresses_of(good, self.address.partitions)) if topic in self._owned else None
        )
        before = self.sequence - behind
        for record, event in zip(records, events, strict=True):
            self.next_offsets[topic] = record.offset + 1
            if isinstance(event, DataError):
                self._reject(topic, record, event)
                continue
            if checked is not None:
                key, partition = next(checked)
                if partition != self.address.partition:
                    self._outgoing.append(Outgoing(topic, partition, key, record.value))
                    continue
            try:
                followed = self._processor.process(event, before + record.offset + 1, self._store)
            except DataError as error:
                self._reject(topic, record, error)
            else:
                self._send(followed)
        self.next_offsets[topic] = block.stop
        self.records_taken += len(block.records)
        self._advanced = True
        self._flushed_quiet = False

    def _send(self, events: Iterable[Event]) -> None:
        for event in events:
            key, partition = address_of(event, self.address.partitions)
            topic = self._topics[type(event)]
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
        try, when the disk is nearly full or the processor's flush does; FencedError or OursError
        when the lane must be given up.
        """
        if not (self._advanced or self.due) and (self._flushed_quiet or not quiet):
            return False
        # Before anything is said to anyone: behind the commit there is no way back.
        self._store.check_room()
        # Asked before the commit: while it waits, another may take over and compact away deletions.
        now_us = self._now_us()
        self._send(self._processor.flush(self._store, quiet))
        if self.tick_due_in_s == 0:
            self._send([Tick(self.address.partition, now_us)])
            self._ticked_at_us = now_us
        changes = self._store.pending()
        self._flushed_quiet = quiet
        if not (self._advanced or changes or self._outgoing):
            return False
        offsets = packed(self.next_offsets)
        self.committing_since_s = time.monotonic()
        position = self._log.commit(
            Checkpoint(self._outgoing, changes, dict(self.next_offsets), offsets)
        )
        self.committing_since_s = None
        self._store.commit(offsets, position, now_us)
        self._outgoing.clear()
        self._advanced = False
        return True

    def close(self) -> None:
        """Release the store and the producer; what no checkpoint holds is given up."""
        self._outgoing.clear()
        self._store.close()
        self._log.close()

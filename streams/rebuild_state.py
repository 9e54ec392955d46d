"""The state of a stage, made anew from its input topics, and what follows from that for others.

A lane's state stands for its inputs up to the offsets it holds, and all that follows from them was
said. A rebuild keeps those offsets, works the inputs off once more up to there, and then makes one
transaction of the lane: what differs in the state goes into the changelog, and what should have
been said and was not goes to the outputs. So nothing is said twice, and a rebuild that is killed
has changed a lane whole or not at all; it is given again.

What is said then has a row_version above that of what was heard: offsets do not go back, so the
lane's next events are numbered above both.
"""

import logging
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from processors.coverage import outbid
from processors.topology import TOPOLOGY, Stage
from schemas.codec import Codec
from schemas.errors import DataError, SettingsError
from schemas.events import Coverage
from schemas.topics import TOPICS, address_of, topic_name
from streams import changelog
from streams.kafka_access import ADMIN_TIMEOUT_S, client_settings
from streams.lane_log import Checkpoint, KafkaLaneLog, LaneAddress, Outgoing
from streams.lane_offsets import packed, unpacked
from streams.lane_store import LaneStore
from streams.rebuild_lane import make_anew
from streams.rebuild_words import KINDS, Told, Words, identity
from streams.settings import Settings
from streams.topic_reader import TopicReader
from streams.wall_clock import now_us

log = logging.getLogger(__name__)

HEARD_AT_ONCE = 5_000
# All that differs in a lane is one transaction; brokers allow up to 15 minutes.
TRANSACTION_TIMEOUT_MS = 600_000

# What is done, records done and in all.
Progress = Callable[[str, int, int], None]


class Rebuilt(NamedTuple):
    """What was done to one stage.

    `changed` are state records that differ from those before, also where they only lie otherwise;
    `said` are results that had not been said so; `unfounded` are results that stand in the output
    topics and do not follow from the inputs: they are left.
    """

    stage: str
    records: int
    state_records: int
    changed: int
    said: int
    unfounded: int


def stage_of(name: str) -> Stage:
    """Return the stage of a name; raises SettingsError for one that keeps no state."""
    for stage in TOPOLOGY:
        if stage.name == name:
            return stage
    names = " and ".join(stage.name for stage in TOPOLOGY)
    raise SettingsError(f"no stage {name!r} keeps state; {names} do")


class StateRebuild:
    """The rebuild of one stage; its workers must not run."""

    def __init__(self, settings: Settings, codec: Codec, stage: Stage) -> None:
        self._settings, self._codec, self._stage = settings, codec, stage
        self._kafka = settings.kafka
        self._client = client_settings(settings.kafka)
        self._reader = TopicReader(settings.kafka)
        self._group = f"{settings.kafka.topic_prefix}-{stage.name}"
        self._folder = settings.state_dir / "rebuild" / self._group
        self._coverage: dict[bytes, Coverage] = {}
        self._records = self._state_records = self._changed = self._said = 0

    def run(self, progress: Progress) -> Rebuilt:
        """Rebuild every lane.

        Raises FencedError when a worker was started meanwhile, UnavailableError when Kafka is away
        or the disk full, RefusedStateError for a state of another version.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        words = Words(self._folder / "words", self._codec)
        try:
            self._hear(words, progress)
            for partition in range(self._kafka.partitions):
                self._lane(partition, words, progress)
            unfounded = words.unfounded()
        finally:
            words.close()
        # What a store holds beside its changelog would outlive the rebuild; it is restored anew.
        shutil.rmtree(self._settings.state_dir / "stores" / self._group, ignore_errors=True)
        shutil.rmtree(self._folder)
        counts = (self._records, self._state_records, self._changed, self._said)
        return Rebuilt(self._stage.name, *counts, unfounded)

    def _hear(self, words: Words, progress: Progress) -> None:
        """Read what the stage has said."""
        for short in self._stage.outputs:
            if TOPICS[short] not in KINDS:
                continue
            what = f"{self._stage.name}: reading what it said, {short}"
            heard: list[Told] = []
            topic = topic_name(self._kafka.topic_prefix, short)
            for message in self._reader.records(topic, progress=partial(progress, what)):
                try:
                    event = self._codec.decode(message.value(), TOPICS[short])
                except DataError as error:  # another wrote it, and whoever reads the topic says so
                    log.debug("%s at %s: %s", topic, message.offset(), error)
                    continue
                assert isinstance(event, KINDS)
                if isinstance(event, Coverage):
                    self._coverage[identity(event)] = event
                heard.append(event)
                if len(heard) == HEARD_AT_ONCE:
                    words.hear(heard)
                    heard = []
            words.hear(heard)

    def _lane(self, partition: int, words: Words, progress: Progress) -> None:
        address = LaneAddress(
            self._kafka.topic_prefix, self._stage.name, partition, self._kafka.partitions
        )
        lane_log = KafkaLaneLog(
            address, self._client, transaction_timeout_ms=TRANSACTION_TIMEOUT_MS
        )
        lane_log.fence()
        old = LaneStore(self._folder / f"old-{partition}", now_us())
        try:
            changelog.restore(old, address.changelog, partition, self._client)
            stops = self._stops(old, partition)
            # A lane that has worked nothing off begins at the beginning by itself.
            if any(stops.values()):
                self._make_anew(address, stops, words, progress)
                self._put_into_place(address, stops, old, lane_log, words)
        finally:
            old.close()
            lane_log.close()

    def _stops(self, old: LaneStore, partition: int) -> dict[str, int]:
        """Return up to where the lane has worked each input off.

        Its changelog says so; when that is lost, the group's offsets, which are of the same
        transactions.
        """
        topics = [topic_name(self._kafka.topic_prefix, short) for short in self._stage.inputs]
        if old.offsets is not None:
            return dict.fromkeys(topics, 0) | unpacked(old.offsets)
        consumer = Consumer(self._client | {"group.id": self._group})
        try:
            asked = [TopicPartition(topic, partition) for topic in topics]
            told = consumer.committed(asked, timeout=ADMIN_TIMEOUT_S)
            return {at.topic: max(0, at.offset) for at in told}
        finally:
            consumer.close()

    def _make_anew(
        self, address: LaneAddress, stops: dict[str, int], words: Words, progress: Progress
    ) -> None:
        what = f"{self._stage.name}: lane {address.partition + 1} of {address.partitions}"
        outputs = {
            topic_name(address.prefix, short): TOPICS[short]
            for short in self._stage.outputs
            if TOPICS[short] in KINDS
        }

        def note(outgoing: list[Outgoing]) -> None:
            said = [
                self._codec.decode(out.value, outputs[out.topic])
                for out in outgoing
                if out.topic in outputs
            ]
            words.say([event for event in said if isinstance(event, KINDS)])

        done, total = self._records, sum(stops.values())

        def taken(records: int) -> None:
            self._records = done + records
            progress(what, records, total)

        make_anew(
            self._stage,
            address,
            stops,
            self._folder / f"new-{address.partition}",
            self._codec,
            self._settings.options(),
            self._reader,
            note,
            taken,
            int(self._settings.streams.free_disk_min_mb * 1e6),
        )

    def _put_into_place(
        self,
        address: LaneAddress,
        stops: dict[str, int],
        old: LaneStore,
        lane_log: KafkaLaneLog,
        words: Words,
    ) -> None:
        """Make what differs from the old state, and what was not said, one transaction."""
        new = LaneStore(self._folder / f"new-{address.partition}", now_us())
        try:
            outgoing = list(self._unheard(address, sum(stops.values()), words))
            for told in self._coverage.values():
                if told.lane == address.partition and self._stage.name == "join":
                    outbid(told, new)
            changes = list(self._differences(old, new))
            lane_log.commit(Checkpoint(outgoing, changes, stops, packed(stops)))
            self._changed += len(changes)
            self._said += len(outgoing)
        finally:
            new.close()

    def _unheard(self, address: LaneAddress, sequence: int, words: Words) -> Iterator[Outgoing]:
        for event, heard_version in words.unheard():
            if isinstance(event, Coverage):
                # Its rows are numbered by how often they were told.
                version = max(event.row_version, heard_version + 1)
            else:
                version = max(sequence, heard_version + 1)
            again = event._replace(row_version=version)
            if isinstance(again, Coverage):
                self._coverage[identity(again)] = again
            topic = topic_name(address.prefix, _SHORT_NAMES[type(again)])
            key, partition = address_of(again, address.partitions)
            yield Outgoing(topic, partition, key, self._codec.encode(again))

    def _differences(self, old: LaneStore, new: LaneStore) -> Iterator[tuple[bytes, bytes | None]]:
        """Yield the records to put, and with None those to remove, in the order of their keys."""
        before, after = old.scan(b""), new.scan(b"")
        was, now = next(before, None), next(after, None)
        while was is not None or now is not None:
            if now is None or (was is not None and was[0] < now[0]):
                assert was is not None
                yield was[0], None
                was = next(before, None)
                continue
            self._state_records += 1
            if was is None or now[0] < was[0]:
                yield now
            else:
                if was[1] != now[1]:
                    yield now
                was = next(before, None)
            now = next(after, None)


_SHORT_NAMES = {kind: short for short, kind in TOPICS.items() if kind in KINDS}

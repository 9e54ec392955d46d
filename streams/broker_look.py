"""How the stages stand, by what any machine can learn from Kafka: nothing is asked of a worker."""

import logging
import time
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from processors.topology import TOPOLOGY
from schemas.errors import UnavailableError, UserError
from schemas.topics import TOPICS, topic_name
from streams.kafka_access import client_settings, stage_names
from streams.lane_facts import Note
from streams.settings.services import KafkaSettings
from streams.unread import Peek, Place, Unread, stable_ends

CONNECT_TIMEOUT_S = 6.0
UNREAD_TIMEOUT_S = 3.0
LETTERS_TIMEOUT_S = 3.0
# A letter may hold half a megabyte.
LETTERS_BYTES_MAX = 32 * 2**20

log = logging.getLogger(__name__)

ASK_AGAIN_S = 0.2
# What a broker says that has just started, or whose groups have never been used.
NOT_YET = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.LEADER_NOT_AVAILABLE,
)

T = TypeVar("T")


class LaneLook(NamedTuple):
    """A lane at one moment.

    `committed` and `behind` are by the short name of each input; `behind` counts offsets, which
    markers of transactions take, too, so it is the most that it can be. `oldest_unread_ms` is when
    the oldest unread record was written, None without one. `owner` is its worker's name, as it is
    called in the group, and `address` where that is; None without an owner.
    """

    partition: int
    committed: dict[str, int]
    behind: dict[str, int]
    oldest_unread_ms: int | None
    owner: str | None
    address: str | None
    note: Note | None


class StageLook(NamedTuple):
    """A stage at one moment; `state` is its group's, `workers` the group's members."""

    stage: str
    state: str
    workers: list[str]
    lanes: list[LaneLook]


class BrokerLook(NamedTuple):
    """All stages at one moment of the monotonic clock."""

    at_s: float
    stages: list[StageLook]


def stage_inputs(stage: str) -> tuple[str, ...]:
    """Return the short names of a stage's inputs."""
    return next((s.inputs for s in TOPOLOGY if s.name == stage), tuple(TOPICS))


class Broker:
    """Looks at one lab's stages.

    Every method raises UnavailableError when Kafka does not answer by `deadline_s` of the
    monotonic clock, and sooner when it cannot be reached at all.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        """Prepare; raises UserError without an address."""
        self._kafka = kafka
        # Else librdkafka tells the terminal of every try.
        self._client = client_settings(kafka) | {"logger": log}
        self._admin = AdminClient(self._client)
        self._peek = Peek(self._client, f"{kafka.topic_prefix}-reader")
        self._letters: dict[Place, int] = {}
        self._letters_count = 0

    def look(self, deadline_s: float) -> BrokerLook:
        """Return how the stages stand; raises UserError when the lab has no topics."""
        return self._asked(lambda: self._look(deadline_s), deadline_s)

    def dead_letters(self, deadline_s: float) -> tuple[int, bool]:
        """Return how many dead letters there are, and whether these are all.

        They are counted by reading them, a part at a call, to be gone on with by the next.
        """
        return self._asked(lambda: self._dead_letters(deadline_s), deadline_s)

    def _dead_letters(self, deadline_s: float) -> tuple[int, bool]:
        topic = self._full("dead-letters")
        if not self._letters:
            known = self._admin.list_topics(topic, timeout=_left(deadline_s)).topics[topic]
            places = [(topic, n) for n in range(len(known.partitions))]
            self._letters = stable_ends(self._admin, places, _left(deadline_s), first=True)
        timeout_s = min(LETTERS_TIMEOUT_S, _left(deadline_s))
        more, complete = self._peek.count(self._letters, timeout_s, LETTERS_BYTES_MAX)
        self._letters_count += more
        return self._letters_count, complete

    def close(self) -> None:
        """Let go of Kafka."""
        self._peek.close()

    def _asked(self, ask: Callable[[], T], deadline_s: float) -> T:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() in NOT_YET and time.monotonic() + ASK_AGAIN_S < deadline_s:
                time.sleep(ASK_AGAIN_S)
                return self._asked(ask, deadline_s)
            raise UnavailableError(
                f"Kafka at {self._kafka.bootstrap_servers} does not answer: "
                f"{error.args[0].str()}; check the address and that the broker runs"
            ) from error

    def _look(self, deadline_s: float) -> BrokerLook:
        topics = self._admin.list_topics(timeout=min(CONNECT_TIMEOUT_S, _left(deadline_s))).topics
        missing = [n for n in TOPICS if topic_name(self._kafka.topic_prefix, n) not in topics]
        if missing:
            raise UserError(
                f"Kafka at {self._kafka.bootstrap_servers} has no topic "
                f"{topic_name(self._kafka.topic_prefix, missing[0])}; check "
                "RECALIBRA_KAFKA_TOPIC_PREFIX, or create the topics with `recalibra setup`"
            )
        partitions = len(topics[topic_name(self._kafka.topic_prefix, "ticks")].partitions)
        places = [(self._full(short), n) for short in TOPICS for n in range(partitions)]
        ends = stable_ends(self._admin, places, _left(deadline_s))
        groups = {stage: f"{self._kafka.topic_prefix}-{stage}" for stage in stage_names()}
        described = self._admin.describe_consumer_groups(
            list(groups.values()), request_timeout=_left(deadline_s)
        )
        stages = [
            self._stage(stage, described[group].result(), ends, partitions, deadline_s)
            for stage, group in groups.items()
        ]
        return BrokerLook(time.monotonic(), stages)

    def _full(self, short: str) -> str:
        return topic_name(self._kafka.topic_prefix, short)

    def _stage(
        self,
        stage: str,
        group: Any,
        ends: dict[Place, int],
        partitions: int,
        deadline_s: float,
    ) -> StageLook:
        inputs = [self._full(short) for short in stage_inputs(stage)]
        owners = {
            (at.topic, at.partition): (member.client_id, member.host.lstrip("/"))
            for member in group.members
            if member.assignment is not None
            for at in member.assignment.topic_partitions
        }
        places = [(topic, n) for topic in inputs for n in range(partitions)]
        committed, notes = self._committed(group.group_id, places, deadline_s)
        ahead = {place: at for place, at in committed.items() if ends[place] > at}
        unread = self._peek.first_unread(ahead, min(UNREAD_TIMEOUT_S, _left(deadline_s)))
        lanes = [
            self._lane(n, inputs, committed, ends, ahead, unread, owners, notes)
            for n in range(partitions)
        ]
        # Faust's id has a part of chance behind the name that it was given.
        workers = sorted(member.client_id for member in group.members)
        return StageLook(stage, _state(group), workers, lanes)

    def _committed(
        self, group_id: str, places: list[Place], deadline_s: float
    ) -> tuple[dict[Place, int], dict[int, Note]]:
        """Return a group's next offsets, and the newest note of each lane."""
        # Never subscribed: it only asks. The admin client's call ends the process when a group's
        # coordinator is not there yet (librdkafka 2.16).
        asker = Consumer(self._client | {"group.id": group_id})
        try:
            asked = [TopicPartition(topic, partition) for topic, partition in places]
            told = asker.committed(asked, timeout=_left(deadline_s))
        finally:
            asker.close()
        committed: dict[Place, int] = {}
        notes: dict[int, Note] = {}
        for at in told:
            if at.offset >= 0:
                committed[at.topic, at.partition] = at.offset
                note = Note.from_text(at.metadata)
                if note is not None and (
                    at.partition not in notes or note.at_ms > notes[at.partition].at_ms
                ):
                    notes[at.partition] = note
        new = [place for place in places if place not in committed]
        firsts = stable_ends(self._admin, new, _left(deadline_s), first=True)
        return {place: committed.get(place, firsts.get(place, 0)) for place in places}, notes

    def _lane(
        self,
        partition: int,
        inputs: list[str],
        committed: dict[Place, int],
        ends: dict[Place, int],
        ahead: dict[Place, int],
        unread: dict[Place, Unread | None],
        owners: dict[Place, tuple[str, str]],
        notes: dict[int, Note],
    ) -> LaneLook:
        start = len(self._full(""))
        behind: dict[str, int] = {}
        written_ms: list[int] = []
        for topic in inputs:
            place = (topic, partition)
            # Unanswered in time, it counts as it looks.
            first = unread.get(place, Unread(None)) if place in ahead else None
            behind[topic[start:]] = max(0, ends[place] - committed[place]) if first else 0
            if first is not None and first.at_ms is not None:
                written_ms.append(first.at_ms)
        owner, address = owners.get((inputs[0], partition), (None, None))
        return LaneLook(
            partition,
            {topic[start:]: committed[topic, partition] for topic in inputs},
            behind,
            min(written_ms, default=None),
            owner,
            address,
            notes.get(partition),
        )


def _left(deadline_s: float) -> float:
    return max(0.1, deadline_s - time.monotonic())


def _state(group: Any) -> str:
    """Return a group's state as one word: stable, rebalancing or empty."""
    if group.state == ConsumerGroupState.STABLE:
        return "stable"
    return "rebalancing" if group.members else "empty"

"""Three workers over eight partitions, which join and leave: every lane is whole, always."""

from pathlib import Path

import psutil
from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient
from pipeline_lab import PipelineLab, await_that
from test_pipeline import load

from processors.topology import TOPOLOGY
from schemas.events import Pair
from schemas.topics import topic_name
from streams.kafka_access import client_settings
from streams.local.stack import LocalStack
from streams.settings.services import KafkaSettings

PARTITIONS = 8
PAIRS = 6_000
JOIN_INPUTS = TOPOLOGY[0].inputs


class Group:
    """The join's consumer group, as the broker describes it."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._admin = AdminClient(client_settings(kafka))
        self._name = f"{kafka.topic_prefix}-join"
        self._topics = {topic_name(kafka.topic_prefix, short) for short in JOIN_INPUTS}
        self.most_owners = 0

    def look(self) -> None:
        """Hold that whoever has a partition of one input has that of the others, too."""
        try:
            found = self._admin.describe_consumer_groups([self._name])[self._name].result()
        except KafkaException:  # the coordinator of a new group is not there at once
            return
        if found.state != ConsumerGroupState.STABLE:
            return
        owners: dict[int, dict[str, str]] = {}
        for member in found.members:
            for at in member.assignment.topic_partitions:
                owners.setdefault(at.partition, {})[at.topic] = member.member_id
        for partition, by_topic in owners.items():
            assert by_topic.keys() == self._topics, partition
            assert len(set(by_topic.values())) == 1, partition
        assert len(owners) in (0, PARTITIONS)
        members = {member for by_topic in owners.values() for member in by_topic.values()}
        self.most_owners = max(self.most_owners, len(members))


def test_the_inputs_of_a_lane_are_always_on_one_worker(stack: LocalStack, tmp_path: Path) -> None:
    lab = PipelineLab(stack, tmp_path, partitions=PARTITIONS)
    group = Group(lab.settings.kafka)
    events = load(PAIRS)
    predictions, outcomes = events[:PAIRS], events[PAIRS:]
    lab.publish(predictions)

    def pairs_are(wanted: int) -> bool:
        group.look()
        return len(lab.live_pairs()) >= wanted

    def three_share() -> bool:
        group.most_owners = 0
        group.look()
        return group.most_owners == 3

    with lab.stages("join", processes=3) as running:
        for number, worker in enumerate(("join 1", "join 2", "join 3")):
            await_that(three_share, running)
            lab.publish(outcomes[number * PAIRS // 3 : (number + 1) * PAIRS // 3])
            # It leaves in the middle of the load and is started again.
            psutil.Process(running.process_ids[worker]).terminate()
            await_that(lambda n=number: pairs_are((n + 1) * PAIRS // 3), running)
    ids = [pair.pair_id for pair in lab.events("pairs", Pair)]
    assert len(ids) == len(set(ids)) == PAIRS
    assert all("ended with code 0" in said for said in lab.said), lab.said

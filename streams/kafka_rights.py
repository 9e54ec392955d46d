"""What we may do at Kafka, asked of the broker before work begins.

A stage whose fetches are refused would wait for ever; here the topic and the right are named.
"""

import logging
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from confluent_kafka import KafkaException, Producer, TopicCollection
from confluent_kafka.admin import (
    AclOperation,
    AdminClient,
    ConsumerGroupDescription,
    TopicDescription,
)

from processors.topology import TOPOLOGY
from schemas.errors import UserError
from schemas.topics import TOPICS, topic_name
from streams.kafka_access import changelog_name, client_settings, reached, stage_names
from streams.kafka_errors import DENIED, translated, who
from streams.notify import STAGE as NOTIFY
from streams.settings.services import KafkaSettings

TIMEOUT_S = 5.0
READ, WRITE = AclOperation.READ, AclOperation.WRITE
BOTH = frozenset({READ, WRITE})
ENTERING = ("predictions", "outcomes", "dead-letters")
# The stage that moves what came on a wrong key.
MOVING = {"predictions": "join", "outcomes": "join", "alert-commands": "monitor"}

log = logging.getLogger(__name__)

# Full topic name → what must be allowed on it.
Needs = dict[str, frozenset[AclOperation]]


class Lack(NamedTuple):
    """A right that is missing: on a "topic", "group" or "transactional id" of this name."""

    kind: str
    name: str
    right: str


def publisher_needs(kafka: KafkaSettings) -> Needs:
    """Return what sending events takes."""
    return {topic_name(kafka.topic_prefix, short): frozenset({WRITE}) for short in ENTERING}


def stage_needs(kafka: KafkaSettings, stages: Iterable[str]) -> Needs:
    """Return what stages of these names take."""
    needs: Needs = {}

    def need(topic: str, rights: frozenset[AclOperation]) -> None:
        needs[topic] = needs.get(topic, frozenset()) | rights

    topology = {stage.name: stage for stage in TOPOLOGY}
    for name in stages:
        if name == NOTIFY:
            need(topic_name(kafka.topic_prefix, "alerts"), frozenset({READ}))
            need(topic_name(kafka.topic_prefix, "dead-letters"), frozenset({WRITE}))
            continue
        inputs = topology[name].inputs if name in topology else tuple(TOPICS)
        outputs = topology[name].outputs if name in topology else ()
        for short in inputs:
            # What came on a wrong key is moved, so that what enters is written, too.
            moved = MOVING.get(short) == name
            need(topic_name(kafka.topic_prefix, short), BOTH if moved else frozenset({READ}))
        for short in (*outputs, "dead-letters"):
            need(topic_name(kafka.topic_prefix, short), frozenset({WRITE}))
        need(changelog_name(kafka.topic_prefix, name), BOTH)
    return needs


def topic_lacks(admin: AdminClient, kafka: KafkaSettings, needs: Needs) -> Iterator[Lack]:
    """Yield what may not be done with topics; raises what `translated` returns.

    A topic that is not there lacks nothing. Brokers before 2.3 cannot tell and lack nothing.
    """
    futures = admin.describe_topics(
        TopicCollection(list(needs)), include_authorized_operations=True, request_timeout=TIMEOUT_S
    )
    for topic, future in sorted(futures.items()):
        try:
            described: TopicDescription = future.result()
        except KafkaException as error:
            reason = error.args[0].name()
            if reason == "TOPIC_AUTHORIZATION_FAILED":
                yield Lack("topic", topic, "Describe")
            elif reason != "UNKNOWN_TOPIC_OR_PART":
                raise translated(error, kafka) from error
            continue
        allowed = described.authorized_operations
        for right in sorted(needs[topic], key=lambda right: right.name) if allowed else ():
            if right not in (allowed or ()):
                yield Lack("topic", topic, right.name.capitalize())


def group_lacks(
    admin: AdminClient, kafka: KafkaSettings, stages: Iterable[str] | None = None
) -> Iterator[Lack]:
    """Yield the groups that may not be joined, of these stages or of all.

    Of a group that has never been there only Describe is known, which comes with Read.
    """
    groups = [f"{kafka.topic_prefix}-{stage}" for stage in stages or stage_names()]
    futures = admin.describe_consumer_groups(
        groups, include_authorized_operations=True, request_timeout=TIMEOUT_S
    )
    for group, future in sorted(futures.items()):
        try:
            described: ConsumerGroupDescription = future.result()
        except KafkaException as error:
            if error.args[0].name() == "GROUP_AUTHORIZATION_FAILED":
                yield Lack("group", group, "Read")
            else:  # not there yet, or its coordinator is still busy
                log.debug("group %s: %s", group, error)
            continue
        if described.authorized_operations and READ not in described.authorized_operations:
            yield Lack("group", group, "Read")


def transaction_lacks(kafka: KafkaSettings) -> Iterator[Lack]:
    """Yield a lack when no transactional id of ours may be used; tried with one of its own.

    The ids of lanes are left alone: asking for one would take its lane over.
    """
    own = f"{kafka.topic_prefix}-doctor"
    producer = Producer(
        client_settings(kafka) | {"transactional.id": own, "log_level": 0, "logger": log}
    )
    try:
        producer.init_transactions(TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].name() not in DENIED:
            raise translated(error, kafka) from error
        yield Lack("transactional id", own, "Write")


def sentence(lack: Lack, kafka: KafkaSettings) -> str:
    """Return what is missing and what to do."""
    separator = "." if lack.kind == "topic" else "-"
    return (
        f"{who(kafka)} may not {lack.right.lower()} {lack.kind} {lack.name} at Kafka at "
        f"{kafka.bootstrap_servers}: grant it {lack.right} on every {lack.kind} with the prefix "
        f"{kafka.topic_prefix}{separator}"
    )


def check_publisher_rights(kafka: KafkaSettings) -> None:
    """Raise UserError when events may not be sent, and what `reached` raises."""
    admin, _ = reached(kafka)
    for lack in topic_lacks(admin, kafka, publisher_needs(kafka)):
        raise UserError(sentence(lack, kafka))


def check_stage_rights(
    kafka: KafkaSettings, stages: Iterable[str], *, transactions: bool = True
) -> None:
    """Raise UserError for the first right that these stages lack, and what `reached` raises.

    Trying `transactions` may take a second.
    """
    admin, _ = reached(kafka)
    stages = list(stages)
    for lack in topic_lacks(admin, kafka, stage_needs(kafka, stages)):
        raise UserError(sentence(lack, kafka))
    for lack in group_lacks(admin, kafka, stages):
        raise UserError(sentence(lack, kafka))
    for lack in transaction_lacks(kafka) if transactions else ():
        raise UserError(sentence(lack, kafka))

"""What we may do at Kafka: topics, groups and transactional ids."""

from collections.abc import Iterator

from confluent_kafka import KafkaException
from confluent_kafka.admin import NewTopic

from schemas.topics import topic_name
from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, wrong
from streams.kafka_access import stage_names, wanted_topics
from streams.kafka_errors import translated, who
from streams.kafka_rights import (
    group_lacks,
    publisher_needs,
    sentence,
    stage_needs,
    topic_lacks,
    transaction_lacks,
)

PLACE = 40
TIMEOUT_S = 5.0
DENIED = ("TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED")


def look(checkup: Checkup) -> Iterator[Finding]:
    """Hold what the broker allows against what publisher and stages need."""
    kafka = checkup.settings.kafka
    admin, cluster = checkup.cluster()
    needs = stage_needs(kafka, stage_names())
    for topic, rights in publisher_needs(kafka).items():
        needs[topic] |= rights
    lacks = [*topic_lacks(admin, kafka, needs), *group_lacks(admin, kafka)]
    lacks += transaction_lacks(kafka)
    for lack in lacks:
        yield wrong(sentence(lack, kafka))
    missing = wanted_topics(kafka).keys() - cluster.topics.keys()
    may_create = _may_create(checkup)
    if missing and not may_create:
        yield wrong(
            f"{who(kafka)} may not create topics, and not all are there",
            "let someone who may run `recalibra setup`, or grant Create on every topic with the "
            f"prefix {kafka.topic_prefix}.",
        )
    if not lacks:
        creating = "create," if may_create else "not create, but"
        yield fine(f"may {creating} read and write topics, join groups and use transactions")


def _may_create(checkup: Checkup) -> bool:
    """Ask to create a topic and to leave it at that."""
    admin, _ = checkup.cluster()
    kafka = checkup.settings.kafka
    probe = topic_name(kafka.topic_prefix, "doctor")
    wanted = NewTopic(probe, 1, 1)
    try:
        futures = admin.create_topics([wanted], validate_only=True, request_timeout=TIMEOUT_S)
        futures[probe].result()
    except KafkaException as error:
        if error.args[0].name() not in DENIED:
            raise translated(error, kafka) from error
        return False
    return True

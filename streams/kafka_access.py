"""How every client of ours reaches Kafka, and the topics it finds there."""

from typing import Any

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from processors.topology import TOPOLOGY
from schemas.errors import RefusedStateError, UnavailableError, UserError
from schemas.topics import TOPICS, topic_name
from streams.settings import KafkaSettings

ADMIN_TIMEOUT_S = 15.0
KEEP_FOR_EVER = "-1"
# Longer than the longest join (400 days), so that state can be rebuilt from the input.
INPUT_RETENTION_MS = str(430 * 24 * 3600 * 1000)
# A worker that was away longer than this restores from the whole changelog.
DELETE_RETENTION_MS = str(7 * 24 * 3600 * 1000)


def client_settings(kafka: KafkaSettings) -> dict[str, Any]:
    """Return librdkafka's settings for the cluster; raises UserError without an address."""
    if kafka.bootstrap_servers is None:
        raise UserError(
            "no Kafka is configured and no local stack runs; start one with `recalibra up`, or set "
            "RECALIBRA_KAFKA_BOOTSTRAP_SERVERS"
        )
    found: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "log_level": 3,
    }
    if kafka.ca_file is not None:
        found["ssl.ca.location"] = str(kafka.ca_file)
    if kafka.security_protocol.startswith("SASL"):
        found["sasl.mechanisms"] = kafka.sasl_mechanism
        found["sasl.username"] = kafka.username or ""
        found["sasl.password"] = kafka.password.get_secret_value() if kafka.password else ""
    return found


def changelog_name(prefix: str, stage: str) -> str:
    """Return the name of the topic that a stage's state is logged to."""
    return topic_name(prefix, f"{stage}-changelog")


def stage_names() -> list[str]:
    """Return every stage: those of the topology, then the sink."""
    return [*(stage.name for stage in TOPOLOGY), "sink"]


def _wanted_topics(kafka: KafkaSettings) -> dict[str, dict[str, str]]:
    prefix = kafka.topic_prefix
    wanted = {
        topic_name(prefix, short): {"retention.ms": INPUT_RETENTION_MS, "cleanup.policy": "delete"}
        for short in TOPICS
    }
    compacted = {
        "cleanup.policy": "compact",
        "delete.retention.ms": DELETE_RETENTION_MS,
        "retention.ms": KEEP_FOR_EVER,
    }
    wanted |= {changelog_name(prefix, stage): compacted for stage in stage_names()}
    return wanted


def ensure_topics(kafka: KafkaSettings) -> list[str]:
    """Create the topics that are missing and return their names.

    A topic whose partition count is not the setting's is refused.

    Raises RefusedStateError for a wrong count, UnavailableError when the broker does not answer.
    """
    admin = AdminClient(client_settings(kafka))
    wanted = _wanted_topics(kafka)
    try:
        there = admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics
        for name in wanted:
            found = len(there[name].partitions) if name in there else kafka.partitions
            if found != kafka.partitions:
                raise RefusedStateError(
                    f"topic {name} has {found} partitions and the setting kafka.partitions is "
                    f"{kafka.partitions}; set it to {found}, or use another topic_prefix"
                )
        missing = [
            NewTopic(name, kafka.partitions, kafka.replication_factor, config=config)
            for name, config in wanted.items()
            if name not in there
        ]
        if missing:
            for created in admin.create_topics(missing, request_timeout=ADMIN_TIMEOUT_S).values():
                _await_created(created)
        return [topic.topic for topic in missing]
    except KafkaException as error:
        raise UnavailableError(
            f"Kafka at {kafka.bootstrap_servers} does not answer: {error.args[0].str()}; check the "
            "address and that the broker runs"
        ) from error


def _await_created(created: Any) -> None:
    try:
        created.result(timeout=ADMIN_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":  # another worker was first
            raise


def groups_ready(kafka: KafkaSettings, groups: list[str]) -> bool:
    """Return whether each consumer group has members and they have their partitions."""
    admin = AdminClient(client_settings(kafka))
    try:
        described = admin.describe_consumer_groups(groups, request_timeout=ADMIN_TIMEOUT_S)
        return all(
            found.result().state == ConsumerGroupState.STABLE for found in described.values()
        )
    except KafkaException:  # a group that is not there yet, or a broker that is still busy
        return False

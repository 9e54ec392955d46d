"""How every client of ours reaches Kafka, and the topics it finds there."""

import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ClusterMetadata, NewTopic

from processors.topology import TOPOLOGY
from schemas.errors import RefusedStateError, UnavailableError, UserError
from schemas.topics import TOPICS, topic_name
from streams.kafka_errors import diagnosed, translated, who
from streams.kafka_tls import tls_context
from streams.settings.services import KafkaSettings

log = logging.getLogger(__name__)

# Together less than the 15 s after which a person must know what is wrong.
REACH_TIMEOUT_S = 5.0
# How long a refused login or certificate may be no more than a broker that is starting.
REFUSED_AFTER_S = 2.0
LAST_ASK_S = 3.0
ASK_AGAIN_S = 1.0
ADMIN_TIMEOUT_S = 15.0
LOOK_EVERY_S = 0.1
KEEP_FOR_EVER = "-1"
# Longer than the longest join (400 days), so that state can be rebuilt from the input.
INPUT_RETENTION_MS = str(430 * 24 * 3600 * 1000)
# A worker that was away longer than this restores from the whole changelog.
DELETE_RETENTION_MS = str(7 * 24 * 3600 * 1000)

log = logging.getLogger(__name__)


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
        # A broker that was away is asked again within a second, not ten.
        "reconnect.backoff.max.ms": 1_000,
    }
    files = {
        "ssl.ca.location": kafka.ca_file,
        "ssl.certificate.location": kafka.cert_file,
        "ssl.key.location": kafka.key_file,
    }
    found |= {name: str(path) for name, path in files.items() if path is not None}
    if kafka.key_password is not None:
        found["ssl.key.password"] = kafka.key_password.get_secret_value()
    if kafka.sasl:
        found["sasl.mechanisms"] = kafka.sasl_mechanism
        found["sasl.username"] = kafka.username
        found["sasl.password"] = kafka.secret()
    return found


def reached(kafka: KafkaSettings) -> tuple[AdminClient, ClusterMetadata]:
    """Return a client that a broker has answered, and what it said of the cluster.

    Answers within 15 s. Raises UserError for settings that cannot work (login, certificate,
    protocol, no Kafka at all), UnavailableError when no broker answers.
    """
    heard: list[KafkaError] = []
    own = {"log_level": 0, "error_cb": heard.append, "logger": log}
    if kafka.tls:
        tls_context(kafka)
    try:
        admin = AdminClient(client_settings(kafka) | own)
    except KafkaException as error:
        raise translated(error, kafka) from error
    started = time.monotonic()
    while True:
        try:
            return admin, admin.list_topics(timeout=ASK_AGAIN_S)
        except KafkaException as error:
            admin.poll(0)
            waited = time.monotonic() - started
            # The client library itself would go on asking for ever.
            refused = any(e.name() in ("_AUTHENTICATION", "_SSL") for e in heard)
            if waited > REACH_TIMEOUT_S or (refused and waited > REFUSED_AFTER_S):
                found = diagnosed(kafka, heard)
                if not refused:
                    # A broker that came up while it was looked at only seems to refuse us.
                    with suppress(KafkaException):
                        return admin, admin.list_topics(timeout=LAST_ASK_S)
                raise found from error
            time.sleep(LOOK_EVERY_S)


def changelog_name(prefix: str, stage: str) -> str:
    """Return the name of the topic that a stage's state is logged to."""
    return topic_name(prefix, f"{stage}-changelog")


def stage_names() -> list[str]:
    """Return every stage: those of the topology, then the sink."""
    return [*(stage.name for stage in TOPOLOGY), "sink"]


def wanted_topics(kafka: KafkaSettings) -> dict[str, dict[str, str]]:
    """Return every topic with the configuration that it is created with."""
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

    Raises RefusedStateError for a wrong count, UserError for a topic that may not be created, and
    what `reached` raises.
    """
    admin, cluster = reached(kafka)
    wanted = wanted_topics(kafka)
    try:
        missing = wanted.keys() - cluster.topics.keys()
        created = [name for name in sorted(missing) if _create(admin, kafka, name, wanted[name])]
        _check_partitions(admin, kafka, wanted.keys())
        return created
    except KafkaException as error:
        raise translated(error, kafka) from error


def _partition_counts(admin: AdminClient) -> dict[str, int]:
    topics = admin.list_topics(timeout=ADMIN_TIMEOUT_S).topics
    return {name: len(topic.partitions) for name, topic in topics.items()}


def _create(admin: AdminClient, kafka: KafkaSettings, name: str, config: dict[str, str]) -> bool:
    """Create a topic; return False when another worker was first.

    Raises UserError for one that may not be created, or seen.
    """
    topic = NewTopic(name, kafka.partitions, kafka.replication_factor, config=config)
    try:
        admin.create_topics([topic], request_timeout=ADMIN_TIMEOUT_S)[name].result()
    except KafkaException as error:
        reason = error.args[0].name()
        if reason in ("TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"):
            raise UserError(
                f"{who(kafka)} does not see topic {name} at Kafka at {kafka.bootstrap_servers} and "
                "may not create it: let someone who may run `recalibra setup`, and give it the "
                "rights that README lists"
            ) from error
        if reason == "TOPIC_ALREADY_EXISTS":
            return False
        raise
    return True


def _check_partitions(admin: AdminClient, kafka: KafkaSettings, names: Iterable[str]) -> None:
    """Wait until every topic shows, which a new one does after a moment, and compare its count.

    Raises UserError for a topic that is there and may not be seen.
    """
    deadline = time.monotonic() + ADMIN_TIMEOUT_S
    while hidden := set(names) - (there := _partition_counts(admin)).keys():
        name = min(hidden)
        error = admin.list_topics(name, timeout=ADMIN_TIMEOUT_S).topics[name].error
        if error is not None and error.name() == "TOPIC_AUTHORIZATION_FAILED":
            raise UserError(
                f"{who(kafka)} does not see topic {name} at Kafka at {kafka.bootstrap_servers}: "
                f"grant it Describe on every topic with the prefix {kafka.topic_prefix}."
            )
        if time.monotonic() > deadline:
            raise UnavailableError("Kafka does not show topics that it has; ask again in a moment")
        time.sleep(LOOK_EVERY_S)
    for name in sorted(names):
        if there[name] != kafka.partitions:
            raise RefusedStateError(
                f"topic {name} has {there[name]} partitions and the setting kafka.partitions is "
                f"{kafka.partitions}; set it to {there[name]}, or use another topic_prefix"
            )


def groups_ready(kafka: KafkaSettings, groups: list[str]) -> bool:
    """Return whether each consumer group has members and they have their partitions."""
    admin = AdminClient(client_settings(kafka) | {"log_level": 0})
    try:
        described = admin.describe_consumer_groups(groups, request_timeout=ADMIN_TIMEOUT_S)
        return all(
            found.result().state == ConsumerGroupState.STABLE for found in described.values()
        )
    except KafkaException:  # a group that is not there yet, or a broker that is still busy
        return False

"""Commands about alerts, sent to every lane of the monitor."""

import logging

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.command_validation import check_command
from schemas.errors import InvalidValueError, UnavailableError, UserError
from schemas.events import AlertCommand
from schemas.topics import address_of, topic_name
from streams.kafka_access import client_settings, reached
from streams.kafka_errors import translated
from streams.schema_ids import make_codec
from streams.settings import Settings

SEND_TIMEOUT_S = 15.0

log = logging.getLogger(__name__)


def send(settings: Settings, command: AlertCommand) -> int:
    """Send a copy of a command to every lane of the monitor; return how many there are.

    `settings` say where Kafka is (see `streams.addresses.kafka_resolved`). A lane obeys a
    `command_id` once, so a command may be sent again. Raises UserError for a command that holds
    what it must not, for a lab without the topic and for a login or right that is refused, and
    UnavailableError when Kafka does not take all copies in time: send it again then.
    """
    try:
        check_command(command)
    except InvalidValueError as error:
        raise UserError(str(error)) from error
    kafka = settings.kafka
    topic = topic_name(kafka.topic_prefix, "alert-commands")
    _, cluster = reached(kafka)
    if topic not in cluster.topics:
        raise UserError(
            f"Kafka at {kafka.bootstrap_servers} has no topic {topic}: start the stack with "
            "`recalibra up` or create it with `recalibra setup`"
        )
    lanes = len(cluster.topics[topic].partitions)
    codec = make_codec(settings.registry)
    producer = Producer(
        client_settings(kafka)
        | {
            "enable.idempotence": True,
            "delivery.timeout.ms": int(SEND_TIMEOUT_S * 1_000),
            "logger": log,
        }
    )
    failed: list[KafkaError] = []

    def reported(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    for lane in range(lanes):
        copy = command._replace(lane=lane)
        key, partition = address_of(copy, lanes)
        producer.produce(topic, codec.encode(copy), key, partition, on_delivery=reported)
    waiting = producer.flush(SEND_TIMEOUT_S + 1.0)
    if failed:
        raise translated(KafkaException(failed[0]), kafka)
    if waiting:
        raise UnavailableError(
            f"Kafka at {kafka.bootstrap_servers} did not take the command in time; send it again"
        )
    return lanes

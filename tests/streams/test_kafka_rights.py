"""What is said of rights by a broker that does not answer in time."""

import socket

import pytest
from confluent_kafka.admin import AdminClient

from schemas.errors import UnavailableError
from streams.kafka_access import client_settings
from streams.kafka_rights import group_lacks, publisher_needs, topic_lacks
from streams.settings.services import KafkaSettings


def test_a_broker_that_is_silent_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnavailableError, match="does not answer"):
            list(topic_lacks(AdminClient(client_settings(kafka)), kafka, publisher_needs(kafka)))


def test_a_group_that_nothing_is_known_of_lacks_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{silent.getsockname()[1]}")
        assert list(group_lacks(AdminClient(client_settings(kafka)), kafka, ["join"])) == []

"""A broker that comes up while it is looked at is reached, whatever it looked like."""

from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from confluent_kafka import KafkaError
from tls_front import relay

from schemas.errors import RecalibraError, SettingsError
from streams import kafka_access
from streams.kafka_access import reached
from streams.local.ports import LOOPBACK, choose_port
from streams.local.stack import LocalStack
from streams.settings.services import KafkaSettings


def test_a_broker_that_comes_up_while_it_is_looked_at_is_reached(
    broker: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind, port = int(broker.bootstrap_servers.split(":")[1]), choose_port(None, "the relay")
    with ExitStack() as held:

        def diagnosed(_kafka: KafkaSettings, _heard: Sequence[KafkaError]) -> RecalibraError:
            held.enter_context(relay(behind, port=port))
            return SettingsError("it seems to ask for a login")

        monkeypatch.setattr(kafka_access, "diagnosed", diagnosed)
        monkeypatch.setattr(kafka_access, "REACH_TIMEOUT_S", 0.2)
        _, metadata = reached(KafkaSettings(bootstrap_servers=f"{LOOPBACK}:{port}"))
    assert metadata.brokers

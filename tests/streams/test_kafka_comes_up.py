"""A broker that comes up while it is looked at is reached, whatever it looked like."""

import socket
import threading
from collections.abc import Sequence
from contextlib import ExitStack

import pytest
from confluent_kafka import KafkaError

from schemas.errors import RecalibraError, SettingsError
from streams import kafka_access
from streams.kafka_access import reached
from streams.local.ports import LOOPBACK
from streams.local.stack import LocalStack
from streams.settings import KafkaSettings


def passed_on(one: socket.socket, other: socket.socket) -> None:
    try:
        while data := one.recv(65_536):
            other.sendall(data)
    except OSError:
        return


def serve(listener: socket.socket, broker: tuple[str, int], held: ExitStack) -> None:
    while True:
        try:
            front, _ = listener.accept()
        except OSError:
            return
        back = socket.create_connection(broker)
        held.callback(front.close)
        held.callback(back.close)
        for pair in ((front, back), (back, front)):
            threading.Thread(target=passed_on, args=pair, daemon=True).start()


def test_a_broker_that_comes_up_while_it_is_looked_at_is_reached(
    broker: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, port = broker.bootstrap_servers.split(":")
    with ExitStack() as held:
        listener = held.enter_context(socket.socket())
        listener.bind((LOOPBACK, 0))

        def diagnosed(_kafka: KafkaSettings, _heard: Sequence[KafkaError]) -> RecalibraError:
            listener.listen()
            serving = threading.Thread(target=serve, args=(listener, (host, int(port)), held))
            serving.daemon = True
            serving.start()
            return SettingsError("it seems to ask for a login")

        monkeypatch.setattr(kafka_access, "diagnosed", diagnosed)
        monkeypatch.setattr(kafka_access, "REACH_TIMEOUT_S", 0.2)
        own = KafkaSettings(bootstrap_servers=f"{LOOPBACK}:{listener.getsockname()[1]}")
        _, metadata = reached(own)
    assert metadata.brokers

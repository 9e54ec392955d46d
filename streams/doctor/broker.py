"""Kafka: reached, logged in, and each broker at the address it gives itself."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong
from streams.kafka_errors import who
from streams.settings.services import KafkaSettings

PLACE = 20
CONNECT_TIMEOUT_S = 3.0
SIDE_BY_SIDE = 16


def look(checkup: Checkup) -> Iterator[Finding]:
    """Connect as the stages do, then to every broker's own address."""
    kafka = checkup.settings.kafka
    started = time.monotonic()
    _, cluster = checkup.cluster()
    took_ms = (time.monotonic() - started) * 1_000
    brokers = sorted(cluster.brokers.values(), key=lambda broker: broker.id)
    count = f"{len(brokers)} broker{'' if len(brokers) == 1 else 's'}"
    how = f"by {kafka.sasl_mechanism} " if kafka.sasl else ""
    yield fine(
        f"Kafka at {kafka.bootstrap_servers} answers after {took_ms:.0f} ms: {count}, as "
        f"{who(kafka)} {how}{'over TLS' if kafka.tls else 'in plain text'}"
    )
    addresses = [(broker.host, broker.port) for broker in brokers]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        failures = list(pool.map(_failure, addresses))
    for broker, failure in zip(brokers, failures, strict=True):
        if failure is not None:
            yield wrong(
                f"broker {broker.id} calls itself {broker.host}:{broker.port}, which cannot be "
                f"reached from here ({failure})",
                "make that name and port reachable, or correct the broker's advertised.listeners",
            )
    if not kafka.tls and not all(is_loopback(host) for host, _ in addresses):
        yield _in_the_clear(kafka)


def _failure(address: tuple[str, int]) -> str | None:
    try:
        with socket.create_connection(address, CONNECT_TIMEOUT_S):
            return None
    except OSError as error:
        return error.strerror or str(error)


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_the_clear(kafka: KafkaSettings) -> Finding:
    what = "the password and all events" if kafka.sasl else "all events"
    return warning(
        f"{what} can be read by everyone on the way to Kafka",
        "set kafka.security_protocol to SASL_SSL or SSL where the network is not yours alone",
    )

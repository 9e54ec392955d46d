"""Which of Kafka's requests the brokers know."""

from collections.abc import Iterator

from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong
from streams.kafka_errors import missing_apis
from streams.kafka_peer import look as look_at
from streams.kafka_peer import unverified
from streams.kafka_tls import show_certificate

PLACE = 30


def look(checkup: Checkup) -> Iterator[Finding]:
    """Ask the first broker, as the client libraries do before they log in."""
    kafka = checkup.settings.kafka
    _, cluster = checkup.cluster()
    broker = min(cluster.brokers.values(), key=lambda broker: broker.id)
    context = unverified()
    show_certificate(context, kafka)
    try:
        peer = look_at(broker.host, broker.port, context)
    except OSError as error:
        yield warning(
            f"broker {broker.id} does not tell which requests it knows ({error})",
            "see the findings of the broker",
        )
        return
    if peer.speaks != "kafka":
        yield warning(
            f"broker {broker.id} does not tell which requests it knows",
            "check that Kafka 2.5 or newer runs there",
        )
    elif lacking := missing_apis(peer.apis):
        yield wrong(
            f"broker {broker.id} is too old, it has no {', '.join(lacking)}",
            "use Kafka 2.5 or newer",
        )
    else:
        yield fine(f"the brokers know all that the stages ask for ({len(peer.apis)} requests)")

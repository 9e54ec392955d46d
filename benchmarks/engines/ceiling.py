"""The ceiling of one Python process: every record consumed and decoded, no more."""

import sys
from pathlib import Path

from benchmarks.engine import Module, Place, decoder, run_here

JOIN = Module(
    "ceiling",
    "confluent-kafka",
    read=None,
    note="decodes only, no pairs",
    python=Path(sys.executable),
)
# The same process whatever is compared with it: it is measured once.
PIPELINE = JOIN
READ_AT_ONCE = 10_000


def main(place: Place) -> None:
    """Consume and decode until told to stop; the offsets are committed whenever nothing waits."""
    from confluent_kafka import Consumer

    consumer = Consumer(
        {
            "bootstrap.servers": place.bootstrap_servers,
            "group.id": place.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 3,
        }
    )
    predictions, outcomes = place.inputs
    decode = {predictions: decoder("Prediction"), outcomes: decoder("Outcome")}
    consumer.subscribe(list(place.inputs))
    uncommitted = False
    while True:
        messages = consumer.consume(READ_AT_ONCE, 0.05)
        for message in messages:
            decode[message.topic()](message.value())
        if messages:
            uncommitted = True
        elif uncommitted:
            consumer.commit(asynchronous=False)
            uncommitted = False


if __name__ == "__main__":
    run_here(main)

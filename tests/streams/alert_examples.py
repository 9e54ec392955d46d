"""Alerts for tests, and a producer that says them as the monitor does."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import Producer
from pipeline_lab import CODEC, PipelineLab

from schemas.events import Alert
from schemas.topics import address_of, topic_name
from streams.kafka_access import client_settings

ALERT = Alert(
    alert_id="a1",
    row_version=1,
    state="open",
    model_id="net",
    model_version="1",
    assay_id="logP",
    segment_field=None,
    segment_value=None,
    detector="page_hinkley",
    since=1_771_336_800_000_000,
    detected_at=1_771_340_400_000_000,
    effect_sd=1.5,
    p_value=None,
    n=23,
    reason="Predictions read 1.5 baseline SD further above the bench.",
)


def alert(alert_id: str, row_version: int = 1, state: str = "open", **changes: Any) -> Alert:
    return ALERT._replace(alert_id=alert_id, row_version=row_version, state=state, **changes)


def say(lab: PipelineLab, alerts: Iterable[Alert], commit: bool = True) -> None:
    """Write alerts in one transaction."""
    producer = Producer(
        client_settings(lab.settings.kafka) | {"transactional.id": f"{lab.prefix}-t"}
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    for one in alerts:
        key, partition = address_of(one, lab.settings.kafka.partitions)
        producer.produce(topic_name(lab.prefix, "alerts"), CODEC.encode(one), key, partition)
    producer.flush(30)
    (producer.commit_transaction if commit else producer.abort_transaction)(30)

"""How far this machine's clock is from those of Kafka and ClickHouse.

Stages tell the time to their lanes by this machine's clock, and by it predictions expire and state
is dropped. Kafka tells its own time only as the time at which it appended a record, so one record
is written into a topic of its own, which keeps records for an hour.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from schemas.errors import SettingsError, UnavailableError, UserError
from schemas.topics import topic_name
from streams.clickhouse_access import asking
from streams.kafka_access import client_settings, log, reached
from streams.kafka_errors import translated
from streams.settings import Settings
from streams.settings.services import ClickHouseSettings, KafkaSettings

WARN_AFTER_S = 1.0
WRONG_AFTER_S = 300.0
TIMEOUT_S = 5.0
KEEP_MS = 3_600_000

# The time in seconds since 1970.
Now = Callable[[], float]


class Deviation(NamedTuple):
    """How far this machine's clock is ahead of a service's (behind: negative).

    The truth lies within `uncertain_s` of it, since the answer took its time.
    """

    service: str
    ahead_s: float
    uncertain_s: float

    @property
    def least_s(self) -> float:
        """How far the clocks are apart at least."""
        return max(0.0, abs(self.ahead_s) - self.uncertain_s)

    @property
    def text(self) -> str:
        """What it is, as a part of a sentence."""
        side = "ahead of" if self.ahead_s > 0 else "behind"
        return f"this machine's clock is {abs(self.ahead_s):.1f} s {side} that of {self.service}"


def this_machine(settings: Settings) -> Now:
    """Return the clock of this machine, moved by the setting doctor.clock_offset_s."""
    return lambda: time.time() + settings.doctor.clock_offset_s


def kafka_deviation(kafka: KafkaSettings, now: Now) -> Deviation:
    """Return how far this machine's clock is from Kafka's.

    Raises UserError when the topic may not be made or written, and what `reached` raises.
    """
    admin, _ = reached(kafka)
    topic = topic_name(kafka.topic_prefix, "clock")
    producer = Producer(
        client_settings(kafka)
        | {"linger.ms": 0, "delivery.timeout.ms": int(TIMEOUT_S * 1_000), "logger": log}
    )
    try:
        _ensure_topic(admin, kafka, topic)
        _appended_at(producer, topic)  # which also connects, so that the next is quick
        before = now()
        at = _appended_at(producer, topic)
        after = now()
    except KafkaException as error:
        raise translated(error, kafka) from error
    # Kafka's time is in whole milliseconds.
    middle, half = (before + after) / 2, (after - before) / 2 + 0.001
    return Deviation(f"Kafka at {kafka.bootstrap_servers}", middle - at, half)


def _ensure_topic(admin: AdminClient, kafka: KafkaSettings, topic: str) -> None:
    config = {"message.timestamp.type": "LogAppendTime", "retention.ms": str(KEEP_MS)}
    wanted = NewTopic(topic, 1, kafka.replication_factor, config=config)
    try:
        admin.create_topics([wanted], request_timeout=TIMEOUT_S)[topic].result()
    except KafkaException as error:
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
            raise


def _appended_at(producer: Producer, topic: str) -> float:
    """Write a record and return when the broker says it came, in seconds since 1970."""
    reports: list[tuple[KafkaError | None, int]] = []

    def reported(error: KafkaError | None, message: Message) -> None:
        reports.append((error, message.timestamp()[1]))

    producer.produce(topic, b"", partition=0, on_delivery=reported)
    producer.flush(TIMEOUT_S)
    if not reports:
        raise UnavailableError(f"Kafka did not take a record for {topic} in time; ask again")
    ((error, at_ms),) = reports
    if error is not None:
        raise KafkaException(error)
    return at_ms / 1_000


def clickhouse_deviation(clickhouse: ClickHouseSettings, now: Now) -> Deviation:
    """Return how far this machine's clock is from ClickHouse's; raises as `asking` does."""
    with asking(clickhouse) as client:
        before = now()
        ((at_us,),) = client.query("SELECT toUnixTimestamp64Micro(now64(6))").result_rows
        after = now()
    middle, half = (before + after) / 2, (after - before) / 2
    where = f"ClickHouse at {clickhouse.host}:{clickhouse.port}"
    return Deviation(where, middle - at_us / 1_000_000, half)


def refuse_wrong_clock(settings: Settings) -> None:
    """Raise SettingsError when this machine's clock is five minutes or more from Kafka's.

    Where Kafka's time cannot be asked for, the log says so and nothing is refused.
    """
    now = this_machine(settings)
    try:
        found = kafka_deviation(settings.kafka, now)
    except (UserError, UnavailableError) as error:
        log.warning("the clock is not held against Kafka's: %s", error)
        return
    if found.least_s >= WRONG_AFTER_S:
        raise SettingsError(
            f"{found.text}, and it shows {datetime.fromtimestamp(now(), UTC):%Y-%m-%d %H:%M:%S} "
            "UTC: set the clock that is wrong, best by NTP"
        )

"""What a rebuild needs before it begins: the services, stages that stand still, whole topics."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.errors import UnavailableError, UserError
from schemas.topics import topic_name
from streams.addresses import kafka_resolved, resolved, running_stack, with_stack
from streams.kafka_access import ADMIN_TIMEOUT_S, LOOK_EVERY_S, client_settings
from streams.local.stack import LocalStack
from streams.settings import Settings
from streams.settings.services import KafkaSettings

# What a broker says of a group for some seconds after its start.
LOOKS_FOR_GROUP = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)


@contextmanager
def services(
    settings: Settings, *, clickhouse: bool, say: Callable[[str], None]
) -> Iterator[Settings]:
    """Give the settings with every address known; `clickhouse` says whether it is needed, too.

    A local stack that was used before and does not run is started for the length of the block,
    since `recalibra up` would start its stages, too. Raises UserError when there is none.
    """
    with_kafka = settings.kafka.bootstrap_servers is None
    with_clickhouse = clickhouse and settings.clickhouse.host is None
    was_used = (settings.state_dir / "kafka").is_dir()
    if (with_kafka or with_clickhouse) and was_used and running_stack(settings) is None:
        with LocalStack(
            settings.state_dir,
            settings.cache_dir,
            kafka=with_kafka,
            clickhouse=with_clickhouse,
            clickhouse_database=settings.clickhouse.database,
            maven_repository=settings.maven_repository,
            progress=say,
        ) as stack:
            yield with_stack(settings, stack.addresses)
        return
    yield resolved(settings) if clickhouse else kafka_resolved(settings)


def refuse_running(settings: Settings, stages: Iterable[str]) -> None:
    """Raise UserError when a stage's group has members, UnavailableError when Kafka is away."""
    kafka = settings.kafka
    admin = AdminClient(client_settings(kafka))
    running = [
        stage for stage in stages if _has_members(admin, kafka, f"{kafka.topic_prefix}-{stage}")
    ]
    if running:
        raise UserError(
            f"{' and '.join(running)} must not run meanwhile: stop every worker, and `recalibra "
            "up` with Ctrl-C (what is needed of a local stack is started without its stages); a "
            f"worker that was killed counts for {settings.streams.session_timeout_s:g} s more"
        )


def _has_members(admin: AdminClient, kafka: KafkaSettings, group: str) -> bool:
    """Return whether a group has members; a broker that still looks for it is asked again."""
    deadline = time.monotonic() + ADMIN_TIMEOUT_S
    while True:
        try:
            told = admin.describe_consumer_groups([group], request_timeout=ADMIN_TIMEOUT_S)
            return bool(told[group].result().members)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.GROUP_ID_NOT_FOUND:
                return False
            if code not in LOOKS_FOR_GROUP or time.monotonic() > deadline:
                raise _away(kafka, error) from error
            time.sleep(LOOK_EVERY_S)


def refuse_removed(kafka: KafkaSettings, short_names: Iterable[str]) -> None:
    """Raise UserError when a topic has lost its first records, as it does by its retention."""
    removed: list[str] = []
    consumer = Consumer(client_settings(kafka) | {"group.id": f"{kafka.topic_prefix}-reader"})
    try:
        for short in short_names:
            topic = topic_name(kafka.topic_prefix, short)
            for partition in range(kafka.partitions):
                at = TopicPartition(topic, partition)
                low, _ = consumer.get_watermark_offsets(at, timeout=ADMIN_TIMEOUT_S)
                if low:
                    removed.append(f"the first {low} of {topic}, partition {partition}")
    except KafkaException as error:
        raise _away(kafka, error) from error
    finally:
        consumer.close()
    if removed:
        more = f", and of {len(removed) - 1} more partitions" if len(removed) > 1 else ""
        raise UserError(
            f"records are no longer in Kafka ({removed[0]}{more}), so that all that follows from "
            "them would be missing from what is rebuilt; give --accept-loss if that is what you "
            "want"
        )


def _away(kafka: KafkaSettings, error: KafkaException) -> UnavailableError:
    return UnavailableError(
        f"Kafka at {kafka.bootstrap_servers} does not answer: {error.args[0].str()}; check the "
        "address and that the broker runs"
    )

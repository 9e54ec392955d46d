"""The topics: there, with partitions, copies and upkeep as the stages rely on them."""

from collections.abc import Iterator

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ConfigResource,
    ResourceType,
    TopicMetadata,
)

from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong
from streams.kafka_access import wanted_topics
from streams.kafka_errors import DENIED, translated
from streams.settings.services import KafkaSettings

PLACE = 50
TIMEOUT_S = 5.0
DAY_MS = 86_400_000
BROKERS_FOR_COPIES = 3

Config = dict[str, str]


def look(checkup: Checkup) -> Iterator[Finding]:
    """Hold every topic against how `recalibra setup` makes it."""
    kafka = checkup.settings.kafka
    admin, cluster = checkup.cluster()
    wanted = wanted_topics(kafka)
    missing = sorted(wanted.keys() - cluster.topics.keys())
    if missing:
        yield wrong(
            f"{len(missing)} of {len(wanted)} topics are not there or may not be seen, such as "
            f"{missing[0]}",
            "run `recalibra setup`",
        )
    found: list[Finding] = []
    configs = _configs(admin, kafka, sorted(wanted.keys() - set(missing)))
    for name, config in configs.items():
        if config is None:
            found.append(
                warning(
                    f"how {name} is kept may not be seen",
                    f"grant DescribeConfigs on every topic with the prefix {kafka.topic_prefix}.",
                )
            )
        else:
            found += _upkeep(name, wanted[name], config)
        found += _copies(cluster.topics[name], kafka, config or {})
    if kafka.replication_factor == 1 and len(cluster.brokers) >= BROKERS_FOR_COPIES:
        found.append(
            warning(
                f"kafka.replication_factor is 1 though there are {len(cluster.brokers)} brokers: "
                "with one broker data would be lost",
                "set it to 3 before the topics are made",
            )
        )
    yield from found
    if not missing and not found:
        yield fine(f"{len(wanted)} topics of {kafka.partitions} partitions are as they must be")


def _configs(
    admin: AdminClient, kafka: KafkaSettings, names: list[str]
) -> dict[str, Config | None]:
    """Return each topic's configuration, None for one that may not be seen."""
    if not names:
        return {}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    futures = admin.describe_configs(asked, request_timeout=TIMEOUT_S)
    found: dict[str, Config | None] = {}
    for resource, future in futures.items():
        try:
            entries = future.result()
            found[resource.name] = {name: str(entry.value) for name, entry in entries.items()}
        except KafkaException as error:
            if error.args[0].name() not in DENIED:
                raise translated(error, kafka) from error
            found[resource.name] = None
    return dict(sorted(found.items()))


def _upkeep(name: str, wanted: Config, config: Config) -> Iterator[Finding]:
    policy = config.get("cleanup.policy", "")
    if policy != wanted["cleanup.policy"]:
        yield wrong(
            f"{name} has cleanup.policy {policy} and must have {wanted['cleanup.policy']}: what "
            "the stages rely on would be removed",
            f"kafka-configs --alter --topic {name} --add-config "
            f"cleanup.policy={wanted['cleanup.policy']}",
        )
        return
    compacted = policy == "compact"
    setting = "delete.retention.ms" if compacted else "retention.ms"
    kept_ms, least_ms = int(config.get(setting, "-1")), int(wanted[setting])
    if kept_ms != -1 and (least_ms == -1 or kept_ms < least_ms):
        yield warning(
            f"{name} has {setting} of {kept_ms / DAY_MS:.1f} days and was to have "
            f"{least_ms / DAY_MS:.0f}: what a stage did not read in time is lost",
            f"kafka-configs --alter --topic {name} --add-config {setting}={least_ms}",
        )


def _copies(topic: TopicMetadata, kafka: KafkaSettings, config: Config) -> Iterator[Finding]:
    name, partitions = topic.topic, topic.partitions.values()
    if len(partitions) != kafka.partitions:
        yield wrong(
            f"{name} has {len(partitions)} partitions and the setting kafka.partitions is "
            f"{kafka.partitions}",
            f"set it to {len(partitions)}, or use another topic_prefix",
        )
    copies = min((len(partition.replicas) for partition in partitions), default=0)
    in_step = min((len(partition.isrs) for partition in partitions), default=0)
    if copies < kafka.replication_factor:
        yield warning(
            f"{name} has {copies} copies and kafka.replication_factor is "
            f"{kafka.replication_factor}",
            "add copies by kafka-reassign-partitions",
        )
    needed = int(config.get("min.insync.replicas", "1"))
    if in_step < needed:
        yield wrong(
            f"{name} has a partition with {in_step} copies in step and needs {needed}: nothing "
            "can be written",
            "bring the brokers back that are away",
        )
    elif in_step < copies:
        yield warning(
            f"{name} has a partition with {in_step} of {copies} copies in step",
            "bring the brokers back that are away",
        )

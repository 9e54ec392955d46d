"""The product's own stages over a topic prefix of their own, and what is sent to them."""

import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from confluent_kafka import Producer

from benchmarks.kafka_side import Broker
from benchmarks.workload import Event
from schemas.codec import Codec
from schemas.events import Tick
from schemas.table import SchemaTable
from schemas.topics import SHORT_NAMES, address_of, topic_name
from streams.addresses import as_environment, with_stack
from streams.clickhouse_access import ensure_tables
from streams.kafka_access import ensure_topics
from streams.local.stack import LocalStack
from streams.settings import REPOSITORY, Settings
from streams.settings.lab import CoreSettings
from streams.settings.services import KafkaSettings
from streams.supervisor import Supervisor

CODEC = Codec(SchemaTable())
DEADLINE_S = 900.0
LOOK_EVERY_S = 0.05
FLUSH_S = 60.0


@contextmanager
def own_stack(*, clickhouse: bool) -> Iterator[tuple[LocalStack, Path]]:
    """Run a Kafka, and a ClickHouse if wanted, in a temporary folder; give both."""
    with tempfile.TemporaryDirectory(prefix="recalibra-bench-") as folder:
        root = Path(folder)
        cache = REPOSITORY / ".recalibra" / "cache"
        with LocalStack(root / "stack", cache, clickhouse=clickhouse) as stack:
            yield stack, root


class Lab:
    """One topic prefix with settings, stages and a producer; `core` None means the defaults."""

    def __init__(self, stack: LocalStack, folder: Path, core: CoreSettings | None = None) -> None:
        settings = Settings(
            state_dir=folder,
            kafka=KafkaSettings(topic_prefix=f"b{uuid.uuid4().hex[:8]}"),
            core=core or CoreSettings(),
        )
        self.settings = with_stack(settings, stack.addresses)
        self.kafka = self.settings.kafka
        self.broker = Broker(str(self.kafka.bootstrap_servers), self.kafka.partitions)
        self.said: list[str] = []
        self._producer = Producer(
            {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
                "log_level": 2,
            }
        )
        ensure_topics(self.kafka)

    def topic(self, short: str) -> str:
        """Return the whole name of a topic."""
        return topic_name(self.kafka.topic_prefix, short)

    def group(self, stage: str) -> str:
        """Return the consumer group of a stage."""
        return f"{self.kafka.topic_prefix}-{stage}"

    @contextmanager
    def stages(self, *names: str) -> Iterator[Supervisor]:
        """Run stages, each in one process, for the length of the block."""
        if "sink" in names:
            ensure_tables(self.settings.clickhouse)
        logs = self.settings.state_dir / "logs"
        running = Supervisor(names, 1, as_environment(self.settings), logs, self.said.append)
        running.start()
        try:
            yield running
        finally:
            running.stop()

    def send(self, event: Event | Tick) -> None:
        """Hand an event to the producer."""
        key, partition = address_of(event, self.kafka.partitions)
        topic, value = self.topic(SHORT_NAMES[type(event)]), CODEC.encode(event)
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self) -> None:
        """Wait until the broker has all that was sent."""
        if self._producer.flush(FLUSH_S):
            raise click.ClickException("the broker did not take the input within a minute")

    def send_all(self, events: Iterable[Event | Tick]) -> None:
        """Send events and wait until the broker has them."""
        for event in events:
            self.send(event)
        self.flush()

    def await_assigned(
        self, running: Supervisor, *stages: str, every_s: float = LOOK_EVERY_S
    ) -> None:
        """Wait until each of some stages has its partitions: before, there is nothing to measure.

        Raises click.ClickException when one does not within the deadline.
        """
        for stage in stages:

            def assigned(group: str = self.group(stage)) -> bool:
                return self.broker.members(group) > 0

            await_that(assigned, running, f"the {stage} to have its partitions", every_s)

    def consumed(self, stage: str, *shorts: str) -> bool:
        """Return whether a stage has committed all of some topics, up to markers at their ends."""
        return self.lag(stage, *shorts) <= 2 * len(shorts) * self.kafka.partitions

    def lag(self, stage: str, *shorts: str) -> int:
        """Return how many offsets of some topics a stage has not committed yet."""
        topics = [self.topic(short) for short in shorts]
        reached = self.broker.group_position(self.group(stage), topics)
        return max(0, self.broker.committed_end(topics) - reached)


def await_that(
    holds: Callable[[], bool],
    running: Supervisor,
    what: str,
    every_s: float = LOOK_EVERY_S,
    within_s: float = DEADLINE_S,
) -> float:
    """Wait until something holds; return the seconds. Fails when it does not `within_s`."""
    began = time.monotonic()
    while not holds():
        running.check()
        if time.monotonic() - began > within_s:
            raise click.ClickException(f"{what}: not within {within_s:g} s")
        time.sleep(every_s)
    return time.monotonic() - began


class Paced:
    """Sends events at a rate from a thread of its own; ends with the events, or by `stop`.

    What cannot be sent in time is sent as fast as can be; `behind_s_max` says how late that was.
    """

    def __init__(
        self, send: Callable[[Event], None], events: Iterable[Event], rate_per_s: float
    ) -> None:
        self._send, self._events, self._rate = send, events, rate_per_s
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self.sent = 0
        self.behind_s_max = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the sending, if anything did."""
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Send no more; raises what ended the sending."""
        self._stopping.set()
        self._thread.join()
        self.check()

    @property
    def over(self) -> bool:
        """Whether all events are sent."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            began = time.monotonic()
            for event in self._events:
                ahead_s = self.sent / self._rate - (time.monotonic() - began)
                if ahead_s > 0:
                    self._stopping.wait(ahead_s)
                self.behind_s_max = max(self.behind_s_max, -ahead_s)
                if self._stopping.is_set():
                    return
                self._send(event)
                self.sent += 1
        except BaseException as error:  # told to whoever looks
            self._error = error


def bytes_below(folder: Path) -> int:
    """Return how many bytes the files below a folder take on the disk."""
    return (
        sum(entry.stat().st_blocks * 512 for entry in folder.rglob("*") if entry.is_file())
        if folder.is_dir()
        else 0
    )

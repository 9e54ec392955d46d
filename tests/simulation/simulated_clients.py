"""confluent_kafka's Producer and Consumer over the simulated log.

Only what `streams.lane_log` and `streams.changelog` call. Before and after whatever the cluster
can notice, the process takes a step, in which it may die or others may run.
"""

from collections.abc import Callable
from random import Random
from typing import Protocol

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from simulated_log import Fenced, Fetched, PartitionName, SimulatedLog

OnDelivery = Callable[[KafkaError | None, "Delivered"], None]
Config = dict[str, object]


class ClientProcess(Protocol):
    """The process that a client runs in."""

    log: SimulatedLog
    random: Random

    def step(self, what: str) -> None:
        """Something is about to happen here: the process may die of it."""

    def unlucky(self, fault: str) -> bool:
        """Return whether a fault of this kind strikes now."""

    def fences(self) -> None:
        """Whoever had the lane before is fenced from now on."""


class Delivered:
    """What a delivery report is called with."""

    def __init__(self, offset: int) -> None:
        self._offset = offset

    def offset(self) -> int:
        return self._offset


class Received:
    """confluent_kafka's Message, as restoring reads it."""

    def __init__(self, record: Fetched) -> None:
        self._record = record

    def error(self) -> None:
        return None

    def key(self) -> bytes | None:
        return self._record.key

    def value(self) -> bytes | None:
        return self._record.value

    def offset(self) -> int:
        return self._record.offset


def timed_out(what: str) -> KafkaException:
    """The error of a call that may be asked again: nobody knows what became of it."""
    return KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{what} timed out", False, True))


def fenced() -> KafkaException:
    """The error of a producer whose transactional id somebody else has taken over."""
    return KafkaException(KafkaError(KafkaError._FENCED, "producer fenced", True))


class SimulatedProducer:
    """A transactional producer of one process."""

    def __init__(self, process: ClientProcess, config: Config) -> None:
        self._process, self._log = process, process.log
        self._id = str(config["transactional.id"])
        self._epoch = 0
        self._queued: list[tuple[PartitionName, bytes | None, bytes | None, OnDelivery | None]] = []

    def init_transactions(self, timeout_s: float) -> None:
        self._process.step(f"fence {self._id}")
        if self._process.unlucky("fence"):
            raise timed_out("init_transactions")
        self._process.fences()
        self._epoch = self._log.fence(self._id)
        self._process.step(f"fenced {self._id} at epoch {self._epoch}")

    def begin_transaction(self) -> None:
        self._process.step(f"begin {self._id}")

    def produce(
        self,
        topic: str,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        on_delivery: OnDelivery | None = None,
    ) -> None:
        if self._process.unlucky("full queue"):
            raise BufferError
        self._queued.append(((topic, partition), key, value, on_delivery))
        # The sender thread may be quick, or wait for more.
        if self._process.random.random() < 0.5:
            self._deliver()

    def poll(self, timeout_s: float) -> int:
        self._deliver()
        return 0

    def _deliver(self) -> None:
        while self._queued:
            name, key, value, on_delivery = self._queued[0]
            self._process.step(f"append to {name[0]}[{name[1]}]")
            try:
                offset = self._log.append_in_transaction(self._id, self._epoch, name, key, value)
            except Fenced:
                raise fenced() from None
            del self._queued[0]
            if on_delivery is not None:
                on_delivery(None, Delivered(offset))

    def send_offsets_to_transaction(
        self, positions: list[TopicPartition], metadata: str, timeout_s: float
    ) -> None:
        self._process.step(f"send offsets of {self._id}")
        if self._process.unlucky("offsets"):
            raise timed_out("send_offsets_to_transaction")
        consumed = {(at.topic, at.partition): at.offset for at in positions}
        try:
            self._log.offsets_in_transaction(self._id, self._epoch, metadata, consumed)
        except Fenced:
            raise fenced() from None
        self._process.step(f"sent offsets of {self._id}")

    def commit_transaction(self, timeout_s: float) -> None:
        self._deliver()
        self._process.step(f"commit {self._id}")
        if self._process.unlucky("commit lost"):
            raise timed_out("commit_transaction")
        self._end(commit=True)
        self._process.step(f"committed {self._id}")
        if self._process.unlucky("answer lost"):
            raise timed_out("commit_transaction")

    def abort_transaction(self, timeout_s: float) -> None:
        self._process.step(f"abort {self._id}")
        self._queued.clear()
        self._end(commit=False)
        self._process.step(f"aborted {self._id}")

    def _end(self, commit: bool) -> None:
        try:
            stands = self._log.end_transaction(self._id, self._epoch, commit)
        except Fenced:
            raise fenced() from None
        if not stands:
            raise KafkaException(KafkaError(KafkaError.INVALID_TXN_STATE, "it ended otherwise"))


class SimulatedConsumer:
    """A consumer with an assignment of its own, and a carrier of its group's name."""

    def __init__(self, process: ClientProcess, config: Config) -> None:
        self._process, self._log = process, process.log
        self._group = str(config["group.id"])
        self._committed = config.get("isolation.level", "read_committed") == "read_committed"
        self._at: PartitionName = ("", 0)
        self._position = 0

    def consumer_group_metadata(self) -> str:
        return self._group

    def get_watermark_offsets(self, at: TopicPartition, timeout: float) -> tuple[int, int]:
        name = (at.topic, at.partition)
        self._process.step(f"ask for the end of {name[0]}[{name[1]}]")
        if self._committed:
            return 0, self._log.last_stable_offset(name)
        return 0, self._log.end(name)

    def assign(self, positions: list[TopicPartition]) -> None:
        (at,) = positions
        self._at, self._position = (at.topic, at.partition), at.offset

    def consume(self, records_max: int, timeout_s: float) -> list[Received]:
        self._process.step(f"read {self._at[0]}[{self._at[1]}] from {self._position}")
        records, self._position = self._log.read(
            self._at, self._position, records_max, self._committed
        )
        return [Received(record) for record in records]

    def position(self, positions: list[TopicPartition]) -> list[TopicPartition]:
        (at,) = positions
        return [TopicPartition(at.topic, at.partition, self._position)]

    def close(self) -> None:
        """Nothing is held."""

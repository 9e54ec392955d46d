"""What watches one stage's process: its metrics, its watchdog, the notes of its lanes."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from faust.types import TP

from processors.join import Join
from processors.processor import Processor
from schemas.topics import topic_name
from streams.input_lag import records_behind
from streams.kafka_access import client_settings
from streams.lane import Lane
from streams.lane_facts import LaneFacts
from streams.lane_log import KafkaLaneLog, LaneAddress
from streams.lane_task import LaneTask
from streams.metrics import LaneState, StageMetrics
from streams.metrics_server import tell_metrics
from streams.settings import Settings
from streams.transport import BlockConsumer
from streams.watchdog import KafkaUnread, LaneSight, StageSight, Watchdog
from streams.watched_log import WatchedLaneLog
from streams.worker_name import WorkerName


class WatchedStage(Protocol):
    """What is looked at of a stage."""

    @property
    def working_lanes(self) -> Mapping[int, LaneTask]:
        """The lanes it works on, by partition."""

    @property
    def opening_lanes(self) -> Sequence[Lane]:
        """The lanes it takes over at the moment."""

    @property
    def reader(self) -> BlockConsumer:
        """The stage's reader."""

    @property
    def offered_s(self) -> float:
        """How long its agent has waited for room in queues of lanes."""

    @property
    def lost(self) -> bool:
        """Whether it has other lanes than it was assigned, and does not mend that."""


class StageWatch:
    """Makes the logs of a stage's lanes, and tells how the stage does."""

    def __init__(
        self, worker: WorkerName, inputs: tuple[str, ...], settings: Settings, stage: WatchedStage
    ) -> None:
        self._worker, self._inputs, self._settings = worker, inputs, settings
        self._stage = stage
        self._client = client_settings(settings.kafka)
        if settings.logging.format == "json":
            # librdkafka's own lines are no JSON; what matters of them is in our errors, too.
            self._client["log_level"] = 0
        self._facts: dict[int, LaneFacts] = {}
        self.metrics = StageMetrics(worker, settings.kafka.topic_prefix, self._states)
        self._dog: Watchdog | None = None
        self._place: Path | None = None

    def lane_log(self, address: LaneAddress, processor: Processor) -> WatchedLaneLog:
        """Return the log of a lane that is about to be opened."""
        asks = processor if isinstance(processor, Join) else None
        facts = LaneFacts(
            str(self._worker), None if asks is None else lambda: asks.open_predictions
        )
        self._facts[address.partition] = facts
        log = KafkaLaneLog(address, self._client, facts.note, facts.restoring)
        return WatchedLaneLog(log, address.partition, facts, self.metrics)

    def tell(self) -> None:
        """Begin to tell metrics; raises SettingsError when they cannot be told where it is set."""
        streams, kafka = self._settings.streams, self._settings.kafka
        self._place = tell_metrics(
            self.metrics.registry,
            streams.metrics_host,
            streams.metrics_port,
            self._worker,
            kafka.topic_prefix,
            self._settings.state_dir,
        )

    def watch(self, end: Callable[[BaseException], Any]) -> None:
        """Begin to look whether the stage moves; to be called in its loop.

        Nothing happens again, or before `tell`.
        """
        if self._dog is None and self._place is not None:
            self._dog = Watchdog(
                asyncio.get_running_loop(),
                self._sight,
                KafkaUnread(self._client, f"{self._settings.kafka.topic_prefix}-watchdog"),
                self._settings.streams.stuck_after_s,
                end,
            )
            self._dog.start()

    def close(self) -> None:
        """Take back where metrics were told."""
        if self._place is not None:
            self._place.unlink(missing_ok=True)

    def _states(self) -> Iterator[LaneState]:
        """Yield how the lanes stand; may be asked from any thread."""
        for lane in list(self._stage.opening_lanes):
            partition = lane.address.partition
            yield LaneState(partition, self._facts[partition], {}, False, False)
        for partition, task in sorted(self._stage.working_lanes.items()):
            behind = self._behind(task.lane)
            waits = task.waits_for is not None
            yield LaneState(partition, self._facts[partition], behind, True, waits)

    def _behind(self, lane: Lane) -> dict[str, int]:
        found: dict[str, int] = {}
        for short in self._inputs:
            topic = topic_name(lane.address.prefix, short)
            place = TP(topic, lane.address.partition)
            records = records_behind(self._stage.reader, place, lane.next_offsets[topic])
            if records is not None:
                found[short] = records
        return found

    def _sight(self) -> StageSight:
        now_s = asyncio.get_running_loop().time()
        lanes = [
            LaneSight(
                partition,
                (task.lane.sequence, self._facts[partition].transactions),
                None if task.calling_since_s is None else now_s - task.calling_since_s,
                task.waits_for is not None,
                not task.blocks.empty(),
                dict(task.lane.next_offsets),
            )
            for partition, task in self._stage.working_lanes.items()
        ]
        return StageSight(lanes, self._stage.lost, self._stage.offered_s)

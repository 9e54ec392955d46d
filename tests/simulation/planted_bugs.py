"""Known ways to lose or double events, each planted in a lane's log or in the mirrored host."""

import contextlib
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from confluent_kafka import KafkaException
from simulated_clients import Config, SimulatedConsumer
from simulated_log import PartitionName
from simulated_stage import SimulatedLaneTask, SimulatedStage, StageSpec, World

import streams.lane_store
from schemas.errors import OursError, UnavailableError
from streams.blocks import Block
from streams.lane import Lane
from streams.lane_log import CALL_TIMEOUT_S, Checkpoint, KafkaLaneLog, LaneAddress, LaneLog
from streams.lane_store import DurableStore, LaneStore

FOR_EVER_US = 10**30


class _OffsetsFirstLog(KafkaLaneLog):
    def commit(self, checkpoint: Checkpoint) -> int:
        """Commit outputs and offsets, then the changes."""
        super().commit(checkpoint._replace(changes=[]))
        return super().commit(checkpoint._replace(outgoing=[]))


class OffsetsBeforeChangelog(SimulatedStage):
    """Outputs and offsets are committed in one transaction, the state's changes in the next."""

    def make_lane_log(self, address: LaneAddress) -> LaneLog:
        return _OffsetsFirstLog(address, {"process": self})


class _UnfencedLog(KafkaLaneLog):
    def __init__(self, address: LaneAddress, process: SimulatedStage) -> None:
        super().__init__(address, {"process": process})
        self._process = process

    def fence(self) -> None:
        """Take a transactional id that is this process's own."""
        shared = self._address
        self._address = shared._replace(stage=f"{shared.stage} of {self._process.name}")
        super().fence()
        self._address = shared
        config: Config = {"group.id": shared.group}
        self._metadata = SimulatedConsumer(self._process, config).consumer_group_metadata()


class NoFence(SimulatedStage):
    """Every process has transactional ids of its own, so that nobody is ever fenced."""

    def make_lane_log(self, address: LaneAddress) -> LaneLog:
        return _UnfencedLog(address, self)


class SeekToGroupOffsets(SimulatedStage):
    """Reading starts at the group's offsets, and lanes take that for their own place."""

    def seek_offsets(self) -> dict[PartitionName, int]:
        offsets = super().seek_offsets()
        for topic, partition in offsets:
            known = self.reader.committed((topic, partition))
            offsets[topic, partition] = known
            self.tasks[partition].lane.next_offsets[topic] = known
        return offsets


class SeekPastTheLane(SimulatedStage):
    """Reading starts at the group's offsets, while blocks are said to start at the lane's."""

    def perform_seek(self) -> None:
        super().perform_seek()
        for name in self.reader.fetch_positions:
            self.reader.fetch_positions[name] = self.reader.committed(name)


class _LastRecordLog(KafkaLaneLog):
    def __init__(self, address: LaneAddress, process: SimulatedStage) -> None:
        super().__init__(address, {"process": process})
        self._process = process

    def restore(self, store: DurableStore, given_up: Callable[[], bool]) -> int:
        """Apply every record there is, without asking which of them stand."""
        name = (self._address.changelog, self._address.partition)
        self._process.step("restore to the last record")
        records, end = self._process.log.read(
            name, store.changelog_position, 1_000_000, committed=False
        )
        store.restore([(record.key or b"", record.value) for record in records], end)
        return len(records)


class RestoreToLastRecord(SimulatedStage):
    """Restoring goes to the last record and not to the last stable offset."""

    def make_lane_log(self, address: LaneAddress) -> LaneLog:
        return _LastRecordLog(address, self)


class BlockSkipped(SimulatedStage):
    """A block that failed counts as taken, and the process goes on."""

    def take(self, lane: Lane, block: Block) -> None:
        try:
            super().take(lane, block)
        except OursError:
            lane.next_offsets[block.topic] = max(lane.next_offsets[block.topic], block.stop)


class OldStoreReused(SimulatedStage):
    """A store is opened however long it has been away."""

    def open_store(self, folder: Path, now_us: int) -> LaneStore:
        with patch.object(streams.lane_store, "UNUSED_MAX_US", FOR_EVER_US):
            return super().open_store(folder, now_us)


class _LateRoomStore(LaneStore):
    def check_room(self) -> None:
        """Find no fault yet."""

    def commit(self, offsets: bytes, changelog_position: int, now_us: int = 0) -> None:
        """Find out that the disk is full when the log has everything."""
        super().check_room()
        super().commit(offsets, changelog_position, now_us)


class FullDiskAfterCommit(SimulatedStage):
    """A full disk is noticed when the transaction is committed, and the checkpoint made again."""

    def open_store(self, folder: Path, now_us: int) -> LaneStore:
        return _LateRoomStore(folder, now_us, free_min_bytes=1)


class _AbortingLog(KafkaLaneLog):
    def _commit_transaction(self) -> None:
        """Abort a commit whose outcome is unknown; the checkpoint is then made again."""
        try:
            self._producer.commit_transaction(CALL_TIMEOUT_S)
        except KafkaException as error:
            if not error.args[0].retriable():
                raise
            with contextlib.suppress(KafkaException):
                self._producer.abort_transaction(CALL_TIMEOUT_S)
            raise UnavailableError("the commit did not answer") from error


class UnknownCommitAborted(SimulatedStage):
    """A commit that does not answer is aborted and made again."""

    def make_lane_log(self, address: LaneAddress) -> LaneLog:
        return _AbortingLog(address, {"process": self})


class RevokeReturnsEarly(SimulatedStage):
    """The revoke handler starts to hand over, and returns before the lanes are committed."""

    def __init__(self, world: World, name: str, spec: StageSpec, folder: Path) -> None:
        super().__init__(world, name, spec, folder)
        self._leaving: list[SimulatedLaneTask] = []

    def hand_over_all(self) -> None:
        self._leaving += self.tasks.values()
        self.tasks = {}

    def turn(self) -> bool:
        if self._leaving and self.random.random() < 0.5:
            self.hand_over(self._leaving.pop())
            return True
        return super().turn() or bool(self._leaving)


PLANTED: dict[str, type[SimulatedStage]] = {
    "offsets committed before the changelog": OffsetsBeforeChangelog,
    "no fence": NoFence,
    "seek to the group's offsets instead of the lane's": SeekToGroupOffsets,
    "blocks read at the group's offsets and counted from the lane's": SeekPastTheLane,
    "restore to the last record instead of the last stable offset": RestoreToLastRecord,
    "a block skipped after a failure": BlockSkipped,
    "a store reused after deletes were compacted away": OldStoreReused,
    "a full disk noticed after the commit": FullDiskAfterCommit,
    "a commit of unknown outcome aborted": UnknownCommitAborted,
    "a revoke that returns before the commit": RevokeReturnsEarly,
}

"""Taking lanes over and handing them over: one at a time, whatever Faust does meanwhile."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn, cast

import pytest
from faust.types import TP

from schemas.codec import Codec
from schemas.errors import FencedError, OursError
from schemas.table import SchemaTable
from streams.lane import Lane
from streams.lane_log import LaneAddress
from streams.settings import Settings
from streams.settings.services import KafkaSettings
from streams.stage_app import StageApp
from streams.transport import BlockConsumer

DEADLINE_S = 10.0


class Opened:
    """A lane whose opening ends when it may, or when it is given up."""

    advanced = dirty = working = due = False
    flushed_quiet = True
    tick_due_in_s = None
    restored = 0

    def __init__(self, partition: int) -> None:
        self.address = LaneAddress("lab", "join", partition, 4)
        self.next_offsets = {"lab.ticks": 0}
        self.story: list[str] = []
        self.opening, self.may_open, self._given_up = (threading.Event() for _ in range(3))
        self.deaf = False

    @property
    def given_up(self) -> bool:
        return self._given_up.is_set()

    def give_up(self) -> None:
        self._given_up.set()
        if not self.deaf:
            self.may_open.set()

    def open(self) -> None:
        self.opening.set()
        assert self.may_open.wait(DEADLINE_S)
        if self.given_up and not self.deaf:
            self.story.append("given up")
            raise OursError("given up")
        self.story.append("open")

    def checkpoint(self, quiet: bool) -> bool:
        self.story.append("checkpoint")
        return True

    def close(self) -> None:
        self.story.append("close")


class Ended(Exception):
    """The process would have ended."""


class Stage(StageApp):
    """The stage with lanes that the test holds, and with a process that does not end."""

    def __init__(self, folder: Path) -> None:
        kafka = KafkaSettings(bootstrap_servers="127.0.0.1:9", topic_prefix="lab")
        settings = Settings(state_dir=folder, kafka=kafka)
        # Never asked for: the lanes are the test's.
        no_processor = cast(Callable[[int], Any], None)
        codec = Codec(SchemaTable())
        super().__init__("join", ("ticks",), ("ticks",), no_processor, codec, settings)
        self.lanes: list[Opened] = []
        self.may_open_at_once = True
        self.consumer = cast(BlockConsumer, self.app.consumer)

    def _lane(self, partition: int) -> Lane:
        lane = Opened(partition)
        if self.may_open_at_once:
            lane.may_open.set()
        self.lanes.append(lane)
        return cast(Lane, lane)

    def _fail(self, error: BaseException) -> NoReturn:
        raise Ended(str(error)) from error

    def assign(self, *partitions: int) -> None:
        """Do what the group does: the new assignment is there, then Faust gets to it."""
        self.consumer.revoked = False
        self.consumer.assignment = lambda: {TP("lab.ticks", n) for n in partitions}

    def revoke(self) -> None:
        """Do what the group does before Faust's signal."""
        self.consumer.revoked = True

    @property
    def works_on(self) -> list[int]:
        return sorted(self._tasks)

    def opening(self) -> bool:
        return bool(self.lanes) and all(lane.opening.is_set() for lane in self.lanes)


def tell(folder: Path, story: Callable[[Stage], Coroutine[Any, Any, None]]) -> None:
    async def told() -> None:
        stage = Stage(folder)
        try:
            await asyncio.wait_for(story(stage), DEADLINE_S)
        finally:
            stage.consumer._thread.thread_loop.close()  # it was never started

    asyncio.run(told())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.001)


def test_a_revoke_waits_for_lanes_that_are_being_opened(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.may_open_at_once = False
        stage.assign(0)
        taking = asyncio.create_task(stage._assigned(stage.app))
        await until(stage.opening)
        (lane,) = stage.lanes
        lane.deaf = True  # it is past the point at which it could be given up
        stage.revoke()
        revoked = asyncio.create_task(stage._revoked(stage.app, set()))
        await asyncio.sleep(0.05)
        assert not revoked.done()
        lane.may_open.set()
        await asyncio.gather(taking, revoked)
        assert lane.story == ["open", "checkpoint", "close"] and stage.works_on == []

    tell(tmp_path, story)


def test_a_revoke_does_not_wait_for_a_long_restore(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.may_open_at_once = False
        stage.assign(0, 1)
        taking = asyncio.create_task(stage._assigned(stage.app))
        await until(stage.opening)
        stage.revoke()
        await asyncio.gather(taking, stage._revoked(stage.app, set()))
        assert [lane.story for lane in stage.lanes] == [["given up"], ["given up"]]
        assert stage.works_on == []
        stage.may_open_at_once = True
        stage.assign(0)
        await stage._assigned(stage.app)
        assert stage.works_on == [0]
        await stage._stopped()

    tell(tmp_path, story)


def test_an_assignment_that_was_taken_away_is_not_taken_over(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.assign(0)
        stage.revoke()
        await stage._revoked(stage.app, set())
        # Faust says so late: its recovery runs beside the rebalance.
        await stage._assigned(stage.app)
        assert stage.lanes == []

    tell(tmp_path, story)


def test_a_lane_that_is_assigned_no_more_is_handed_over(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.assign(0, 1)
        await stage._assigned(stage.app)
        stage.assign(1, 2)
        await stage._assigned(stage.app)
        assert stage.works_on == [1, 2]
        assert [lane.story for lane in stage.lanes] == [
            ["open", "checkpoint", "close"],
            ["open"],
            ["open"],
        ]
        await stage._stopped()

    tell(tmp_path, story)


def test_a_stop_in_the_middle_of_a_rebalance_ends_and_leaves_no_lane(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.may_open_at_once = False
        stage.assign(0)
        taking = asyncio.create_task(stage._assigned(stage.app))
        await until(stage.opening)
        (lane,) = stage.lanes
        lane.deaf = True
        stage.revoke()
        revoked = asyncio.create_task(stage._revoked(stage.app, set()))
        await asyncio.sleep(0)
        # Faust cancels what runs when it is told to stop.
        taking.cancel()
        revoked.cancel()
        stopped = asyncio.create_task(stage._stopped())
        lane.may_open.set()
        await stopped
        assert lane.story == ["open", "checkpoint", "close"]
        # The group answers though the process is leaving.
        stage.assign(0)
        await stage._assigned(stage.app)
        assert stage.works_on == [] and len(stage.lanes) == 1
        await asyncio.gather(taking, revoked, return_exceptions=True)

    tell(tmp_path, story)


def test_a_lane_that_cannot_be_opened_ends_the_process(tmp_path: Path) -> None:
    async def story(stage: Stage) -> None:
        stage.assign(0)

        def fenced() -> None:
            raise FencedError("another has it")

        make = stage._lane

        def lane(partition: int) -> Lane:
            made = make(partition)
            cast(Any, made).open = fenced
            return made

        stage._lane = lane  # type: ignore[method-assign]
        with pytest.raises(Ended, match="another has it"):
            await stage._assigned(stage.app)

    tell(tmp_path, story)


def test_a_hand_over_that_takes_too_long_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.stage_app.HAND_OVER_TIMEOUT_S", 0.05)

    async def story(stage: Stage) -> None:
        stage.may_open_at_once = False
        stage.assign(0)
        taking = asyncio.create_task(stage._assigned(stage.app))
        await until(stage.opening)
        (lane,) = stage.lanes
        lane.deaf = True
        with pytest.raises(Ended, match="handed over in time"):
            await stage._revoked(stage.app, set())
        lane.may_open.set()
        await taking
        await stage._stopped()

    tell(tmp_path, story)

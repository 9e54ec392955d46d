"""A lane by itself, over a log in memory: its ticks, its room on disk, its piecewise work."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from processors.store import Store
from schemas.codec import Codec
from schemas.errors import OursError, RefusedStateError, UnavailableError
from schemas.events import Event, Tick
from schemas.table import SchemaTable
from schemas.topics import topic_name
from streams.blocks import Block
from streams.lane import Lane
from streams.lane_log import Checkpoint, LaneAddress, Outgoing
from streams.lane_offsets import packed, unpacked, version_of
from streams.lane_store import (
    STATE_VERSION,
    UNUSED_MAX_US,
    DurableStore,
    LaneStore,
    refuse_other_version,
)

CODEC = Codec(SchemaTable())
START = 1_700_000_000_000_000
DAY_US = 86_400_000_000


class NotedLog:
    """A lane's log that keeps what was committed."""

    def __init__(self) -> None:
        self.committed: list[Checkpoint] = []
        self.closed = False
        self.on_fence: Callable[[], None] = lambda: None

    def fence(self) -> None:
        self.on_fence()

    def restore(self, store: DurableStore, given_up: Callable[[], bool]) -> int:
        if given_up():
            raise OursError("given up")
        return 0

    def commit(self, checkpoint: Checkpoint) -> int:
        self.committed.append(checkpoint._replace(outgoing=list(checkpoint.outgoing)))
        return len(self.committed)

    def close(self) -> None:
        self.closed = True


class Pieces:
    """A processor with so many pieces of work."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces

    @property
    def working(self) -> bool:
        return self.left > 0

    def prepare(self, events: Sequence[Event], store: Store) -> None:
        pass

    def process(self, event: Event, sequence: int, store: Store) -> list[Event]:
        return []

    def flush(self, store: Store, quiet: bool) -> list[Event]:
        if self.left:
            self.left -= 1
            store.put(b"left", b"%d" % self.left)
        return []


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


def make_lane(
    folder: Path,
    tick_interval_s: float | None = None,
    pieces: int = 0,
    free_min_bytes: int = 0,
    partition: int = 2,
) -> tuple[Lane, NotedLog, Clock]:
    log, clock = NotedLog(), Clock()
    lane = Lane(
        LaneAddress("lab", "join", partition, 4),
        ("ticks",),
        ("ticks",),
        Pieces(pieces),
        CODEC,
        log,
        lambda now_us: LaneStore(folder, now_us, free_min_bytes),
        clock,
        tick_interval_s,
    )
    return lane, log, clock


def ticks(sent: list[Outgoing]) -> list[tuple[int, Tick]]:
    assert all(out.topic == topic_name("lab", "ticks") for out in sent)
    return [(out.partition, CODEC.decode(out.value, Tick)) for out in sent]


def test_the_time_is_told_once_open_and_then_by_the_interval(tmp_path: Path) -> None:
    lane, log, clock = make_lane(tmp_path, tick_interval_s=86_400)
    lane.open()
    assert lane.due and lane.tick_due_in_s == 0
    assert lane.checkpoint(quiet=False)
    assert ticks(log.committed[0].outgoing) == [(2, Tick(2, START))]
    assert not lane.due and lane.tick_due_in_s == 86_400
    clock.now += DAY_US - 1
    assert not lane.due and not lane.checkpoint(quiet=False)
    clock.now += 1
    assert lane.checkpoint(quiet=False)
    assert ticks(log.committed[1].outgoing) == [(2, Tick(2, START + DAY_US))]
    clock.now -= 3 * DAY_US
    assert lane.due, "a clock that was set back does not keep the time untold"
    lane.close()


def test_a_lane_that_does_not_tick_never_does(tmp_path: Path) -> None:
    lane, log, clock = make_lane(tmp_path)
    lane.open()
    clock.now += 100 * DAY_US
    assert lane.tick_due_in_s is None and not lane.due
    assert not lane.checkpoint(quiet=True) and log.committed == []
    lane.close()


def test_a_tick_of_another_lane_goes_where_it_belongs(tmp_path: Path) -> None:
    class Fetched:
        offset = 0
        key: bytes | None = None
        value: bytes | None = CODEC.encode(Tick(3, START))

    lane, log, _ = make_lane(tmp_path)
    lane.open()
    lane.take(Block(topic_name("lab", "ticks"), 2, 0, 1, 1, [Fetched()]))
    lane.checkpoint(quiet=False)
    assert ticks(log.committed[0].outgoing) == [(3, Tick(3, START))]
    lane.close()


def test_each_checkpoint_does_a_piece_until_no_work_is_left(tmp_path: Path) -> None:
    lane, log, _ = make_lane(tmp_path, pieces=3)
    lane.open()
    while lane.working:
        assert lane.dirty and lane.checkpoint(quiet=False)
    assert [checkpoint.changes[0][1] for checkpoint in log.committed] == [b"2", b"1", b"0"]
    lane.close()


def test_a_full_disk_stops_the_lane_before_the_commit(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    lane, log, _ = make_lane(tmp_path, 86_400, pieces=1, free_min_bytes=free + 10**10)
    lane.open()
    with pytest.raises(UnavailableError, match="nearly full"):
        lane.checkpoint(quiet=True)
    assert log.committed == [] and lane.working and lane.due
    # Room was made.
    lane._store._free_min_bytes = 0  # type: ignore[attr-defined]
    assert lane.checkpoint(quiet=True)
    (checkpoint,) = log.committed
    assert len(ticks(checkpoint.outgoing)) == 1 and checkpoint.changes == [(b"left", b"0")]
    lane.close()


def test_a_lane_given_up_while_it_is_opened_holds_nothing(tmp_path: Path) -> None:
    lane, log, clock = make_lane(tmp_path)
    log.on_fence = lane.give_up
    with pytest.raises(OursError, match="given up"):
        lane.open()
    assert log.closed
    held = LaneStore(tmp_path, clock.now)
    assert held.path.name == "0", "its folder is free"
    held.close()


def test_a_lane_given_up_before_it_is_opened_fences_nobody(tmp_path: Path) -> None:
    fenced: list[str] = []
    lane, log, _ = make_lane(tmp_path)
    log.on_fence = lambda: fenced.append("somebody")
    lane.give_up()
    with pytest.raises(OursError, match="given up"):
        lane.open()
    assert fenced == []


def test_a_restore_over_which_the_machine_slept_begins_again(tmp_path: Path) -> None:
    lane, log, clock = make_lane(tmp_path)

    def restore(store: DurableStore, given_up: Callable[[], bool]) -> int:
        store.restore([(b"a", b"1")], 5)
        clock.now += UNUSED_MAX_US + 1
        return 1

    log.restore = restore  # type: ignore[method-assign]
    with pytest.raises(OursError, match="begins again"):
        lane.open()
    again = LaneStore(tmp_path, clock.now)
    assert (again.changelog_position, again.get(b"a")) == (0, None)
    again.close()


def test_a_checkpoints_record_carries_the_version() -> None:
    record = packed({"lab.pairs": 7, "lab.ticks": 2**40})
    assert version_of(record) == STATE_VERSION
    assert unpacked(record) == {"lab.pairs": 7, "lab.ticks": 2**40}
    # As version 1 wrote it: the length of a name, the name, an offset.
    assert version_of(b"\x00\x05lab.x" + bytes(8)) == 1


@pytest.mark.parametrize(
    ("version", "advice"),
    [(STATE_VERSION + 1, "run the newer program"), (STATE_VERSION - 1, "state folder")],
)
def test_another_version_is_refused_with_what_to_do(version: int, advice: str) -> None:
    with pytest.raises(RefusedStateError, match=advice):
        refuse_other_version(version, "the changelog")
    refuse_other_version(STATE_VERSION, "the changelog")

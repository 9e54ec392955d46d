"""The store of a lane: how old it may get, its version, and the room it needs."""

import shutil
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from schemas.errors import RefusedStateError, UnavailableError
from streams.kafka_access import DELETE_RETENTION_MS
from streams.lane_store import STATE_VERSION, UNUSED_MAX_US, LaneStore

NOW = 1_700_000_000_000_000
LONG_US = UNUSED_MAX_US + 1


def filled(folder: Path, now_us: int) -> Path:
    store = LaneStore(folder, now_us)
    store.put(b"a", b"1")
    store.commit(b"offsets", 7, now_us)
    store.close()
    return store.path


def position_at(folder: Path, now_us: int) -> tuple[int, bytes | None]:
    store = LaneStore(folder, now_us)
    try:
        return store.changelog_position, store.get(b"a")
    finally:
        store.close()


def test_half_the_time_that_a_changelog_keeps_removals_is_the_limit() -> None:
    assert int(DELETE_RETENTION_MS) * 1_000 == 2 * UNUSED_MAX_US


def test_a_store_that_was_away_too_long_is_left_for_a_fresh_one(tmp_path: Path) -> None:
    filled(tmp_path, NOW)
    assert position_at(tmp_path, NOW + UNUSED_MAX_US) == (7, b"1")
    assert position_at(tmp_path, NOW + LONG_US) == (0, None)
    # The old one does not come back with an old clock either.
    assert position_at(tmp_path, NOW) == (0, None)


def test_a_store_from_far_in_the_future_is_left(tmp_path: Path) -> None:
    filled(tmp_path, NOW + LONG_US)
    assert position_at(tmp_path, NOW) == (0, None)


def test_opening_and_a_partial_restore_do_not_make_a_store_current(tmp_path: Path) -> None:
    filled(tmp_path, NOW)
    late = LaneStore(tmp_path, NOW + UNUSED_MAX_US)
    late.restore([(b"b", b"2")], 9)
    late.close()
    assert position_at(tmp_path, NOW + LONG_US) == (0, None)


def test_a_complete_restore_makes_a_store_current(tmp_path: Path) -> None:
    filled(tmp_path, NOW)
    late = LaneStore(tmp_path, NOW + UNUSED_MAX_US)
    late.restore([(b"b", b"2")], 9)
    late.restored(NOW + UNUSED_MAX_US)
    late.close()
    assert position_at(tmp_path, NOW + LONG_US) == (9, b"1")


def test_a_fresh_store_ages_from_when_it_was_opened(tmp_path: Path) -> None:
    fresh = LaneStore(tmp_path, NOW)
    fresh.restore([(b"a", b"1")], 5)  # and the process dies
    fresh.close()
    assert position_at(tmp_path, NOW + UNUSED_MAX_US) == (5, b"1")
    assert position_at(tmp_path, NOW + LONG_US) == (0, None)


def test_an_empty_store_is_made_current_whenever_it_is_opened(tmp_path: Path) -> None:
    LaneStore(tmp_path, NOW).close()
    again = LaneStore(tmp_path, NOW + LONG_US)
    again.restore([(b"a", b"1")], 5)
    again.close()
    assert position_at(tmp_path, NOW + LONG_US) == (5, b"1")


def test_an_old_copy_that_another_process_holds_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path, NOW)
    holder = LaneStore(tmp_path, NOW)
    other = LaneStore(tmp_path, NOW + LONG_US)
    assert other.path != holder.path and other.changelog_position == 0
    assert holder.get(b"a") == b"1"
    other.close()
    holder.close()


@pytest.mark.parametrize(
    ("version", "advice"),
    [(STATE_VERSION + 1, "run the newer program"), (STATE_VERSION - 1, "another topic_prefix")],
)
def test_a_store_of_another_version_is_refused_and_left(
    tmp_path: Path, version: int, advice: str
) -> None:
    path = filled(tmp_path, NOW)
    raw = Rdict(str(path), Options(raw_mode=True))
    (key,) = (k for k, v in raw.items() if v == str(STATE_VERSION).encode())
    raw[key] = str(version).encode()
    raw.close()
    for _ in range(2):  # the refusal lets go of the lock; age does not make it go away
        with pytest.raises(RefusedStateError, match=advice):
            LaneStore(tmp_path, NOW + LONG_US)
    raw = Rdict(str(path), Options(raw_mode=True))
    assert raw[b"a"] == b"1"
    raw.close()


def test_a_disk_with_too_little_room_is_named_with_what_is_missing(tmp_path: Path) -> None:
    missing_mb = 5_000
    free_min_bytes = shutil.disk_usage(tmp_path).free + missing_mb * 1_000_000
    store = LaneStore(tmp_path, NOW, free_min_bytes)
    with pytest.raises(UnavailableError, match=r"make [45]\d\d\d MB of room") as refusal:
        store.check_room()
    assert str(store.path) in str(refusal.value)
    with pytest.raises(UnavailableError, match="nearly full"):
        store.restore([(b"a", b"1")], 1)
    assert store.changelog_position == 0
    store.close()
    with_room = LaneStore(tmp_path, NOW, 1)
    with_room.check_room()
    with_room.close()

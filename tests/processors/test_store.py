"""The store in memory and a lane's store in RocksDB are one and the same to a processor."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rocksdict import Options, Rdict

from processors.store import MemoryStore, Store, after_prefix
from schemas.errors import RefusedStateError
from streams.lane_store import COPIES_MAX, RECORD_BYTES_MAX, STATE_VERSION, LaneStore

NOW_US = 0
# Few bytes, with the greatest among them; a processor's key never starts with the zero byte.
letters = st.sampled_from([b"a", b"b", b"\xff", b"\xfe", b"\x01"])
keys = st.lists(letters | st.just(b"\x00"), max_size=3).map(b"".join)
own_keys = st.builds(lambda first, rest: first + rest, letters, keys)
values = st.binary(max_size=3)
operations = st.lists(
    st.one_of(
        st.tuples(st.just("put"), own_keys, values),
        st.tuples(st.just("delete"), own_keys, st.just(b"")),
        st.tuples(st.just("commit"), st.just(b""), st.just(b"")),
    ),
    max_size=25,
)


@contextmanager
def lane_store(folder: Path) -> Iterator[LaneStore]:
    store = LaneStore(folder, NOW_US)
    try:
        yield store
    finally:
        store.close()


def apply(store: Store, operation: tuple[str, bytes, bytes]) -> None:
    verb, key, value = operation
    if verb == "put":
        store.put(key, value)
    elif verb == "delete":
        store.delete(key)
    elif isinstance(store, LaneStore):
        store.commit(b"offsets", 7, NOW_US)


def agree(one: Store, other: Store, prefixes: list[bytes]) -> None:
    for prefix in prefixes:
        assert one.get(prefix) == other.get(prefix)
        for reverse in (False, True):
            found = list(one.scan(prefix, reverse=reverse))
            assert list(other.scan(prefix, reverse=reverse)) == found
            assert found == sorted(found, reverse=reverse)
    for limit in (0, 1, 9):
        found_each = [list(islice(one.scan(prefix), limit)) for prefix in prefixes]
        assert one.scan_each(prefixes, limit) == other.scan_each(prefixes, limit) == found_each


@settings(max_examples=35, deadline=None)
@given(operations, st.lists(own_keys, min_size=1, max_size=6))
def test_both_stores_behave_alike(
    steps: list[tuple[str, bytes, bytes]], prefixes: list[bytes]
) -> None:
    with tempfile.TemporaryDirectory() as folder, lane_store(Path(folder)) as rocks:
        memory = MemoryStore()
        for step in steps:
            apply(memory, step)
            apply(rocks, step)
        looked_at = [*prefixes, b"\xff", b"\xff\xff", b"a", *(key for _, key, _ in steps if key)]
        agree(memory, rocks, looked_at)


def test_a_scan_of_everything_gives_what_was_put_and_nothing_else(tmp_path: Path) -> None:
    memory = MemoryStore()
    with lane_store(tmp_path) as rocks:
        for step in (("put", b"b", b"2"), ("put", b"a", b"1"), ("commit", b"", b"")):
            apply(memory, step)
            apply(rocks, step)
        assert list(memory.scan(b"")) == [(b"a", b"1"), (b"b", b"2")]
        agree(memory, rocks, [b""])


@settings(deadline=None)
@given(keys, keys)
def test_after_prefix_is_the_least_key_above(prefix: bytes, key: bytes) -> None:
    end = after_prefix(prefix)
    inside = key >= prefix and (not end or key < end)
    assert inside == key.startswith(prefix)


@settings(max_examples=15, deadline=None)
@given(operations, operations)
def test_a_store_opened_again_has_what_was_committed_only(
    before: list[tuple[str, bytes, bytes]], after: list[tuple[str, bytes, bytes]]
) -> None:
    committed = MemoryStore()
    with tempfile.TemporaryDirectory() as folder:
        with lane_store(Path(folder)) as rocks:
            for step in [*before, ("commit", b"", b"")]:
                apply(committed, step)
                apply(rocks, step)
            for step in after:
                if step[0] != "commit":
                    apply(rocks, step)
        with lane_store(Path(folder)) as rocks:
            assert rocks.pending() == []
            assert (rocks.offsets, rocks.changelog_position) == (b"offsets", 7)
            agree(committed, rocks, [key for _, key, _ in [*before, *after] if key])


def test_a_fresh_store_stands_at_the_beginning(tmp_path: Path) -> None:
    with lane_store(tmp_path) as store:
        assert (store.offsets, store.changelog_position, store.pending()) == (None, 0, [])


def test_pending_names_every_change_once_with_removals(tmp_path: Path) -> None:
    with lane_store(tmp_path) as store:
        store.put(b"a", b"1")
        store.put(b"a", b"2")
        store.put(b"b", b"1")
        store.delete(b"b")
        assert sorted(store.pending()) == [(b"a", b"2"), (b"b", None)]
        store.commit(b"", 1, NOW_US)
        assert store.pending() == []


def test_a_restored_store_has_the_changelogs_records_in_their_order(tmp_path: Path) -> None:
    with lane_store(tmp_path) as store:
        store.restore([(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", None)], 4)
        assert list(store.scan(b"a")) == [(b"a", b"2")]
        assert store.get(b"b") is None
        assert store.changelog_position == 4
        assert store.pending() == []


def test_a_folder_in_use_opens_as_another_copy(tmp_path: Path) -> None:
    with lane_store(tmp_path) as first:
        first.put(b"a", b"1")
        first.commit(b"offsets", 3, NOW_US)
        with lane_store(tmp_path) as second:
            assert second.path != first.path
            assert second.get(b"a") is None
            assert (second.offsets, second.changelog_position) == (None, 0)
    with lane_store(tmp_path) as again:
        assert again.get(b"a") == b"1"


def test_when_every_copy_is_in_use_a_sentence_says_so(tmp_path: Path) -> None:
    held = [LaneStore(tmp_path, NOW_US) for _ in range(COPIES_MAX)]
    try:
        with pytest.raises(RefusedStateError, match="in use"):
            LaneStore(tmp_path, NOW_US)
    finally:
        for store in held:
            store.close()


def test_a_newer_state_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    with lane_store(tmp_path) as store:
        store.put(b"a", b"one")
        store.commit(b"offsets", 3, NOW_US)
        path = store.path
    raw = Rdict(str(path), Options(raw_mode=True))
    (key,) = (k for k, _ in raw.items() if k.endswith(b"version"))
    raw[key] = str(STATE_VERSION + 1).encode()
    raw.close()
    for _ in range(2):  # the refusal lets go of the lock
        with pytest.raises(RefusedStateError, match=str(STATE_VERSION + 1)):
            LaneStore(tmp_path, NOW_US)
    raw = Rdict(str(path), Options(raw_mode=True))
    assert raw[b"a"] == b"one"
    raw.close()


def test_a_record_too_large_for_the_changelog_is_not_taken(tmp_path: Path) -> None:
    with lane_store(tmp_path) as store:
        store.put(b"a", b"x" * (RECORD_BYTES_MAX - 1))
        with pytest.raises(ValueError):
            store.put(b"b", b"x" * RECORD_BYTES_MAX)
        assert store.get(b"b") is None

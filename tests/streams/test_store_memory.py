"""The stores of a process stay within one budget of memory."""

from pathlib import Path

from streams.lane_store import LaneStore
from streams.store_memory import StoreMemory

MB = 2**20
NOW_US = 1_700_000_000_000_000


def told(store: LaneStore, name: str) -> int:
    """What RocksDB itself says of a store."""
    value = store._db.property_int_value(f"rocksdb.{name}")
    assert value is not None
    return value


def test_stores_share_what_they_are_given(tmp_path: Path) -> None:
    memory = StoreMemory(16)
    stores = [LaneStore(tmp_path / str(lane), NOW_US, memory=memory) for lane in range(3)]
    for n in range(40):
        for lane, store in enumerate(stores):
            for i in range(1_000):
                store.put(b"%d-%d-%d" % (lane, n, i), bytes(400))
            store.commit(b"offsets", n + 1, NOW_US)
    # 16 MB a store have been written; blocks and memtables of all three are charged to one cache.
    assert {told(store, "block-cache-capacity") for store in stores} == {16 * MB}
    assert all(0 < told(store, "block-cache-usage") <= 16 * MB for store in stores)
    assert sum(told(store, "cur-size-all-mem-tables") for store in stores) < 3 * 3 * MB
    assert all(store.get(b"%d-7-999" % lane) == bytes(400) for lane, store in enumerate(stores))
    for store in stores:
        store.close()


def test_what_was_written_is_found_without_the_budget(tmp_path: Path) -> None:
    with_budget = LaneStore(tmp_path, NOW_US, memory=StoreMemory(16))
    with_budget.put(b"key", b"value")
    with_budget.commit(b"offsets", 1, NOW_US)
    with_budget.close()
    without = LaneStore(tmp_path, NOW_US)
    assert without.get(b"key") == b"value"
    without.close()

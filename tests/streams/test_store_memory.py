"""The stores of a process stay within one budget of memory."""

import random
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


def test_indexes_filters_and_what_is_scanned_do_not_grow_with_the_state(tmp_path: Path) -> None:
    store = LaneStore(tmp_path, NOW_US, memory=StoreMemory(16))
    key, rng = b"%06d" + b"key" * 10, random.Random(1)
    for n in range(100):
        for i in range(n * 1_000, n * 1_000 + 1_000):
            store.put(key % i, rng.randbytes(70))
        store.commit(b"offsets", n + 1, NOW_US)
    assert told(store, "total-sst-files-size") > 5 * MB
    # Whole filters of ten bits a record would come to 125 kB, whole indexes to as much.
    assert told(store, "estimate-table-readers-mem") < 20_000
    before = told(store, "block-cache-usage")
    assert sum(1 for _ in store.scan(b"")) == 100_000
    assert told(store, "block-cache-usage") < before + MB
    store.close()


def test_what_was_written_is_found_without_the_budget(tmp_path: Path) -> None:
    with_budget = LaneStore(tmp_path, NOW_US, memory=StoreMemory(16))
    with_budget.put(b"key", b"value")
    with_budget.commit(b"offsets", 1, NOW_US)
    with_budget.close()
    without = LaneStore(tmp_path, NOW_US)
    assert without.get(b"key") == b"value"
    without.close()

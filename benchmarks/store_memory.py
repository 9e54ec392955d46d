"""What RocksDB's options do to memory and speed of a process with four lanes' stores.

    python benchmarks/store_memory.py                  a million records, about 3 minutes
    python benchmarks/store_memory.py --records 200000 --json

Each way of opening the stores runs in a process of its own: it writes the records as lanes do (one
batch per checkpoint, records of open predictions in random order), then asks for keys that are
there and that are not, and seeks to prefixes that hold a record or none. Figures are per second of
processor time (for writes that of flushes and compactions, too), which others on the machine
disturb least. `resident` is what the process has beyond what it had before.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import psutil
from rocksdict import (
    BlockBasedOptions,
    Cache,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
)

from benchmarks.show import finish

LANES = 4
BATCH = 2_000
ASKED = 50_000
VALUE_BYTES = 130


def default(_mb: int) -> Options:
    """Return what a lane's store is opened with when nothing is said."""
    return Options(raw_mode=True)


def bounded(mb: int, bloom: bool = True, index_in_cache: bool = True) -> Options:
    """Return options of stores that share `mb` for blocks, indexes, filters and memtables."""
    shared = _shared(mb)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(shared[0])
    if index_in_cache:
        blocks.set_cache_index_and_filter_blocks(True)
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    if bloom:
        blocks.set_bloom_filter(10, False)
    options = Options(raw_mode=True)
    options.set_block_based_table_factory(blocks)
    options.set_write_buffer_manager(shared[1])
    # One lane must not fill the budget of all with one memtable.
    options.set_write_buffer_size(max(2**20, mb * 2**20 // (4 * LANES)))
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(256)
    return options


_kept: dict[int, tuple[Cache, WriteBufferManager]] = {}


def _shared(mb: int) -> tuple[Cache, WriteBufferManager]:
    if mb not in _kept:
        cache = Cache(mb * 2**20)
        # Memtables are charged to the cache, so that both together stay within it.
        manager = WriteBufferManager.new_write_buffer_manager_with_cache(
            mb * 2**20 // 4, False, cache
        )
        _kept[mb] = (cache, manager)
    return _kept[mb]


WAYS: dict[str, tuple[Callable[[int], Options], int]] = {
    "default": (default, 0),
    "256 MB": (bounded, 256),
    "128 MB": (bounded, 128),
    "64 MB": (bounded, 64),
    "32 MB": (bounded, 32),
    "64 MB, no bloom": (lambda mb: bounded(mb, bloom=False), 64),
    "64 MB, indexes outside": (lambda mb: bounded(mb, index_in_cache=False), 64),
}


def key_of(i: int, kind: bytes = b"p") -> bytes:
    """Return the key of a record as the join has it."""
    return kind + f"CHEMBL{i}\x1fassay\0prediction CHEMBL{i}".encode()


def measured(way: str, records: int, folder: Path) -> dict[str, Any]:
    """Run one way in this process and return its figures, per second and in MB."""
    make, mb = WAYS[way]
    rng = random.Random(1)
    order = array("I", range(records))
    rng.shuffle(order)
    padding = random.Random(2).randbytes(4 * VALUE_BYTES)
    process = psutil.Process()
    before = process.memory_info().rss
    stores = [Rdict(str(folder / str(lane)), make(mb)) for lane in range(LANES)]
    peak = 0
    began = time.process_time()
    for start in range(0, records, BATCH):
        batches = [WriteBatch(raw_mode=True) for _ in range(LANES)]
        for i in order[start : start + BATCH]:
            at = i % (3 * VALUE_BYTES)
            batches[i % LANES].put(key_of(i), padding[at : at + VALUE_BYTES])
        for store, batch in zip(stores, batches, strict=True):
            store.write(batch)
        if start % (20 * BATCH) == 0:
            peak = max(peak, process.memory_info().rss)
    found: dict[str, Any] = {"put": records / (time.process_time() - began)}
    for name, ask in (
        ("get_there", lambda i: stores[i % LANES].get(key_of(i))),
        ("get_missing", lambda i: stores[i % LANES].get(key_of(i + records))),
        ("scan_there", lambda i: _seek(stores[i % LANES], key_of(i)[:-8])),
        ("scan_empty", lambda i: _seek(stores[i % LANES], key_of(i, b"o")[:-8])),
    ):
        asked = [rng.randrange(records) for _ in range(ASKED)]
        began = time.thread_time()
        for i in asked:
            ask(i)
        found[name] = ASKED / (time.thread_time() - began)
        peak = max(peak, process.memory_info().rss)
    found["resident_mb"] = (process.memory_info().rss - before) / 1e6
    found["peak_mb"] = (peak - before) / 1e6
    for store in stores:
        store.close()
    return {name: round(value, 1) for name, value in found.items()}


def _seek(store: Rdict, prefix: bytes) -> int:
    iterator = store.iter()
    iterator.seek(prefix)
    count = 0
    while iterator.valid() and iterator.key().startswith(prefix):
        count += len(iterator.value())
        iterator.next()
    return count


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--records", default=1_000_000, show_default=True)
@click.option("--way", type=click.Choice(list(WAYS)), hidden=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(records: int, way: str | None, as_json: bool) -> None:
    """Measure ways of bounding the memory of lanes' stores."""
    if way is not None:
        with tempfile.TemporaryDirectory() as folder:
            click.echo(json.dumps(measured(way, records, Path(folder))))
        return
    found: dict[str, dict[str, Any]] = {}
    for name in WAYS:
        command = [sys.executable, __file__, "--records", str(records), "--way", name]
        found[name] = json.loads(subprocess.check_output(command))
        click.echo(f"{name}: {found[name]}", err=True)
    heading = ["", *next(iter(found.values()))]
    rows = [[name, *(f"{value:,.0f}" for value in of.values())] for name, of in found.items()]
    finish("store_memory", {"records": records, "ways": found}, rows, heading, as_json)


if __name__ == "__main__":
    main()

"""How often each identity has been met in one file: exact for any number, in bounded memory."""

import tempfile
from pathlib import Path
from typing import Self

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteOptions

BUFFERED_MAX = 65_536
_MEMTABLE_BYTES = 8 * 2**20
_CACHE_BYTES = 32 * 2**20
_COUNT_BYTES = 8


class Occurrences:
    """Counts per 16-byte identity; those past `buffered_max` rest in a temporary store on disk.

    The store is made when the first ones have to leave memory and removed by `close`.
    """

    def __init__(self, buffered_max: int = BUFFERED_MAX) -> None:
        self._buffered_max = buffered_max
        self._buffer: dict[bytes, int] = {}
        self._store: Rdict | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def next(self, identity: bytes) -> int:
        """Return how often `identity` was asked for before: 0 the first time."""
        count = self._buffer.get(identity)
        if count is None:
            count = self._stored(identity)
        self._buffer[identity] = count + 1
        if len(self._buffer) > self._buffered_max:
            self._spill()
        return count

    def _stored(self, identity: bytes) -> int:
        found = None if self._store is None else self._store.get(identity)
        return int.from_bytes(found, "big") if isinstance(found, bytes) else 0

    def _spill(self) -> None:
        if self._store is None:
            self._store = self._open()
        batch = WriteBatch(raw_mode=True)
        for identity, count in self._buffer.items():
            batch.put(identity, count.to_bytes(_COUNT_BYTES, "big"))
        options = WriteOptions()
        # A property in truth; the stub takes it for a method.
        options.disable_wal = True
        self._store.write(batch, options)
        self._buffer.clear()

    def _open(self) -> Rdict:
        self._directory = tempfile.TemporaryDirectory(prefix="recalibra-")
        blocks = BlockBasedOptions()
        blocks.set_bloom_filter(10, block_based=False)
        blocks.set_block_cache(Cache(_CACHE_BYTES))
        # Else the filters of every file on disk stay in memory, which grows with the rows.
        blocks.set_cache_index_and_filter_blocks(True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_size(_MEMTABLE_BYTES)
        options.set_block_based_table_factory(blocks)
        return Rdict(str(Path(self._directory.name) / "counts"), options)

    def close(self) -> None:
        """Remove the store; every count is forgotten."""
        self._buffer.clear()
        if self._store is not None:
            self._store.close()
            self._store = None
        if self._directory is not None:
            self._directory.cleanup()
            self._directory = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

"""The memory that the stores of all lanes of a process share.

Source: https://github.com/facebook/rocksdb/wiki/Memory-usage-in-RocksDB
"""

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    Options,
    WriteBufferManager,
)

# So many memtables fit into what is for them: one that is filled, and being written, for each of
# the lanes that a process usually has.
_MEMTABLES = 4
_MEMTABLES_PART = 0.5
_BLOOM_BITS_PER_KEY = 10
_OPEN_FILES_MAX = 256


class StoreMemory:
    """A budget of `megabytes` for cached blocks, indexes, filters, and what is not yet in files.

    What was read lately gives way to what was written lately.
    """

    def __init__(self, megabytes: int) -> None:
        size = megabytes * 2**20
        for_writes = int(size * _MEMTABLES_PART)
        self._cache = Cache(size)
        self._writes = WriteBufferManager.new_write_buffer_manager_with_cache(
            for_writes, False, self._cache
        )
        self._memtable_bytes = max(2**20, for_writes // _MEMTABLES)

    def options(self) -> Options:
        """Return the options of one store; give each its own."""
        blocks = BlockBasedOptions()
        blocks.set_block_cache(self._cache)
        # Most pairs are new to the monitor, and are looked for in vain.
        blocks.set_bloom_filter(_BLOOM_BITS_PER_KEY, False)
        # Indexes and filters by parts, each read when it is asked for: whole ones would grow with
        # the state, and most of it is never looked for again.
        blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
        blocks.set_partition_filters(True)
        blocks.set_cache_index_and_filter_blocks(True)
        options = Options(raw_mode=True)
        options.set_block_based_table_factory(blocks)
        options.set_write_buffer_manager(self._writes)
        options.set_write_buffer_size(self._memtable_bytes)
        options.set_max_write_buffer_number(2)
        options.set_max_open_files(_OPEN_FILES_MAX)
        return options

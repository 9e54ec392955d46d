"""The store of one lane: RocksDB, and over it what the open checkpoint has changed."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from math import ceil
from pathlib import Path
from typing import Protocol

from rocksdict import Options, Rdict, ReadOptions, WriteBatch

from processors.store import Store, after_prefix
from schemas.errors import RefusedStateError, UnavailableError
from streams.kafka_access import DELETE_RETENTION_MS
from streams.pending_changes import PendingChanges
from streams.store_memory import StoreMemory

# The layout of all that a lane keeps, in its store and in its changelog: the records of the lane
# and of the processors. Versions 1 and 2 were never released.
STATE_VERSION = 6
RECORD_BYTES_MAX = 65_536
# No key of a processor starts with this byte.
_META = b"\x00"
_VERSION, _OFFSETS, _CHANGELOG = _META + b"version", _META + b"offsets", _META + b"changelog"
_CURRENT_AT = _META + b"current-at"
COPIES_MAX = 8
# The other half is for the restoring itself and for clocks that differ.
UNUSED_MAX_US = int(DELETE_RETENTION_MS) * 1_000 // 2
# Nobody makes room within a second, and each try is a line in the log.
ROOM_RETRY_AFTER_S = 5.0


def is_meta(key: bytes) -> bool:
    """Return whether a key is the lane's own and no processor's."""
    return key.startswith(_META)


OFFSETS_KEY = _OFFSETS


def refuse_other_version(version: int, what: str) -> None:
    """Raise RefusedStateError unless `what`, a store or a changelog, has this program's version."""
    if version > STATE_VERSION:
        raise RefusedStateError(
            f"{what} has state version {version} and this program knows {STATE_VERSION}; run the "
            "newer program, or use another topic_prefix"
        )
    if version < STATE_VERSION:
        raise RefusedStateError(
            f"{what} has state version {version}, which this program of version {STATE_VERSION} "
            "cannot read; use another topic_prefix, or remove the state folder of a local stack"
        )


def free_bytes(folder: Path) -> int:
    """Return how much the disk of a folder has left for us."""
    return shutil.disk_usage(folder).free


def _open_copy(folder: Path, now_us: int, memory: StoreMemory | None) -> tuple[Rdict, Path]:
    """Open the first copy of the store that no other process holds; one that is too old is left."""
    failure: Exception | None = None
    options = Options(raw_mode=True) if memory is None else memory.options()
    for number in range(COPIES_MAX):
        path = folder / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            db = Rdict(str(path), options)
            if not _is_too_old(db, path, now_us):
                return db, path
            db.close()
            Rdict.destroy(str(path))
            return Rdict(str(path), options), path
        except Exception as error:  # rocksdict raises plain Exception
            if f"{path}/LOCK" not in str(error):
                raise
            failure = error
    raise RefusedStateError(
        f"all {COPIES_MAX} copies of the store {folder} are in use; stop a worker on this machine "
        "or give one its own RECALIBRA_STATE_DIR"
    ) from failure


def _is_too_old(db: Rdict, path: Path, now_us: int) -> bool:
    """Return whether deletions may be gone from the changelog that this store never saw."""
    version = db.get(_VERSION)
    if version is not None and int(version) != STATE_VERSION:
        db.close()
        refuse_other_version(int(version), f"the store {path}")
    # A store that was current in the future had a clock that nothing can be said by.
    unused_us = abs(now_us - int(db.get(_CURRENT_AT) or 0))
    return int(db.get(_CHANGELOG) or 0) > 0 and unused_us > UNUSED_MAX_US


class DurableStore(Store, Protocol):
    """A store whose changes are pending until `commit`, with how far input and changelog went."""

    @property
    def offsets(self) -> bytes | None:
        """The lane's next input offsets as last committed or restored, or None if fresh."""

    @property
    def changelog_position(self) -> int:
        """The first changelog offset that the store does not reflect."""

    def pending(self) -> list[tuple[bytes, bytes | None]]:
        """Return what the open checkpoint changed; a None value is a removal."""

    def check_room(self) -> None:
        """Raise UnavailableError when the disk has too little room for another commit."""

    def commit(self, offsets: bytes, changelog_position: int, now_us: int) -> None:
        """Make the pending changes durable, all or nothing.

        `now_us` is a time at which no other owner can have added to the changelog any more.
        """

    def restore(self, records: list[tuple[bytes, bytes | None]], changelog_position: int) -> None:
        """Apply changelog records in their order, all or nothing."""

    def restored(self, now_us: int) -> None:
        """Note that all of the changelog is applied that was there at `now_us`."""

    def close(self) -> None:
        """Drop what is pending and release the store."""


class LaneStore:
    """An ordered map whose changes are pending until `commit`; see `processors.store.Store`.

    `now_us` is the caller's clock in microseconds since 1970. A copy that another process has
    locked is left alone and the next one opened, to be restored from the changelog. A copy that
    was last current longer ago than UNUSED_MAX_US is deleted: what was removed since may be removed
    from the changelog, too, and would come back. `memory` is shared with other stores of the
    process; None: RocksDB's defaults.

    Raises RefusedStateError for another state version, or when every copy is in use.
    """

    def __init__(
        self,
        folder: Path,
        now_us: int,
        free_min_bytes: int = 0,
        memory: StoreMemory | None = None,
    ) -> None:
        self._db, self.path = _open_copy(folder, now_us, memory)
        self._scanning = ReadOptions()
        self._scanning.fill_cache(False)
        self._pending = PendingChanges()
        self._free_min_bytes = free_min_bytes
        if not self.changelog_position:
            batch = WriteBatch(raw_mode=True)
            batch.put(_VERSION, str(STATE_VERSION).encode())
            # Whatever is removed from now on, the changelog says for the whole retention.
            batch.put(_CURRENT_AT, str(now_us).encode())
            self._db.write(batch)

    def get(self, key: bytes) -> bytes | None:
        """Return the value of `key`, pending changes included, or None."""
        pending = key in self._pending
        value: bytes | None = self._pending[key] if pending else self._db.get(key)
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set the value of `key` in the open checkpoint."""
        if len(key) + len(value) > RECORD_BYTES_MAX:
            raise ValueError(f"a state record of {len(key) + len(value)} bytes is too large")
        self._pending[key] = value

    def delete(self, key: bytes) -> None:
        """Remove `key` in the open checkpoint."""
        self._pending[key] = None

    def scan(
        self, prefix: bytes, *, start: bytes = b"", reverse: bool = False
    ) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pairs under a prefix in key order, pending changes included."""
        first = max(prefix, start)
        pending = self._pending.keys_between(first, after_prefix(prefix), reverse)
        ahead = next(pending, None)
        for key, value in self._scan_db(prefix, first, reverse):
            while ahead is not None and (ahead > key if reverse else ahead < key):
                fresh = self._pending[ahead]
                if fresh is not None:
                    yield ahead, fresh
                ahead = next(pending, None)
            if ahead == key:
                fresh = self._pending[key]
                if fresh is not None:
                    yield key, fresh
                ahead = next(pending, None)
            else:
                yield key, value
        while ahead is not None:
            fresh = self._pending[ahead]
            if fresh is not None:
                yield ahead, fresh
            ahead = next(pending, None)

    def scan_each(self, prefixes: Sequence[bytes], limit: int) -> list[list[tuple[bytes, bytes]]]:
        """Return the first `limit` pairs under each of some prefixes, pending changes included."""
        iterator = self._db.iter(self._scanning)
        found: dict[bytes, list[tuple[bytes, bytes]]] = {}
        for prefix in sorted(prefixes):
            if not prefix or is_meta(prefix) or self._pending.any_under(prefix):
                found[prefix] = list(islice(self.scan(prefix), limit))
                continue
            pairs = found[prefix] = []
            iterator.seek(prefix)
            while iterator.valid() and len(pairs) < limit:
                key = iterator.key()
                if not key.startswith(prefix):
                    break
                pairs.append((key, iterator.value()))
                iterator.next()
        return [found[prefix] for prefix in prefixes]

    def _scan_db(self, prefix: bytes, first: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        iterator = self._db.iter(self._scanning)
        if reverse:
            end = after_prefix(prefix)
            if end:
                iterator.seek_for_prev(end)
                if iterator.valid() and iterator.key() == end:
                    iterator.prev()
            else:
                iterator.seek_to_last()
        else:
            iterator.seek(first)
        while iterator.valid():
            key: bytes = iterator.key()
            if key < first or not key.startswith(prefix):
                return
            if not is_meta(key):
                yield key, iterator.value()
            if reverse:
                iterator.prev()
            else:
                iterator.next()

    def pending(self) -> list[tuple[bytes, bytes | None]]:
        """Return what the open checkpoint changed; a None value is a removal."""
        return self._pending.items()

    @property
    def offsets(self) -> bytes | None:
        """The lane's next input offsets as last committed or restored, or None for a fresh lane."""
        value: bytes | None = self._db.get(_OFFSETS)
        return value

    @property
    def changelog_position(self) -> int:
        """The first changelog offset that this store does not reflect."""
        return int(self._db.get(_CHANGELOG) or 0)

    def check_room(self) -> None:
        """Raise UnavailableError when less than `free_min_bytes` are free: a commit waits then."""
        missing = self._free_min_bytes - free_bytes(self.path)
        if missing > 0:
            raise UnavailableError(
                f"the disk of {self.path} is nearly full: make {ceil(missing / 1e6)} MB of room, "
                "and the work goes on by itself (setting streams.free_disk_min_mb)",
                ROOM_RETRY_AFTER_S,
            )

    def commit(self, offsets: bytes, changelog_position: int, now_us: int) -> None:
        """Make the pending changes durable in one batch, with where they are in the changelog."""
        batch = WriteBatch(raw_mode=True)
        for key, value in self.pending():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_OFFSETS, offsets)
        batch.put(_CHANGELOG, str(changelog_position).encode())
        batch.put(_CURRENT_AT, str(now_us).encode())
        self._db.write(batch)
        self._pending.clear()

    def restore(self, records: list[tuple[bytes, bytes | None]], changelog_position: int) -> None:
        """Apply changelog records in their order, in one batch.

        Raises UnavailableError when the disk has no room for them.
        """
        if records:
            self.check_room()
        batch = WriteBatch(raw_mode=True)
        for key, value in records:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_CHANGELOG, str(changelog_position).encode())
        self._db.write(batch)

    def restored(self, now_us: int) -> None:
        """Note that all of the changelog is applied that was there at `now_us`."""
        self._db[_CURRENT_AT] = str(now_us).encode()

    def close(self) -> None:
        """Drop what is pending and release the folder."""
        self._pending.clear()
        self._db.close()

"""The store of one lane: RocksDB, and over it what the open checkpoint has changed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from rocksdict import Options, Rdict, WriteBatch
from sortedcontainers import SortedDict

from processors.store import Store, after_prefix
from schemas.errors import RefusedStateError

# The layout of this store's own records; a processor's layout has its own version.
STATE_VERSION = 1
RECORD_BYTES_MAX = 65_536
# No key of a processor starts with this byte.
_META = b"\x00"
_VERSION, _OFFSETS, _CHANGELOG = _META + b"version", _META + b"offsets", _META + b"changelog"
COPIES_MAX = 8


def is_meta(key: bytes) -> bool:
    """Return whether a key is the lane's own and no processor's."""
    return key.startswith(_META)


OFFSETS_KEY = _OFFSETS


def _open_unlocked(folder: Path) -> tuple[Rdict, Path]:
    """Open the first copy of the store that no other process holds."""
    failure: Exception | None = None
    for number in range(COPIES_MAX):
        path = folder / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Rdict(str(path), Options(raw_mode=True)), path
        except Exception as error:  # rocksdict raises plain Exception
            if "lock" not in str(error).lower():
                raise
            failure = error
    raise RefusedStateError(
        f"all {COPIES_MAX} copies of the store {folder} are in use; stop a worker on this machine "
        "or give one its own RECALIBRA_STATE_DIR"
    ) from failure


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

    def commit(self, offsets: bytes, changelog_position: int) -> None:
        """Make the pending changes durable, all or nothing."""

    def restore(self, records: list[tuple[bytes, bytes | None]], changelog_position: int) -> None:
        """Apply changelog records in their order, all or nothing."""

    def close(self) -> None:
        """Drop what is pending and release the store."""


class LaneStore:
    """An ordered map whose changes are pending until `commit`; see `processors.store.Store`.

    A copy that another process has locked is left alone and the next one opened, to be restored
    from the changelog.
    """

    def __init__(self, folder: Path) -> None:
        self._db, self.path = _open_unlocked(folder)
        self._pending: SortedDict[bytes, bytes | None] = SortedDict()
        version = self._db.get(_VERSION)
        if version is None:
            self._db[_VERSION] = str(STATE_VERSION).encode()
        elif int(version) != STATE_VERSION:
            self._db.close()
            raise RefusedStateError(
                f"the store {folder} has state version {int(version)} and this program knows "
                f"{STATE_VERSION}; run the newer program, or remove the folder to restore it from "
                "its changelog"
            )

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
        end = after_prefix(prefix) or None
        first = max(prefix, start)
        pending = self._pending.irange(first, end, inclusive=(True, False), reverse=reverse)
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

    def _scan_db(self, prefix: bytes, first: bytes, reverse: bool) -> Iterator[tuple[bytes, bytes]]:
        iterator = self._db.iter()
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
        return list(self._pending.items())

    @property
    def offsets(self) -> bytes | None:
        """The lane's next input offsets as last committed or restored, or None for a fresh lane."""
        value: bytes | None = self._db.get(_OFFSETS)
        return value

    @property
    def changelog_position(self) -> int:
        """The first changelog offset that this store does not reflect."""
        return int(self._db.get(_CHANGELOG) or 0)

    def commit(self, offsets: bytes, changelog_position: int) -> None:
        """Make the pending changes durable in one batch, with where they are in the changelog."""
        batch = WriteBatch(raw_mode=True)
        for key, value in self._pending.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_OFFSETS, offsets)
        batch.put(_CHANGELOG, str(changelog_position).encode())
        self._db.write(batch)
        self._pending.clear()

    def restore(self, records: list[tuple[bytes, bytes | None]], changelog_position: int) -> None:
        """Apply changelog records in their order, in one batch."""
        batch = WriteBatch(raw_mode=True)
        for key, value in records:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_CHANGELOG, str(changelog_position).encode())
        self._db.write(batch)

    def close(self) -> None:
        """Drop what is pending and release the folder."""
        self._pending.clear()
        self._db.close()

"""RocksDB in memory: what `streams.lane_store.LaneStore` asks of rocksdict, and what disks do.

A write batch is all or nothing. A folder has one holder at a time. A power cut takes back the
last batches of a folder, never part of one.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import Protocol

SNAPSHOTS_KEPT = 3


class Process(Protocol):
    """Who holds a folder."""

    alive: bool

    def step(self, what: str) -> None:
        """Something is about to happen here: the process may die of it."""


class _Folder:
    def __init__(self) -> None:
        self.items: dict[bytes, bytes] = {}
        self.snapshots: list[dict[bytes, bytes]] = []
        self.holder: Process | None = None


class SimulatedWriteBatch:
    """rocksdict's WriteBatch."""

    def __init__(self, raw_mode: bool = False) -> None:
        self.changes: list[tuple[bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        self.changes.append((key, value))

    def delete(self, key: bytes) -> None:
        self.changes.append((key, None))


class _Iterator:
    """rocksdict's iterator, over the items as they were when it was made."""

    def __init__(self, items: dict[bytes, bytes]) -> None:
        self._items = items
        self._keys = sorted(items)
        self._index = 0

    def seek(self, key: bytes) -> None:
        self._index = bisect_left(self._keys, key)

    def seek_for_prev(self, key: bytes) -> None:
        self._index = bisect_right(self._keys, key) - 1

    def seek_to_last(self) -> None:
        self._index = len(self._items) - 1

    def valid(self) -> bool:
        return 0 <= self._index < len(self._items)

    def key(self) -> bytes:
        return self._keys[self._index]

    def value(self) -> bytes:
        return self._items[self.key()]

    def next(self) -> None:
        self._index += 1

    def prev(self) -> None:
        self._index -= 1


class SimulatedRdict:
    """rocksdict's Rdict on one folder, held by one process until closed or dead."""

    def __init__(self, folder: _Folder, holder: Process) -> None:
        self._folder, self._holder = folder, holder

    def get(self, key: bytes) -> bytes | None:
        return self._folder.items.get(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        batch = SimulatedWriteBatch()
        batch.put(key, value)
        self.write(batch)

    def iter(self, _options: object) -> _Iterator:
        return _Iterator(self._folder.items)

    def write(self, batch: SimulatedWriteBatch) -> None:
        self._holder.step("write to the store")
        folder = self._folder
        folder.snapshots.append(folder.items.copy())
        del folder.snapshots[:-SNAPSHOTS_KEPT]
        for key, value in batch.changes:
            if value is None:
                folder.items.pop(key, None)
            else:
                folder.items[key] = value
        self._holder.step("wrote to the store")

    def close(self) -> None:
        if self._folder.holder is self._holder:
            self._folder.holder = None


class SimulatedDisks:
    """Every machine's folders by path."""

    def __init__(self) -> None:
        self._folders: dict[str, _Folder] = {}

    def open(self, path: str, holder: Process) -> SimulatedRdict:
        """Open a folder for a process; raises what rocksdict raises while another one holds it."""
        folder = self._folders.setdefault(path, _Folder())
        _refuse_held(folder, path)
        folder.holder = holder
        return SimulatedRdict(folder, holder)

    def remove(self, path: str) -> None:
        """Delete a folder; raises what rocksdict raises while a process holds it."""
        _refuse_held(self._folders[path], path)
        del self._folders[path]

    def items(self, path: str) -> dict[bytes, bytes]:
        """What a folder holds."""
        return dict(self._folders[path].items)

    def cut_power(self, machine: str, batches: int) -> None:
        """Take back the last batches of every folder of a machine whose processes are dead."""
        for path, folder in self._folders.items():
            if path.startswith(machine) and folder.snapshots:
                kept = folder.snapshots[-batches:]
                folder.items = kept[0]
                folder.snapshots.clear()


def _refuse_held(folder: _Folder, path: str) -> None:
    if folder.holder is not None and folder.holder.alive:
        raise Exception(f"While lock file: {path}/LOCK: Resource temporarily unavailable")


class SimulatedRocks:
    """rocksdict's class Rdict: opens and destroys folders for whichever process is running."""

    def __init__(self, disks: SimulatedDisks, running: Callable[[], Process]) -> None:
        self._disks, self._running = disks, running

    def __call__(self, path: str, _options: object) -> SimulatedRdict:
        return self._disks.open(path, self._running())

    def destroy(self, path: str) -> None:
        self._running().step("destroy a store")
        self._disks.remove(path)

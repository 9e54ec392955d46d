"""A Kafka cluster in memory: partitions, transactions, group offsets and compaction.

It keeps what makes exactly-once hard. Records are appended before their transaction ends; a commit
is decided first and its markers reach the partitions later, one by one; a marker takes an offset;
an open transaction holds back every reader of committed records; aborted records stay in the log.
Source: KIP-98, KIP-447 (offsets in transactions), KIP-534 (how long tombstones are kept).
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from streams.kafka_access import DELETE_RETENTION_MS

PartitionName = tuple[str, int]
# The group's offsets are one more partition that waits for its marker.
OFFSETS_PARTITION: PartitionName = ("__consumer_offsets", 0)
# How long a tombstone stays after a cleaner first met it, in the simulation's clock.
DELETE_RETENTION = 1_000
# What the production code takes for the same time.
FIRST_US = 1_700_000_000_000_000
CLOCK_US = int(DELETE_RETENTION_MS) * 1_000 // DELETE_RETENTION


class Fenced(Exception):
    """The caller's epoch of the transactional id is no longer the newest."""


class Transaction:
    """One transaction: `committed` is None while its end is undecided."""

    def __init__(self, started_at: int) -> None:
        self.started_at = started_at
        self.committed: bool | None = None
        self.unmarked: dict[PartitionName, int] = {}
        self.offsets: dict[tuple[str, str, int], int] = {}


class Entry:
    """One record or transaction marker in a partition."""

    __slots__ = ("cleaned_at", "key", "marker", "offset", "transaction", "value")

    def __init__(
        self,
        offset: int,
        key: bytes | None,
        value: bytes | None,
        transaction: Transaction | None,
        marker: bool = False,
    ) -> None:
        self.offset, self.key, self.value = offset, key, value
        self.transaction, self.marker = transaction, marker
        self.cleaned_at: int | None = None

    @property
    def committed(self) -> bool:
        """Whether a reader of committed records, once let through, is shown this."""
        if self.marker:
            return False
        return self.transaction is None or self.transaction.committed is True


@dataclass(slots=True)
class Fetched:
    """A record as a consumer gets it; what `streams.blocks.Record` asks for."""

    offset: int
    key: bytes | None
    value: bytes | None


class _Partition:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.end = 0

    def append(
        self,
        key: bytes | None,
        value: bytes | None,
        transaction: Transaction | None,
        marker: bool = False,
    ) -> int:
        self.entries.append(Entry(self.end, key, value, transaction, marker))
        self.end += 1
        return self.end - 1

    def since(self, offset: int) -> Iterator[Entry]:
        start = bisect_left(self.entries, offset, key=lambda entry: entry.offset)
        for index in range(start, len(self.entries)):
            yield self.entries[index]


class _Coordinated:
    """What the coordinator knows of one transactional id."""

    def __init__(self) -> None:
        self.epoch = 0
        self.transaction: Transaction | None = None


class SimulatedLog:
    """The cluster; `clock` is set by the world."""

    def __init__(self) -> None:
        self.clock = 0
        self.group_offsets: dict[tuple[str, str, int], int] = {}
        self._partitions: dict[PartitionName, _Partition] = {}
        self._coordinated: dict[str, _Coordinated] = {}
        self._unmarked: dict[PartitionName, list[Transaction]] = {}

    def _partition(self, name: PartitionName) -> _Partition:
        found = self._partitions.get(name)
        if found is None:
            found = self._partitions[name] = _Partition()
        return found

    def now_us(self) -> int:
        """The clock as lanes read it, in microseconds since 1970."""
        return FIRST_US + self.clock * CLOCK_US

    # Reading

    def end(self, name: PartitionName) -> int:
        """The high watermark: the offset behind the last entry of any kind."""
        return self._partition(name).end

    def last_stable_offset(self, name: PartitionName) -> int:
        """The first offset that an unfinished transaction holds back, or the end."""
        waiting = self._unmarked.get(name)
        if not waiting:
            return self._partition(name).end
        return min(transaction.unmarked[name] for transaction in waiting)

    def read(
        self, name: PartitionName, position: int, records_max: int, committed: bool = True
    ) -> tuple[list[Fetched], int]:
        """Return up to so many records from `position`, and where the reader stands after them."""
        found: list[Fetched] = []
        end = self.last_stable_offset(name) if committed else self.end(name)
        for entry in self._partition(name).since(position):
            if entry.offset >= end:
                break
            if entry.committed or not (committed or entry.marker):
                if len(found) == records_max:
                    return found, found[-1].offset + 1
                found.append(Fetched(entry.offset, entry.key, entry.value))
        return found, max(position, end)

    def committed_records(self, name: PartitionName) -> list[Fetched]:
        """Everything that a reader of committed records sees."""
        return self.read(name, 0, 1_000_000)[0]

    # Writing

    def append(self, name: PartitionName, key: bytes | None, value: bytes | None) -> int:
        """Append a record outside any transaction."""
        return self._partition(name).append(key, value, None)

    def fence(self, transactional_id: str) -> int:
        """End whatever the last owner of the id left open; return the new epoch."""
        known = self._coordinated.setdefault(transactional_id, _Coordinated())
        if known.transaction is not None:
            if known.transaction.committed is None:
                known.transaction.committed = False
            self._mark_all(known.transaction)
            known.transaction = None
        known.epoch += 1
        return known.epoch

    def _current(self, transactional_id: str, epoch: int) -> Transaction:
        known = self._coordinated[transactional_id]
        if known.epoch != epoch:
            raise Fenced
        transaction = known.transaction
        if transaction is not None and transaction.committed is not None:
            # The coordinator answers "concurrent transactions" until the last one is marked.
            self._mark_all(transaction)
            transaction = None
        if transaction is None:
            transaction = known.transaction = Transaction(self.clock)
        return transaction

    def append_in_transaction(
        self,
        transactional_id: str,
        epoch: int,
        name: PartitionName,
        key: bytes | None,
        value: bytes | None,
    ) -> int:
        """Append a record to the id's transaction, which the first one opens; raises Fenced."""
        transaction = self._current(transactional_id, epoch)
        offset = self._partition(name).append(key, value, transaction)
        if name not in transaction.unmarked:
            transaction.unmarked[name] = offset
            self._unmarked.setdefault(name, []).append(transaction)
        return offset

    def offsets_in_transaction(
        self, transactional_id: str, epoch: int, group: str, consumed: dict[PartitionName, int]
    ) -> None:
        """Add a group's offsets to the id's transaction; raises Fenced."""
        transaction = self._current(transactional_id, epoch)
        for (topic, partition), offset in consumed.items():
            transaction.offsets[group, topic, partition] = offset
        if OFFSETS_PARTITION not in transaction.unmarked:
            transaction.unmarked[OFFSETS_PARTITION] = 0
            self._unmarked.setdefault(OFFSETS_PARTITION, []).append(transaction)

    def end_transaction(self, transactional_id: str, epoch: int, commit: bool) -> bool:
        """Decide the id's transaction; return whether it stands as asked. Raises Fenced.

        Asked again it answers as before. The markers are written later.
        """
        known = self._coordinated[transactional_id]
        if known.epoch != epoch:
            raise Fenced
        transaction = known.transaction
        if transaction is None:
            return True
        if transaction.committed is None:
            transaction.committed = commit
        return transaction.committed is commit

    # What the cluster does by itself

    def mark(self, transaction: Transaction, name: PartitionName) -> None:
        """Write a decided transaction's marker to one of its partitions."""
        if name == OFFSETS_PARTITION:
            if transaction.committed:
                self.group_offsets |= transaction.offsets
        else:
            self._partition(name).append(None, None, transaction, marker=True)
        del transaction.unmarked[name]
        self._unmarked[name].remove(transaction)

    def _mark_all(self, transaction: Transaction) -> None:
        for name in list(transaction.unmarked):
            self.mark(transaction, name)

    def markers_due(self) -> list[tuple[Transaction, PartitionName]]:
        """Every marker of a decided transaction that has not reached its partition."""
        return [
            (known.transaction, name)
            for known in self._coordinated.values()
            if known.transaction is not None and known.transaction.committed is not None
            for name in known.transaction.unmarked
        ]

    def open_transactions(self) -> list[str]:
        """The transactional ids with an undecided transaction."""
        return [
            transactional_id
            for transactional_id, known in self._coordinated.items()
            if known.transaction is not None and known.transaction.committed is None
        ]

    def compact(self, name: PartitionName, bound: int) -> None:
        """Clean a partition below `bound`, at most its last stable offset.

        Superseded and aborted records go; a tombstone goes once it has been seen by a cleaner
        DELETE_RETENTION ago.
        """
        partition = self._partition(name)
        bound = min(bound, self.last_stable_offset(name))
        newest = {
            entry.key: entry.offset
            for entry in partition.entries
            if entry.offset < bound and entry.committed
        }
        kept: list[Entry] = []
        for entry in partition.entries:
            if entry.offset < bound:
                if not entry.committed or newest[entry.key] != entry.offset:
                    continue
                if entry.value is None:
                    if entry.cleaned_at is None:
                        entry.cleaned_at = self.clock
                    elif self.clock - entry.cleaned_at > DELETE_RETENTION:
                        continue
            kept.append(entry)
        partition.entries = kept

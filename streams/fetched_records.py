"""What aiokafka fetched, taken out by whole batches and not record by record.

aiokafka makes a `ConsumerRecord` of eleven fields of each record, in Python. Of a record we need
its offset, key and value, which the one that aiokafka's decoder gives has, too.
"""

from itertools import chain, islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException

from streams.blocks import Record

# aiokafka's own name for it is a plain number.
READ_COMMITTED = fetcher.READ_COMMITTED


class BatchedRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # without types
    """The records that a fetch brought of one partition, in the decoder's own form.

    `next_fetch_offset` is the offset behind what was taken: behind a whole batch it passes over
    aborted records, markers of transactions, and what compaction removed.
    """

    _batch: Any = None
    _left: Any = None

    def __init__(self, *fetched: Any) -> None:
        super().__init__(*fetched)
        # aiokafka's own way through the records, which nobody takes. It refers back to these, so
        # that the bytes of each fetch would stay until the next look for cycles.
        self._records_iterator = None

    def take(self, records_max: int | None) -> list[Record]:
        """Return the next records, up to `records_max` (None: all); fewer only at the end.

        Raises CorruptRecordException for a batch that came damaged.
        """
        taken: list[Record] = []
        while records_max is None or len(taken) < records_max:
            if self._batch is None and not self._open_batch():
                break
            room = None if records_max is None else records_max - len(taken)
            records = list(islice(self._left, room))
            if not records:
                self.next_fetch_offset = self._batch.next_offset
                self._batch = self._left = None
                continue
            last = records[-1].offset
            # A fetch begins with a whole batch, though it was asked for one from the middle.
            if records[0].offset < self.next_fetch_offset:
                records = [one for one in records if one.offset >= self.next_fetch_offset]
            taken += records
            self.next_fetch_offset = max(self.next_fetch_offset, last + 1)
        return taken

    def _open_batch(self) -> bool:
        """Go to the next batch that has records for us; return whether there is one."""
        while self._records.has_next():
            batch = self._records.next_batch()
            if self._check_crcs and not batch.validate_crc():
                raise CorruptRecordException(f"Invalid CRC - {self._tp}")
            if self._is_aborted(batch) or batch.is_control_batch:
                self.next_fetch_offset = batch.next_offset
            else:
                # A batch may be asked for its iterator once.
                self._batch, self._left = batch, chain(batch)
                return True
        return False

    def _is_aborted(self, batch: Any) -> bool:
        """Return whether a batch is of a transaction that was aborted; to be asked in order."""
        if self._isolation_level != READ_COMMITTED or batch.producer_id is None:
            return False
        self._consume_aborted_up_to(batch.base_offset)
        if batch.is_control_batch and self._contains_abort_marker(batch):
            # An abort may have written nothing here.
            self._aborted_producers.discard(batch.producer_id)
        return bool(batch.is_transactional) and batch.producer_id in self._aborted_producers


class BatchedResult(fetcher.FetchResult):  # type: ignore[misc]  # without types
    """What a fetch brought of one partition, while its place in the log still holds."""

    _partition_records: BatchedRecords | None

    def getall(self, max_records: int | None = None) -> list[Record]:
        """Return the next records, and note that they were read; see `BatchedRecords.take`."""
        if not self.check_assignment(self._topic_partition) or self._partition_records is None:
            return []
        taken: list[Record] = self._partition_records.take(max_records)
        self._update_position()
        if max_records is None or len(taken) < max_records:
            self._partition_records = None
        return taken


def take_whole_batches() -> None:
    """Make aiokafka's consumers of this process give records so; `getmany` only.

    aiokafka looks both classes up by name when a response comes, and takes no others.
    """
    fetcher.PartitionRecords, fetcher.FetchResult = BatchedRecords, BatchedResult

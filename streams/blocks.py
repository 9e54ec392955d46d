"""A block: the records of one partition that one fetch returned, the unit of all work."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol


class Record(Protocol):
    """What a block needs of aiokafka's ConsumerRecord."""

    offset: int
    key: bytes | None
    value: bytes | None


class Block(NamedTuple):
    """Records of one partition, offsets `start` (inclusive) to `stop` (exclusive).

    Offsets in between may be missing: transaction markers take one, and aborted records several.
    `epoch` tells blocks fetched before a rebalance from those after it.
    """

    topic: str
    partition: int
    start: int
    stop: int
    epoch: int
    records: list[Record]

    def parts(self, records_max: int) -> Iterator["Block"]:
        """Yield the block in parts of up to `records_max` records, without a gap between them."""
        start = self.start
        for first in range(0, len(self.records), records_max):
            records = self.records[first : first + records_max]
            is_last = first + records_max >= len(self.records)
            stop = self.stop if is_last else records[-1].offset + 1
            yield self._replace(start=start, stop=stop, records=records)
            start = stop
        if not self.records:
            yield self

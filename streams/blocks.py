"""A block: the records of one partition that one fetch returned, the unit of all work."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol


class Record(Protocol):
    """What a block needs of a record."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""


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


def pieces(blocks: Iterable[Block], records_max: int) -> Iterator[list[Block]]:
    """Yield blocks, or parts of them, in their order: up to `records_max` records at a time."""
    piece: list[Block] = []
    size = 0
    for part in (part for block in blocks for part in block.parts(records_max)):
        if piece and size + len(part.records) > records_max:
            yield piece
            piece, size = [], 0
        piece.append(part)
        size += len(part.records)
    if piece:
        yield piece

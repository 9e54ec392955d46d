"""A block: the records of one partition that one fetch returned, the unit of all work."""

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

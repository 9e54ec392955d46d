"""Kafka's default partitioner, for one key and for many.

Source: `org.apache.kafka.common.utils.Utils.murmur2`.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

_SEED = np.uint32(0x9747B28C)
_M = np.uint32(0x5BD1E995)
# Fewer keys of one length are hashed one by one sooner.
_TOGETHER_MIN = 8


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of a key, 0 to partitions − 1, as Java's default partitioner does."""
    return (int(murmur2(key)) & 0x7FFFFFFF) % partitions


def partitions_of(keys: Sequence[bytes], partitions: int) -> list[int]:
    """Return the partition of each of many keys."""
    found = [0] * len(keys)
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        by_length[len(key)].append(i)
    for length, places in by_length.items():
        if length == 0 or len(places) < _TOGETHER_MIN:
            for i in places:
                found[i] = partition_of(keys[i], partitions)
            continue
        hashes = _murmur2(b"".join([keys[i] for i in places]), length)
        numbers = (hashes & np.uint32(0x7FFFFFFF)) % np.uint32(partitions)
        for i, number in zip(places, numbers.tolist(), strict=True):
            found[i] = number
    return found


def _murmur2(keys: bytes, length: int) -> NDArray[np.uint32]:
    """Return the hashes of keys of one length that stand one behind the other."""
    table = np.frombuffer(keys, np.uint8).reshape(-1, length)
    words = np.ascontiguousarray(table[:, : length // 4 * 4]).view("<u4").astype(np.uint32)
    hashes = np.full(len(table), _SEED ^ np.uint32(length), np.uint32)
    for word in words.T:
        k = word * _M
        k ^= k >> np.uint32(24)
        hashes = hashes * _M ^ k * _M
    rest = table[:, length // 4 * 4 :].astype(np.uint32)
    for i in range(rest.shape[1] - 1, -1, -1):
        hashes ^= rest[:, i] << np.uint32(8 * i)
    if rest.shape[1]:
        hashes = hashes * _M
    hashes ^= hashes >> np.uint32(13)
    hashes = hashes * _M
    return hashes ^ (hashes >> np.uint32(15))

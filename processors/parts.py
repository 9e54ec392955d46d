"""A value of any size in a store whose records are small: kept in parts.

The first part lies under the value's own key and tells how many follow; those that follow lie under
a prefix of their own, so that a scan over keys of values meets each value once.
"""

from processors.store import Store

PART_BYTES = 60_000
PARTS = b"~"
_COUNT_BYTES = 2


def _part_key(key: bytes, number: int) -> bytes:
    return PARTS + key + number.to_bytes(_COUNT_BYTES, "big")


def put_parts(store: Store, key: bytes, value: bytes, bytes_before: int | None = None) -> None:
    """Set the value of `key`, up to 3 GB, in as many records as it takes.

    `bytes_before` is the size of the value that it has, 0 for none; None: the store is asked.

    >>> from processors.store import MemoryStore
    >>> store = MemoryStore()
    >>> put_parts(store, b"k", b"x" * 150_000); len(list(store.scan(b"")))
    3
    >>> put_parts(store, b"k", b"short"); get_parts(store, b"k"), len(list(store.scan(b"")))
    (b'short', 1)
    """
    if bytes_before is None:
        before = _more(store.get(key))
    else:
        before = max(0, bytes_before - 1) // PART_BYTES
    parts = [value[i : i + PART_BYTES] for i in range(PART_BYTES, len(value), PART_BYTES)]
    store.put(key, len(parts).to_bytes(_COUNT_BYTES, "big") + value[:PART_BYTES])
    for number, part in enumerate(parts):
        store.put(_part_key(key, number), part)
    for number in range(len(parts), before):
        store.delete(_part_key(key, number))


def delete_parts(store: Store, key: bytes) -> None:
    """Remove the value of `key`; a key that is not there is no error.

    >>> from processors.store import MemoryStore
    >>> store = MemoryStore()
    >>> put_parts(store, b"k", b"x" * 150_000); delete_parts(store, b"k"); list(store.scan(b""))
    []
    """
    first = store.get(key)
    if first is None:
        return
    for number in range(_more(first)):
        store.delete(_part_key(key, number))
    store.delete(key)


def get_parts(store: Store, key: bytes) -> bytes | None:
    """Return the value that `put_parts` set, or None when there is none."""
    first = store.get(key)
    return None if first is None else joined(store, key, first)


def joined(store: Store, key: bytes, first: bytes) -> bytes:
    """Return the value of `key` whose own record is `first`, as a scan gives it.

    >>> from processors.store import MemoryStore
    >>> store = MemoryStore(); put_parts(store, b"k", b"x" * 150_000)
    >>> [len(joined(store, key, first)) for key, first in store.scan(b"k")]
    [150000]
    """
    more = _more(first)
    if not more:
        return first[_COUNT_BYTES:]
    rest = (store.get(_part_key(key, number)) or b"" for number in range(more))
    return first[_COUNT_BYTES:] + b"".join(rest)


def _more(first: bytes | None) -> int:
    return 0 if first is None else int.from_bytes(first[:_COUNT_BYTES], "big")

"""A value of any size in a store whose records are small: kept in parts."""

from processors.store import Store

PART_BYTES = 60_000


def put_parts(store: Store, key: bytes, value: bytes) -> None:
    """Set the value of `key`, up to 15 MB, in as many records as it takes.

    No other key may start with `key` and a zero byte.

    >>> from processors.store import MemoryStore
    >>> store = MemoryStore()
    >>> put_parts(store, b"k", b"x" * 150_000); len(list(store.scan(b"k")))
    3
    >>> put_parts(store, b"k", b"short"); get_parts(store, b"k"), len(list(store.scan(b"k")))
    (b'short', 1)
    """
    known = store.get(key)
    before = 0 if known is None else known[0]
    parts = [value[i : i + PART_BYTES] for i in range(0, len(value), PART_BYTES)] or [b""]
    store.put(key, bytes([len(parts)]) + parts[0])
    for number, part in enumerate(parts[1:], 1):
        store.put(key + b"\0" + bytes([number]), part)
    for number in range(len(parts), before):
        store.delete(key + b"\0" + bytes([number]))


def get_parts(store: Store, key: bytes) -> bytes | None:
    """Return the value that `put_parts` set, or None when there is none."""
    first = store.get(key)
    if first is None:
        return None
    rest = (store.get(key + b"\0" + bytes([number])) or b"" for number in range(1, first[0]))
    return first[1:] + b"".join(rest)

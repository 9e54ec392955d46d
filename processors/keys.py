"""Where the monitor keeps what: the keys of its records in the lane's store.

All of one (model, assay) lies under its message key, so that nothing of it is ever in two lanes.
"""

from hashlib import blake2b

PAIR, SERIES, ROW, PENDING, ALERT = b"x", b"s", b"w", b"d", b"a"
_TIME_BIAS = 2**63
_UNSTATED = b"\0" * 8


def pair_key(subject: bytes, pair_id: str) -> bytes:
    """Return the key of a pair's scored values."""
    return PAIR + subject + b"\0" + bytes.fromhex(pair_id)


def series_key(subject: bytes, name: bytes) -> bytes:
    """Return the key of a series' state."""
    return SERIES + subject + b"\0" + name


def pending_key(subject: bytes, name: bytes) -> bytes:
    """Return the key that says a series' metrics are yet to be published."""
    return PENDING + subject + b"\0" + name


def alert_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of a model version's alert."""
    return ALERT + subject + b"\0" + model_version.encode()


def split(key: bytes) -> tuple[bytes, bytes]:
    """Return (subject, name) of a series, pending or alert key.

    >>> split(pending_key(b"net", b"1"))
    (b'net', b'1')
    """
    subject, _, name = key[1:].partition(b"\0")
    return subject, name


def rows_prefix(subject: bytes, name: bytes) -> bytes:
    """Return what the keys of a series' pairs start with."""
    return ROW + subject + b"\0" + blake2b(name, digest_size=8).digest()


def row_key(subject: bytes, name: bytes, at: int | None, pair_id: str) -> bytes:
    """Return the key of a pair within a series: by measured_at (unstated first), then pair id.

    >>> early, late = (row_key(b"net", b"1", t, "00" * 16) for t in (-5, 5))
    >>> early < late
    True
    """
    time = _UNSTATED if at is None else (at + _TIME_BIAS).to_bytes(8, "big")
    return rows_prefix(subject, name) + time + bytes.fromhex(pair_id)

"""Where the monitor keeps what: the keys of its records in the lane's store.

All of one (model, assay) lies under its message key, so that nothing of it is ever in two lanes.
"""

from functools import cached_property
from hashlib import blake2b
from typing import NamedTuple

from processors.series import SeriesName
from schemas.errors import InvalidValueError

PAIR, SERIES, ROW, PENDING, ALERT = b"x", b"s", b"w", b"d", b"a"
DAY, REFERENCE, PUBLISHED, PROGRESS = b"y", b"r", b"m", b"g"
COVERAGE, COVERAGE_TOLD, COVERAGE_PENDING = b"c", b"t", b"u"
LABELS, ORDER, RULE = b"l", b"o", b"q"
CONTROL, DOMAIN, INPUT, FLOOR, CONTROL_CHART = b"k", b"n", b"h", b"f", b"j"
PAIR_ID_BYTES = 16
ROW_BYTES = 8 + PAIR_ID_BYTES
_TIME_BIAS = 2**63
_DAY_BIAS = 2**31
_UNSTATED = b"\0" * 8


def pair_id_bytes(pair_id: str) -> bytes:
    """Return the 16 bytes that a pair id says in hexadecimal; InvalidValueError if it is none.

    >>> len(pair_id_bytes("0f" * 16))
    16
    """
    try:
        found = bytes.fromhex(pair_id)
    except ValueError:
        found = b""
    if len(found) != PAIR_ID_BYTES:
        raise InvalidValueError(
            f"pair_id {pair_id[:40]!r} is not {2 * PAIR_ID_BYTES} hexadecimal digits", "pair_id"
        )
    return found


def pair_key(subject: bytes, pair_id: bytes) -> bytes:
    """Return the key of a pair's scored values; `pair_id` as `pair_id_bytes` gives it."""
    return PAIR + subject + b"\0" + pair_id


def alert_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of a model version's alert."""
    return ALERT + subject + b"\0" + model_version.encode()


def progress_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of how far a model version's open alert has come."""
    return PROGRESS + subject + b"\0" + model_version.encode()


def labels_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of when labels of a model version came last."""
    return LABELS + subject + b"\0" + model_version.encode()


def rule_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of how far a model version was judged by the lab's rules."""
    return RULE + subject + b"\0" + model_version.encode()


def floor_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of the block of errors that is held against an assay's noise next."""
    return FLOOR + subject + b"\0" + model_version.encode()


def control_chart_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of the charts of controls that the lab's rules look at."""
    return CONTROL_CHART + subject + b"\0" + model_version.encode()


def coverage_key(subject: bytes, model_version: str, kind: bytes) -> bytes:
    """Return the key of a model version's coverage: as last told, or pending."""
    return kind + subject + b"\0" + model_version.encode()


def lane_prefix(subject: bytes, model_version: str) -> bytes:
    """Return what the keys of a model version's coverage by lane start with."""
    return COVERAGE + subject + b"\0" + model_version.encode() + b"\0"


def split(key: bytes) -> tuple[bytes, bytes]:
    """Return (subject, name) of a key that is made of these two.

    >>> split(SeriesKeys(b"net", SeriesName("1", None, None)).pending)
    (b'net', b'1\\x1f\\x1f')
    """
    subject, _, name = key[1:].partition(b"\0")
    return subject, name


class SeriesId(NamedTuple):
    """A series among all of a lane."""

    subject: bytes
    name: SeriesName


class SeriesKeys:
    """The keys of one series' records.

    >>> keys = SeriesKeys(b"net", SeriesName("1", None, None))
    >>> day_of_key(keys.day(-1))
    -1
    """

    def __init__(self, subject: bytes, name: SeriesName) -> None:
        self._subject, self._name = subject, name.to_bytes()
        # Names may be long, and records of a few rows are many.
        digest = blake2b(self._name, digest_size=8).digest()
        self.rows = ROW + subject + b"\0" + digest
        self.days = DAY + subject + b"\0" + digest
        self.state = self._own(SERIES)
        self.reference = self._own(REFERENCE)
        self.published = self._own(PUBLISHED)

    def _own(self, kind: bytes) -> bytes:
        return kind + self._subject + b"\0" + self._name

    @cached_property
    def pending(self) -> bytes:
        """The key that says the series' metrics are yet to be published."""
        return self._own(PENDING)

    def day(self, day: int) -> bytes:
        """Return the key of the sums of a day since 1970."""
        return self.days + (day + _DAY_BIAS).to_bytes(4, "big")


def row_of(at: int | None, pair_id: bytes) -> bytes:
    """Return how the key of a result ends: its measured_at (unstated first), then its pair id.

    >>> early, late = (row_of(time, b"0" * 16) for time in (-5, 5))
    >>> early < late, time_of(early), time_of(row_of(None, b"0" * 16))
    (True, -5, None)
    """
    return (_UNSTATED if at is None else (at + _TIME_BIAS).to_bytes(8, "big")) + pair_id


def control_prefix(subject: bytes, model_version: str, molecule_id: str) -> bytes:
    """Return what the keys of a control's results start with."""
    parts = subject, model_version.encode(), molecule_id.encode()
    return CONTROL + b"\0".join(parts) + b"\0"


def domain_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of a model version's applicability domain."""
    return DOMAIN + subject + b"\0" + model_version.encode()


def inputs_key(subject: bytes, model_version: str) -> bytes:
    """Return the key of what is known of a model version's inputs; those of each begin with it."""
    return INPUT + subject + b"\0" + model_version.encode() + b"\0"


def input_key(subject: bytes, model_version: str, kind: bytes, name: str) -> bytes:
    """Return the key of one kind of record, one byte, of one input."""
    return inputs_key(subject, model_version) + kind + name.encode()


def time_of(row_key: bytes) -> int | None:
    """Return the measured_at of a row in microseconds, None when not stated."""
    time = row_key[-ROW_BYTES:-PAIR_ID_BYTES]
    return None if time == _UNSTATED else int.from_bytes(time, "big") - _TIME_BIAS


def pair_id_of_row(row_key: bytes) -> bytes:
    """Return the pair id that a row's key ends with.

    >>> pair_id_of_row(row_of(5, b"i" * 16))
    b'iiiiiiiiiiiiiiii'
    """
    return row_key[-PAIR_ID_BYTES:]


def day_of_key(day_key: bytes) -> int:
    """Return the day since 1970 of the key of a day."""
    return int.from_bytes(day_key[-4:], "big") - _DAY_BIAS

"""Text cells to numbers, times and truth values; an empty cell is None, or the stated default."""

import math
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from schemas.errors import InvalidValueError

_TRUTHS = {"": False, "false": False, "0": False, "no": False, "true": True, "1": True, "yes": True}
# Spreadsheets write a column of integers with gaps as 1.0.
_INTEGER = re.compile(r"(\d{1,16})(\.0*)?", re.ASCII)
_TIME = re.compile(r"[\dW-]+([T ][\d:.,]+(Z|[+-][\d:]+)?)?", re.ASCII)
_TIME_CHARACTERS_MAX = 50
_SHOWN_CHARACTERS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def _float(text: str) -> float | None:
    """Return a number, which may be infinite or NaN, or None when the text is none."""
    # float() also takes underscores and digits of other scripts; no instrument writes those.
    if "_" in text or not text.isascii():
        return None
    try:
        return float(text)
    except ValueError:
        return None


def number(column: str, cell: str | None) -> float | None:
    """Return a finite number with a decimal point; raises InvalidValueError."""
    text = cell.strip() if cell else ""
    if not text:
        return None
    parsed = _float(text)
    shown = text[:_SHOWN_CHARACTERS]
    if parsed is None:
        raise InvalidValueError(
            f"{column} is {shown!r}, not a number; numbers have a decimal point and no commas",
            column,
        )
    if not math.isfinite(parsed):
        raise InvalidValueError(f"{column} is {shown}, not a finite number", column)
    return parsed


def number_or_text(text: str) -> float | str:
    """Return a finite number, or the text as it is when it is none."""
    parsed = _float(text)
    return text if parsed is None or not math.isfinite(parsed) else parsed


def revision(cell: str | None) -> int:
    """Return a whole number, 0 for an empty cell; raises InvalidValueError."""
    text = cell.strip() if cell else ""
    match = _INTEGER.fullmatch(text or "0")
    if match is None:
        raise InvalidValueError(
            f"revision is {text[:_SHOWN_CHARACTERS]!r}, not a whole number of 0 or more",
            "revision",
        )
    return int(match[1])


def retracted(cell: str | None) -> bool:
    """Return a truth value, False for an empty cell; raises InvalidValueError."""
    text = cell.strip().lower() if cell else ""
    if text not in _TRUTHS:
        raise InvalidValueError(
            f"retracted is {text[:_SHOWN_CHARACTERS]!r}; true, false, 1, 0, yes and no are allowed",
            "retracted",
        )
    return _TRUTHS[text]


@lru_cache(maxsize=8_192)
def _microseconds(text: str) -> int | None:
    if _TIME.fullmatch(text) is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return ((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)) - _EPOCH) // _MICROSECOND


def time(column: str, cell: str | None) -> int | None:
    """Return microseconds since 1970 in UTC of an ISO 8601 time; raises InvalidValueError.

    Without a zone the time is UTC; a date alone is its midnight; digits past the microsecond are
    cut off.
    """
    text = cell.strip() if cell else ""
    if not text:
        return None
    time_us = _microseconds(text) if len(text) <= _TIME_CHARACTERS_MAX else None
    if time_us is None:
        raise InvalidValueError(
            f"{column} is {text[:_SHOWN_CHARACTERS]!r}, no ISO 8601 time that exists; "
            "write it such as 2025-03-31T14:05:00Z",
            column,
        )
    return time_us

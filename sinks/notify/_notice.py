"""What is told of an alert: the same for every channel."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from schemas.events import Alert

TIMES = frozenset({"since", "detected_at", "muted_until"})


class Notice(NamedTuple):
    """One piece of news of one alert.

    `notice_id` is the same whenever the same news is told again. `news` is what happened, such as
    "open" or "escalated"; `said_at_us` is when the monitor said it, in microseconds since 1970;
    `lab` is the topics' prefix.
    """

    notice_id: str
    news: str
    said_at_us: int
    lab: str
    alert: Alert


def datetime_of(at_us: int) -> datetime:
    """Return microseconds since 1970 as a time in UTC."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)


def iso(at_us: int) -> str:
    """Return microseconds since 1970 as ISO 8601 in UTC."""
    return datetime_of(at_us).isoformat().replace("+00:00", "Z")


def as_payload(notice: Notice) -> dict[str, Any]:
    """Return a notice as the object that `webhook.schema.json` describes."""
    return {
        "type": f"alert.{notice.news}",
        "timestamp": iso(notice.said_at_us),
        "data": {"lab": notice.lab, "alert": _plain(notice.alert)},
    }


def _plain(value: Any, name: str = "") -> Any:
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {field: _plain(part, field) for field, part in value._asdict().items()}
    if isinstance(value, (tuple, list)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not -1e308 <= value <= 1e308:
        return None  # JSON has no word for it
    return iso(value) if name in TIMES and value is not None else value

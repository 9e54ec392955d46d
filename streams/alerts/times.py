"""Times and durations as a person types them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import click

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3_650)


class Moment(click.ParamType):
    """ISO 8601; without a zone UTC, without a time midnight."""

    name = "TIME"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        """Return the time in UTC; fails with what would be one."""
        try:
            at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2026-03-02 or 2026-03-02T08:00", param, ctx)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


class Span(click.ParamType):
    """A number and a unit: 30m, 12h, 7d or 2w."""

    name = "DURATION"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        """Return the duration; fails with what would be one."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", value.strip(), re.ASCII)
        span = timedelta(**{UNITS[found[2]]: int(found[1])}) if found else LONGEST * 2
        if span > LONGEST:
            self.fail(
                f"{value!r} is no duration such as 12h, 7d or 2w, up to ten years", param, ctx
            )
        return span


def as_us(at: datetime) -> int:
    """Return a time as microseconds since 1970."""
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

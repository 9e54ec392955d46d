"""What a subject says of itself."""

from typing import Literal, NamedTuple

Level = Literal["ok", "warning", "error", "unknown"]


class Finding(NamedTuple):
    """One line of the report; `mend` is what to do, None when there is nothing or `text` says it.

    "unknown" is what could not be looked at because of an error that another subject tells.
    """

    level: Level
    text: str
    mend: str | None = None


def fine(text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding("ok", text)


def warning(text: str, mend: str) -> Finding:
    """Return a finding of what works today and should be mended."""
    return Finding("warning", text, mend)


def wrong(text: str, mend: str | None = None) -> Finding:
    """Return a finding of what the user must mend."""
    return Finding("error", text, mend)

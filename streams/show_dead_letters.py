"""Dead letters on a terminal or for another program."""

from codecs import getincrementaldecoder
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.codec import as_record
from schemas.events import DeadLetter, Event
from streams.dead_letter_replay import Assessment, is_of_stage
from streams.dead_letters import Said

# What names a letter in a list: enough for millions of letters.
SHORT_ID = 12
BYTES_SHOWN_MAX = 2_000

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None


def counted(letters: int) -> str:
    """Return how many dead letters there are in words."""
    return f"{letters} dead letter{'' if letters == 1 else 's'}"


def short(letter: DeadLetter) -> str:
    """Return what names a letter in a list."""
    return letter.dead_letter_id[:SHORT_ID]


def summary(said: Said) -> dict[str, Json]:
    """Return what a list says of a letter, for another program."""
    letter, at_ms = said
    at = None if at_ms is None else datetime.fromtimestamp(at_ms / 1e3, UTC)
    return {
        "id": letter.dead_letter_id,
        "at": at.isoformat(timespec="milliseconds") if at else None,
        "origin": letter.origin,
        "partition": letter.partition,
        "position": letter.position,
        "column": letter.column,
        "error": letter.error,
        "reason": letter.reason,
    }


def whole(said: Said, event: Event | None, assessment: Assessment) -> dict[str, Json]:
    """Return all of a letter for another program; `event` is what its payload holds, or None."""
    letter = said.letter
    if event is None:
        payload = _bytes(letter.payload)
    else:
        payload = {"event": type(event).__name__, "record": _plain(as_record(event))}
    return {
        **summary(said),
        "schema_id": letter.schema_id,
        "key": None if letter.key is None else _bytes(letter.key),
        "payload": {"bytes": len(letter.payload), **payload},
        "replayable": assessment.outgoing is not None,
        "advice": assessment.reason
        or f"it can be taken in now: recalibra dead-letters replay {short(letter)}",
    }


def _bytes(raw: bytes) -> dict[str, Json]:
    """Return the beginning of some bytes as text, or as hexadecimal when they are none."""
    shown = raw[:BYTES_SHOWN_MAX]
    try:
        # A character that the cut goes through is left out.
        text = getincrementaldecoder("utf-8")().decode(shown, final=len(shown) == len(raw))
    except UnicodeDecodeError:
        return {"hex": shown.hex()}
    return {"hex": shown.hex()} if "\0" in text else {"text": text}


def _plain(value: object) -> Json:
    """Return a decoded record as JSON can hold it: not-a-number and infinity by their names."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, bytes):
        return _bytes(value)
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise TypeError(f"no Avro record holds a {type(value).__name__}")


def printable(text: str) -> str:
    """Return a text of unknown origin without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _where(row: Mapping[str, Json]) -> str:
    origin, partition, position = str(row["origin"]), row["partition"], row["position"]
    if partition is not None:
        return f"{origin}, partition {partition}, offset {position}"
    return f"{origin}, {'event' if is_of_stage(origin) else 'line'} {position}"


def print_letters(newest: Sequence[Said]) -> None:
    """Print letters as a table."""
    table = Table("id", "said at (UTC)", "origin", "column", "error and reason")
    for said in newest:
        row = summary(said)
        at = str(row["at"] or "–").partition(".")[0].replace("T", " ")
        what = f"{row['error']}: {row['reason']}"
        cells = (short(said.letter), at, _where(row), str(row["column"] or "–"), what)
        table.add_row(*(Text(printable(cell), overflow="fold") for cell in cells))
    Console().print(table)


def print_letter(row: Mapping[str, Json]) -> None:
    """Print what `whole` gives, a name a line."""
    for name, value in row.items():
        if name == "replayable":  # the advice says so
            continue
        if isinstance(value, Mapping):
            value = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
            click.echo(f"{name}:")
            click.echo("\n".join(printable(line) for line in value.split("\n")))
        else:
            click.echo(f"{name:<11} {printable('–' if value is None else str(value))}")

"""`recalibra dead-letters`: what could not be taken in, and taking it in after all."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import isfinite
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from schemas.codec import Codec
    from schemas.events import DeadLetter
    from streams.dead_letters import Said
    from streams.settings.services import KafkaSettings
    from streams.topic_reader import Progress

EXIT_LEFT = 1
# What names a letter in a list: enough for millions of letters.
SHORT_ID = 12
BYTES_SHOWN_MAX = 2_000
LEFT_SHOWN_MAX = 20

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
ORIGIN = click.option("--origin", help="Only those of this topic (short name or whole) or file.")


@click.group()
def command() -> None:
    """Show the records and rows that could not be taken in, and send them again.

    Nothing but Kafka has to run.

    \b
    Examples:
      recalibra dead-letters list
      recalibra dead-letters show 3f9a12
      recalibra dead-letters replay 3f9a12
    """


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: total and letters.")
@ORIGIN
@click.option(
    "--limit", type=click.IntRange(1, 100_000), default=20, show_default=True, help="Show so many."
)
def list_letters(as_json: bool, origin: str | None, limit: int) -> None:
    """List the newest dead letters, and count all.

    The beginning of an id is enough to name a letter to `show` and `replay`. A letter stays in the
    list when it was replayed.

    \b
    Examples:
      recalibra dead-letters list
      recalibra dead-letters list --origin predictions --limit 100
      recalibra dead-letters list --origin outcomes.csv --json
    """
    from streams.dead_letters import DeadLetters
    from streams.show_rows import print_json

    dead_letters = DeadLetters(*_access())
    with _progress() as progress:
        total, newest = dead_letters.newest(limit, origin, progress)
    if as_json:
        letters = [_summary(said) for said in newest]
        print_json([{"total": total, "unreadable": dead_letters.unreadable, "letters": letters}])
        return
    if newest:
        _print_table(newest)
    shown = f", the newest {len(newest)} shown" if len(newest) < total else ""
    click.echo(f"{_counted(total)}{f' from {origin}' if origin else ''}{shown}")
    if dead_letters.unreadable:
        click.echo(f"{dead_letters.unreadable} records of the topic are no dead letters", err=True)


@command.command("show")
@click.argument("letter_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(letter_id: str, as_json: bool) -> None:
    """Show one dead letter whole, and what can be done about it.

    ID is the letter's id or the beginning of it. The payload is shown as the event it holds, else
    as text or hexadecimal, up to 2,000 bytes.

    \b
    Examples:
      recalibra dead-letters show 3f9a12
      recalibra dead-letters show 3f9a12 --json
    """
    from streams.dead_letter_replay import DeadLetterReplay
    from streams.dead_letters import DeadLetters
    from streams.show_rows import print_json

    kafka, codec = _access()
    dead_letters = DeadLetters(kafka, codec)
    with _progress() as progress:
        (said,) = dead_letters.find([letter_id], None, progress)
    letter = said.letter
    (assessment,) = DeadLetterReplay(kafka, codec).assess([letter])
    payload = _bytes(letter.payload)
    event = dead_letters.decoded(letter.payload)
    if event is not None:
        from schemas.codec import as_record

        payload = {"event": type(event).__name__, "record": _plain(as_record(event))}
    row: dict[str, Json] = {
        **_summary(said),
        "schema_id": letter.schema_id,
        "key": None if letter.key is None else _bytes(letter.key),
        "payload": {"bytes": len(letter.payload), **payload},
        "replayable": assessment.outgoing is not None,
        "advice": assessment.reason
        or f"it can be taken in now: recalibra dead-letters replay {_short(letter)}",
    }
    if as_json:
        print_json([row])
    else:
        _print_whole(row)


@command.command("replay")
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="All letters, or all of --origin.")
@ORIGIN
@click.option("--dry-run", is_flag=True, help="Say what would be sent and send nothing.")
@click.option(
    "--as-is",
    is_flag=True,
    help="Send what still cannot be taken in too, to the partition it came from; a stage that "
    "runs makes a new dead letter of it.",
)
def replay(
    letter_ids: tuple[str, ...], every: bool, origin: str | None, dry_run: bool, as_is: bool
) -> None:
    """Send dead letters again to the topics they came from, once what was wrong is mended.

    ID is a letter's id or the beginning of it. A letter is sent if today's schemas and rules let
    it in, else it is left and the reason said. Sending one twice changes nothing: events have ids,
    and of an event's revisions the highest counts. Rows of CSV files are left, since they need
    their file's header: mend the row and send the file again.

    Ends with code 0 when all were sent, with 1 when some were left.

    \b
    Examples:
      recalibra dead-letters replay 3f9a12 77e0
      recalibra dead-letters replay --all --origin predictions --dry-run
      recalibra dead-letters replay --all
    """
    from schemas.errors import UserError
    from streams.dead_letter_replay import DeadLetterReplay
    from streams.dead_letters import DeadLetters

    if every and letter_ids:
        raise UserError("give ids or --all, not both")
    if not every and not letter_ids:
        raise UserError(
            "nothing is given to replay: name letters by the beginnings of their ids, which "
            "`recalibra dead-letters list` shows, or give --all"
        )
    kafka, codec = _access()
    dead_letters = DeadLetters(kafka, codec)
    left_shown = 0

    def on_left(letter: "DeadLetter", reason: str) -> None:
        nonlocal left_shown
        left_shown += 1
        if left_shown <= LEFT_SHOWN_MAX:
            click.echo(_printable(f"{_short(letter)} is left: {reason}"), err=True)

    with _progress() as progress:
        letters = (
            dead_letters.every(origin, progress)
            if every
            else (said.letter for said in dead_letters.find(letter_ids, origin, progress))
        )
        asked, sent, left = DeadLetterReplay(kafka, codec).replay(
            letters, on_left, as_is=as_is, dry_run=dry_run
        )
    if left > LEFT_SHOWN_MAX:
        click.echo(f"and {left - LEFT_SHOWN_MAX} more are left", err=True)
    would = "would be " if dry_run else ""
    click.echo(f"{_counted(asked)}: {sent} {would}sent, {left} {would}left")
    if left:
        sys.exit(EXIT_LEFT)


def _access() -> "tuple[KafkaSettings, Codec]":
    from streams.addresses import kafka_resolved
    from streams.schema_ids import make_codec
    from streams.settings import load_settings

    settings = kafka_resolved(load_settings())
    return settings.kafka, make_codec(settings.registry)


@contextmanager
def _progress() -> "Iterator[Progress]":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("reading dead letters"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    # Elsewhere than on a terminal it would leave an empty line.
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda read, total: bar.update(task, completed=read, total=total)


def _counted(letters: int) -> str:
    return f"{letters} dead letter{'' if letters == 1 else 's'}"


def _short(letter: "DeadLetter") -> str:
    return letter.dead_letter_id[:SHORT_ID]


def _summary(said: "Said") -> dict[str, Json]:
    from datetime import UTC, datetime

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


def _bytes(raw: bytes) -> dict[str, Json]:
    """Return the beginning of some bytes as text, or as hexadecimal when they are none."""
    from codecs import getincrementaldecoder

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


def _printable(text: str) -> str:
    """Return a text of unknown origin without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _where(row: Mapping[str, Json]) -> str:
    from streams.dead_letter_replay import is_of_stage

    origin, partition, position = str(row["origin"]), row["partition"], row["position"]
    if partition is not None:
        return f"{origin}, partition {partition}, offset {position}"
    return f"{origin}, {'event' if is_of_stage(origin) else 'line'} {position}"


def _print_table(newest: "Sequence[Said]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("id", "said at (UTC)", "origin", "column", "error and reason")
    for said in newest:
        row = _summary(said)
        at = str(row["at"] or "–").partition(".")[0].replace("T", " ")
        what = f"{row['error']}: {row['reason']}"
        cells = (_short(said.letter), at, _where(row), str(row["column"] or "–"), what)
        table.add_row(*(Text(_printable(cell), overflow="fold") for cell in cells))
    Console().print(table)


def _print_whole(row: Mapping[str, Json]) -> None:
    import orjson

    for name, value in row.items():
        if name == "replayable":  # the advice says so
            continue
        if isinstance(value, Mapping):
            value = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
            click.echo(f"{name}:")
            click.echo("\n".join(_printable(line) for line in value.split("\n")))
        else:
            click.echo(f"{name:<11} {_printable('–' if value is None else str(value))}")

"""`recalibra dead-letters`: what could not be taken in, and taking it in after all."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from schemas.codec import Codec
    from schemas.events import DeadLetter
    from streams.settings.services import KafkaSettings

EXIT_LEFT = 1
READING = "reading dead letters"

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
    from streams.show_dead_letters import counted, print_letters, summary
    from streams.show_progress import progress_bar
    from streams.show_rows import print_json

    dead_letters = DeadLetters(*_access())
    with progress_bar(READING) as progress:
        total, newest = dead_letters.newest(limit, origin, progress)
    if as_json:
        letters = [summary(said) for said in newest]
        print_json([{"total": total, "unreadable": dead_letters.unreadable, "letters": letters}])
        return
    if newest:
        print_letters(newest)
    shown = f", the newest {len(newest)} shown" if len(newest) < total else ""
    click.echo(f"{counted(total)}{f' from {origin}' if origin else ''}{shown}")
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
    from streams.show_dead_letters import print_letter, whole
    from streams.show_progress import progress_bar
    from streams.show_rows import print_json

    kafka, codec = _access()
    dead_letters = DeadLetters(kafka, codec)
    with progress_bar(READING) as progress:
        (said,) = dead_letters.find([letter_id], None, progress)
    (assessment,) = DeadLetterReplay(kafka, codec).assess([said.letter])
    row = whole(said, dead_letters.decoded(said.letter.payload), assessment)
    if as_json:
        print_json([row])
    else:
        print_letter(row)


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
    from streams.show_dead_letters import counted, printable, short
    from streams.show_progress import FirstLines, progress_bar

    if every and letter_ids:
        raise UserError("give ids or --all, not both")
    if not every and not letter_ids:
        raise UserError(
            "nothing is given to replay: name letters by the beginnings of their ids, which "
            "`recalibra dead-letters list` shows, or give --all"
        )
    kafka, codec = _access()
    dead_letters = DeadLetters(kafka, codec)
    lines = FirstLines()

    def on_left(letter: "DeadLetter", reason: str) -> None:
        lines.say(printable(f"{short(letter)} is left: {reason}"))

    with progress_bar(READING) as progress:
        letters = (
            dead_letters.every(origin, progress)
            if every
            else (said.letter for said in dead_letters.find(letter_ids, origin, progress))
        )
        asked, sent, left = DeadLetterReplay(kafka, codec).replay(
            letters, on_left, as_is=as_is, dry_run=dry_run
        )
    lines.say_rest("are left")
    would = "would be " if dry_run else ""
    click.echo(f"{counted(asked)}: {sent} {would}sent, {left} {would}left")
    if left:
        sys.exit(EXIT_LEFT)


def _access() -> "tuple[KafkaSettings, Codec]":
    from streams.addresses import kafka_resolved
    from streams.schema_ids import make_codec
    from streams.settings import load_settings

    settings = kafka_resolved(load_settings())
    return settings.kafka, make_codec(settings.registry)

"""`recalibra doctor`: whether everything is as the stages need it."""

import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streams.doctor._checkup import Said

EXIT_USER = 2
MARKS = {"ok": "✓", "warning": "!", "error": "✗", "unknown": "–"}
COLOURS = {"ok": "green", "warning": "yellow", "error": "red", "unknown": None}
SUBJECT_WIDTH = 15


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a finding.")
def command(as_json: bool) -> None:
    """Look at settings, Kafka, schemas, ClickHouse, clock, disk and memory, within 15 s.

    Ends with 0 when all is well, though there may be warnings (!), and with 2 when something must
    be mended (✗). What could not be looked at because of another finding is marked –.

    It writes a record of its own into the topic PREFIX.clock, to learn the broker's time, and
    makes that topic. Nothing else is changed, and running stages are not disturbed.

    \b
    Examples:
      recalibra doctor
      RECALIBRA_CONFIG=/etc/recalibra.toml recalibra doctor --json
    """
    from streams.show_rows import print_json

    said = _said()
    if as_json:
        print_json([{"subject": one.subject, **one.finding._asdict()} for one in said])
    else:
        for one in said:
            _show(one)
    if any(one.finding.level == "error" for one in said):
        sys.exit(EXIT_USER)


def _said() -> "list[Said]":
    from schemas.errors import UserError
    from streams.addresses import found
    from streams.doctor._checkup import Checkup, Said, examined
    from streams.doctor._finding import wrong
    from streams.settings import load_settings

    try:
        settings = found(load_settings())
    except UserError as error:
        return [Said("settings", wrong(str(error)))]
    return examined(Checkup(settings))


def _show(said: "Said") -> None:
    level, text, mend = said.finding
    mark = click.style(MARKS[level], fg=COLOURS[level])
    click.echo(f"{mark} {said.subject.replace('_', ' '):{SUBJECT_WIDTH}} {text}")
    if mend is not None:
        click.echo(f"  {'':{SUBJECT_WIDTH}} → {mend}")

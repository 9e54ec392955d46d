"""Alerts on a terminal, or as lines for a file."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas.events import Alert
from streams.alerts.chart import chart
from streams.alerts.rows import Evidence
from streams.alerts.words import factor, facts, short, standing, subject, summary, to_do

WIDTH_MAX = 100
PLAIN_WIDTH = 80
COLOURS = {"open": "red", "no_labels": "yellow", "warning": "yellow", "recovered": "green"}


def print_list(alerts: Sequence[Alert], total: int) -> None:
    """Print alerts, two lines each, and how many there are."""
    console = _console()
    table = Table.grid(padding=(0, 2))
    for alert in alerts:
        colour = COLOURS.get(alert.state, "")
        table.add_row(short(alert), Text(standing(alert), colour), Text(printable(subject(alert))))
        table.add_row("", "", Text(printable(summary(alert)), "dim"))
    if alerts:
        console.print(table)
    shown = f", {len(alerts)} shown" if len(alerts) < total else ""
    click.echo(f"{total or 'no'} alert{'' if total == 1 else 's'}{shown}")


def print_alert(alert: Alert, states: Sequence[str], evidence: Evidence, html: Path | None) -> None:
    """Print one alert whole; write it to a page, too, when `html` names one."""
    console = _console(record=html is not None)
    title = Text.assemble(
        (standing(alert), COLOURS.get(alert.state, "bold")), f"  {alert.alert_id}"
    )
    console.print(title)
    console.print(Padding(Text(printable(alert.reason)), (0, 0, 1, 0)))
    table = Table.grid(padding=(0, 2))
    for name, value in facts(alert, states, evidence):
        table.add_row(Text(name, "dim"), Text(printable(value)))
    for number, advice in enumerate(to_do(alert)):
        table.add_row(Text("" if number else "to do", "dim"), Text(printable(advice)))
    console.print(table)
    named = factor(alert)
    picture = chart(evidence, None if named is None else printable(named), console.width)
    if picture is None:
        console.print("\nno chart: there are no pairs with errors around the change")
    else:
        console.print()
        console.print(Text.from_ansi(picture), no_wrap=True, crop=False)
    if html is not None:
        console.save_html(str(html))
        click.echo(f"wrote {html}")


def printable(text: str) -> str:
    """Return text of unknown origin without anything that a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _console(record: bool = False) -> Console:
    probe = Console()
    width = min(probe.width, WIDTH_MAX) if probe.is_terminal else PLAIN_WIDTH
    return Console(width=width, record=record, highlight=False)

"""Alerts on a terminal, or as lines for a file."""

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas.events import Alert
from streams.alerts.chart import caption, chart
from streams.alerts.factors import factor_table
from streams.alerts.rows import Evidence
from streams.alerts.words import (
    SHORT_ID,
    factor,
    facts,
    printable,
    short,
    standing,
    subject,
    summary,
    to_do,
)

WIDTH_MAX = 100
PLAIN_WIDTH = 80
COLOURS = {"open": "red", "no_labels": "yellow", "warning": "yellow", "recovered": "green"}


def print_list(alerts: Sequence[Alert], total: int) -> None:
    """Print alerts, two lines each, and how many there are."""
    console = _console()
    for alert in alerts:
        colour = COLOURS.get(alert.state, "")
        head = f"  {printable(subject(alert))}"
        console.print(Text.assemble(f"{short(alert)}  ", (standing(alert), colour), head))
        about = Text(printable(summary(alert)), "dim")
        console.print(Padding(about, (0, 0, 0, SHORT_ID + 2), expand=False))
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
    console.print(table)
    judged = factor_table(alert)
    if judged is not None:
        console.print(Padding(judged, (1, 0, 0, 0)))
    console.print(Text("\nto do", "dim"))
    for advice in to_do(alert):
        # Not wrapped: a command in it is copied as it stands.
        console.print(Text(f"- {printable(advice)}"), soft_wrap=True)
    named = factor(alert)
    picture = chart(evidence, None if named is None else printable(named), console.width)
    if picture is None:
        console.print("\nno chart: there are no pairs with errors around the change")
    else:
        console.print()
        console.print(Text.from_ansi(picture), no_wrap=True, crop=False)
        console.print(Text(caption(evidence), "dim"))
    if html is not None:
        console.save_html(str(html))
        click.echo(f"wrote {html}")


def _console(record: bool = False) -> Console:
    probe = Console()
    width = min(probe.width, WIDTH_MAX) if probe.is_terminal else PLAIN_WIDTH
    return Console(width=width, record=record, highlight=False)

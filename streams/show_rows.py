"""Rows on a terminal or for another program."""

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any

import click
import orjson

if TYPE_CHECKING:
    from rich.panel import Panel

Row = Mapping[str, Any]

# A column whose cells are wider may be folded; headings are between words.
FOLDS_AT = 12
# Elsewhere lines may be long, but a dead letter's payload has 500 kB.
ELSEWHERE_FOLDS_AT = 200


def print_json(rows: Sequence[Row]) -> None:
    """Print one JSON object a line, to standard output."""
    for row in rows:
        click.echo(orjson.dumps(row, default=str).decode())


def cell(value: Any) -> str:
    """Return a value as a table shows it."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    return str(value)


def alert_panel(state: str, reason: str) -> "Panel":
    """Return an alert as a framed sentence."""
    from rich.panel import Panel
    from rich.text import Text

    colour = "red" if state == "open" else "green"
    return Panel(Text(reason), title=f"alert, {state}", border_style=colour)


def print_alerts(rows: Sequence[Row]) -> None:
    """Print alerts as framed sentences."""
    from rich.console import Console

    for row in rows:
        Console().print(alert_panel(row["state"], row["reason"]))
    if not rows:
        click.echo("no alerts")


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table with their keys as columns.

    On a terminal the last columns are left out, and named, when they do not fit; elsewhere lines
    are as long as they need to be, and only cells of more than ELSEWHERE_FOLDS_AT are folded.
    """
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo(f"no {title}")
        return
    console = Console()
    texts = {name: [cell(row[name]) for row in rows] for name in rows[0]}
    folds_at = FOLDS_AT if console.is_terminal else ELSEWHERE_FOLDS_AT
    needed = {
        name: max([min(max(map(cell_len, found)), folds_at), *map(cell_len, name.split())])
        for name, found in texts.items()
    }
    if not console.is_terminal:
        headed = (max(width, cell_len(name)) for name, width in needed.items())
        console.width = max(console.width, _width(headed))
    shown = list(needed)
    while len(shown) > 1 and _width(needed[name] for name in shown) > console.width:
        shown.pop()
    table = Table(title=title)
    for name in shown:
        numeric = all(isinstance(row[name], (int, float, NoneType)) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for line in zip(*(texts[name] for name in shown), strict=True):
        # As text: what a lab names its things may look like markup.
        table.add_row(*map(Text, line))
    console.print(table)
    if left := list(needed)[len(shown) :]:
        click.echo(f"not shown for want of room: {', '.join(left)}")


def _width(columns: Iterable[int]) -> int:
    """Return how wide a table of columns is, with their borders."""
    return sum(width + 3 for width in columns) + 1

"""Rows on a terminal or for another program."""

from collections.abc import Mapping, Sequence
from typing import Any

import click
import orjson

Row = Mapping[str, Any]


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


def print_table(title: str, rows: Sequence[Row]) -> None:
    """Print rows as a table with their keys as columns."""
    from rich.console import Console
    from rich.table import Table

    if not rows:
        click.echo(f"no {title}")
        return
    table = Table(title=title)
    for name, value in rows[0].items():
        numeric = isinstance(value, (int, float))
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(value) for value in row.values()))
    Console().print(table)

"""Results of one benchmark: kept in a file, printed as a table or as JSON."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks.report import RESULTS_PATH, machine

# Where no terminal says how wide it is, tables of twelve columns do not fold.
FILE_COLUMNS = 180


def finish(
    name: str,
    found: Mapping[str, Any],
    rows: Sequence[Sequence[str]],
    heading: Sequence[str],
    as_json: bool,
) -> None:
    """Keep what was found as `results/NAME.json` and print it."""
    kept = {
        **found,
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    path = RESULTS_PATH.with_name(f"{name}.json")
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
    if as_json:
        click.echo(json.dumps(kept, ensure_ascii=False))
        return
    table = Table(*heading[:1])
    for title in heading[1:]:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*row)
    table_console().print(table)


def table_console() -> Console:
    """Return where tables are printed, wide enough for them where it is no terminal."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, FILE_COLUMNS)
    return console


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """Return p50, p99 and the highest in milliseconds, by the nearest rank, and how many.

    >>> percentiles_ms([0.001 * i for i in range(1, 101)])
    {'n': 100, 'p50_ms': 50.0, 'p99_ms': 99.0, 'max_ms': 100.0}
    >>> percentiles_ms([])["n"]
    0
    """
    if not seconds:
        return {"n": 0}
    ordered = sorted(seconds)

    def at(part: float) -> float:
        rank = max(1, -(-int(part * 100 * len(ordered)) // 100))
        return round(ordered[rank - 1] * 1_000, 1)

    return {"n": len(ordered), "p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1.0)}

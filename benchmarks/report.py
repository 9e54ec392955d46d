"""What a run found: the file of results and the table."""

import json
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from benchmarks.measure import Result
from benchmarks.monitor_cost import MonitorCost

RESULTS_PATH = Path(__file__).parent / "results" / "latest.json"
OURS = "recalibra"
CEILING = "ceiling"
# What ended a process stands at the end of the log that its error quotes.
ERROR_START, ERROR_END = 80, 320


def as_json(
    results: Mapping[str, Mapping[str, Result]],
    seed: int,
    decode_us: float,
    monitor: MonitorCost,
    now: datetime,
) -> dict[str, Any]:
    """Return the results as they are kept; a ratio is this project's events/s over the engine's."""
    found: dict[str, Any] = {
        benchmark: {
            name: {k: v for k, v in asdict(result).items() if k != "engine"}
            for name, result in reached.items()
        }
        for benchmark, reached in results.items()
    }
    found["ratios"] = {benchmark: ratios(reached) for benchmark, reached in results.items()}
    found["seed"] = seed
    found["fastavro_decode_us"] = decode_us
    found["monitor"] = {
        **monitor._asdict(), "process_decodes": round(monitor.process_us / decode_us, 1)
    }  # fmt: skip
    found["machine"] = machine()
    found["at"] = now.astimezone(UTC).isoformat(timespec="seconds")
    return found


def ratios(reached: Mapping[str, Result]) -> dict[str, float]:
    """Return how many times an engine's events/s this project reaches, for those that ran."""
    ours = reached.get(OURS)
    if ours is None or not ours.events_per_s:
        return {}
    return {
        name: round(ours.events_per_s / result.events_per_s, 3)
        for name, result in reached.items()
        if name != OURS and result.events_per_s
    }


def shortened(text: str) -> str:
    """Return the start and the end of a long text.

    >>> len(shortened("x" * 9_000))
    403
    """
    if len(text) <= ERROR_START + ERROR_END:
        return text
    return f"{text[:ERROR_START]} … {text[-ERROR_END:]}"


def machine() -> dict[str, Any]:
    """Return what the figures depend on, and nothing that names this machine."""
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
    }


def write(found: Mapping[str, Any]) -> Path:
    """Keep the results as the latest; return where."""
    RESULTS_PATH.parent.mkdir(exist_ok=True)
    RESULTS_PATH.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    return RESULTS_PATH


def show(
    results: Mapping[str, Mapping[str, Result]],
    decode_us: float,
    monitor: MonitorCost,
    console: Console,
) -> None:
    """Print a table per benchmark."""
    for benchmark, reached in results.items():
        if reached:
            console.print(_table(benchmark, reached))
    console.print(
        f"One fastavro decode: {decode_us:g} µs. One pair of 5 series in the monitor: "
        f"{monitor.process_us:g} µs ({monitor.process_us / decode_us:.1f} decodes), "
        f"{monitor.with_checkpoints_us:g} µs with what checkpoints tell. Input, clock and set-up: "
        "benchmarks/README.md"
    )


def _table(benchmark: str, reached: Mapping[str, Result]) -> Group:
    title = "The join alone" if benchmark == "join" else "The whole pipeline to ClickHouse"
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("engine", no_wrap=True)
    for heading in (
        "events/s", "ours ÷ it", "pairs", "of", "wrong", "CPU s/M", "peak MB",
    ):  # fmt: skip
        table.add_column(heading, justify="right")
    over, notes = ratios(reached), list[str]()
    for name, result in reached.items():
        label = f"{name} {result.version}" if result.version else name
        if result.error:
            reason = " ".join(result.error.split())
            table.add_row(label, "[red]failed[/]")
            notes.append(f"{name} failed: {shortened(reason)}")
            continue
        table.add_row(
            label,
            f"{result.events_per_s:,.0f}",
            f"{over[name]:.2f}" if name in over else "",
            *(
                ("", "", "")
                if name == CEILING
                else (
                    f"{result.pairs_found:,}",
                    f"{result.pairs_there:,}",
                    f"{result.wrong_pairs:,}",
                )
            ),
            f"{result.cpu_s_per_million:,.1f}",
            f"{result.peak_mb:,.0f}",
        )
        if result.note:
            notes.append(f"{name}: {result.note}")
    return Group(table, *(Text(note) for note in notes), "")

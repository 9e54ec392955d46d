"""`python -m benchmarks`, which `make bench` runs."""

import json
import logging
import re
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console

from benchmarks import report
from benchmarks.bench import BENCHMARKS, Bench, decode_us, engines_of
from benchmarks.measure import Result
from benchmarks.monitor_cost import monitor_cost
from schemas.errors import RecalibraError
from streams.stopping import until_stopped

DEFAULT_EVENTS = 400_000
SMALL_EVENTS = 25_000
COLUMNS_MIN = 100
NUMBER = re.compile(r"\d[\d,]*")


class Progress:
    """One line on standard error that is written over, or plain lines where that is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._status = self._console.status("")
        self._last = ""

    def __enter__(self) -> "Progress":
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._status.stop()

    def say(self, text: str) -> None:
        """Tell what is being done."""
        self._status.update(text)
        # Without a terminal only what begins is told, not how far it is.
        begun = NUMBER.sub("", text)
        if not self._console.is_terminal and begun != self._last:
            self._last = begun
            self._console.print(text)

    def done(self, benchmark: str, result: Result) -> None:
        """Tell what an engine reached."""
        reached = f"{result.events_per_s:,.0f} events/s" if result.events_per_s else "failed"
        self._console.print(f"{benchmark}, {result.engine}: {reached}")


def _named(only: str | None) -> list[str]:
    there = sorted({name for benchmark in BENCHMARKS for name in engines_of(benchmark)})
    wanted = [name.strip() for name in (only or "").split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        raise click.BadParameter(f"no engine {', '.join(unknown)}; there are {', '.join(there)}")
    return wanted


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--small", is_flag=True, help=f"{SMALL_EVENTS:,} events: all done in 100 s.")
@click.option("--events", type=click.IntRange(1_000, 50_000_000), help="Size of the input.")
@click.option("--seed", default=1, show_default=True, help="Seed of the input.")
@click.option("--only", help="Engines, comma separated; the results are not kept then.")
@click.option(
    "--workers",
    default=1,
    show_default=True,
    help="Processes of each stage in this project's pipeline; with more than one the results are "
    "not kept.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON, no table.")
@click.option("--keep", is_flag=True, help="Leave logs, topics and stores, and say where.")
def main(
    small: bool,
    events: int | None,
    seed: int,
    only: str | None,
    workers: int,
    as_json: bool,
    keep: bool,
) -> None:
    """Measure this project beside other engines: same broker, same topics, own processes.

    Starts a Kafka and a ClickHouse of its own. 400,000 events unless told otherwise: about ten
    minutes. A run of all engines is kept in benchmarks/results/latest.json.

    \b
    Examples:
      make bench BENCH="--small"
      make bench BENCH="--only recalibra,ceiling --events 100000"
      make bench BENCH="--json --seed 7"
      make bench BENCH="--only recalibra --workers 3"
    """
    logging.basicConfig(level=logging.ERROR)
    count = events or (SMALL_EVENTS if small else DEFAULT_EVENTS)
    wanted = _named(only)
    folder = Path(tempfile.mkdtemp(prefix="recalibra-bench-"))
    begun, finished = time.monotonic(), False

    def tidy() -> None:
        if keep:
            click.echo(f"kept in {folder}", err=True)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    try:
        with until_stopped(tidy), Progress() as progress:
            bench = Bench(folder, count, seed, progress.say, progress.done, workers)
            results = bench.run(wanted)
            cost_us, monitor_us = decode_us(seed), monitor_cost(seed)
            finished = True
    except RecalibraError as error:
        raise click.ClickException(str(error)) from error
    if not finished:
        sys.exit(130)
    found = report.as_json(results, seed, cost_us, monitor_us, datetime.now(UTC))
    if not wanted and workers == 1:
        report.write(found)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, COLUMNS_MIN)
    report.show(results, cost_us, monitor_us, console)
    click.echo(f"{count:,} events, seed {seed}, {time.monotonic() - begun:.0f} s in all")


if __name__ == "__main__":
    main()

"""Does the product keep to its budget of false alarms? Model-years without drift, simulated.

    python -m benchmarks.budget                              every setting, 1,000 model-years each
    python -m benchmarks.budget --years 100 --processes 2
    python -m benchmarks.budget --only "baseline 20," --only "40 series" --json

A model-year is 5,000 pairs in 250 runs of 20, a run a day. Pairs go through the watches, detectors
and the alert of the product with default options: one alert a model-year is the budget, whatever
the baseline, however much results of a run have in common (ICC), however many series there are. A
year starts with nothing learned. An alert counts when it opens; it recovers as in the product.
"""

import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import product
from typing import Any, NamedTuple

import click
import numpy as np
from rich.console import Console
from rich.progress import Progress

from benchmarks.poisson import rate_interval
from benchmarks.show import finish
from benchmarks.watched_model import WatchedModel, record
from processors.options import Options

RUNS, RUN_PAIRS = 250, 20
YEARS_DEFAULT = 1_000
YEARS_AT_ONCE = 5
LEAST, MOST = 0.3, 1.0
Context = tuple[str | None, str | None, str | None, str | None]


class Layout(NamedTuple):
    """Contexts of pairs: levels of reagent batch, instrument, operator and protocol version.

    `by_run` tells of each field whether its level is drawn for each run or each pair. With one
    level it is drawn whether it is stated.
    """

    name: str
    levels: tuple[int, int, int, int]
    by_run: tuple[bool, bool, bool, bool] = (True, True, True, True)

    def drawn(self, rng: np.random.Generator, run: Context | None) -> Context:
        """Return the context of a run (`run` None) or of one of its pairs."""
        found: list[str | None] = []
        for field, (levels, by_run) in enumerate(zip(self.levels, self.by_run, strict=True)):
            if not levels:
                found.append(None)
            elif run is not None and by_run:
                found.append(run[field])
            else:
                level = int(rng.integers(max(levels, 2)))
                found.append(None if level == levels else str(level))
        return found[0], found[1], found[2], found[3]


# A run is one instrument's day, so that an instrument is never drawn for single pairs.
LAYOUTS = (
    Layout("1 series", (0, 0, 0, 0)),
    Layout("5 series, 4 fields of a level", (1, 1, 1, 1)),
    Layout("5 series, 2 fields of two", (2, 2, 0, 0)),
    Layout("40 series by run", (10, 9, 10, 10)),
    Layout("40 series by pair", (10, 9, 10, 10), (False, True, False, False)),
)
BASELINES, ICCS = (20, 50, 200), (0.0, 0.1, 0.3)


class Setting(NamedTuple):
    """What a year is like."""

    layout: Layout
    baseline: int
    icc: float

    @property
    def name(self) -> str:
        """The setting in words; commas end numbers, so that --only can tell 20 from 200."""
        return f"baseline {self.baseline}, ICC {self.icc:g}, {self.layout.name}"


SETTINGS = [Setting(*each) for each in product(LAYOUTS, BASELINES, ICCS)]


def alerts_of_year(setting: Setting, seed: int) -> int:
    """Return how many alerts opened in one simulated year without drift."""
    options = Options(baseline_results=setting.baseline)
    model = WatchedModel(options, explains=setting.layout.name != "1 series")
    for error, day, context in _pairs(setting, seed):
        model.take(record(error, day, context))
    return model.alerts


def _pairs(setting: Setting, seed: int) -> Iterator[tuple[float, int, Context]]:
    rng = np.random.default_rng([zlib.crc32(setting.name.encode()), seed])
    between, within = setting.icc**0.5, (1 - setting.icc) ** 0.5
    for day in range(RUNS):
        shared = between * rng.standard_normal()
        run = setting.layout.drawn(rng, None)
        for own in (within * rng.standard_normal(RUN_PAIRS)).tolist():
            yield shared + own, day, setting.layout.drawn(rng, run)


def _alerts_of_years(number: int, first: int, years: int) -> int:
    return sum(alerts_of_year(SETTINGS[number], first + i) for i in range(years))


def _judged(low: float, high: float) -> str:
    if low >= LEAST and high <= MOST:
        return "within"
    if high < LEAST or low > MOST:
        return "outside"
    return "within its interval"


def _result(setting: Setting, alerts: int, years: int) -> dict[str, Any]:
    budget = Options().false_alarms_per_model_year * years
    low, high = (bound / budget for bound in rate_interval(alerts))
    return {
        "series": setting.layout.name,
        "baseline": setting.baseline,
        "icc": setting.icc,
        "years": years,
        "alerts": alerts,
        "rate_per_budget": round(alerts / budget, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "verdict": _judged(low, high),
    }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--years", default=YEARS_DEFAULT, show_default=True, type=click.IntRange(1, 10**6))
@click.option("--first", default=0, show_default=True, help="Number of the first year, its seed.")
@click.option("--only", multiple=True, help="A part of the names of settings; may be repeated.")
@click.option("--processes", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON, no table.")
def main(years: int, first: int, only: tuple[str, ...], processes: int, as_json: bool) -> None:
    """Count false alarms of simulated model-years without drift against the budget.

    A thousand years of every setting take hours; a hundred say whether something is wrong. Kept in
    benchmarks/results/budget.json.

    \b
    Examples:
      python -m benchmarks.budget --years 100 --processes 2
      python -m benchmarks.budget --years 200 --only "1 series"
      python -m benchmarks.budget --years 20 --only "baseline 20," --only "ICC 0.3, 1 series" --json
    """
    wanted = [
        number
        for number, setting in enumerate(SETTINGS)
        if not only or any(part in setting.name for part in only)
    ]
    if not wanted:
        raise click.BadParameter(f"no setting has {' or '.join(only)} in a name like "
                                 f"{SETTINGS[0].name!r}")  # fmt: skip
    alerts, done = dict.fromkeys(wanted, 0), dict.fromkeys(wanted, 0)
    with (
        Progress(console=Console(stderr=True)) as progress,
        ProcessPoolExecutor(processes) as pool,
    ):
        bar = progress.add_task("model-years", total=years * len(wanted))
        waiting = {}
        for start, number in product(range(0, years, YEARS_AT_ONCE), wanted):
            count = min(YEARS_AT_ONCE, years - start)
            future = pool.submit(_alerts_of_years, number, first + start, count)
            waiting[future] = number, count
        for future in as_completed(waiting):
            number, count = waiting[future]
            alerts[number] += future.result()
            done[number] += count
            progress.advance(bar, count)
            if done[number] == years and not progress.console.is_terminal:
                found = _result(SETTINGS[number], alerts[number], years)
                progress.console.print(f"{SETTINGS[number].name}: {json.dumps(found)}")
    results = [_result(SETTINGS[number], alerts[number], years) for number in wanted]
    rows = [
        (
            setting.name,
            f"{found['alerts']} in {years}",
            f"{found['rate_per_budget']:.2f}",
            f"{found['low']:.2f} to {found['high']:.2f}",
            found["verdict"],
        )
        for setting, found in zip((SETTINGS[n] for n in wanted), results, strict=True)
    ]
    heading = ("setting", "alerts, years", "rate ÷ budget", "95 %", f"{LEAST} to {MOST:g}")
    finish("budget", {"settings": results, "first": first}, rows, heading, as_json)


if __name__ == "__main__":
    main()

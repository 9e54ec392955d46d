"""How often the noise floor and control charts speak without cause, and how soon with one.

    python benchmarks/assay_rates.py
    python benchmarks/assay_rates.py --years 200 --json

Noise floor: an assay of MSR 3 and a model without an error of its own, 5,000 pairs a year at the
default budget; then a model whose RMSE is 1.5 times the floor, from anywhere in a block on. The
floor is known, or learnt anew in each year from molecules measured twice. With an intraclass
correlation 20 pairs in a row share a run's shift, and the watch is told so.

Control charts: runs of two controls a target, stated or learnt from 20, 50 or 100 results; how many
of 500 runs are rejected, by the rules within a run and by 10_x.
"""

import json
import math
from typing import NamedTuple

import click
import numpy as np

from processors.assay.control_chart import ControlChart
from processors.assay.control_target import Target
from processors.assay.noise_floor import (
    FALSE_PER_YEAR,
    PAIRS_PER_YEAR,
    FloorWatch,
    NoiseFloor,
    stated_floor,
)
from processors.options import DAY_US

RUN_PAIRS, FOUND_PAIRS, WORSE = 20, 100, 1.5
CHART_RUNS, CONTROLS = 500, 2


class FloorRates(NamedTuple):
    """False statements a year, and the part of 1.5 times worse models found in 100 pairs."""

    false_per_year: float
    found: float


def _errors(rng: np.random.Generator, pairs: int, sd: float, correlation: float) -> list[float]:
    runs = -(-pairs // RUN_PAIRS)
    shared = np.repeat(rng.normal(size=runs), RUN_PAIRS)[:pairs]
    own = rng.normal(size=pairs)
    errors = sd * (math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own)
    return [float(error) for error in errors]


def _above(watch: FloorWatch, errors: list[float], floor: NoiseFloor, correlation: float) -> int:
    """Show errors to a watch; return how many blocks it takes for above the floor."""
    looks = (watch.update(error, None, floor, correlation, RUN_PAIRS) for error in errors)
    return sum(look.above for look in looks if look is not None)


def floor_rates(
    repeats: int | None, correlation: float, years: int, rng: np.random.Generator
) -> FloorRates:
    """Simulate years of a perfect model and as many changes; `repeats` None is a known floor."""
    sd = stated_floor(3.0).value
    false = found = 0
    for _ in range(years):
        floor = NoiseFloor(sd, None)
        if repeats is not None:
            degrees = repeats - 1
            floor = NoiseFloor(sd * math.sqrt(rng.chisquare(degrees) / degrees), degrees)
        of_year = _errors(rng, PAIRS_PER_YEAR, sd, correlation)
        begun = _errors(rng, int(rng.integers(50)), sd, correlation)
        worse = _errors(rng, FOUND_PAIRS, WORSE * sd, correlation)
        watch = FloorWatch()
        false += _above(watch, of_year, floor, correlation)
        _above(watch, begun, floor, correlation)
        found += _above(watch, worse, floor, correlation) > 0
    return FloorRates(false / years, found / years)


def chart_rates(learn_results: int | None, charts: int, rng: np.random.Generator) -> list[float]:
    """Return the parts of runs without a shift that are rejected within a run, and by 10_x."""
    within = rows = 0
    for _ in range(charts):
        stated = Target(0.0, 1.0) if learn_results is None else None
        chart = ControlChart(stated, CONTROLS, learn_results or 20)
        while chart.target is None:
            chart.update(float(rng.normal()), None, None)
        for day, values in enumerate(rng.normal(size=(CHART_RUNS, CONTROLS)).tolist()):
            broken = {r for v in values for r in chart.update(v, "a", day * DAY_US).rejected_by}
            within += bool(broken - {"10_x"})
            rows += "10_x" in broken
    return [within / charts / CHART_RUNS, rows / charts / CHART_RUNS]


@click.command(help=__doc__)
@click.option("--years", default=100, show_default=True, help="Model-years and charts a setting.")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one object.")
def main(years: int, seed: int, as_json: bool) -> None:
    """Print both tables."""
    rng = np.random.default_rng(seed)
    floors = {
        f"{repeats or 'known'}, ICC {correlation}": floor_rates(repeats, correlation, years, rng)
        for correlation in (0.0, 0.1, 0.3)
        for repeats in (None, 300, 100, 32)
    }
    charts = {str(n or "stated"): chart_rates(n, years, rng) for n in (None, 100, 50, 20)}
    if as_json:
        click.echo(json.dumps({"floor": floors, "charts": charts}))
        return
    click.echo(f"floor from molecules: false a year (budget {FALSE_PER_YEAR}), found in 100 pairs")
    for name, rates in floors.items():
        click.echo(f"  {name:<16} {rates.false_per_year:.2f}  {rates.found:.0%}")
    click.echo("target from results: runs of two rejected within a run, by 10_x")
    for name, (within, rows) in charts.items():
        click.echo(f"  {name:<16} {within:.2%}  {rows:.2%}")


if __name__ == "__main__":
    main()

"""How often detectors alarm falsely: what the limits of detectors rest on where no formula does.

    python benchmarks/detector_limits.py                  all three tables, about 5 minutes
    python benchmarks/detector_limits.py --results 200000 --json

ADWIN's average run length by delta is the table in processors/detectors/adwin.py. The rolling
mean's is held against its formula. What the chi-squared limit of the population stability index
lets through is why its pseudo-count is one.
"""

import json

import click
import numpy as np
from river.drift import ADWIN

from processors.detectors.adwin import RUN_LENGTHS
from processors.detectors.rolling_mean import SCORES, limit
from processors.two_sample import population_stability

MEAN_RUN_LENGTHS = (100, 500, 2_000, 10_000)
NOMINAL = (0.1, 0.01, 0.001, 0.0001)


def adwin_run_lengths(results: int, seed: int) -> dict[float, float | None]:
    """Return River's average run length by delta over standard normal values; None: no alarm."""
    found: dict[float, float | None] = {}
    for delta, run_length in RUN_LENGTHS:
        values = np.random.default_rng(seed)
        detector, alarms = ADWIN(delta=delta), 0
        # So many that 20 alarms are expected at the least, up to 100 times what was asked for.
        enough = min(max(results, int(20 * run_length)), 100 * results)
        for _ in range(0, enough, 100_000):
            for value in values.standard_normal(100_000).tolist():
                detector.update(value)
                alarms += detector.drift_detected
        taken = -(-enough // 100_000) * 100_000
        found[delta] = taken / alarms if alarms else None
    return found


def rolling_mean_run_lengths(results: int, seed: int) -> dict[int, float | None]:
    """Return the rolling mean's average run length by the one asked for; None: no alarm."""
    found: dict[int, float | None] = {}
    for run_length in MEAN_RUN_LENGTHS:
        rng, series = np.random.default_rng(seed), 1_000
        steps = max(5 * results // series, 2 * run_length)
        last, age, alarms = np.zeros((series, SCORES)), np.zeros(series, dtype=int), 0
        beyond = limit(1 / run_length) * SCORES
        for step in range(steps):
            last[:, step % SCORES] = rng.standard_normal(series)
            age += 1
            alarmed = (age >= SCORES) & (np.abs(last.sum(axis=1)) > beyond)
            alarms += int(alarmed.sum())
            last[alarmed], age[alarmed] = 0.0, 0
        found[run_length] = series * steps / alarms if alarms else None
    return found


def stability_rates(results: int, seed: int) -> dict[str, dict[float, float]]:
    """Return by sizes how often p-values are below a nominal one, as a multiple of it."""
    found: dict[str, dict[float, float]] = {}
    for reference, window in ((50, 50), (200, 50), (20, 50)):
        rng = np.random.default_rng(seed)
        p_values = np.array(
            [
                population_stability.compare(
                    rng.standard_normal(reference).tolist(), rng.standard_normal(window).tolist()
                ).p_value
                for _ in range(results // 10)
            ]
        )
        found[f"{reference} and {window}"] = {
            nominal: float(np.mean(p_values <= nominal)) / nominal for nominal in NOMINAL
        }
    return found


@click.command()
@click.option("--results", default=1_000_000, show_default=True, help="how many at the least")
@click.option("--seed", default=1, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="print one object")
def main(results: int, seed: int, as_json: bool) -> None:
    """Simulate false alarms of ADWIN, the rolling mean and the population stability index."""
    adwin = adwin_run_lengths(results, seed)
    rolling_mean = rolling_mean_run_lengths(results, seed)
    stability = stability_rates(results, seed)
    if as_json:
        print(json.dumps({"adwin": adwin, "rolling_mean": rolling_mean, "stability": stability}))
        return
    print("ADWIN                delta   average run length   in the table")
    for delta, expected in RUN_LENGTHS:
        print(f"{delta:26g}   {adwin[delta] or float('inf'):18,.0f}   {expected:12,.0f}")
    print("rolling mean, run length asked for and found")
    for asked, got in rolling_mean.items():
        print(f"{asked:26,}   {got or float('inf'):18,.0f}")
    print("population stability index, p-values below a nominal one, as a multiple of it")
    for sizes, rates in stability.items():
        told = "   ".join(f"{nominal:g}: {rate:.2f}" for nominal, rate in rates.items())
        print(f"{sizes:>26}   {told}")


if __name__ == "__main__":
    main()

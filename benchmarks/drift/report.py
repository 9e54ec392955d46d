"""What the contestants reached: figures for the file of results, and tables."""

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.drift.contestants import all_contestants
from benchmarks.drift.streams import DELAY_MAX, SCENARIOS
from benchmarks.drift.trial import SHIPPED_SCENARIO
from benchmarks.poisson import rate_interval

Found = dict[str, dict[str, Any]]


def figures(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return rates with their 95 % intervals and median delays of what a trial counted."""
    years = result["years"]
    return {
        **{kind: _figures(result[kind], years) for kind in ("tuned", "shipped")},
        "known_changes": result["known_changes"],
        "years": years,
    }


def _figures(reached: Mapping[str, Any], years: int) -> dict[str, Any]:
    count = reached["false_alarms"]
    found: dict[str, Any] = {
        "value": reached["value"],
        "false_alarms": count,
        "false_alarms_per_year": round(count / years, 3),
        "per_year_95": [round(bound / years, 3) for bound in rate_interval(count)],
        "delays": {name: delay(each) for name, each in reached["delays"].items()},
    }
    if "reached" in reached:
        found["rate_reached"] = reached["reached"]
    return found


def delay(counted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the median delay, None when half or more were missed, and what part was missed.

    >>> delay({"delays": [3, None, 9], "early": 1})
    {'median': 9, 'missed': 0.333, 'n': 3, 'early': 1}
    """
    delays = counted["delays"]
    if not delays:
        return {"median": None, "missed": None, "n": 0, "early": counted["early"]}
    middle = median(math.inf if each is None else each for each in delays)
    return {
        "median": None if math.isinf(middle) else middle,
        "missed": round(sum(each is None for each in delays) / len(delays), 3),
        "n": len(delays),
        "early": counted["early"],
    }


def in_short(found: Mapping[str, Any]) -> str:
    """Return a line on what a contestant reached in a setting."""
    if "error" in found:
        return str(found["error"])
    tuned = found["tuned"]
    return (
        f"{tuned['false_alarms_per_year']:g} false alarms a year, {SHIPPED_SCENARIO} "
        f"after {_delay(tuned['delays'][SHIPPED_SCENARIO])} pairs"
    )


def show(
    found: Mapping[str, Found], versions: Mapping[str, str], wanted: float, console: Console
) -> None:
    """Print a table for each setting, the known changes, and what is to be known of contestants."""
    for setting, reached in found.items():
        console.print(_table(setting, reached, wanted))
    console.print(_known(found))
    for name, contestant in all_contestants().items():
        version = versions.get(contestant.package, "")
        note = contestant.note or "as its library has it"
        console.print(Text(f"{name}: {contestant.package} {version}".strip() + f"; {note}."))
    console.print(
        Text(
            f"Delays are median pairs, with the part missed within {DELAY_MAX:,} where there is "
            f"one; ∞: half or more. † the parameter does not reach {wanted:g} a year."
        )
    )


def _table(setting: str, reached: Found, wanted: float) -> Table:
    table = Table(
        title=f"{setting}, all tuned to {wanted:g} false alarms a model-year",
        title_justify="left",
    )
    table.add_column("detector", no_wrap=True)
    table.add_column("tuned")
    headings = ("false alarms a year", *SCENARIOS, "as shipped: a year", SHIPPED_SCENARIO)
    for heading in headings:
        table.add_column(heading, justify="right")
    for name in all_contestants():
        each = reached.get(name)
        if each is None:
            continue
        if "error" in each:
            table.add_row(name, Text(each["error"], style="red"))
            continue
        tuned, shipped = each["tuned"], each["shipped"]
        mark = "" if tuned["rate_reached"] else " †"
        table.add_row(
            name,
            f"{tuned['value']:.3g}{mark}",
            _rate(tuned),
            *(_delay(tuned["delays"][scenario]) for scenario in SCENARIOS),
            f"{shipped['value']:g}: {_rate(shipped)}",
            _delay(shipped["delays"][SHIPPED_SCENARIO]),
        )
    return table


def _rate(figures: Mapping[str, Any]) -> str:
    low, high = figures["per_year_95"]
    return f"{figures['false_alarms_per_year']:.2f} ({low:.2f}-{high:.2f})"


def _delay(found: Mapping[str, Any]) -> str:
    if not found["n"]:
        return "all early"
    middle = "∞" if found["median"] is None else f"{found['median']:g}"
    return f"{middle} ({found['missed']:.0%})" if found["missed"] else middle


def _known(found: Mapping[str, Found]) -> Table:
    """Return what was said of real changes, with the values tuned in the first setting."""
    setting, reached = next(iter(found.items()))
    cases: Sequence[str] = sorted(
        {case for each in reached.values() for case in each.get("known_changes", {})}
    )
    table = Table(title=f"Known changes, values tuned at {setting}", title_justify="left")
    table.add_column("detector", no_wrap=True)
    for case in cases:
        table.add_column(f"{case}: alerts before", justify="right")
        table.add_column("delay", justify="right")
    for name in all_contestants():
        known = reached.get(name, {}).get("known_changes")
        if not known:
            continue
        cells: list[str] = []
        for case in cases:
            each = known[case]
            cells.append(f"{each['alerts_before']} in {each['values_before']}")
            cells.append("missed" if each["delay"] is None else str(each["delay"]))
        table.add_row(name, *cells)
    return table

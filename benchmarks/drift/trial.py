"""Measures contestants in a process of its own, since each library lives in its environment.

    PYTHON -m benchmarks.drift.trial PLAN.json       one JSON object a line: what each reached

It takes turns setting by setting: tunes each on model-years without drift, counts its false alarms
on other years, then takes its delays on each scenario; and the same with the value as shipped.
"""

import json
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.drift.alerts import alerts
from benchmarks.drift.contestants import Contestant, all_contestants
from benchmarks.drift.streams import (
    DELAY_MAX,
    SCENARIOS,
    Setting,
    Stream,
    changed,
    known_change,
    settings,
    year,
)
from benchmarks.drift.tuning import tuned

# Years for tuning are not those that false alarms are counted on.
FIRST_TUNING_YEAR = 1_000_000
SHIPPED_SCENARIO = "abrupt 1 SD"


@dataclass(frozen=True)
class Plan:
    """What to measure; `wanted_per_year` is the rate of false alarms that all are tuned to."""

    contestants: list[str]
    settings: list[str]
    pools: dict[str, list[list[float]]]
    cases: dict[str, dict[str, Any]]
    tuning_years: int
    years: int
    repeats: int
    wanted_per_year: float


def opened(contestant: Contestant, prepared: Any, stream: Stream, value: float) -> Iterator[int]:
    """Yield where alerts open after the baseline."""
    alarms = contestant.alarms(prepared, value)
    if contestant.own_alerts:
        return (place for place in alarms if place >= stream.baseline)
    return alerts(alarms, stream)


class Trial:
    """One contestant in one setting."""

    def __init__(self, contestant: Contestant, name: str, setting: Setting, plan: Plan) -> None:
        self._contestant, self._name, self._setting, self._plan = contestant, name, setting, plan

    def run(self) -> dict[str, Any]:
        """Return what the contestant reached, tuned and as shipped."""
        plan, contestant = self._plan, self._contestant
        found = tuned(
            self._counter(FIRST_TUNING_YEAR, plan.tuning_years),
            contestant.quiet,
            contestant.loud,
            plan.wanted_per_year * plan.tuning_years,
        )
        count = self._counter(0, plan.years)
        return {
            "tuned": {
                "value": found.value,
                "reached": found.reached,
                "false_alarms": count(found.value),
                "delays": {name: self._delays(name, found.value) for name in SCENARIOS},
            },
            "shipped": {
                "value": contestant.shipped,
                "false_alarms": count(contestant.shipped),
                "delays": {SHIPPED_SCENARIO: self._delays(SHIPPED_SCENARIO, contestant.shipped)},
            },
            "known_changes": {
                name: self._known(case, found.value) for name, case in plan.cases.items()
            },
            "years": plan.years,
        }

    def _counter(self, first: int, years: int) -> Any:
        prepared: list[tuple[Any, Stream]] = []

        def count(value: float) -> int:
            if not prepared:
                for number in range(first, first + years):
                    stream = year(self._name, self._setting, number)
                    prepared.append((self._contestant.prepare(stream), stream))
            return sum(
                sum(1 for _ in opened(self._contestant, ready, stream, value))
                for ready, stream in prepared
            )

        return count

    def _delays(self, scenario: str, value: float) -> dict[str, Any]:
        """Return the pairs to the alert, the last of them included; None where it is missed."""
        delays: list[int | None] = []
        early = 0
        for number in range(self._plan.repeats):
            stream = changed(self._name, self._setting, scenario, number)
            assert stream.change is not None
            first = self._first(stream, value)
            if first is not None and first < stream.change:
                early += 1
            else:
                delays.append(None if first is None else first - stream.change + 1)
        return {"delays": delays, "early": early, "limit": DELAY_MAX}

    def _first(self, stream: Stream, value: float) -> int | None:
        prepared = self._contestant.prepare(stream)
        return next(iter(islice(opened(self._contestant, prepared, stream, value), 1)), None)

    def _known(self, case: dict[str, Any], value: float) -> dict[str, Any]:
        stream = known_change(case)
        assert stream.change is not None
        prepared = self._contestant.prepare(stream)
        places = list(opened(self._contestant, prepared, stream, value))
        after = [place - stream.change + 1 for place in places if place >= stream.change]
        return {
            "alerts_before": sum(place < stream.change for place in places),
            "values_before": stream.change - stream.baseline,
            "delay": after[0] if after else None,
            "values_after": len(stream.errors) - stream.change,
        }


def main(path: str) -> None:
    """Run a plan; every line on standard output is what one contestant reached in one setting."""
    # What other libraries warn of is theirs to mend, and would hide what this process says.
    warnings.simplefilter("ignore")
    plan = Plan(**json.loads(Path(path).read_text()))
    there = all_contestants()
    known = settings(plan.pools)
    for name in plan.settings:
        for contestant in plan.contestants:
            line: dict[str, Any] = {"contestant": contestant, "setting": name}
            try:
                line["result"] = Trial(there[contestant], name, known[name], plan).run()
            except ImportError as error:
                line["error"] = f"not installed: {error}"
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

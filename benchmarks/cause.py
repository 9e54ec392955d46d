"""How often the cause of a change is named right: simulated labs whose cause is known.

\b
    python -m benchmarks.cause                    200 labs a setting, some minutes
    python -m benchmarks.cause --runs 50 --only "no shift" --json

A lab has 4 lots, 3 instruments, 4 operators, 2 protocols and 2 model versions, drawn for each
result, and makes 20 results a day. Errors are normal with SD 1. 200 results come before the change;
since then those at the bad level read 1 SD higher, until 30 are at it and 200 are not, or so; of a
pair until 30 are at each. A new level was never used before. With an ICC one instrument and one
operator make each run of 20. Each lab is judged twice: split at the true change, and where the
monitor's estimate puts it (at the true change where it finds none).

right: the bad level on top; of a pair both on top. half: one of the pair and nothing else. tied:
among levels that cannot be told apart. guessed: one of two aliased levels without the other. none:
no cause. wrong: anything else. more: causes beyond those that there were, behind the right ones or
not. aliased: of two aliased levels, that they are said to be, as a cause or not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np

from benchmarks.cause_lab import BAD_RESULTS, LEVELS, PAIRS, Lab, Setting, simulated
from benchmarks.show import finish
from processors.cause import Cause, explain
from processors.onset import onset

OTHERS = 200
SHARE = BAD_RESULTS / (BAD_RESULTS + OTHERS)
OUTCOMES = ("right", "half", "tied", "guessed", "none", "wrong")
BESIDE = ("more", "aliased")
SETTINGS: Mapping[str, Setting] = {
    "no shift": Setting(),
    "everything shifts": Setting(everything_sd=1.0),
    "levels differ, no shift": Setting(standing_sd=0.5),
    "levels differ, everything shifts": Setting(standing_sd=0.5, everything_sd=1.0),
    **{f: Setting((f,), share=SHARE) for f in LEVELS},
    **{f"{f}, new": Setting((f,), share=SHARE, new=True) for f in LEVELS},
    **{f"{a} and {b}": Setting((a, b), share=SHARE) for a, b in PAIRS},
    **{
        f"{a} aliased with {b}, {unlike:.0%} unlike": Setting(
            (a,), share=SHARE, new=True, aliased=(a, b), unlike=unlike
        )
        for a, b in (("reagent_batch", "instrument"), ("operator", "protocol_version"))
        for unlike in (0.0, 0.05, 0.1)
    },
    "reagent_batch, a quarter of all": Setting(("reagent_batch",), share=0.25),
    "instrument, a third of all": Setting(("instrument",), share=1 / 3),
    "protocol_version, half of all": Setting(("protocol_version",), share=0.5),
    "reagent_batch, new, takes over": Setting(("reagent_batch",), share=1.0, new=True),
    **{
        f"{name}, ICC {icc}": Setting(bad, everything_sd=all_sd, share=SHARE, icc=icc, by_run=True)
        for icc in (0.1, 0.3)
        for name, bad, all_sd in (
            ("no shift", (), 0.0),
            ("everything shifts", (), 1.0),
            ("reagent_batch", ("reagent_batch",), 0.0),
            ("instrument", ("instrument",), 0.0),
        )
    },
}


def explained(lab: Lab, estimated: bool) -> Cause:
    """Return the cause found of what a lab made, split at the true change or the estimated one."""
    began = onset(lab.results) if estimated else None
    if began is None:
        began = lab.results[lab.before].at
    since = [r for r in lab.results if (r.at or 0) >= (began or 0)]
    return explain(since, lab.results[: len(lab.results) - len(since)])


def outcome(setting: Setting, cause: Cause) -> str:
    """Return one of OUTCOMES, for what should have been found."""
    found = [set(finding.levels) for finding in cause.findings]
    if not found:
        return "none"
    if setting.aliased is not None:
        pair = {setting.bad_level(factor) for factor in setting.aliased}
        if found[0] == pair:
            return "tied"
        return "guessed" if any(len(levels & pair) == 1 for levels in found) else "wrong"
    truth = {setting.bad_level(factor) for factor in setting.bad}
    top = [next(iter(levels)) for levels in found[: len(truth)] if len(levels) == 1]
    if truth and set(top) == truth:
        return "right"
    if len(truth) == 2 and len(found) == 1 and set(top) < truth and top:
        return "half"
    return "tied" if len(found[0]) > 1 and truth & found[0] else "wrong"


def _are_told(setting: Setting, cause: Cause) -> bool:
    pair = {setting.bad_level(factor) for factor in setting.aliased or ()}
    return bool(pair) and any(pair <= set(group) for group in cause.aliased)


def measured(setting: Setting, runs: int, first_seed: int, estimated: bool) -> dict[str, float]:
    """Return the part of the runs with each outcome, and with what BESIDE names."""
    counts: Counter[str] = Counter()
    for seed in range(first_seed, first_seed + runs):
        cause = explained(simulated(setting, np.random.default_rng(seed)), estimated)
        counts[outcome(setting, cause)] += 1
        counts["aliased"] += _are_told(setting, cause)
        counts["more"] += len(cause.findings) > max(1, len(setting.bad))
    return {name: counts[name] / runs for name in (*OUTCOMES, *BESIDE)}


def _row(name: str, split: str, found: Mapping[str, float]) -> Sequence[str]:
    return name, split, *(f"{100 * part:.1f}" if part else "" for part in found.values())


@click.command(help=__doc__)
@click.option("--runs", default=200, show_default=True, help="Labs of each setting.")
@click.option("--only", default="", help="Only settings whose name begins so.")
@click.option("--seed", default=1_000_000, show_default=True, help="That of the first lab.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def main(runs: int, only: str, seed: int, as_json: bool) -> None:
    """Simulate the labs and print how often each outcome came."""
    found: dict[str, Any] = {}
    rows = []
    for name, setting in SETTINGS.items():
        if not name.startswith(only):
            continue
        for split in ("true", "estimated"):
            parts = measured(setting, runs, seed, split == "estimated")
            found.setdefault(name, {})[split] = parts
            rows.append(_row(name, split, parts))
            if not as_json:
                click.echo("  ".join(rows[-1]), err=True)
    heading = ["cause", "onset", *(f"{name} %" for name in (*OUTCOMES, *BESIDE))]
    finish("cause", {"runs": runs, "settings": found}, rows, heading, as_json)


if __name__ == "__main__":
    main()

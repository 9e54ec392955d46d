"""`python -m benchmarks.drift`, which `make bench-drift` runs."""

import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import Progress

from benchmarks.drift import report
from benchmarks.drift.contestants import all_contestants
from benchmarks.drift.real_data import found_here
from benchmarks.drift.streams import settings
from benchmarks.drift.trial import Plan
from benchmarks.report import RESULTS_PATH, machine
from benchmarks.show import table_console

REPOSITORY = Path(__file__).parents[2]
PEERS_PYTHON = REPOSITORY / ".tools" / "drift-peers" / "bin" / "python"
# Both libraries call home when they are used, unless these are set.
QUIET = {"NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
SMALL_SETTINGS = ("ICC 0",)


def _environment() -> dict[str, str]:
    return {**os.environ, **QUIET, "PYTHONPATH": str(REPOSITORY)}


def _peers(code: Sequence[str]) -> str:
    """Return what the other libraries' Python prints, nothing where there is none."""
    if not PEERS_PYTHON.exists():
        return ""
    done = subprocess.run(
        [PEERS_PYTHON, *code], capture_output=True, text=True, env=_environment(), check=False
    )
    return done.stdout if done.returncode == 0 else ""


def _data() -> dict[str, dict[str, Any]]:
    found = found_here()
    theirs = json.loads(_peers(["-m", "benchmarks.drift.real_data"]) or "{}")
    return {kind: {**found[kind], **theirs.get(kind, {})} for kind in found}


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for package in sorted({each.package for each in all_contestants().values()}):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            code = f"import importlib.metadata as m; print(m.version({package!r}))"
            version = _peers(["-c", code]).strip()
            if version:
                found[package] = version
    return found


def _groups(names: Sequence[str], processes: int) -> list[tuple[str, list[str]]]:
    """Return which contestants run in one process, and by which Python."""
    there = all_contestants()
    python = {True: str(PEERS_PYTHON), False: sys.executable}
    if not PEERS_PYTHON.exists():
        python[True] = sys.executable
    found: list[tuple[str, list[str]]] = []
    for peer in (False, True):
        own = [name for name in names if there[name].peer is peer]
        parts = min(len(own), 1 if peer else max(1, processes - 1))
        found += [(python[peer], own[part::parts]) for part in range(parts)]
    return found


def _chosen(text: str | None, there: Sequence[str], what: str) -> list[str]:
    wanted = [name.strip() for name in (text or "").split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(there))
    if unknown:
        raise click.BadParameter(f"no {what} {', '.join(unknown)}; there are {', '.join(there)}")
    return wanted or list(there)


class Run:
    """Trials of a plan, shared out to processes; `results` by setting and contestant."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        self._plan, self._progress = plan, progress
        count = len(plan.contestants) * len(plan.settings)
        self._bar = progress.add_task("tuned and measured", total=count)
        self.results: dict[str, dict[str, Any]] = {name: {} for name in plan.settings}

    def run(self, processes: int) -> None:
        """Run all trials, at most `processes` at a time."""
        groups = _groups(self._plan.contestants, processes)
        with tempfile.TemporaryDirectory(prefix="recalibra-drift-") as folder:
            with ThreadPoolExecutor(processes) as pool:
                runs = [
                    pool.submit(self._group, Path(folder) / f"{number}.json", *group)
                    for number, group in enumerate(groups)
                ]
            for run in runs:
                run.result()

    def _group(self, path: Path, python: str, names: list[str]) -> None:
        path.write_text(json.dumps({**asdict(self._plan), "contestants": names}))
        errors = path.with_suffix(".log")
        with errors.open("w") as log:
            trial = subprocess.Popen(
                [python, "-m", "benchmarks.drift.trial", str(path)],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=_environment(),
                cwd=REPOSITORY,
            )
            assert trial.stdout is not None
            for line in trial.stdout:
                self._take(json.loads(line))
        if trial.wait():
            last = (errors.read_text().strip() or "no word").splitlines()[-1]
            for name in names:
                for reached in self.results.values():
                    reached.setdefault(name, {"error": f"failed: {last}"})

    def _take(self, line: dict[str, Any]) -> None:
        name, setting = line["contestant"], line["setting"]
        found = {"error": line["error"]} if "error" in line else report.figures(line["result"])
        self.results[setting][name] = found
        self._progress.advance(self._bar)
        self._progress.console.print(f"{setting}, {name}: {report.in_short(found)}")


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--small", is_flag=True, help="One setting, few repeats: all done in a minute.")
@click.option("--tuning-years", default=50, show_default=True, type=click.IntRange(1))
@click.option("--years", default=100, show_default=True, help="Years to count false alarms on.")
@click.option("--repeats", default=200, show_default=True, help="Streams of each scenario.")
@click.option("--rate", default=1.0, show_default=True, help="False alarms a year to tune to.")
@click.option("--only", help="Contestants, comma separated; the results are not kept then.")
@click.option("--settings", "only_settings", help="Settings, comma separated.")
@click.option("--processes", default=2, show_default=True, type=click.IntRange(1, 64))
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON, no tables.")
def main(
    small: bool,
    tuning_years: int,
    years: int,
    repeats: int,
    rate: float,
    only: str | None,
    only_settings: str | None,
    processes: int,
    as_json: bool,
) -> None:
    """Compare drift detectors at one rate of false alarms: how soon does each find a change?

    Each is tuned on simulated model-years without drift (5,000 pairs in 250 runs of 20), counted on
    others, and shown streams with a change that begins 40 to 89 pairs after a baseline of 200. In
    each setting anew. A run of all contestants is kept in benchmarks/results/drift.json.

    \b
    Examples:
      make bench-drift DRIFT="--small"
      python -m benchmarks.drift --only recalibra,adwin,ideal_cusum --settings "ICC 0,ICC 0.3"
      python -m benchmarks.drift --tuning-years 200 --years 500 --json
    """
    if small:
        tuning_years, years, repeats = 3, 6, 10
    console = Console(stderr=True)
    data = _data()
    names = _chosen(only, list(all_contestants()), "contestant")
    known = list(settings(data["pools"]))
    if small and not only_settings:
        known = list(SMALL_SETTINGS)
    wanted = _chosen(only_settings, known, "setting")
    plan = Plan(names, wanted, data["pools"], data["cases"], tuning_years, years, repeats, rate)
    with Progress(console=console) as progress:
        run = Run(plan, progress)
        run.run(processes)
    versions = _versions()
    found = {
        "settings": run.results,
        "false_alarms_per_year_tuned_to": rate,
        "tuning_years": tuning_years,
        "repeats": repeats,
        "versions": versions,
        "machine": machine(),
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if not only and not small:
        path = RESULTS_PATH.with_name("drift.json")
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    report.show(run.results, versions, rate, table_console())


if __name__ == "__main__":
    main()

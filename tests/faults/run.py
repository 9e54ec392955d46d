"""The fault suite: real broker, real ClickHouse, every seed one scenario held against the batch."""

import json
import logging
import sys
import tempfile
from pathlib import Path

import click
from fault_plan import plan_of
from result import Result
from scenario import Scenario
from services import Services

REPOSITORY = Path(__file__).resolve().parents[2]
CACHE = REPOSITORY / ".recalibra" / "cache"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--seeds", default=20, show_default=True, help="How many scenarios.")
@click.option("--first", default=1, show_default=True, help="Number of the first one.")
@click.option("--only", type=int, help="Run this one seed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a seed.")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep logs and markers in a folder.")
def main(seeds: int, first: int, only: int | None, as_json: bool, keep: Path | None) -> None:
    """Kill, stop, cut off and storm the stages; compare all they say with the batch answer.

    \b
    Examples:
      python tests/faults/run.py                         seeds 1 to 20
      python tests/faults/run.py --seeds 20 --first 1000
      python tests/faults/run.py --only 7 --keep /tmp/seed7
      python tests/faults/run.py --seeds 3 --json

    Ends with code 1 when a seed differs or a planned fault took no effect; what differs is printed
    last.
    """
    if keep is not None and keep.exists():
        raise click.UsageError(f"{keep} is there already: name a new folder for --keep")
    logging.basicConfig(level=logging.CRITICAL)
    numbers = [only] if only is not None else list(range(first, first + seeds))
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as temporary:
        folder = keep or Path(temporary)
        with Services(folder, CACHE).running() as services:
            for number in numbers:
                own = folder / f"seed{number}"
                own.mkdir(parents=True)
                say = _unheard if as_json else _progress
                result = Scenario(plan_of(number), services, own, say).run()
                results.append(result)
                click.echo(json.dumps(result.as_json()) if as_json else result.line())
    _end(results, as_json)


def _progress(text: str) -> None:
    click.echo(text, err=True)


def _unheard(_text: str) -> None:
    pass


def _end(results: list[Result], as_json: bool) -> None:
    """Print the sum and what differs, last, and end the process."""
    failed = [result for result in results if not result.passed]
    if not as_json:
        click.echo(f"{len(results) - len(failed)} of {len(results)} equal to the batch answer")
    for result in failed:
        click.echo(f"seed {result.seed} ({result.plan}):", err=as_json)
        for text in (*(f"no effect: {name}" for name in result.missed), *result.differences):
            click.echo(f"  {text}", err=as_json)
        for end in result.ends:
            click.echo(f"  {end}", err=as_json)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

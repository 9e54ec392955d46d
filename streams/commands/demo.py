"""`recalibra demo`: the main job on real values, with a lot that goes bad."""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streams.demo.follow import Follower
    from streams.demo.story import Story
    from streams.local.session import LocalSession

QUERY = (
    "SELECT coalesce(segment_value, 'all') AS segment, metric, round(value, 3) AS value, n "
    "FROM accuracy "
    "WHERE window = 'last:50' AND metric IN ('rmse', 'me') ORDER BY segment, metric"
)


@click.command()
@click.option("--seed", default=1, show_default=True, help="Which contexts are drawn.")
@click.option("--bad-lot", default="LOT-C", show_default=True, help="LOT-A, -B, -C or -D.")
@click.option("--shift", default=1.5, show_default=True, help="In SD of the error; 0 for none.")
@click.option("--once", is_flag=True, help="End when the story is told, instead of at Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option(
    "--export",
    type=click.Path(file_okay=False, path_type=Path),
    help="Only write the story as CSV files into this folder.",
)
def command(
    seed: int, bad_lot: str, shift: float, once: bool, as_json: bool, export: Path | None
) -> None:
    """Show the main job: real values are joined, scored, watched, stored and alerted.

    Each run starts from nothing. Real are FreeSolv's calculated and measured values; contexts,
    times and the bad lot are simulated.

    \b
    Examples:
      recalibra demo
      recalibra demo --bad-lot LOT-A --shift 2
      recalibra demo --once --json
      recalibra demo --export story && recalibra replay --predictions story/predictions.csv \\
        --outcomes story/outcomes.csv --alerts
    """
    started = time.monotonic()
    from streams.demo.story import tell

    story = tell(seed, bad_lot, shift)
    if export is not None:
        from streams.demo.export import write_csv

        for path in write_csv(story, export):
            click.echo(f"wrote {path}")
        return
    from streams.local.session import fresh_demo_session
    from streams.settings import load_settings
    from streams.stopping import until_stopped

    session = fresh_demo_session(load_settings(), lambda line: click.echo(line, err=True))
    with until_stopped(session.stop):
        session.start()
        _play(session, story, started, as_json)
        if not once:
            click.echo(session.welcome(QUERY), err=as_json)
            session.stay()
    if not once:
        click.echo("stopped; nothing is left running", err=as_json)


def _play(session: "LocalSession", story: "Story", started: float, as_json: bool) -> None:
    from rich.console import Console
    from rich.live import Live

    from streams.demo import screen
    from streams.demo.follow import Follower
    from streams.demo.run import Demo
    from streams.schema_ids import make_codec
    from streams.show_rows import print_json

    codec = make_codec(session.settings.registry)
    console = Console(stderr=as_json)
    follower = Follower(session.settings.kafka, codec)
    try:
        # On a pipe or a file a moving picture would be noise.
        with Live(console=console, refresh_per_second=8, transient=True) as live:

            def look(now: "Follower", sent: int) -> None:
                if console.is_terminal:
                    live.update(screen.screen(story, now, sent))

            report = Demo(session, story, codec, started, look).run(follower)
        if not as_json:
            console.print(screen.screen(story, follower, len(story.outcomes)))
            named = [a.segment_value for a in follower.alerts.values() if a.segment_value]
            lot = named[0] if named and named[0] in follower.curves else story.bad_lot
            console.print(screen.chart(follower.curves, lot, console.width))
    finally:
        follower.close()
    if as_json:
        print_json([report._asdict()])

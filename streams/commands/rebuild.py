"""`recalibra rebuild`: what can be made anew from the topics, made anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streams.settings import Settings

STATEFUL = "join,monitor"
YES = click.option("--yes", is_flag=True, help="Do not ask.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
ACCEPT_LOSS = click.option(
    "--accept-loss",
    is_flag=True,
    help="Rebuild though Kafka has removed old records; what followed from them is gone then.",
)


@click.group()
def command() -> None:
    """Make ClickHouse's tables, or the state of stages, anew from Kafka's topics.

    The stages concerned must not run. A local stack that does not run is started for the while.
    A rebuild that was stopped or killed has done no harm: give it again.

    \b
    Examples:
      recalibra rebuild clickhouse
      recalibra rebuild state --stages monitor
    """


@command.command("clickhouse")
@YES
@JSON
@ACCEPT_LOSS
def clickhouse(yes: bool, as_json: bool, accept_loss: bool) -> None:
    """Fill every table of ClickHouse anew from the topics.

    Fresh tables are filled beside the old ones, which are asked until the new ones take their
    place. The sink must not run; the other stages may.

    \b
    Examples:
      recalibra rebuild clickhouse
      recalibra rebuild clickhouse --yes --json
    """
    from sinks.tables import TABLES
    from streams.clickhouse_access import make_side_tables, make_sink
    from streams.rebuild_access import refuse_removed, refuse_running
    from streams.rebuild_clickhouse import ClickHouseRebuild
    from streams.schema_ids import make_codec
    from streams.show_rows import print_json

    with _services(with_clickhouse=True) as settings:
        refuse_running(settings, ["sink"])
        if not accept_loss:
            refuse_removed(settings.kafka, TABLES)
        where = f"{settings.clickhouse.database} at {settings.clickhouse.host}"
        _ask(yes, f"Fill all tables of {where} anew?")
        sink = make_sink(settings.clickhouse)
        side = make_side_tables(settings.clickhouse)
        try:
            codec = make_codec(settings.registry)
            with _progress() as progress:
                rebuilt = ClickHouseRebuild(settings.kafka, codec, sink, side).run(
                    lambda topic, done, total: progress(f"tables: {topic}", done, total)
                )
        finally:
            sink.close()
            side.close()
    if as_json:
        print_json([rebuilt._asdict()])
        return
    rows = ", ".join(f"{count} {topic}" for topic, count in rebuilt.rows.items())
    click.echo(f"{rebuilt.records} records read; rows: {rows}")
    if rebuilt.refused:
        click.echo(
            f"{rebuilt.refused} events are refused by ClickHouse and in no dead letter; the log "
            "(--verbose) names them",
            err=True,
        )


@command.command("state")
@click.option("--stages", default=STATEFUL, show_default=True, help="Comma separated.")
@YES
@JSON
@ACCEPT_LOSS
def state(stages: str, yes: bool, as_json: bool, accept_loss: bool) -> None:
    """Make the state of stages anew from their input topics.

    The input is worked off once more, up to where each stage stood. Then what differs is put into
    its changelog; results that had been said so are not said again. The stages must not run; the
    others may. Copies of the state on this machine are removed, and restored when a stage starts.

    \b
    Examples:
      recalibra rebuild state
      recalibra rebuild state --stages join --yes --json
    """
    from streams.kafka_access import ensure_topics
    from streams.rebuild_access import refuse_removed, refuse_running
    from streams.rebuild_state import StateRebuild, stage_of
    from streams.schema_ids import make_codec
    from streams.show_rows import print_json

    wanted = [stage_of(name.strip()) for name in stages.split(",") if name.strip()]
    with _services(with_clickhouse=False) as settings:
        refuse_running(settings, [stage.name for stage in wanted])
        # One whose changelog is lost has its topic again.
        ensure_topics(settings.kafka)
        if not accept_loss:
            refuse_removed(settings.kafka, {short for stage in wanted for short in stage.inputs})
        names = " and ".join(stage.name for stage in wanted)
        prefix = settings.kafka.topic_prefix
        _ask(
            yes,
            f"Make the state of {names} of {prefix} at {settings.kafka.bootstrap_servers} anew?",
        )
        codec = make_codec(settings.registry)
        for stage in wanted:
            with _progress() as progress:
                rebuilt = StateRebuild(settings, codec, stage).run(progress)
            if as_json:
                print_json([rebuilt._asdict()])
                continue
            click.echo(
                f"{rebuilt.stage}: {rebuilt.records} records taken, {rebuilt.state_records} in the "
                f"state, {rebuilt.changed} of them or of those before differed; {rebuilt.said} "
                "results had not been said so and are now"
            )
            if rebuilt.unfounded:
                click.echo(
                    f"{rebuilt.unfounded} results stand that do not follow from the input; they "
                    "are left",
                    err=True,
                )


@contextmanager
def _services(*, with_clickhouse: bool) -> "Iterator[Settings]":
    from streams.rebuild_access import services
    from streams.settings import load_settings

    def say(line: str) -> None:
        click.echo(line, err=True)

    with services(load_settings(), clickhouse=with_clickhouse, say=say) as settings:
        yield settings


def _ask(yes: bool, question: str) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


@contextmanager
def _progress() -> "Iterator[Callable[[str, int, int], None]]":
    from rich.progress import MofNCompleteColumn, TimeRemainingColumn

    from streams.show_progress import progress_bar

    with progress_bar("", MofNCompleteColumn(), TimeRemainingColumn()) as progress:
        yield lambda what, done, total: progress(done, total, what)

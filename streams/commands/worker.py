"""`recalibra worker`: the stages, kept running."""

import click

from streams.kafka_access import stage_names


@click.command()
@click.option(
    "--stages", default=",".join(stage_names()), show_default=True, help="Comma separated."
)
@click.option("--processes", default=1, show_default=True, help="Processes of each stage.")
def command(stages: str, processes: int) -> None:
    """Run stages until Ctrl-C, here beside others on any number of machines.

    Finds Kafka and ClickHouse by the settings, or the stack that `recalibra up` runs.

    \b
    Examples:
      recalibra worker
      recalibra worker --stages join --processes 2
    """
    from schemas.errors import SettingsError
    from streams.addresses import as_environment, kafka_resolved, resolved
    from streams.clickhouse_access import ensure_tables
    from streams.clocks import refuse_wrong_clock
    from streams.kafka_access import ensure_topics
    from streams.kafka_rights import check_stage_rights
    from streams.settings import load_settings
    from streams.stopping import until_stopped
    from streams.supervisor import Supervisor

    wanted = [name.strip() for name in stages.split(",") if name.strip()]
    unknown = sorted(set(wanted) - set(stage_names()))
    if unknown or not wanted:
        raise SettingsError(
            f"there is no stage {', '.join(unknown) or stages!r}; there are "
            f"{', '.join(stage_names())}"
        )
    settings = load_settings()
    settings = resolved(settings) if "sink" in wanted else kafka_resolved(settings)
    ensure_topics(settings.kafka)
    check_stage_rights(settings.kafka, wanted)
    refuse_wrong_clock(settings)
    if "sink" in wanted:
        ensure_tables(settings.clickhouse)
    logs = settings.state_dir / "logs"
    supervisor = Supervisor(wanted, processes, as_environment(settings), logs, click.echo)
    with until_stopped(supervisor.stop):
        supervisor.start()
        click.echo(f"running {', '.join(wanted)}; logs are in {logs}; Ctrl-C stops")
        supervisor.watch()

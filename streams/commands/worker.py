"""`recalibra worker`: the stages, kept running."""

import click

# A hand-over may take 8 s; docker and most init systems kill after 10 s or more.
STOP_GRACE_S = 9.0


@click.command()
@click.option(
    "--stages",
    help="Comma separated; default: join,monitor,sink, and notify when a channel is set.",
)
@click.option(
    "--processes",
    default="1",
    show_default=True,
    help="Processes of each stage, or some stages' own: join=4,sink=2.",
)
def command(stages: str | None, processes: str) -> None:
    """Run stages until Ctrl-C, here beside others on any number of machines.

    Finds Kafka and ClickHouse by the settings, or the stack that `recalibra up` runs. A process
    that ends, or makes no progress, is started again. Work is shared by lanes, so that one more
    worker takes some over from the others; Ctrl-C or SIGTERM hands them on.

    \b
    Examples:
      recalibra worker
      recalibra worker --stages join --processes 2
      recalibra worker --processes join=4,sink=2
      recalibra status --watch            who works on what, from anywhere
    """
    from functools import partial

    from streams.addresses import as_environment, kafka_resolved, resolved
    from streams.clickhouse_access import ensure_tables
    from streams.clocks import refuse_wrong_clock
    from streams.kafka_access import ensure_topics
    from streams.kafka_rights import check_stage_rights
    from streams.logs import sayer
    from streams.process_counts import idle_processes, process_counts, wanted_stages
    from streams.restore_screen import RestoreScreen
    from streams.settings import load_settings
    from streams.stopping import until_stopped
    from streams.supervisor import Supervisor

    settings = load_settings()
    counts = process_counts(stages or ",".join(wanted_stages(settings)), processes)
    say = sayer(settings.logging, click.echo)
    settings = resolved(settings) if "sink" in counts else kafka_resolved(settings)
    ensure_topics(settings.kafka)
    check_stage_rights(settings.kafka, list(counts))
    refuse_wrong_clock(settings)
    if "sink" in counts:
        ensure_tables(settings.clickhouse)
    if (warning := idle_processes(counts, settings.kafka.partitions)) is not None:
        say(warning)
    logs = settings.state_dir / "logs"
    supervisor = Supervisor(list(counts), counts, as_environment(settings), logs, say)
    screen = RestoreScreen(settings.state_dir, settings.kafka.topic_prefix, say)
    with until_stopped(partial(supervisor.stop, STOP_GRACE_S)):
        supervisor.start()
        running = ", ".join(f"{n} x {name}" if n > 1 else name for name, n in counts.items())
        say(f"running {running}; logs are in {logs}; Ctrl-C stops")
        try:
            supervisor.watch(screen.look)
        finally:
            screen.close()
    say("stopped; what was being worked on is handed on")

"""`recalibra up`: the whole of it on this machine."""

import click


@click.command()
@click.option("--kafka-port", type=click.IntRange(1, 65535), help="Default: a free one.")
@click.option("--clickhouse-port", type=click.IntRange(1, 65535), help="Default: a free one.")
@click.option(
    "--processes",
    default="1",
    show_default=True,
    help="Processes of each stage, or some stages' own: join=4,sink=2.",
)
def command(kafka_port: int | None, clickhouse_port: int | None, processes: str) -> None:
    """Start Kafka, ClickHouse and the worker here, and stay until Ctrl-C.

    Everything listens on this machine only; what is stored is kept for the next start.

    \b
    Examples:
      recalibra up
      recalibra up --clickhouse-port 8123
      recalibra up --processes join=2
    """
    from streams.local.session import LocalSession
    from streams.logs import sayer
    from streams.process_counts import process_counts, wanted_stages
    from streams.settings import load_settings
    from streams.stopping import until_stopped

    settings = load_settings()
    counts = process_counts(",".join(wanted_stages(settings)), processes)
    session = LocalSession(
        settings,
        kafka_port=kafka_port,
        clickhouse_port=clickhouse_port,
        processes=counts,
        say=sayer(settings.logging, click.echo),
    )
    with until_stopped(session.stop):
        session.start()
        click.echo(session.welcome())
        session.stay()
    click.echo("stopped; nothing is left running")

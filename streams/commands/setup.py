"""`recalibra setup`: what has to be there before the first event."""

import click


@click.command()
def command() -> None:
    """Create the topics in Kafka and the tables and views in ClickHouse that are missing.

    `recalibra up`, `recalibra worker` and `recalibra demo` do this themselves.

    \b
    Example:
      RECALIBRA_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 RECALIBRA_CLICKHOUSE_HOST=ch recalibra setup
    """
    from streams.addresses import resolved
    from streams.clickhouse_access import ensure_tables
    from streams.clocks import refuse_wrong_clock
    from streams.kafka_access import ensure_topics
    from streams.settings import load_settings

    settings = resolved(load_settings())
    created = ensure_topics(settings.kafka)
    refuse_wrong_clock(settings)
    for name in created:
        click.echo(f"created topic {name} with {settings.kafka.partitions} partitions")
    if not created:
        click.echo("every topic is there")
    ensure_tables(settings.clickhouse)
    click.echo("every table and view is there")

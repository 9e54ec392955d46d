"""`recalibra topics`: the topics in Kafka."""

import click


@click.group()
def command() -> None:
    """Create the topics that lab systems and stages use."""


@command.command()
def create() -> None:
    """Create every topic that is missing, with the partitions of the settings.

    \b
    Example:
      RECALIBRA_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 recalibra topics create
    """
    from streams.addresses import kafka_resolved
    from streams.kafka_access import ensure_topics
    from streams.settings import load_settings

    settings = kafka_resolved(load_settings())
    created = ensure_topics(settings.kafka)
    for name in created:
        click.echo(f"created {name} with {settings.kafka.partitions} partitions")
    if not created:
        click.echo("every topic is there")

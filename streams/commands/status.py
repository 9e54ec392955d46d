"""`recalibra status`: how the stages stand, from any machine that reaches Kafka."""

import click


@click.command()
@click.option("--json", "as_json_lines", is_flag=True, help="One JSON object a look.")
@click.option("--watch", is_flag=True, help="Look again and again, until Ctrl-C.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.5, 3600),
    default=2.0,
    show_default=True,
    help="Seconds between two looks; rates are told over them.",
)
def command(as_json_lines: bool, watch: bool, every_s: float) -> None:
    """Show who works on what, how far behind it is, and how fast it goes.

    Per stage and lane: owner, records behind and the age of the oldest, records and transactions
    per second, open predictions, last checkpoint. Most comes from Kafka; workers of this machine
    add restores, waiting and memory. "behind" may count a few offsets that hold no record.

    \b
    Examples:
      recalibra status
      recalibra status --watch
      recalibra status --json
    """
    from streams.addresses import kafka_resolved
    from streams.settings import load_settings
    from streams.status_looks import StatusLooks, show

    settings = kafka_resolved(load_settings())
    looks = StatusLooks(settings, every_s)
    try:
        show(looks, as_json_lines, watch)
    finally:
        looks.close()

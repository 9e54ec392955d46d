"""`recalibra alerts`: what is off, why, and what people say of it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from schemas.events import ALERT_STATES, CONTEXT_FIELDS, STATUS_STATES
from streams.alerts.times import Moment, Span

if TYPE_CHECKING:
    from streams.alerts.rows import AlertRows

EXIT_FAILED = 1
BY = click.option("--by", help="Who says so; default: your login's name.")
NOTE = click.option("--note", default="", help="Why.")
MODEL = click.option("--model", help="This model's alone.")


@click.group()
def command() -> None:
    """Show alerts, and tell the monitor what you know of them.

    Listing and showing asks ClickHouse; what you tell goes to Kafka, and the monitor says in a
    moment what has become of the alert.

    \b
    Examples:
      recalibra alerts list
      recalibra alerts show 7d1f6c
      recalibra alerts ack 7d1f6c --note "new lot ordered"
      recalibra alerts mute --assay logP --for 7d
      recalibra alerts plan logP --field reagent_batch --value L7 --from 2026-03-02 --note "new lot"
      recalibra alerts test-channel
    """


@command.command("list")
@MODEL
@click.option("--assay", help="Of this assay alone.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice([*ALERT_STATES, *STATUS_STATES]),
    help="Give it several times for several; default: all but learning and healthy.",
)
@click.option("--since", type=Moment(), help="Changes that began at this time or later.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object an alert.")
def list_alerts(
    model: str | None,
    assay: str | None,
    states: tuple[str, ...],
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List alerts, the open ones first.

    \b
    Examples:
      recalibra alerts list
      recalibra alerts list --assay logP --state open --state acknowledged
      recalibra alerts list --since 2026-02-01 --json
    """
    from streams.alerts.rows import LISTED, Wanted, as_row
    from streams.alerts.screen import print_list
    from streams.show_rows import print_json

    with _rows() as rows:
        total, alerts = rows.wanted(Wanted(model, assay, states or LISTED, since), limit)
    if as_json:
        print_json([as_row(alert) for alert in alerts])
    else:
        print_list(alerts, total)


@command.command("show")
@click.argument("alert_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, with the pairs drawn.")
@click.option(
    "--html", type=click.Path(dir_okay=False, path_type=Path), help="Write it to a web page, too."
)
def show(alert_id: str, as_json: bool, html: Path | None) -> None:
    """Show one alert whole, with the results around the beginning of the change.

    ID is the alert's id or the beginning of it. The chart has the errors in the order of
    measurement, the mean of those before the change, 3 standard deviations to each side of it, and
    where the change began.

    \b
    Examples:
      recalibra alerts show 7d1f6c
      recalibra alerts show 7d1f6c --html alert.html
    """
    from streams.alerts.rows import as_row
    from streams.alerts.screen import print_alert
    from streams.show_rows import print_json

    with _rows() as rows:
        alert = rows.find(alert_id)
        states, evidence = rows.states(alert), rows.evidence(alert)
    if as_json:
        pairs = [result._asdict() for result in (*evidence.before, *evidence.since)]
        print_json([{**as_row(alert), "states": states, "pairs": pairs}])
        return
    print_alert(alert, states, evidence, html)


@command.command("ack")
@click.argument("alert_id", metavar="ID")
@BY
@NOTE
def ack(alert_id: str, by: str | None, note: str) -> None:
    """Say that somebody has seen an alert: it stays, and nobody is told of it again.

    \b
    Examples:
      recalibra alerts ack 7d1f6c
      recalibra alerts ack 7d1f6c --by ann --note "new lot ordered"
    """
    from streams.alerts.telling import tell
    from streams.alerts.words import subject

    with _rows() as rows:
        alert = rows.find(alert_id)
    tell("acknowledge", by, note, about=alert)
    click.echo(f"the monitor is told: {subject(alert)} is acknowledged")


@command.command("mute")
@click.argument("alert_id", metavar="[ID]", required=False)
@click.option("--assay", help="All of an assay, instead of one alert.")
@MODEL
@click.option("--until", type=Moment(), help="The end.")
@click.option("--for", "span", type=Span(), help="How long from now: 12h, 7d, 2w.")
@click.option("--off", is_flag=True, help="End a mute.")
@BY
@NOTE
def mute(
    alert_id: str | None,
    assay: str | None,
    model: str | None,
    until: datetime | None,
    span: timedelta | None,
    off: bool,
    by: str | None,
    note: str,
) -> None:
    """Let nobody be told for a while: of an alert's model version, or of an assay.

    The monitor goes on; what still holds when the mute has ended is told then.

    \b
    Examples:
      recalibra alerts mute 7d1f6c --for 7d
      recalibra alerts mute --assay logP --until 2026-03-02
      recalibra alerts mute --assay logP --model net --off
    """
    from schemas.errors import UserError
    from streams.alerts.telling import now, tell
    from streams.alerts.words import subject

    if (alert_id is None) == (assay is None):
        raise UserError("give an alert's id or --assay, and not both")
    if (until is not None) + (span is not None) + off != 1:
        raise UserError("give one of --until, --for and --off")
    alert = None
    if alert_id is not None:
        with _rows() as rows:
            alert = rows.find(alert_id)
    end = until if span is None else now() + span
    kind = "unmute" if off else "mute"
    tell(kind, by, note, about=alert, assay=assay, model=model, ends=end)
    what = " in ".join(part for part in (model, assay) if part) if alert is None else subject(alert)
    how = "is muted no more" if end is None else f"is muted until {end:%F %H:%M} UTC"
    click.echo(f"the monitor is told: {what} {how}")


@command.command("plan")
@click.argument("assay")
@click.option("--field", type=click.Choice(CONTEXT_FIELDS), help="What will change.")
@click.option("--value", help="What it will be; default: any other one.")
@click.option("--from", "start", type=Moment(), help="When the change comes.")
@click.option("--to", "end", type=Moment(), help="Until when; default: a week later.")
@MODEL
@click.option("--cancel", is_flag=True, help="Take a plan back.")
@BY
@NOTE
def plan(
    assay: str,
    field: str | None,
    value: str | None,
    start: datetime | None,
    end: datetime | None,
    model: str | None,
    cancel: bool,
    by: str | None,
    note: str,
) -> None:
    """Say that something changes on purpose, so that an alert about it says so.

    \b
    Examples:
      recalibra alerts plan logP --field reagent_batch --value L7 --from 2026-03-02 --note "new lot"
      recalibra alerts plan logP --field reagent_batch --value L7 --cancel
    """
    from streams.alerts.telling import tell

    kind = "cancel_plan" if cancel else "plan"
    level = (field, value)
    tell(kind, by, note, assay=assay, model=model, level=level, starts=start, ends=end)
    when = "is taken back" if start is None else f"is planned from {start:%F %H:%M} UTC"
    what = "the change" if field is None else f"the change of {field.replace('_', ' ')}"
    click.echo(f"the monitor is told: {what} in {assay} {'is taken back' if cancel else when}")


@command.command("test-channel")
@click.argument("address", required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be sent and send nothing.")
def test_channel(address: str | None, dry_run: bool) -> None:
    """Send an example to ADDRESS, such as webhook.lab, or to every address of the settings.

    Ends with 1 when one was not reached or refused it.

    \b
    Examples:
      recalibra alerts test-channel
      recalibra alerts test-channel slack.team --dry-run
    """
    from streams.notify.trial import try_addresses
    from streams.settings import load_settings

    if not try_addresses(load_settings(), address, dry_run, click.echo):
        sys.exit(EXIT_FAILED)


@contextmanager
def _rows() -> "Iterator[AlertRows]":
    from streams.addresses import found
    from streams.alerts.rows import AlertRows
    from streams.clickhouse_access import asking
    from streams.settings import load_settings

    with asking(found(load_settings(), role="analyst").clickhouse) as client:
        yield AlertRows(client)

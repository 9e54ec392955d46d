"""`recalibra connect`: events from elsewhere into Kafka."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from connectors.publisher import Publisher
    from streams.settings import Settings
    from streams.settings.lab import CoreSettings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def command() -> None:
    """Bring predictions and outcomes in."""


@command.command("csv")
@click.option("--predictions", type=FILE, help="CSV of predictions.")
@click.option("--outcomes", type=FILE, help="CSV of outcomes.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object of counts.")
def connect_csv(predictions: Path | None, outcomes: Path | None, as_json: bool) -> None:
    """Send CSV files of any size; sending one again changes nothing.

    \b
    Columns of predictions: event_id, revision, retracted, molecule_id, assay_id, reagent_batch,
      instrument, operator, protocol_version, model_id, model_version, value, label, probability,
      uncertainty, unit, predicted_at, and feature:NAME
    Columns of outcomes: event_id, revision, retracted, molecule_id, assay_id, reagent_batch,
      instrument, operator, protocol_version, value, label, qualifier, unit, measured_at

    An absent column or an empty cell means "not stated". A bad row goes to the dead letters with
    line, column and reason, and stops nothing.

    \b
    Example:
      recalibra connect csv --predictions P.csv --outcomes O.csv
    """
    from rich.progress import DownloadColumn, TimeRemainingColumn

    from connectors.csv_send import send_csv
    from schemas.errors import SettingsError
    from streams.addresses import kafka_resolved
    from streams.kafka_access import ensure_topics
    from streams.kafka_rights import check_publisher_rights
    from streams.settings import load_settings
    from streams.show_progress import FirstLines, progress_bar
    from streams.show_rows import print_json

    if predictions is None and outcomes is None:
        raise SettingsError("name at least one file: --predictions P.csv or --outcomes O.csv")
    settings = kafka_resolved(load_settings())
    ensure_topics(settings.kafka)
    check_publisher_rights(settings.kafka)
    bad_rows = FirstLines()

    def bad_row(file: str, line: int, column: str | None, reason: str) -> None:
        where = f", column {column}" if column else ""
        bad_rows.say(f"{file}, line {line}{where}: {reason}")

    publisher, amounts = _publisher(settings), (DownloadColumn(), TimeRemainingColumn())
    with publisher, progress_bar("sending", *amounts) as progress:
        report = send_csv(predictions, outcomes, publisher, progress, bad_row)
    bad_rows.say_rest("bad rows")
    files = {name: file._asdict() for name, file in report._asdict().items() if file is not None}
    if as_json:
        print_json([files])
        return
    for file in files.values():
        click.echo(
            f"{file['file_name']}: {file['rows']} rows, {file['sent']} sent, "
            f"{file['dead_letters']} to the dead letters"
        )


def _publisher(settings: "Settings") -> "Publisher":
    from datetime import UTC, datetime

    from connectors.event_places import Remembering
    from connectors.publisher import Publisher
    from streams.kafka_access import client_settings
    from streams.schema_ids import make_codec

    today = datetime.now(UTC).date()
    return Publisher(
        str(settings.kafka.bootstrap_servers),
        settings.kafka.topic_prefix,
        make_codec(settings.registry),
        client_settings(settings.kafka),
        remembering=Remembering(settings.state_dir / "publisher", today, _kept_days(settings.core)),
    )


def _kept_days(core: "CoreSettings") -> int:
    """Return after how many days no lane and no input topic can hold what was sent."""
    from streams.kafka_access import INPUT_RETENTION_MS

    retention_days = max(core.retention_days, *core.retention_days_by_assay.values(), 0)
    return max(2 * retention_days + core.slack_days, int(INPUT_RETENTION_MS) // 86_400_000)

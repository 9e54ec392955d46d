"""CSV files to Kafka, with a report.

The predictions file goes first, then the outcomes file: the join does not depend on the order of
arrival, and pairs then reach the monitor in the order of the outcomes file.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from connectors.csv_files import CsvEvents, read_outcomes, read_predictions
from connectors.publisher import Publisher
from schemas.errors import DataError
from schemas.events import DeadLetter, Outcome, Prediction

_PROGRESS_EVERY_ROWS = 1_000

Progress = Callable[[int, int], None]
BadRowReport = Callable[[str, int, str | None, str], None]


class FileReport(NamedTuple):
    """What became of one file's rows: `rows` = `sent` + `dead_letters`."""

    file_name: str
    rows: int
    sent: int
    dead_letters: int


class SendReport(NamedTuple):
    """What became of the rows of each file; None for a file that was not given."""

    predictions: FileReport | None
    outcomes: FileReport | None


def send_csv(
    predictions: Path | None,
    outcomes: Path | None,
    publisher: Publisher,
    progress: Progress | None = None,
    on_bad_row: BadRowReport | None = None,
) -> SendReport:
    """Publish every row of the files, bad ones as dead letters, and wait for acknowledgement.

    `progress` is given bytes read and bytes in all; `on_bad_row` file, line, column (None: no
    single one) and reason. Both headers are checked before anything is sent. Sending a file again
    changes nothing. Raises SettingsError for a file that cannot be used and what
    `Publisher.flush` raises.
    """
    bytes_total = sum(p.stat().st_size for p in (predictions, outcomes) if p and p.is_file())
    bytes_before = 0
    predicted = read_predictions(predictions) if predictions else None
    try:
        measured = read_outcomes(outcomes) if outcomes else None
    except BaseException:
        if predicted:
            predicted.close()
        raise

    def report(bytes_read: int) -> None:
        if progress:
            progress(bytes_before + bytes_read, bytes_total)

    reports: list[FileReport | None] = []
    for events in (predicted, measured):
        if events is None:
            reports.append(None)
            continue
        reports.append(_send(events, publisher, report, on_bad_row))
        bytes_before += events.bytes_read
    publisher.flush()
    return SendReport(*reports)


def _send(
    events: CsvEvents[Prediction] | CsvEvents[Outcome],
    publisher: Publisher,
    report: Callable[[int], None],
    on_bad_row: BadRowReport | None,
) -> FileReport:
    source = f"csv:{events.file_name}"
    rows = dead_letters = 0
    with events:
        for event in events:
            rows += 1
            letter = event if isinstance(event, DeadLetter) else None
            if letter is None:
                try:
                    publisher.publish(event, source)
                except DataError as error:
                    letter = events.rejected(error)
            if letter is not None:
                dead_letters += 1
                publisher.publish(letter, source)
                if on_bad_row:
                    on_bad_row(letter.origin, letter.position, letter.column, letter.reason)
            if rows % _PROGRESS_EVERY_ROWS == 0:
                report(events.bytes_read)
    report(events.bytes_read)
    return FileReport(events.file_name, rows, rows - dead_letters, dead_letters)

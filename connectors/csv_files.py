"""CSV files: predictions and outcomes in canonical columns, streamed in constant memory.

A column that is absent and a cell that is empty both mean "not stated". `csv_columns` names the
columns, `csv_cells` says how numbers and times are written, `csv_records` what a row is.
"""

import logging
from collections.abc import Callable, Iterator
from typing import Generic, Self, TypeVar

from connectors import csv_cells, normalise
from connectors.csv_columns import FEATURE_PREFIX, OUTCOMES, PREDICTIONS, Kind, check_columns
from connectors.csv_records import BadRow, Row, Source, read_rows
from connectors.occurrences import Occurrences
from schemas.errors import DataError, InvalidValueError
from schemas.events import CONTEXT_FIELDS, AssayContext, DeadLetter, Outcome, Prediction
from schemas.topics import digest
from schemas.validation import check_event

UNVERSIONED = "unversioned"
PAYLOAD_BYTES_MAX = 60_000

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Prediction | Outcome)
Occurrence = Callable[[bytes], int]


def _features(cells: dict[str, str]) -> dict[str, float | str]:
    features: dict[str, float | str] = {}
    for column, cell in cells.items():
        if column.startswith(FEATURE_PREFIX) and (text := normalise.text(cell)):
            name = column.removeprefix(FEATURE_PREFIX).strip()
            if name:
                features[name] = csv_cells.number_or_text(text)
    return features


def _event_id(revision: int, fields: tuple[str | None, ...], occurrence: Occurrence) -> str:
    identity = digest(*(field or "" for field in fields))
    count = occurrence(bytes.fromhex(digest(identity, str(revision))))
    return digest(identity, str(count))


def _first(identity: bytes) -> int:
    return 0


def _context(cells: dict[str, str]) -> AssayContext:
    return AssayContext(*(normalise.text(cells.get(field)) for field in CONTEXT_FIELDS))


def parse_prediction(row: Row, occurrence: Occurrence = _first) -> Prediction:
    """Return the prediction in a row.

    Without an event_id the identity is every column but value, label, probability, uncertainty,
    revision and retracted, and its number among equals: `occurrence` is asked, once per row and
    before those columns are looked at, how many rows of that identity and revision came before
    (None given: the row is the first). Raises InvalidValueError, which names the column.
    """
    cells = row.cells
    get, text = cells.get, normalise.text
    revision = csv_cells.revision(get("revision"))
    molecule_id, assay_id = text(get("molecule_id")) or "", text(get("assay_id")) or ""
    context = _context(cells)
    model_id, model_version = text(get("model_id")) or "", text(get("model_version")) or UNVERSIONED
    unit = normalise.unit(get("unit"))
    predicted_at = csv_cells.time("predicted_at", get("predicted_at"))
    features = _features(cells)
    event_id = text(get("event_id"))
    if event_id is None:
        identity = ("prediction", molecule_id, assay_id, *context, model_id, model_version, unit)
        stated = (part for name in sorted(features) for part in (name, str(features[name])))
        event_id = _event_id(revision, (*identity, str(predicted_at), *stated), occurrence)
    prediction = Prediction(
        event_id=event_id,
        revision=revision,
        retracted=csv_cells.retracted(get("retracted")),
        molecule_id=molecule_id,
        assay_id=assay_id,
        context=context,
        model_id=model_id,
        model_version=model_version,
        value=csv_cells.number("value", get("value")),
        label=text(get("label")),
        probability=csv_cells.number("probability", get("probability")),
        uncertainty=csv_cells.number("uncertainty", get("uncertainty")),
        unit=unit,
        predicted_at=predicted_at,
        features=features,
    )
    check_event(prediction)
    return prediction


def _qualified_value(cells: dict[str, str]) -> tuple[str | None, float | None]:
    beside = normalise.qualifier(cells.get("qualifier"))
    within, number = normalise.split_qualifier(cells.get("value", ""))
    if within is not None and beside is not None and within != beside:
        raise InvalidValueError(
            f"value says {within!r} and qualifier {beside!r}; leave one of them out", "qualifier"
        )
    return within or beside, csv_cells.number("value", number)


def parse_outcome(row: Row, occurrence: Occurrence = _first) -> Outcome:
    """Return the outcome in a row; a value such as ">10" is split into qualifier and value.

    Identity without an event_id is as for `parse_prediction`, with qualifier left out as well.
    Raises InvalidValueError, which names the column.
    """
    cells = row.cells
    get, text = cells.get, normalise.text
    revision = csv_cells.revision(get("revision"))
    molecule_id, assay_id = text(get("molecule_id")) or "", text(get("assay_id")) or ""
    context = _context(cells)
    unit = normalise.unit(get("unit"))
    measured_at = csv_cells.time("measured_at", get("measured_at"))
    event_id = text(get("event_id"))
    if event_id is None:
        identity = ("outcome", molecule_id, assay_id, *context, unit, str(measured_at))
        event_id = _event_id(revision, identity, occurrence)
    qualifier, value = _qualified_value(cells)
    outcome = Outcome(
        event_id=event_id,
        revision=revision,
        retracted=csv_cells.retracted(get("retracted")),
        molecule_id=molecule_id,
        assay_id=assay_id,
        context=context,
        value=value,
        label=text(get("label")),
        qualifier=qualifier,
        unit=unit,
        measured_at=measured_at,
    )
    check_event(outcome)
    return outcome


class CsvEvents(Iterator[E | DeadLetter], Generic[E]):
    """The events of one file in its order, a DeadLetter in the place of each bad row.

    Close it, or use it as a context manager, unless it is read to its end.
    """

    def __init__(self, source: Source, kind: Kind, parse: Callable[[Row, Occurrence], E]) -> None:
        """Open the file and check its header; raises SettingsError."""
        self._rows = read_rows(source)
        self.file_name = self._rows.name
        try:
            warning = check_columns(self.file_name, self._rows.columns, kind)
        except BaseException:
            self._rows.close()
            raise
        if warning:
            log.warning(warning)
        self._parse = parse
        self._occurrences = Occurrences()
        self._row: Row | BadRow | None = None

    @property
    def bytes_read(self) -> int:
        return self._rows.bytes_read

    def __next__(self) -> E | DeadLetter:
        try:
            self._row = row = next(self._rows)
        except StopIteration:
            self.close()
            raise
        if isinstance(row, BadRow):
            return self.rejected(row.error)
        try:
            return self._parse(row, self._occurrences.next)
        except DataError as error:
            return self.rejected(error)

    def rejected(self, error: DataError) -> DeadLetter:
        """Return the dead letter of the row that was read last."""
        if self._row is None:
            raise LookupError("no row has been read yet")
        line, payload = self._row.line, self._row.raw[:PAYLOAD_BYTES_MAX]
        return DeadLetter(
            dead_letter_id=digest(self.file_name, str(line), payload.decode("latin-1")),
            origin=self.file_name,
            partition=None,
            position=line,
            column=error.column,
            schema_id=None,
            error=type(error).__name__,
            reason=str(error),
            key=None,
            payload=payload,
        )

    def close(self) -> None:
        self._rows.close()
        self._occurrences.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_predictions(source: Source) -> CsvEvents[Prediction]:
    """Return the predictions of a CSV file; raises SettingsError when its header is not usable."""
    return CsvEvents(source, PREDICTIONS, parse_prediction)


def read_outcomes(source: Source) -> CsvEvents[Outcome]:
    """Return the outcomes of a CSV file; raises SettingsError when its header is not usable."""
    return CsvEvents(source, OUTCOMES, parse_outcome)

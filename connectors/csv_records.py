"""A CSV file as a stream of rows with physical line numbers, in constant memory.

Syntax is RFC 4180 as the standard `csv` module reads it in strict mode: commas, double quotes,
LF or CRLF, UTF-8 with or without a byte order mark.
"""

import csv
import logging
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from schemas.errors import DataError, MalformedRecordError, SettingsError
from schemas.topics import canonical

RECORD_BYTES_MAX = 1_000_000
_SKIP_BYTES = 65_536
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OTHER_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "bars"}

log = logging.getLogger(__name__)

# The limit belongs to the whole process; records are bounded below, so this one only gets out of
# the way of a long cell in a column that is ignored.
csv.field_size_limit(RECORD_BYTES_MAX)

Source = Path | BinaryIO


class Row(NamedTuple):
    """A well-formed row: `cells` by column name, `line` the physical line it starts on."""

    line: int
    cells: dict[str, str]
    raw: bytes


class BadRow(NamedTuple):
    """A row that could not be read; `raw` holds at most RECORD_BYTES_MAX + 1 bytes of it."""

    line: int
    error: DataError
    raw: bytes


class _RecordTooLongError(Exception):
    """A record passed RECORD_BYTES_MAX."""


class _Lines(Iterator[str]):
    """Feeds `csv.reader` line by line and remembers the bytes of the record in hand.

    After a broken record the lines behind its first one are read again. Those before the line
    that broke it may then hold one record each only, so that no line is read more than twice,
    whatever a hostile file does with its quotes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._again: deque[bytes] = deque()
        self._next_line = 1
        self._one_line_records_before = 0
        self.bytes_read = 0
        self.taken: list[bytes] = []
        self._taken_bytes = 0
        self.flawed = False

    @property
    def line(self) -> int:
        """The physical line, 1 for the first, on which the record in hand starts."""
        return self._next_line - len(self.taken)

    def start_record(self) -> None:
        self.taken = []
        self._taken_bytes = 0
        self.flawed = False

    def go_back_behind_first(self) -> None:
        """Let the record in hand be its first line only."""
        behind = self.taken[1:]
        if not behind:
            return
        self._one_line_records_before = max(self._one_line_records_before, self._next_line - 1)
        self._next_line -= len(behind)
        self._again.extendleft(reversed(behind))
        del self.taken[1:]

    def _read(self) -> bytes:
        line = self._file.readline(RECORD_BYTES_MAX + 1)
        self.bytes_read += len(line)
        if len(line) > RECORD_BYTES_MAX and not line.endswith(b"\n"):
            while rest := self._file.readline(_SKIP_BYTES):
                self.bytes_read += len(rest)
                if rest.endswith(b"\n"):
                    break
        if self._next_line == 1:
            line = line.removeprefix(_BYTE_ORDER_MARK)
        return line

    def __next__(self) -> str:
        if self.taken and self.line < self._one_line_records_before:
            raise StopIteration
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self._next_line += 1
        self.taken.append(line)
        self._taken_bytes += len(line)
        if self._taken_bytes > RECORD_BYTES_MAX:
            raise _RecordTooLongError
        if b"\0" in line:
            self.flawed = True
        try:
            return line.decode()
        except UnicodeDecodeError:
            self.flawed = True
            return line.decode("utf-8", "surrogateescape")


class Rows(Iterator[Row | BadRow]):
    """The rows of one CSV file; `columns` are the header's names, NFC and stripped.

    A file opened by its path is closed at its end or on leaving the `with` block. `bytes_read`
    counts the file's bytes taken so far.
    """

    def __init__(self, source: Source) -> None:
        """Open the file and read its header.

        Raises SettingsError when the file cannot be opened, is empty, or its header is not usable.
        """
        self._file, self.name = _open(source)
        self._opened_here = isinstance(source, Path)
        self._lines = _Lines(self._file)
        self._records = csv.reader(self._lines, strict=True, skipinitialspace=True)
        self.columns: tuple[str, ...] = ()
        try:
            self.columns = self._header()
        except SettingsError:
            self.close()
            raise

    @property
    def bytes_read(self) -> int:
        return self._lines.bytes_read

    def close(self) -> None:
        if self._opened_here:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _header(self) -> tuple[str, ...]:
        cells = self._cells()
        if isinstance(cells, list) and self._lines.flawed:
            cells = self._flaw(cells) or cells
        if cells is None:
            raise SettingsError(
                f"{self.name} is empty: its first line must name the columns, "
                "such as molecule_id,assay_id,value"
            )
        if isinstance(cells, DataError):
            raise SettingsError(
                f"the header of {self.name} cannot be read: {cells}; save the file as CSV in UTF-8 "
                "with commas"
            )
        columns = tuple(canonical(cell) for cell in cells)
        if len(columns) == 1:
            for delimiter, name in _OTHER_DELIMITERS.items():
                if delimiter in columns[0]:
                    raise SettingsError(
                        f"{self.name} separates its columns by {name}; save it with commas and "
                        "decimal points"
                    )
        twice = sorted({c for c in columns if c and columns.count(c) > 1})
        if twice:
            raise SettingsError(
                f"{self.name} names a column more than once: {', '.join(twice)}; "
                "rename or remove one of each"
            )
        return columns

    def _cells(self) -> list[str] | DataError | None:
        """Return the next record that is not a blank line, why it has none, or None at the end."""
        cells: list[str] = []
        while not cells:
            self._lines.start_record()
            try:
                cells = next(self._records)
            except StopIteration:
                return None
            except _RecordTooLongError:
                return MalformedRecordError(
                    f"the row is longer than {RECORD_BYTES_MAX} bytes; a quote may be left open"
                )
            except csv.Error as error:
                return MalformedRecordError(_sentence(error))
        if self.columns and len(cells) != len(self.columns):
            return MalformedRecordError(
                f"the row has {len(cells)} cells, the header {len(self.columns)}"
            )
        return cells

    def _flaw(self, cells: list[str]) -> DataError | None:
        """Return what is wrong with the bytes of a record, and in which column."""
        for column, cell in zip(self.columns or cells, cells, strict=True):
            if "\0" in cell:
                return MalformedRecordError("the row holds a NUL byte", column)
            foreign = next((c for c in cell if "\udc80" <= c <= "\udcff"), None)
            if foreign is not None:
                return MalformedRecordError(
                    f"the row holds byte 0x{ord(foreign) & 0xFF:02X} where UTF-8 cannot have it; "
                    "save the file in one encoding, UTF-8",
                    column,
                )
        return None

    def __next__(self) -> Row | BadRow:
        cells = self._cells()
        if cells is None:
            self.close()
            raise StopIteration
        lines = self._lines
        if isinstance(cells, DataError):
            # An open quote may have run over good rows: only the first line is given up.
            lines.go_back_behind_first()
            return BadRow(lines.line, cells, lines.taken[0])
        raw = lines.taken[0] if len(lines.taken) == 1 else b"".join(lines.taken)
        flaw = self._flaw(cells) if lines.flawed else None
        if flaw is not None:
            return BadRow(lines.line, flaw, raw)
        return Row(lines.line, dict(zip(self.columns, cells, strict=True)), raw)


def _sentence(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "the row opens a quote and never closes it"
    if "new-line character" in str(error):
        return "the row holds a carriage return outside quotes; lines must end in LF or CRLF"
    return f"the row is not well-formed CSV: {error}"


def _open(source: Source) -> tuple[BinaryIO, str]:
    if not isinstance(source, Path):
        name = getattr(source, "name", None)
        return source, Path(name).name if isinstance(name, str) else "stream"
    try:
        return source.open("rb"), source.name
    except OSError as error:
        log.debug("cannot open %s", source, exc_info=True)
        raise SettingsError(
            f"{source.name} cannot be opened: {error.strerror}; check the path and its permissions"
        ) from error


def read_rows(source: Source) -> Rows:
    """Return the rows of a CSV file, given by its path or opened in binary mode.

    Blank lines are skipped. A broken row (wrong number of cells, an open quote, NUL or foreign
    bytes, more than RECORD_BYTES_MAX bytes) is a BadRow of one physical line, and reading goes on
    at the next line. Raises SettingsError for a file without a usable header.
    """
    return Rows(source)

"""Rows of CSV files: syntax, bytes, line numbers and bounded memory."""

import io
import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.csv_records import RECORD_BYTES_MAX, BadRow, Row, read_rows
from schemas.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def rows_of(content: bytes) -> list[Row | BadRow]:
    return list(read_rows(io.BytesIO(content)))


def outline(content: bytes) -> list[tuple[int, object]]:
    """Line and first cell of each row, line and "bad" of each bad one."""
    return [
        (row.line, next(iter(row.cells.values())) if isinstance(row, Row) else "bad")
        for row in rows_of(content)
    ]


def only_bad(content: bytes) -> BadRow:
    (bad,) = [row for row in rows_of(content) if isinstance(row, BadRow)]
    return bad


def test_cells_go_by_column_name() -> None:
    assert rows_of(b"a,b\n1,x y\n") == [Row(2, {"a": "1", "b": "x y"}, b"1,x y\n")]


def test_a_last_line_needs_no_line_end() -> None:
    assert outline(b"a,b\r\n1,2\r\n3,4") == [(2, "1"), (3, "3")]


def test_byte_order_mark_is_no_part_of_the_first_column() -> None:
    assert read_rows(io.BytesIO(b'\xef\xbb\xbf"a",b\n')).columns == ("a", "b")


def test_lines_are_counted_physically_over_quoted_newlines_and_blank_lines() -> None:
    content = b'a,b\n1,"x\ny\r\nz"\n2,"he said ""no"""\n\n\n3,"u,v"\n'
    rows = rows_of(content)
    assert [row.line for row in rows] == [2, 5, 8]
    cells = [row.cells["b"] for row in rows if isinstance(row, Row)]
    assert cells == ["x\ny\r\nz", 'he said "no"', "u,v"]
    assert rows[0].raw == b'1,"x\ny\r\nz"\n'


@pytest.mark.parametrize(("row", "cells"), [(b"1\n", 1), (b"1,2,3,4\n", 4), (b"1,2,\n", 3)])
def test_wrong_number_of_cells(row: bytes, cells: int) -> None:
    content = b"a,b\n0,0\n" + row + b"9,9\n"
    assert outline(content) == [(2, "0"), (3, "bad"), (4, "9")]
    assert f"{cells} cells, the header 2" in str(only_bad(content).error)
    assert only_bad(content).raw == row


def test_nul_byte_is_a_bad_row_that_names_its_column() -> None:
    bad = only_bad(b"a,b\n1,2\n3,4\0\n5,6\n")
    assert (bad.line, bad.error.column, bad.raw) == (3, "b", b"3,4\0\n")


def test_bytes_that_are_not_utf_8_are_kept_and_the_other_rows_go_on() -> None:
    content = b"a,b\n" + "1,µM\n".encode() + "2,µM\n".encode("latin-1") + "3,µM\n".encode()
    assert outline(content) == [(2, "1"), (3, "bad"), (4, "3")]
    bad = only_bad(content)
    assert (bad.error.column, bad.raw) == ("b", b"2,\xb5M\n")
    assert "0xB5" in str(bad.error)


def test_a_bad_byte_in_a_row_over_several_lines_rejects_all_of_them() -> None:
    content = b'a,b\n1,"x\n\xff\n"\n2,y\n'
    assert outline(content) == [(2, "bad"), (5, "2")]
    assert only_bad(content).raw == b'1,"x\n\xff\n"\n'


def test_an_open_quote_costs_one_row_when_a_later_quote_shows_it() -> None:
    content = b'a,b\n1,"open\n2,x\n3,"y"\n4,"p\nq"\n5,z\n'
    assert outline(content) == [(2, "bad"), (3, "2"), (4, "3"), (5, "4"), (7, "5")]


def test_an_open_quote_costs_one_row_when_the_file_ends_first() -> None:
    content = b'a,b\n1,"open\n2,x\n3,y\n'
    assert outline(content) == [(2, "bad"), (3, "2"), (4, "3")]
    assert "never closes" in str(only_bad(content).error)


def test_an_open_quote_that_closes_by_chance_costs_one_row() -> None:
    content = b'a,b\n"1,x\n2,y\n3",z,z\n4,u\n'
    assert outline(content) == [(2, "bad"), (3, "2"), (4, "bad"), (5, "4")]


def test_an_open_quote_stops_at_the_bound_and_reading_goes_on_at_the_next_line() -> None:
    line = b"x" * 98 + b",1\n"
    lines = 3 * RECORD_BYTES_MAX // len(line)
    content = b'a,b\n0,"open\n' + line * lines
    rows = rows_of(content)
    assert len(rows) == 1 + lines
    assert isinstance(rows[0], BadRow)
    assert rows[0].line == 2
    assert f"{RECORD_BYTES_MAX} bytes" in str(rows[0].error)
    assert [row.line for row in rows[1:]] == list(range(3, lines + 3))
    assert all(isinstance(row, Row) for row in rows[1:])


def test_quotes_cannot_make_reading_quadratic(monkeypatch: pytest.MonkeyPatch) -> None:
    # In each of these lines one quoted cell closes and the next one opens, for ever.
    hostile = b'a,b\n"\n' + b'x","y\n' * 100_000
    decoded = 0
    rows = read_rows(io.BytesIO(hostile))
    feed = type(rows._lines).__next__

    def counted(lines: object) -> str:
        nonlocal decoded
        decoded += 1
        return feed(lines)  # type: ignore[arg-type]

    monkeypatch.setattr(type(rows._lines), "__next__", counted)
    assert sum(1 for _ in rows) > 1
    # A line is read at most twice, and a row that breaks off asks once more.
    assert decoded <= 4 * 100_002


def test_a_cell_of_10_mb_is_one_bad_row() -> None:
    for cell in (b"x" * 10_000_000, b'"' + b"x" * 10_000_000 + b'"'):
        content = b"a,b\n1,2\n3," + cell + b"\n5,6\n"
        assert outline(content) == [(2, "1"), (3, "bad"), (4, "5")]
        assert len(only_bad(content).raw) <= RECORD_BYTES_MAX + 1


def test_a_long_cell_below_the_bound_is_read() -> None:
    (row,) = rows_of(b"a,b\n1," + b"x" * 900_000 + b"\n")
    assert isinstance(row, Row)
    assert len(row.cells["b"]) == 900_000


class Endless(io.RawIOBase):
    """A file made as it is read."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        view = memoryview(buffer)
        wanted = len(view)
        while len(self._rest) < wanted:
            more = b"".join(islice(self._lines, 10))
            if not more:
                break
            self._rest += more
        part, self._rest = self._rest[:wanted], self._rest[wanted:]
        view[: len(part)] = part
        return len(part)


def test_memory_stays_bounded_over_50_mb_with_an_open_quote_and_a_long_cell() -> None:
    def lines() -> Iterator[bytes]:
        yield b"a,b,c\n"
        yield b'0,"open,1\n'
        for i in range(50_000):
            yield b"%d," % i + b"y" * 800 + b",1.5\n"
        for _ in range(200):
            yield b"z" * 50_000
        yield b"\n1,2,3\n"

    tracemalloc.start()
    try:
        good = bad = 0
        for row in read_rows(io.BufferedReader(Endless(lines()))):
            good, bad = good + isinstance(row, Row), bad + isinstance(row, BadRow)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (good, bad) == (50_001, 2)
    assert peak < 16 * RECORD_BYTES_MAX


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"a,b,a\n1,2,3\n", "more than once: a"),
        (b"a, a \n", "more than once: a"),
        (b"molecule_id;assay_id;value\n", "semicolons"),
        (b"molecule_id\tassay_id\n", "tabs"),
        ("molecule_id,assay_id\n".encode("utf-16"), "UTF-8"),
        (b"a,b\r1,2\r", "LF or CRLF"),
        (b'"a,b\n1,2\n', "never closes"),
        (b"x" * (RECORD_BYTES_MAX + 5), "longer"),
    ],
)
def test_files_without_a_usable_header_are_refused(
    content: bytes, says: str, tmp_path: Path
) -> None:
    path = tmp_path / "P.csv"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=says) as refused:
        read_rows(path)
    assert "P.csv" in str(refused.value)
    assert str(tmp_path) not in str(refused.value)


def test_a_header_alone_is_a_file_of_no_rows() -> None:
    assert rows_of(b"a,b\n") == rows_of(b"a,b") == []


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(SettingsError, match="cannot be opened"):
            read_rows(path)


def test_every_byte_of_a_file_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "P.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\n1,2\n" + b"x" * 2_000_000 + b"\n\n3,4")
    rows = read_rows(path)
    assert len(list(rows)) == 3
    assert rows.bytes_read == path.stat().st_size

"""Tables on terminals that are too narrow for them, and where there is none."""

import pytest

from streams.show_rows import print_table

ROWS = [{"model": "net 1.0", "n": 400, "rmse": 0.29631, "concordance": 0.95, "slope": None}]


# Widths are 7, 3, 6, 11 and 5, each with three for its borders, and one for the last of them.
@pytest.mark.parametrize(
    ("columns", "left"),
    [
        (80, ""),
        (48, ""),
        (47, "slope"),
        (40, "slope"),
        (39, "concordance, slope"),
        (10, "n, rmse, concordance, slope"),
    ],
)
def test_columns_that_do_not_fit_are_left_out_and_named(
    columns: int, left: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    print_table("metrics", ROWS)
    out = capsys.readouterr().out
    assert out.partition("not shown for want of room: ")[2].strip() == left
    if columns >= 39:
        assert "0.2963" in out


def test_where_there_is_no_terminal_every_column_is_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    print_table("metrics", ROWS)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "net 1.0" in line]
    assert [part.strip() for part in line.strip("│").split("│")] == [
        *("net 1.0", "400", "0.2963", "0.95", "–"),
    ]


def test_a_heading_without_a_word_and_a_cell_without_an_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table("rows", [{" ": 1, "payload": "x" * 5_000}])
    out = capsys.readouterr().out
    assert out.count("x") == 5_000 and max(map(len, out.splitlines())) < 250

"""Where an INSERT's data begins, and what no one may say: by text alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.embedded.errors import QueryRefusedError
from sinks.embedded.statements import (
    InsertHead,
    check_allowed,
    first_word,
    insert_head,
    stated_format,
    tokens,
)


@pytest.mark.parametrize(
    ("text", "parsed", "expected"),
    [
        (
            b"INSERT INTO t (a, b) FORMAT Native\n\x00\xff FORMAT CSV",
            [b"INSERT INTO t (a, b) FORMAT Native"],
            InsertHead("INSERT INTO t (a, b) ", "", "Native", 35),
        ),
        (
            b"INSERT INTO format FORMAT CSV\r\n1,2",
            [b"INSERT INTO format FORMAT CSV"],
            InsertHead("INSERT INTO format ", "", "CSV", 31),
        ),
        (
            b"INSERT INTO t (format, values) VALUES (1, 'FORMAT CSV')",
            [b"INSERT INTO t (format, values) VALUES"],
            InsertHead("INSERT INTO t (format, values) ", "", "Values", 37),
        ),
        (
            b"/* FORMAT CSV */ INSERT INTO t -- VALUES\n FORMAT TSV \n\n1",
            [b"/* FORMAT CSV */ INSERT INTO t -- VALUES\n FORMAT TSV"],
            InsertHead("/* FORMAT CSV */ INSERT INTO t -- VALUES\n ", "", "TSV", 54),
        ),
        (b"INSERT INTO t SELECT 1 FORMAT CSV", [b"INSERT INTO t SELECT 1 FORMAT CSV"], None),
        (b"INSERT INTO t (SELECT 1)", [b"INSERT INTO t (SELECT 1)"], None),
    ],
)
def test_the_data_of_an_insert_begins_where_the_parser_says(
    text: bytes, parsed: list[bytes], expected: InsertHead | None
) -> None:
    if expected is not None:
        parsed.append(expected.reading("data").encode())
    assert insert_head(text, parsed.__contains__) == expected


def test_settings_come_behind_the_file() -> None:
    text = b"INSERT INTO settings SETTINGS async_insert = 0 FORMAT CSV\n1"
    parsed = [
        b"INSERT INTO settings SETTINGS async_insert = 0 FORMAT CSV",
        b"INSERT INTO settings  FROM INFILE 'data' SETTINGS async_insert = 0  FORMAT CSV",
    ]
    head = insert_head(text, parsed.__contains__)
    assert head == InsertHead("INSERT INTO settings ", "SETTINGS async_insert = 0 ", "CSV", 58)


@given(st.binary(max_size=200))
def test_tokens_never_overlap_nor_lose_a_place(text: bytes) -> None:
    place = 0
    for token in tokens(text):
        assert token.start >= place
        assert text[token.start : token.end] == token.text
        place = token.end
    assert place <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT * FROM Python(x)",
        b"SELECT * FROM python /* hidden */ (x)",
        b"SELECT * FROM `PYTHON`(x)",
        b'SELECT * FROM "Pyth\\x6fn"(x)',
        "SELECT * FROM “python”(x)".encode(),
        b"CREATE TABLE p ENGINE = Python(x)",
        b"SELECT 1 AS a$b$ FROM python(x) -- $b$",
        b"SELECT 1 // '\n FROM python(x) -- '",
        b"SELECT 1 /* /* */ FROM python(x) -- */",
        "SELECT * FROM python\u00a0(x)".encode(),
        b"SELECT 1 INTO OUTFILE '/tmp/x'",
        b"SELECT 1 into--\noutfile'/tmp/x'",
        b"SELECT 1 INTO OUTFILE x'2f746d702f78'",
        b"SELECT 1 INTO OUTFILE\xc2\xa0\xe2\x80\x98/tmp/x\xe2\x80\x99",
        b"INSERT INTO t FROM INFILE '/etc/hostname' FORMAT CSV",
    ],
)
def test_what_reaches_past_the_engine_is_refused(text: bytes) -> None:
    with pytest.raises(QueryRefusedError) as refusal:
        check_allowed(text)
    assert refusal.value.code == 497


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 'Python(x) INTO OUTFILE'",
        b"SELECT python FROM t -- Python(x)",
        b"INSERT INTO `outfile` VALUES ('x')",
        b"SELECT * FROM `infile` WHERE a = 'it''s \\\\' -- Python(x) '",
    ],
)
def test_the_same_words_as_text_or_names_are_allowed(text: bytes) -> None:
    check_allowed(text)


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT 'open",
        b'SELECT "open',
        b"SELECT `open",
        b"SELECT /* open",
        b"SELECT $a$ x $a$",
        b"SELECT \xe2\x80\x98open",
        b"SELECT \xe2\x80\x9copen",
    ],
)
def test_what_cannot_be_read_to_its_end_is_refused(text: bytes) -> None:
    with pytest.raises(QueryRefusedError) as refusal:
        check_allowed(text)
    assert refusal.value.code == 62


def test_first_word_and_format() -> None:
    assert first_word(b"-- note\n ((select 1))") == b"SELECT"
    assert first_word(b"") == b""
    assert stated_format(b"SELECT 'FORMAT CSV' FORMAT JSON SETTINGS max_threads = 1") == "JSON"
    assert stated_format(b"SELECT (SELECT 1 FORMAT CSV)") is None

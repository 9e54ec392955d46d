"""What was heard held against what is said: only what others lack is said to them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from processors.pairing import PAIRED, RETRACTED, pair_of
from schemas.codec import Codec
from schemas.events import AssayContext, Coverage, Metric, Outcome, Pair, Prediction
from schemas.table import SchemaTable
from streams.rebuild_words import Words

P = Prediction("p", 0, False, "M", "a", AssayContext(), "net", "1", 1.0)
O = Outcome("o", 0, False, "M", "a", AssayContext(), 2.0)  # noqa: E741
METRIC = Metric("net", "1", "a", None, None, "all", "rmse", 1.0, None, None, 3, None, 7)


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    opened = Words(tmp_path / "words", Codec(SchemaTable()))
    yield opened
    opened.close()


def pair(status: str, row_version: int, value: float = 1.0) -> Pair:
    return pair_of(P._replace(value=value), O, status, row_version)


def test_what_was_heard_is_not_said_again_whatever_its_number(words: Words) -> None:
    words.hear([pair(RETRACTED, 3), pair(PAIRED, 9), METRIC])
    words.say([pair(PAIRED, 1, value=8.0), pair(PAIRED, 4), METRIC._replace(row_version=2)])
    assert list(words.unheard()) == []
    assert words.unfounded() == 0


@pytest.mark.parametrize("heard", [pair(RETRACTED, 9), pair(PAIRED, 9, value=8.0)])
def test_a_last_word_that_differs_is_said_with_what_was_heard(words: Words, heard: Pair) -> None:
    words.hear([pair(PAIRED, 4), heard])
    words.say([pair(PAIRED, 4)])
    assert list(words.unheard()) == [(pair(PAIRED, 4), 9)]
    assert list(words.unheard()) == []


def test_what_nobody_heard_is_said_unless_it_is_gone(words: Words) -> None:
    words.say([pair(PAIRED, 1), pair(RETRACTED, 2), METRIC])
    assert list(words.unheard()) == [(METRIC, 0)]


def test_what_stands_and_is_not_said_is_counted(words: Words) -> None:
    words.hear([pair(PAIRED, 1), Coverage("net", "1", "a", 0, 0, 0, 0, 5), METRIC])
    words.say([METRIC])
    assert list(words.unheard()) == []
    assert words.unfounded() == 1

"""What the endpoint has to know of a statement's text: where an INSERT's data begins, and what no
role may say.

Tokens only; whether a text is a statement is asked of the engine's own parser. Token rules:
https://github.com/ClickHouse/ClickHouse/blob/master/src/Parsers/Lexer.cpp
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sinks.embedded.errors import ACCESS_DENIED, SYNTAX_ERROR, QueryRefusedError

# The server's own default of max_query_size: an INSERT's data begins within it.
HEAD_BYTES = 256 * 1024

_TOKEN = re.compile(
    rb"""
    (?P<string>'(?:[^'\\]++|\\.|'')*+'|\xe2\x80\x98.*?\xe2\x80\x99)
  | (?P<quoted>`(?:[^`\\]++|\\.|``)*+`|"(?:[^"\\]++|\\.|"")*+"|\xe2\x80\x9c.*?\xe2\x80\x9d)
  | (?P<blank>\s++|(?:--|//|\#[ !])[^\n]*+|/\*.*?\*/)
  | (?P<open>['"`$]|/\*|\xe2\x80[\x98\x9c])
  # Outside quotes the engine takes no other such byte than as a part of a Unicode blank or minus.
  | (?P<odd>[\x80-\xff])
  | (?P<word>[A-Za-z_][\w$]*+)
  | (?P<other>\d\w*+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BEFORE_DATA = re.compile(rb"[ \t\f]*\r?\n?")
_QUOTES = b'`"\xe2\x80\x9c\x9d'


@dataclass(frozen=True)
class Token:
    """A token that is no blank: its kind, its bytes, their place.

    The kinds are string, quoted, word, other, and open: a quote or comment that does not end, or a
    heredoc ($tag$…$tag$).
    """

    kind: str
    text: bytes
    start: int
    end: int

    def says(self, keyword: bytes) -> bool:
        """Return whether this is `keyword` (given in capitals), unquoted."""
        return self.kind == "word" and self.text.upper() == keyword


@dataclass(frozen=True)
class InsertHead:
    """An INSERT up to its data: what stands before its SETTINGS, these, its format.

    `data_start` is where its data begins.
    """

    target: str
    settings: str
    format: str
    data_start: int

    @property
    def statement(self) -> str:
        """The statement without its data."""
        return f"{self.target}{self.settings} FORMAT {self.format}"

    def reading(self, path: str) -> str:
        """Return the statement that takes its data from a file of ours."""
        return f"{self.target} FROM INFILE '{path}' {self.settings} FORMAT {self.format}"


def tokens(text: bytes) -> Iterator[Token]:
    """Yield the tokens of a statement, without blanks and comments; an open one is the last."""
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or "other"
        if kind not in ("blank", "odd"):
            yield Token(kind, match.group(), match.start(), match.end())
        if kind == "open":
            return


def first_word(text: bytes) -> bytes:
    """Return the first word of a statement in capitals, past comments and opening parentheses."""
    for token in tokens(text):
        if token.text != b"(":
            return token.text.upper()
    return b""


def decoded(text: bytes) -> str:
    """Return a statement's text; raises QueryRefusedError when it is not UTF-8."""
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise QueryRefusedError(
            SYNTAX_ERROR, "SYNTAX_ERROR", f"The statement is not UTF-8 at byte {error.start}."
        ) from error


def _refuse(what: str) -> QueryRefusedError:
    return QueryRefusedError(ACCESS_DENIED, "ACCESS_DENIED", f"{what} is not allowed here.")


def check_allowed(text: bytes) -> None:
    """Raise QueryRefusedError for what reaches past the engine: this process, or the disk.

    That is Python(…), INTO OUTFILE and FROM INFILE, however they are written; tables of the last
    two names must be quoted. What cannot be read to its end is refused too: something may hide.
    """
    before: Token | None = None
    for token in tokens(text):
        if token.kind == "open":
            raise QueryRefusedError(
                SYNTAX_ERROR,
                "SYNTAX_ERROR",
                f"A quote or comment opens at byte {token.start} and does not end, or it is a "
                "heredoc, which is not supported here.",
            )
        if before is not None:
            if token.text == b"(" and _may_be_python(before):
                raise _refuse("The table function Python()")
            if before.says(b"INTO") and token.says(b"OUTFILE"):
                raise _refuse("INTO OUTFILE")
            if before.says(b"FROM") and token.says(b"INFILE"):
                raise _refuse("FROM INFILE")
        before = token


def _may_be_python(name: Token) -> bool:
    if name.kind == "quoted" and b"\\" in name.text:
        return True
    return name.kind in ("word", "quoted") and name.text.strip(_QUOTES).lower() == b"python"


def _outer(text: bytes) -> Iterator[Token]:
    """Yield the tokens that stand in no parentheses."""
    depth = 0
    for token in tokens(text):
        depth -= token.text == b")"
        if depth == 0 and token.text != b")":
            yield token
        depth += token.text == b"("


def insert_head(text: bytes, parses: Callable[[bytes], bool]) -> InsertHead | None:
    """Return where the data of an INSERT begins, or None when it carries none (INSERT … SELECT).

    `text` is the statement with at least the start of its data; `parses` says whether the engine
    takes a text as one statement. FORMAT and VALUES count only where the engine parses the text up
    to them, so a table or column of that name is no trap.
    """
    keyword: Token | None = None
    clauses: list[int] = []
    for token in _outer(text):
        if keyword is not None and token.kind == "word" and parses(text[: token.end]):
            found = _BEFORE_DATA.match(text, token.end)
            data_start = token.end if found is None else found.end()
            name = token.text.decode()
            return _head(text[: keyword.start], clauses, name, data_start, parses)
        keyword = token if token.says(b"FORMAT") else None
        if token.says(b"VALUES") and parses(text[: token.end]):
            return _head(text[: token.start], clauses, "Values", token.end, parses)
        if token.says(b"SELECT") or token.says(b"WITH"):
            return None
        if token.says(b"SETTINGS"):
            clauses.append(token.start)
    return None


def _head(
    text: bytes,
    clauses: list[int],
    format_name: str,
    data_start: int,
    parses: Callable[[bytes], bool],
) -> InsertHead | None:
    """Return the head cut before its SETTINGS, which is where FROM INFILE belongs."""
    for cut in (len(text), *reversed(clauses)):
        head = InsertHead(decoded(text[:cut]), decoded(text[cut:]), format_name, data_start)
        if parses(head.reading("data").encode()):
            return head
    return None


def stated_format(text: bytes) -> str | None:
    """Return the format a query's own FORMAT clause names, or None when it has none."""
    found = None
    keyword = False
    for token in _outer(text):
        if keyword and token.kind == "word":
            found = token.text.decode()
        keyword = token.says(b"FORMAT")
    return found

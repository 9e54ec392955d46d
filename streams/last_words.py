"""What a stage process said last, as a person wants to read it."""

import re

import orjson

# How the alarm of the interpreter tells where a process stands; a traceback has a comma.
_RINGS = re.compile(r'^\s+File ".*", line \d+ in ')


def last_words(log_end: str) -> str:
    """Return the last sentence at the end of a log, in whatever format that is.

    >>> last_words('{"message": "a"}'), last_words("a\\\\n  b"), last_words("")
    ('a', 'b', 'it left no word in its log')
    """
    # A terminal library's escape sequences are no last words.
    lines = [line for line in log_end.splitlines() if line.isprintable() and line.strip()]
    if not lines:
        return "it left no word in its log"
    if _RINGS.match(lines[-1]):
        return "something held its interpreter, and it stood still"
    return _message(lines[-1].strip())


def _message(line: str) -> str:
    try:
        found = orjson.loads(line)
    except ValueError:
        return line
    return str(found.get("message", line)) if isinstance(found, dict) else line

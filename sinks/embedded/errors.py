"""What goes wrong in the endpoint, and how HTTP says it.

Codes: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp; statuses as
the server's own HTTP handler gives them (src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
"""

import re

from schemas.errors import UserError

SYNTAX_ERROR = 62
UNKNOWN_SETTING = 115
TOO_LARGE_BODY = 307
READONLY = 164
NOT_ENOUGH_SPACE = 243
CANNOT_DECOMPRESS = 271
UNKNOWN_COMPRESSION = 89
SESSION_NOT_FOUND = 372
SESSION_IS_LOCKED = 373
QUERY_CANCELLED = 394
ACCESS_DENIED = 497
AUTHENTICATION_FAILED = 516
UNKNOWN_EXCEPTION = 1002

_STATUS = {
    **dict.fromkeys((6, 26, 27, 33, 36, 38, 41, 42, 43, 53, 62, 69, 70, 72, 89, 115, 117), 400),
    **dict.fromkeys((130, 271, 456, 457), 400),
    **dict.fromkeys((164, 192, 193, 497, 516), 403),
    **dict.fromkeys((8, 10, 16, 46, 47, 50, 56, 60, 63, 81, 110, 113, 372), 404),
    159: 408,
    307: 413,
    373: 423,
    48: 501,
    344: 501,
    202: 503,
}
_CODE = re.compile(r"Code: (\d+)\. (?=DB::|Coordination|Poco)")
_PYTHON_TRACE = re.compile(r"\n+At:\n.*", re.DOTALL)


class QueryRefusedError(UserError):
    """The endpoint or its engine refuses a query; `code` is ClickHouse's error code."""

    def __init__(self, code: int, name: str, sentence: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {sentence} ({name})")
        self.code = code


def code_of(error: BaseException) -> int:
    """Return ClickHouse's code of an error; 1002 (unknown exception) when it carries none."""
    if isinstance(error, QueryRefusedError):
        return error.code
    found = _CODE.search(str(error))
    return int(found.group(1)) if found else UNKNOWN_EXCEPTION


def status_of(code: int) -> int:
    """Return the HTTP status of a ClickHouse error code."""
    return _STATUS.get(code, 500)


def text_of(error: BaseException, version: str) -> str:
    """Return the error as a client may see it: from "Code:" on, without Python's own trace."""
    text = str(error)
    found = _CODE.search(text)
    if found is None:
        text = (
            f"Code: {UNKNOWN_EXCEPTION}. DB::Exception: The endpoint failed with "
            f"{type(error).__name__}; its log says more. (UNKNOWN_EXCEPTION)"
        )
    else:
        text = _PYTHON_TRACE.sub("", text[found.start() :]).strip()
    return f"{text}\n" if "(version " in text else f"{text} (version {version} (embedded))\n"

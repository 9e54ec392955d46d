"""A request of ClickHouse's HTTP interface, as data.

Source: https://clickhouse.com/docs/interfaces/http
"""

import base64
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from sinks.embedded.errors import (
    AUTHENTICATION_FAILED,
    SYNTAX_ERROR,
    UNKNOWN_COMPRESSION,
    UNKNOWN_SETTING,
    QueryRefusedError,
)

# Names in the query string that belong to the transport and are no settings of the engine.
TRANSPORT_NAMES = frozenset(
    (
        "add_http_cors_header",
        "buffer_size",
        "cancel_http_readonly_queries_on_client_close",
        "client_protocol_version",
        "compress",
        "database",
        "decompress",
        "default_format",
        "enable_http_compression",
        "http_headers_progress_interval_ms",
        "http_response_buffer_size",
        "http_wait_end_of_query",
        "http_zlib_compression_level",
        "password",
        "query",
        "query_id",
        "quota_key",
        "role",
        "send_progress_in_http_headers",
        "session_check",
        "session_id",
        "session_timeout",
        "stacktrace",
        "user",
        "wait_end_of_query",
    )
)
SESSION_TIMEOUT_S_MAX = 3600.0
_PARAMETER = "param_"
_SETTING = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_QUERY_ID = re.compile(r"[\w.:-]{1,128}", re.ASCII)
_KEPT_SETTINGS = ("log_comment",)


@dataclass(frozen=True)
class Request:
    """What a request asks for. `statement` is None when the body is the statement.

    `database` None means the connection's; `session_id` None means no session; `may_write` is
    False for GET; `whole` asks for the answer at once, so that a late error still has its status.
    """

    query_id: str
    statement: bytes | None
    settings: dict[str, str]
    params: dict[str, str]
    database: str | None
    default_format: str
    session_id: str | None
    session_timeout_s: float
    session_must_exist: bool
    may_write: bool
    whole: bool


def credentials(request: web.Request) -> tuple[str, str]:
    """Return the user's name and password, from wherever ClickHouse takes them.

    Raises QueryRefusedError when they cannot be read.
    """
    header = request.headers.get("Authorization", "")
    if header.startswith("Basic "):
        try:
            name, _, password = base64.b64decode(header[6:], validate=True).decode().partition(":")
        except ValueError as error:
            raise QueryRefusedError(
                AUTHENTICATION_FAILED,
                "AUTHENTICATION_FAILED",
                "The Authorization header is not base64 of name:password.",
            ) from error
        return name, password
    if "X-ClickHouse-User" in request.headers:
        return request.headers["X-ClickHouse-User"], request.headers.get("X-ClickHouse-Key", "")
    return request.query.get("user", "default"), request.query.get("password", "")


async def _form_fields(request: web.Request) -> dict[str, str]:
    """Return the text fields of a multipart form; raises QueryRefusedError for a file."""
    fields: dict[str, str] = {}
    for name, value in (await request.post()).items():
        if not isinstance(value, str):
            raise QueryRefusedError(48, "NOT_IMPLEMENTED", "External data is not supported here.")
        fields[name] = value
    return fields


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= SESSION_TIMEOUT_S_MAX:
        raise QueryRefusedError(
            457, "BAD_QUERY_PARAMETER", f"session_timeout is {text!r}; 0 to 3600 is allowed."
        )
    return seconds


def _settings(arguments: Mapping[str, str]) -> dict[str, str]:
    found = {
        name: value
        for name, value in arguments.items()
        if name not in TRANSPORT_NAMES and not name.startswith(_PARAMETER)
    }
    for name in found:
        if not _SETTING.fullmatch(name) or name in _KEPT_SETTINGS:
            raise QueryRefusedError(
                UNKNOWN_SETTING, "UNKNOWN_SETTING", f"Unknown setting {name!r}."
            )
    return found


def _check_compression(arguments: Mapping[str, str]) -> None:
    for name in ("compress", "decompress"):
        if arguments.get(name, "0") != "0":
            raise QueryRefusedError(
                UNKNOWN_COMPRESSION,
                "UNKNOWN_COMPRESSION_METHOD",
                f"{name}=1 (ClickHouse's own blocks) is not supported; use Content-Encoding.",
            )


async def read_request(request: web.Request) -> Request:
    """Return what an HTTP request asks for; its body stays unread unless it is a form.

    Raises QueryRefusedError.
    """
    form = request.content_type == "multipart/form-data"
    arguments = {**request.query, **(await _form_fields(request) if form else {})}
    _check_compression(arguments)
    query_id = arguments.get("query_id", "")
    statement = arguments.get("query")
    if statement is None and (form or not request.can_read_body):
        raise QueryRefusedError(SYNTAX_ERROR, "SYNTAX_ERROR", "The request holds no query.")
    return Request(
        query_id=query_id if _QUERY_ID.fullmatch(query_id) else str(uuid.uuid4()),
        statement=None if statement is None else statement.encode("utf-8", "surrogatepass"),
        settings=_settings(arguments),
        params={
            name.removeprefix(_PARAMETER): value
            for name, value in arguments.items()
            if name.startswith(_PARAMETER)
        },
        database=arguments.get("database") or request.headers.get("X-ClickHouse-Database"),
        default_format=arguments.get("default_format")
        or request.headers.get("X-ClickHouse-Format")
        or "TabSeparated",
        session_id=arguments.get("session_id") or None,
        session_timeout_s=_seconds(arguments.get("session_timeout", "60")),
        session_must_exist=arguments.get("session_check") == "1",
        may_write=request.method != "GET",
        whole=arguments.get("wait_end_of_query", "0") != "0",
    )

"""What an error of ClickHouse or its driver means for us: ask again, reject the data, or mend it.

Codes: https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp. What is not
known here is taken as an outage: data is rejected only when ClickHouse says that it is wrong.
"""

import logging

from clickhouse_connect.driver.exceptions import (
    DatabaseError,
    OperationalError,
    ProgrammingError,
)
from clickhouse_connect.driver.exceptions import DataError as DriverDataError

from schemas.errors import (
    DataError,
    RecalibraError,
    RefusedStateError,
    SettingsError,
    UnavailableError,
)

RETRY_AFTER_S = 1.0
# Too many parts (252), queries (202) or bytes (241): merging and queries take their time.
BUSY_CODES = frozenset({202, 209, 159, 160, 241, 252, 394, 425})
BUSY_RETRY_AFTER_S = 5.0
# Someone has to make room.
DISK_CODES = frozenset({243})
DISK_RETRY_AFTER_S = 30.0
LOGIN_CODES = frozenset({164, 192, 193, 194, 497, 516})
LAYOUT_CODES = frozenset({8, 10, 16, 20, 47, 60, 81, 336})
DATA_CODES = frozenset(
    {6, 25, 26, 27, 32, 33, 34, 38, 41, 53, 69, 70, 72, 117, 130, 131, 190, 349, 353, 407, 469}
)
# What the driver meets while it writes a value that does not fit its column.
VALUE_ERRORS = (AttributeError, TypeError, ValueError, OverflowError)

log = logging.getLogger(__name__)


def _by_code(code: int, where: str) -> RecalibraError | None:
    if code in DATA_CODES:
        return DataError(f"ClickHouse refuses a value (code {code}); the log says which")
    if code in LOGIN_CODES:
        return SettingsError(
            f"ClickHouse at {where} refuses this user (code {code}); check its name, password and "
            "rights"
        )
    if code in LAYOUT_CODES:
        return RefusedStateError(
            f"ClickHouse at {where} lacks a database, table or column of this version (code "
            f"{code}); stop all workers and start them again, which creates what is missing"
        )
    if code in DISK_CODES:
        return UnavailableError(
            f"the disk of ClickHouse at {where} is full; make room", DISK_RETRY_AFTER_S
        )
    if code in BUSY_CODES:
        return UnavailableError(f"ClickHouse at {where} is busy (code {code})", BUSY_RETRY_AFTER_S)
    return None


def translated(error: Exception, where: str) -> RecalibraError:
    """Return what to raise for an error of the driver; `where` is ClickHouse's host and port."""
    log.warning("ClickHouse at %s: %s: %s", where, type(error).__name__, error)
    code = error.code if isinstance(error, DatabaseError) else None
    known = None if code is None else _by_code(code, where)
    if known is not None:
        return known
    if isinstance(error, (DriverDataError, *VALUE_ERRORS)):
        return DataError(f"a value does not fit its column in ClickHouse: {error}")
    if code is None and isinstance(error, ProgrammingError):
        return SettingsError(
            f"ClickHouse at {where} does not let this user write as it must ({error}); check its "
            "rights and settings"
        )
    if code is None and isinstance(error, OperationalError):
        return UnavailableError(
            f"ClickHouse at {where} does not answer; start it or wait", RETRY_AFTER_S
        )
    return UnavailableError(
        f"ClickHouse at {where} fails (code {code}); its log and ours say more", BUSY_RETRY_AFTER_S
    )

"""Who may do what: the users file, the roles' grants and limits, and the engine's own access file.

The engine enforces the grants: every connection takes one role with SET ROLE. No role is granted
SOURCES or TABLE ENGINE: with them a statement reads and writes files and other hosts, and a failed
CREATE of a Kafka table leaves a path that cannot be opened again. No role is granted CREATE
TEMPORARY TABLE: the table function Python(), which reads this process's objects, asks for it.
"""

import hmac
import json
import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from schemas.errors import SettingsError
from sinks.embedded.errors import AUTHENTICATION_FAILED, QueryRefusedError

WRITER, ANALYST = "writer", "analyst"
GRANTS = {
    WRITER: (
        "GRANT SHOW, SELECT, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, DROP, "
        "UNDROP TABLE, TRUNCATE, OPTIMIZE, CHECK ON {database}.*",
        "GRANT KILL QUERY ON *.*",
    ),
    ANALYST: ("GRANT SELECT, SHOW TABLES, SHOW COLUMNS ON {database}.*",),
}
# Of the engine's settings, in its own names; an analyst cannot change them (readonly = 1).
LIMITS: dict[str, dict[str, int]] = {
    WRITER: {},
    ANALYST: {
        "readonly": 1,
        "max_execution_time": 30,
        "max_result_rows": 1_000_000,
        "max_rows_to_read": 2_000_000_000,
        "max_memory_usage": 2_000_000_000,
        "max_threads": 1,
        "use_query_cache": 0,
    },
}
_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_OTHERS_MAY_READ = 0o077


@dataclass(frozen=True)
class User:
    """One who may log in; `role` is a key of GRANTS."""

    name: str
    password: str
    role: str


def check_database_name(name: str) -> str:
    """Return `name` when it can be a database; raises SettingsError."""
    if not _NAME.fullmatch(name):
        raise SettingsError(
            f"database {name!r} must be a word of letters, digits and underscores; choose another"
        )
    return name


def _user(name: str, entry: object) -> User:
    password = entry.get("password") if isinstance(entry, dict) else None
    role = entry.get("role") if isinstance(entry, dict) else None
    if not isinstance(password, str) or not password:
        raise SettingsError(f"user {name!r} has no password in the users file; give it one")
    if role not in GRANTS:
        raise SettingsError(
            f"user {name!r} has role {role!r} in the users file; it must be {' or '.join(GRANTS)}"
        )
    return User(name, password, str(role))


def read_users(path: Path) -> dict[str, User]:
    """Return the users of a JSON file {name: {"password": …, "role": …}} that no one else may read.

    Raises SettingsError, which says what to change.
    """
    try:
        if path.stat().st_mode & _OTHERS_MAY_READ:
            raise SettingsError(f"others may read the users file {path}; run chmod 600 on it")
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"the users file {path} cannot be read ({error.strerror}); create it or mend its rights"
        ) from error
    except ValueError as error:
        raise SettingsError(f"the users file {path} is not JSON; write it again") from error
    if not isinstance(entries, dict) or not entries:
        raise SettingsError(f"the users file {path} names no user; add one with password and role")
    return {name: _user(name, entry) for name, entry in entries.items()}


def authenticate(users: dict[str, User], name: str, password: str) -> User:
    """Return the user of a name and password; raises QueryRefusedError, alike for both faults."""
    user = users.get(name)
    expected = user.password if user else ""
    if hmac.compare_digest(expected.encode(), password.encode()) and user is not None:
        return user
    raise QueryRefusedError(
        AUTHENTICATION_FAILED,
        "AUTHENTICATION_FAILED",
        f"{name}: Authentication failed: password is incorrect, or there is no such user.",
    )


def access_xml(database: str) -> str:
    """Return the engine's users file: one inner user without rights of its own but the roles'."""

    def queries(statements: tuple[str, ...]) -> str:
        return "".join(f"<query>{escape(s.format(database=database))}</query>" for s in statements)

    roles = "".join(
        f"<{role}><grants>{queries(grants)}</grants></{role}>" for role, grants in GRANTS.items()
    )
    granted = queries(tuple(f"GRANT {role}" for role in GRANTS))
    return (
        f"<clickhouse><profiles><default/></profiles><quotas><default/></quotas>"
        f"<roles>{roles}</roles><users><default><password/>"
        f"<networks><ip>127.0.0.1</ip><ip>::1</ip></networks><profile>default</profile>"
        f"<quota>default</quota><grants>{granted}</grants></default></users></clickhouse>\n"
    )

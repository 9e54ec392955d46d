"""The engine's settings for the length of one request."""

import json
from collections.abc import Iterable, Mapping

from sinks.embedded.engine import Lane


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _set(lane: Lane, values: Mapping[str, str | None]) -> None:
    # SET takes no parameters: names are checked where the request is read, values are quoted here.
    if values:
        assignments = (
            f"{name} = {'DEFAULT' if value is None else _literal(value)}"
            for name, value in values.items()
        )
        lane.text(f"SET {', '.join(assignments)}")


def _present(lane: Lane, names: Iterable[str]) -> dict[str, str | None]:
    """Return what a connection has set; None where it has the default."""
    rows = lane.text(
        "SELECT name, changed ? value : NULL FROM system.settings "
        "WHERE has({names:Array(String)}, name) FORMAT JSONCompactEachRow",
        names=f"[{', '.join(map(_literal, names))}]",
    )
    return dict(json.loads(row) for row in rows.splitlines())


def apply(lane: Lane, settings: Mapping[str, str], in_session: bool) -> None:
    """Apply a request's settings in place of the request's before.

    A session's own settings, made by SET, stay under them and come back when they are gone.
    Raises RuntimeError (the engine's) for a setting it does not take.
    """
    if settings == lane.applied:
        return
    new = [name for name in settings if name not in lane.own]
    own = _present(lane, new) if in_session and new else {}
    lift(lane, keep=settings)
    _set(lane, settings)
    lane.own.update(own)
    lane.applied.update(settings)


def lift(lane: Lane, keep: Iterable[str] = ()) -> None:
    """Give a session its own settings back, except those named by `keep`."""
    gone = {name: lane.own[name] for name in lane.applied if name not in set(keep)}
    _set(lane, gone)
    for name in gone:
        del lane.applied[name], lane.own[name]

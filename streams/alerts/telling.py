"""What a person says of alerts, sent to the monitor."""

import getpass
import uuid
from datetime import UTC, datetime

from schemas.errors import UserError
from schemas.events import Alert, AlertCommand
from streams.alerts.times import as_us


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)


def tell(
    kind: str,
    by: str | None,
    note: str,
    *,
    about: Alert | None = None,
    assay: str | None = None,
    model: str | None = None,
    level: tuple[str | None, str | None] = (None, None),
    starts: datetime | None = None,
    ends: datetime | None = None,
) -> None:
    """Send a command about an alert's model version, or about an assay.

    `level` is a context field and its value. Raises UserError for what cannot be meant, and what
    `streams.alert_commands.send` raises.
    """
    from streams.addresses import kafka_resolved
    from streams.alert_commands import send
    from streams.settings import load_settings

    command = AlertCommand(
        command_id=uuid.uuid4().hex,
        kind=kind,
        model_id=model if about is None else about.model_id,
        model_version=None if about is None else about.model_version,
        assay_id=str(assay) if about is None else about.assay_id,
        segment_field=level[0],
        segment_value=level[1],
        starts_at=None if starts is None else as_us(starts),
        ends_at=None if ends is None else as_us(ends),
        by=by or _login(),
        note=note,
        at=as_us(now()),
    )
    send(kafka_resolved(load_settings()), command)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        raise UserError("this login has no name; say who you are with --by") from error

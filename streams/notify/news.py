"""What has happened to an alert between two of its states, if anything that is news."""

from schemas.events import Alert
from sinks.notify._options import severity_of

SEVERITIES = ("info", "warning", "critical")


class News:
    """Remembers how each alert stands; the topic of alerts, read from its beginning, is its memory.

    A state that is said again with other figures is no news.
    """

    def __init__(self) -> None:
        self._stands: dict[str, Alert] = {}

    def take(self, alert: Alert) -> str | None:
        """Take the next state of an alert and return what is new: its state, or that it escalated.

        "explained" is the first segment that is named for an alert that goes on. None: no news, or
        a state that is older than one already taken.
        """
        before = self._stands.get(alert.alert_id)
        if before is not None and alert.row_version <= before.row_version:
            return None
        self._stands[alert.alert_id] = alert
        return _between(before, alert)


def _between(before: Alert | None, now: Alert) -> str | None:
    if before is None or before.state != now.state:
        return now.state
    if _rank(now) > _rank(before):
        return "escalated"
    named = now.segment_field is not None and before.segment_field is None
    return "explained" if named else None


def _rank(alert: Alert) -> int:
    severity = severity_of(alert)
    return SEVERITIES.index(severity) if severity in SEVERITIES else -1

"""What has happened to an alert between two of its states, if anything that is news."""

from schemas.events import SEVERITIES, STATUS_STATES, Alert


class News:
    """Remembers how each alert stands; the topic of alerts, read from its beginning, is its memory.

    A state that is said again with other figures is no news, and nothing is that is said under a
    mute; what still holds when the mute has ended is news then.
    """

    def __init__(self) -> None:
        self._row_versions: dict[str, int] = {}
        self._told: dict[str, Alert] = {}
        self._muted: set[str] = set()

    def take(self, alert: Alert) -> str | None:
        """Take the next state of an alert and return what is new, or None.

        New is another state, by its name; "escalated" when the severity has risen; "explained" when
        a factor is named for the first time. The end of a state "no_labels" is "recovered", too. A
        row older than one already taken is no news, nor the end of what was never told.
        """
        if alert.row_version <= self._row_versions.get(alert.alert_id, -1):
            return None
        self._row_versions[alert.alert_id] = alert.row_version
        if alert.muted_until is not None or alert.state == "muted":
            self._muted.add(alert.alert_id)
            return None
        before = self._told.get(alert.alert_id)
        self._told[alert.alert_id] = alert
        if alert.state != "recovered" and (before is None or alert.alert_id in self._muted):
            self._muted.discard(alert.alert_id)
            return alert.state
        return None if before is None else _between(before, alert)


def _between(before: Alert, now: Alert) -> str | None:
    if before.state == "no_labels" and now.state in STATUS_STATES and now.state != "no_labels":
        return "recovered"
    if before.state != now.state:
        return now.state
    if _rank(now) > _rank(before):
        return "escalated"
    named = now.segment_field is not None and before.segment_field is None
    return "explained" if named else None


def _rank(alert: Alert) -> int:
    return SEVERITIES.index(alert.severity) if alert.severity in SEVERITIES else -1

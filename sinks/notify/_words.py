"""An alert in words, for channels that people read. Nothing is escaped here."""

from sinks.notify._notice import Notice, datetime_of
from sinks.notify._options import severity_of

NEWS_WORDS = {
    "open": "alert",
    "escalated": "alert escalated",
    "explained": "alert explained",
    "acknowledged": "alert acknowledged",
    "recovered": "recovered",
    "no_labels": "no results",
    "warning": "warning",
    "muted": "alert muted",
    "healthy": "healthy",
    "learning": "learning",
}


def headline(notice: Notice) -> str:
    """Return one line: how bad, what happened, and to which model version in which assay."""
    alert = notice.alert
    severity = severity_of(alert)
    bad = f"{severity} " if severity and notice.news in ("open", "escalated", "no_labels") else ""
    what = f"{bad}{NEWS_WORDS.get(notice.news, notice.news)}"
    text = (
        f"{what[:1].upper()}{what[1:]}: {alert.model_id} {alert.model_version} in {alert.assay_id}"
    )
    return " ".join(text.split())


def facts(notice: Notice) -> list[tuple[str, str]]:
    """Return what a person needs to act, as names with values."""
    alert = notice.alert
    found = [("since", minute(alert.since)), ("found", minute(alert.detected_at))]
    if alert.segment_field is not None:
        found.append((alert.segment_field.replace("_", " "), str(alert.segment_value)))
    if alert.effect_sd is not None:
        found.append(("effect", f"{alert.effect_sd:+.2g} baseline SD"))
    if alert.p_value is not None:
        found.append(("adjusted p", f"{alert.p_value:.1g}"))
    found += [("results", str(alert.n)), ("detector", alert.detector)]
    found += [("lab", notice.lab), ("alert", alert.alert_id)]
    return found


def advice(notice: Notice) -> str:
    """Return the command that shows the rest."""
    return f"recalibra alerts show {notice.alert.alert_id[:12]}"


def minute(at_us: int | None) -> str:
    """Return microseconds since 1970 as a person reads them."""
    if at_us is None:
        return "not stated"
    return f"{datetime_of(at_us):%Y-%m-%d %H:%M} UTC"

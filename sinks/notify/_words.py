"""An alert in words, for channels that people read. Nothing is escaped here."""

from schemas.events import Alert
from sinks.notify._notice import Notice, datetime_of

NEWS_WORDS = {
    "open": "alert",
    "escalated": "alert escalated",
    "explained": "alert explained",
    "acknowledged": "alert acknowledged",
    "recovered": "recovered",
    "no_labels": "no results",
    "warning": "warning",
    "healthy": "healthy",
    "learning": "learning",
}


def headline(notice: Notice) -> str:
    """Return one line: how bad, what happened, and to which model version in which assay."""
    alert = notice.alert
    bad = f"{alert.severity} " if notice.news in ("open", "escalated", "no_labels") else ""
    what = f"{bad}{NEWS_WORDS.get(notice.news, notice.news)}"
    text = (
        f"{what[:1].upper()}{what[1:]}: {alert.model_id} {alert.model_version} in {alert.assay_id}"
    )
    return " ".join(text.split())


def facts(notice: Notice) -> list[tuple[str, str]]:
    """Return what a person needs to act, as names with values."""
    alert = notice.alert
    named = {
        "kind": None if alert.kind == "unknown" else alert.kind,
        "since": minute(alert.since),
        "found": minute(alert.detected_at),
        "first run": alert.first_run,
        (alert.segment_field or "factor").replace("_", " "): alert.segment_value,
        "tied": ", ".join(alert.tied) or None,
        "effect": _effect(alert),
        "adjusted p": None if alert.p_value is None else f"{alert.p_value:.1g}",
        "results": str(alert.n),
        "molecules": str(alert.molecules) if alert.molecules else None,
        "rule": alert.rule,
        "planned": alert.planned_change,
        "acknowledged by": alert.acknowledged_by,
        "detector": alert.detector,
        "lab": notice.lab,
        "alert": alert.alert_id,
    }
    return [(name, value) for name, value in named.items() if value is not None]


def _effect(alert: Alert) -> str | None:
    if alert.effect_sd is None:
        return None
    text = f"{alert.effect_sd:+.2f} baseline SD"
    if alert.effect_low is None or alert.effect_high is None:
        return text
    return f"{text} (95 % interval {alert.effect_low:+.2f} to {alert.effect_high:+.2f})"


def advice(notice: Notice) -> str:
    """Return the command that shows the rest."""
    return f"recalibra alerts show {notice.alert.alert_id[:12]}"


def minute(at_us: int | None) -> str:
    """Return microseconds since 1970 as a person reads them."""
    if at_us is None:
        return "not stated"
    return f"{datetime_of(at_us):%Y-%m-%d %H:%M} UTC"

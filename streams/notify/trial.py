"""An example sent to addresses, to see whether they are reached."""

import time
import uuid
from collections.abc import Callable

from schemas.errors import RecalibraError, SettingsError
from schemas.events import Alert
from sinks.notify._notice import Notice
from streams.notify.channels import make_channel, names_of
from streams.settings import Settings
from streams.wall_clock import now_us


def try_addresses(
    settings: Settings, address: str | None, dry_run: bool, say: Callable[[str], None]
) -> bool:
    """Send an example to one address or all; return whether all took it.

    Raises SettingsError when there is none, or none of that name.
    """
    names = [address] if address is not None else names_of(settings.notify)
    if not names:
        raise SettingsError("no channel is set; see [notify] in streams/settings.example.toml")
    notice = _example(settings.kafka.topic_prefix)
    channels = [(name, make_channel(settings.notify, name, time.time)) for name in names]
    failed = False
    for name, channel in channels:
        if dry_run:
            say(f"{name}, by {channel.where}, would be sent:\n{channel.shown(notice)}")
            continue
        try:
            channel.send(notice)
            say(f"✓ {name}: taken by {channel.where}")
        except RecalibraError as error:
            failed = True
            say(f"✗ {name}: {error}")
    return not failed


def _example(lab: str) -> Notice:
    at_us = now_us()
    alert = Alert(
        alert_id=f"example-{uuid.uuid4().hex[:8]}",
        row_version=1,
        state="open",
        model_id="example-model",
        model_version="1.0",
        assay_id="example-assay",
        segment_field="reagent_batch",
        segment_value="EXAMPLE-LOT",
        detector="example",
        since=at_us,
        detected_at=at_us,
        effect_sd=1.5,
        p_value=None,
        n=0,
        reason="An example, sent by `recalibra alerts test-channel`: nothing is off.",
        severity="info",
    )
    return Notice(uuid.uuid4().hex, "open", at_us, lab, alert)

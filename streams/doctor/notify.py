"""Where alerts are told: whether each address is there; nothing is sent."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from schemas.errors import RecalibraError
from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong
from streams.doctor.broker import is_loopback
from streams.notify.channels import make_channel, names_of
from streams.settings import Settings

PLACE = 75
PROBES_AT_ONCE = 8


def look(checkup: Checkup) -> Iterator[Finding]:
    """Connect to every address."""
    names = names_of(checkup.settings.notify)
    if not names:
        yield fine("no channel is set: alerts are told on their topic alone")
        return
    with ThreadPoolExecutor(PROBES_AT_ONCE) as pool:
        for findings in pool.map(lambda name: list(_probed(checkup.settings, name)), names):
            yield from findings


def _probed(settings: Settings, name: str) -> Iterator[Finding]:
    channel = make_channel(settings.notify, name, time.time)
    try:
        channel.probe()
    except RecalibraError as error:
        yield wrong(
            f"{name}: {error}",
            f"mend notify.{name}; `recalibra alerts test-channel {name}` sends an example",
        )
        return
    yield fine(f"{name}: {channel.where} is there")
    if channel.where.startswith("http://") and not is_loopback(_host(channel.where)):
        yield warning(
            f"{name}: alerts can be read by everyone on the way to {channel.where}",
            "use https:// where the network is not yours alone",
        )


def _host(where: str) -> str:
    return urlsplit(where).hostname or ""

"""The memory that is left for the stages."""

from collections.abc import Iterator

import psutil

from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning
from streams.kafka_access import stage_names

PLACE = 95
STAGE_MB = 400


def look(checkup: Checkup) -> Iterator[Finding]:
    """Ask how much is free; what already runs has its share."""
    free_mb = psutil.virtual_memory().available / 1e6
    wanted_mb = STAGE_MB * len(stage_names())
    if free_mb < wanted_mb:
        yield warning(
            f"{free_mb:.0f} MB of memory are free; the stages take about {wanted_mb} MB together",
            "run fewer stages here (`recalibra worker --stages`)",
        )
    else:
        yield fine(f"{free_mb / 1_000:.1f} GB of memory are free")

"""This machine's clock beside Kafka's and ClickHouse's."""

from collections.abc import Callable, Iterator

from schemas.errors import RecalibraError
from streams.clocks import (
    WARN_AFTER_S,
    WRONG_AFTER_S,
    Deviation,
    clickhouse_deviation,
    kafka_deviation,
    this_machine,
)
from streams.doctor._checkup import Checkup
from streams.doctor._finding import Finding, fine, warning, wrong

PLACE = 80
MEND = "set the clock that is wrong, best by NTP on every machine"


def look(checkup: Checkup) -> Iterator[Finding]:
    """Ask both for their time; one that does not answer leaves the other."""
    settings = checkup.settings
    now = this_machine(settings)
    failures: list[str] = []
    asked: list[Callable[[], Deviation]] = [
        lambda: kafka_deviation(settings.kafka, now),
        lambda: clickhouse_deviation(settings.clickhouse, now),
    ]
    for deviation in asked:
        try:
            yield _judged(deviation())
        except RecalibraError as error:
            failures.append(str(error))
    yield from map(wrong, failures)


def _judged(found: Deviation) -> Finding:
    if found.least_s >= WRONG_AFTER_S:
        return wrong(found.text, MEND)
    if found.least_s > WARN_AFTER_S:
        return warning(found.text, MEND)
    return fine(f"this machine's clock goes with that of {found.service}")

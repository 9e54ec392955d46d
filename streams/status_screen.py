"""How a status looks on a terminal."""

from collections.abc import Iterator
from datetime import datetime
from itertools import compress

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.status import LaneStatus, StageStatus, Status, totals

# Heading, alignment, and whether a narrow terminal has no room for it.
COLUMNS = (
    ("\nlane", "left", False), ("\nowner", "left", False), ("\nstate", "left", False),
    ("\nbehind", "right", False), ("oldest\nunread", "right", False),
    ("records\nper s", "right", False), ("commits\nper s", "right", True),
    ("\nopen", "right", False), ("oldest\nopen", "left", True), ("last\ncommit", "right", False),
)  # fmt: skip
WIDE_COLUMNS_MIN = 100
COLOURS = {
    "works": "green", "up to date": "green", "restoring": "yellow", "rebalancing": "yellow",
    "waits": "red", "stands still": "red", "no owner": "red",
}  # fmt: skip
NOTHING = "–"


def status_screen(status: Status, width: int) -> RenderableType:
    """Return a status as a table with a row per stage and lane, and a few lines below it.

    `width` is the terminal's, in characters; a narrow one gets fewer columns.
    """
    shown = [width >= WIDE_COLUMNS_MIN or not wide for *_, wide in COLUMNS]
    table = Table(
        title=f"{status.topic_prefix} on {status.kafka}",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for name, justify, _ in compress(COLUMNS, shown):
        table.add_column(name, justify="right" if justify == "right" else "left", no_wrap=True)
    for stage in status.stages:
        table.add_row(*compress(_stage_row(stage), shown), style="bold")
        for lane in stage.lanes:
            table.add_row(*compress(_lane_row(lane, status.at_s), shown))
        table.add_section()
    return Group(table, *(Text(line) for line in _lines(status)))


def _stage_row(stage: StageStatus) -> tuple[Text, ...]:
    whole = totals(stage)
    count = len(stage.workers)
    workers = "no worker" if not count else f"{count} worker{'s' if count > 1 else ''}"
    oldest_open = whole["oldest_open_prediction_at"]
    return tuple(
        Text(cell)
        for cell in (
            stage.stage,
            workers,
            "" if stage.state == "stable" else stage.state,
            f"{whole['behind_records']:,}",
            duration(whole["oldest_unread_s"]),
            _rate(whole["records_per_s"]),
            _rate(whole["transactions_per_s"]),
            _count(whole["open_predictions"]),
            NOTHING if oldest_open is None else oldest_open[:10],
            "",
        )
    )


def _lane_row(lane: LaneStatus, now_s: float) -> tuple[Text, ...]:
    state = lane.state if lane.restore is None else f"restoring {lane.restore:.0%}"
    oldest_open_s, checkpoint_s = lane.oldest_open_prediction_at_s, lane.last_checkpoint_at_s
    ago = None if checkpoint_s is None else max(0.0, now_s - checkpoint_s)
    return (
        Text(f" {lane.partition}"),
        Text(lane.owner or NOTHING),
        Text(state, style=COLOURS.get(lane.state, "")),
        Text(f"{lane.behind_records:,}"),
        Text(duration(lane.oldest_unread_s)),
        Text(_rate(lane.records_per_s)),
        Text(_rate(lane.transactions_per_s)),
        Text(_count(lane.open_predictions)),
        Text(NOTHING if oldest_open_s is None else f"{datetime.fromtimestamp(oldest_open_s):%F}"),
        Text(duration(ago)),
    )


def _lines(status: Status) -> Iterator[str]:
    if len(status.idle_stages) == len(status.stages):
        yield "No worker runs: nothing is taken in. Start one with `recalibra worker`."
    elif status.idle_stages:
        names = ", ".join(status.idle_stages)
        yield (
            f"No worker runs {names}: start one with "
            f"`recalibra worker --stages {','.join(status.idle_stages)}`."
        )
    if any(lane.state == "waits" for stage in status.stages for lane in stage.lanes):
        yield "Lanes that wait do so for Kafka, ClickHouse or room on a disk; their log says which."
    if status.dead_letters:
        count = f"{'' if status.all_counted else 'over '}{status.dead_letters:,}"
        yield f"{count} dead letters; `recalibra dead-letters list` says why."
    else:
        yield "No dead letters."
    for report in status.here:
        memory = report.memory_bytes
        used = "" if memory is None else f"{memory / 1e6:,.0f} MB, "
        where = f"http://{report.place.host}:{report.place.port}/metrics"
        yield f"On this machine: {report.place.worker}, {used}metrics at {where}"


def _rate(value: float | None) -> str:
    return NOTHING if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def _count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def duration(seconds: float | None) -> str:
    """Return a duration in the largest unit that has a whole one.

    >>> duration(0.31), duration(75.0), duration(90_000.0), duration(None)
    ('0.3 s', '1 min', '1 d', '–')
    """
    if seconds is None:
        return NOTHING
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.1f} s"

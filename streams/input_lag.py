"""How many records of an input a lane has still before it, from what was fetched already."""

from typing import Any

from faust.types import TP

from streams.transport import BlockConsumer


def records_behind(consumer: BlockConsumer, tp: TP, next_offset: int) -> int | None:
    """Return the records between a lane's next offset and the end; None while it is not known.

    The end is the last stable offset of the last fetch. Markers of transactions in between are
    counted, but not behind the last record: when all that was fetched is taken, the fetcher's own
    position counts, which passes over markers.
    """
    reading = consumer._thread._consumer
    if reading is None or tp not in reading.assignment():
        return None
    state: Any = reading._subscription.subscription.assignment.state_value(tp)
    if state.lso is None:
        return None
    # Not there before the first seek.
    fetched_up_to = getattr(consumer, "_positions", {}).get(tp)
    all_taken = fetched_up_to == next_offset and state.has_valid_position
    behind: int = state.lso - (state.position if all_taken else next_offset)
    return max(0, behind)

"""The picture as data: which stages there are, what each reads and writes, and what it does.

predictions ┐         ┌► pairs ────┐
outcomes ───┼► join ──┼► coverage ─┼► monitor ─► metrics, alerts
ticks ──────┘         └► late      │
ticks, alert-commands ─────────────┘
"""

from collections.abc import Callable
from typing import NamedTuple

from processors.join import Join
from processors.options import Options
from processors.processor import Processor
from schemas.codec import Codec


class Stage(NamedTuple):
    """A stage: short names of the topics it reads and writes, how its processor is made.

    `make_processor` takes the lane's partition, too. The lanes of one stage tell the time to all
    lanes of their number, by the topic of ticks.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    make_processor: Callable[[Codec, Options, int], Processor]


def _monitor(_codec: Codec, options: Options, _lane: int) -> Processor:
    # Its numerical libraries are slow to import, and other stages do without them.
    from processors.monitor import Monitor

    return Monitor(options)


# In the order in which events flow.
TOPOLOGY: tuple[Stage, ...] = (
    Stage(
        "join",
        ("predictions", "outcomes", "ticks"),
        ("pairs", "late", "coverage", "ticks"),
        Join,
    ),
    Stage(
        "monitor",
        ("pairs", "coverage", "ticks", "alert-commands"),
        ("metrics", "alerts"),
        _monitor,
    ),
)


def owned_inputs(stage: Stage) -> tuple[str, ...]:
    """Return the inputs of which a stage says what is wrong with a record: it reads them first.

    >>> [owned_inputs(stage) for stage in TOPOLOGY]
    [('predictions', 'outcomes', 'ticks'), ('pairs', 'coverage', 'alert-commands')]
    """
    earlier = TOPOLOGY[: TOPOLOGY.index(stage)]
    read_before = {short for other in earlier for short in other.inputs}
    return tuple(short for short in stage.inputs if short not in read_before)

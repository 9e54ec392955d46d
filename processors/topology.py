"""The picture as data: which stages there are, what each reads and writes, and what it does.

predictions ┐
outcomes ───┴► join ─► pairs ─► monitor ─► metrics, alerts
"""

from collections.abc import Callable
from typing import NamedTuple

from processors.join import Join
from processors.monitor import Monitor
from processors.processor import Processor
from schemas.codec import Codec


class Stage(NamedTuple):
    """A stage: short names of the topics it reads and writes, how its processor is made."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    make_processor: Callable[[Codec], Processor]


# In the order in which events flow.
TOPOLOGY: tuple[Stage, ...] = (
    Stage("join", ("predictions", "outcomes"), ("pairs",), Join),
    Stage("monitor", ("pairs",), ("metrics", "alerts"), lambda _codec: Monitor()),
)

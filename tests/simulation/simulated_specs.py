"""The stages that run in a world, with the processors that they drive."""

from random import Random

from simulated_input import CODEC
from simulated_sink import SimulatedSink
from simulated_stage import SimulatedStage, StageSpec
from tally import Tally

from processors.join import Join
from schemas.events import Event
from streams.sink_stage import SinkProcessor

INPUTS = ("predictions", "outcomes", "ticks")
RESTING = ("metrics", "dead-letters")
JOIN_PART, SINK_PART = 0.15, 0.25


def draw_stages(random: Random, rows: set[Event]) -> list[StageSpec]:
    """Return the stages of one seed: the join, or the tally, or the tally and the sink.

    `rows` is what rests behind the sink.
    """

    def make_sink_processor(process: SimulatedStage, lane: int) -> SinkProcessor:
        sink = SimulatedSink(rows, process.step, lambda: process.unlucky("sink away"))
        return SinkProcessor(sink, CODEC)

    def make_join(process: SimulatedStage, lane: int) -> Join:
        return Join(CODEC, lane=lane, outcomes_at_once=outcomes_at_once)

    def make_tally(process: SimulatedStage, lane: int) -> Tally:
        return Tally(lambda: process.unlucky("processor"))

    drawn, outcomes_at_once = random.random(), random.choice((1, 2, 1_000))
    if drawn < JOIN_PART:
        return [StageSpec("join", INPUTS, INPUTS, make_join, ticking=True)]
    tally = StageSpec("tally", INPUTS, INPUTS, make_tally, ticking=True)
    if drawn < JOIN_PART + SINK_PART:
        sink = StageSpec("sink", (*RESTING, "ticks"), RESTING, make_sink_processor, ticking=False)
        return [tally, sink]
    return [tally]

"""The sink stage between two checkpoints: what is refused, and what must be written later."""

from collections.abc import Sequence

import pytest
from pipeline_lab import CODEC

from processors.store import MemoryStore
from schemas.errors import DataError, UnavailableError
from schemas.events import AssayContext, DeadLetter, Event, Outcome, Prediction
from streams.sink_stage import SinkProcessor

P = Prediction("p", 0, False, "CCO", "logP", AssayContext(), "net", "1", 1.5)
MEASURED = Outcome("o", 0, False, "CCO", "logP", AssayContext(), 1.0)


class Shelf:
    """A sink that refuses predictions for good and is away for outcomes until it is back."""

    def __init__(self) -> None:
        self.back = False
        self.kept: list[Event] = []

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        if topic == "predictions":
            raise DataError("no predictions here")
        if not self.back:
            raise UnavailableError("away")
        self.kept += events


def test_a_refused_rows_letter_outlives_a_flush_that_could_not_end() -> None:
    shelf, store = Shelf(), MemoryStore()
    sink = SinkProcessor(shelf, CODEC)
    sink.process(P, 1, store)
    sink.process(MEASURED, 2, store)
    with pytest.raises(UnavailableError):
        sink.flush(store, quiet=False)
    shelf.back = True
    (letter,) = sink.flush(store, quiet=False)
    assert isinstance(letter, DeadLetter) and CODEC.decode(letter.payload, Prediction) == P
    assert shelf.kept == [MEASURED]
    assert sink.flush(store, quiet=False) == [], "a letter is said once"

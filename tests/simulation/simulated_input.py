"""What producers send: few events of few molecules, encoded once for all seeds."""

from functools import cache
from random import Random
from typing import cast

from schemas.codec import Codec, E
from schemas.events import AssayContext, Event, Outcome, Prediction
from schemas.partitioner import partition_of
from schemas.table import SchemaTable
from schemas.topics import key_of, topic_name

PREFIX = "simulated"
MOLECULES = 4
RUBBISH = b"rubbish"


class CachedCodec(Codec):
    """The codec, with the answers it gave kept: the events of all seeds are the same few."""

    def __init__(self) -> None:
        super().__init__(SchemaTable())
        self._decoded: dict[bytes, Event] = {}
        self._encoded: dict[Event, bytes] = {}

    def decode(self, payload: bytes | None, expected: type[E]) -> E:
        """See `Codec.decode`."""
        found = self._decoded.get(payload or b"")
        if found is None or type(found) is not expected:
            found = super().decode(payload, expected)
            self._decoded[payload or b""] = found
        return cast(E, found)

    def encode(self, event: Event) -> bytes:
        """See `Codec.encode`."""
        try:
            found = self._encoded.get(event)
        except TypeError:  # an event with features cannot be looked up
            return super().encode(event)
        if found is None:
            found = self._encoded[event] = super().encode(event)
        return found


CODEC = CachedCodec()


@cache
def _encoded(number: int, molecule: int, is_prediction: bool, retracted: bool) -> tuple[bytes, ...]:
    name, event_id = f"m{molecule}", f"e{number}"
    event: Prediction | Outcome
    if is_prediction:
        event = Prediction(
            event_id, 0, retracted, name, "assay", AssayContext(), "net", "1", float(number)
        )
    else:
        event = Outcome(event_id, 0, retracted, name, "assay", AssayContext(), float(number))
    return key_of(event), CODEC.encode(event)


def next_message(
    random: Random, number: int, partitions: int
) -> tuple[str, int, bytes | None, bytes]:
    """Return (topic, partition, key, value) of one message: some misplaced, some rubbish."""
    is_prediction = random.random() < 0.6
    topic = topic_name(PREFIX, "predictions" if is_prediction else "outcomes")
    if random.random() < 0.05:
        topic = random.choice((topic, topic_name(PREFIX, "ticks")))
        return topic, random.randrange(partitions), None, RUBBISH
    retracted = random.random() < 0.3
    key, value = _encoded(number, random.randrange(MOLECULES), is_prediction, retracted)
    if random.random() < 0.1:
        return topic, random.randrange(partitions), b"a key of their own", value
    return topic, partition_of(key, partitions), key, value

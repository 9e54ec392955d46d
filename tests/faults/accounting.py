"""Every offset of the input is accounted for, and every dead letter has its reason."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from comparison import differences
from fault_input import CODEC, Sent
from lab_events import Measurement
from observation import Kept
from oracle_pairs import PairOracle, place_of

from schemas.errors import DataError
from schemas.events import DeadLetter, Outcome, Prediction
from schemas.partitioner import partition_of
from schemas.precedence import precedence
from schemas.topics import key_of, topic_name

CONFLICT = "ConflictingContentError"


class Account(NamedTuple):
    """How many input offsets ended as what, and what is wrong with that."""

    counts: Counter[str]
    differences: list[str]


def account(
    messages: Iterable[Sent],
    inputs: Mapping[str, list[Kept]],
    oracle: PairOracle,
    partitions: int,
    prefix: str,
    letters: list[DeadLetter],
) -> Account:
    """Say of every offset of `inputs`, by short topic name, what became of it.

    The oracle says what an event must end as; that the stages agree with the oracle is held
    elsewhere. Dead letters and what was sent on to its right partition are looked up here.
    """
    sent: dict[tuple[str, bytes], Sent] = {}
    wanted: Counter[tuple[str, bytes, int]] = Counter()
    for message in messages:
        value = message.value or b""
        sent[message.short, value] = message
        wanted[message.short, value, message.partition] += 1
        if message.event is not None and message.partition != _right(message.event, partitions):
            wanted[message.short, value, _right(message.event, partitions)] += 1
    there = Counter(
        (short, kept.value or b"", kept.partition) for short in inputs for kept in inputs[short]
    )
    found = differences("input record", wanted, there)
    counts: Counter[str] = Counter()
    ends = _Ends(oracle)
    spoilt: dict[tuple[str | None, int | None, int], bytes] = {}
    for short, records in inputs.items():
        for kept in records:
            known = sent.get((short, kept.value or b""))
            event = None if known is None else known.event
            if known is None:
                counts["unknown"] += 1
            elif event is None:
                place = (topic_name(prefix, short), kept.partition, kept.offset)
                spoilt[place] = kept.value or b""
                counts["dead letter"] += 1
            elif kept.partition != _right(event, partitions):
                counts["sent on"] += 1
            else:
                counts[ends.of(event)] += 1
    return Account(counts, found + _letters(oracle, spoilt, letters))


def _right(event: Measurement, partitions: int) -> int:
    return partition_of(key_of(event), partitions)


class _Ends:
    """What each event of the input ends as."""

    def __init__(self, oracle: PairOracle) -> None:
        self._newest = {
            (type(event), place_of(event), event.event_id): precedence(event)
            for frame in (oracle.predictions, oracle.outcomes)
            for event in frame.event
        }
        self._seen: set[tuple[object, ...]] = set()
        sides = ((Prediction, "event_p"), (Outcome, "event_o"))
        self._kinds: dict[str, set[tuple[object, ...]]] = {
            name: {
                (kind, place_of(event), event.event_id) for kind, side in sides
                for event in frame[side]
            }
            for name, frame in (
                ("in a pair", oracle.pairs),
                ("dead letter of units", oracle.inconvertible),
                ("late", oracle.late),
            )
        }  # fmt: skip
        self._expired = set(oracle.expired)

    def of(self, event: Measurement) -> str:
        """Return what one record of an event ends as; call once per record."""
        own = (type(event), place_of(event), event.event_id)
        if precedence(event) != self._newest[own]:
            return "older form"
        if own in self._seen:
            return "duplicate"
        self._seen.add(own)
        if event.retracted:
            return "retracted"
        for name, members in self._kinds.items():
            if own in members:
                return name
        return "expired" if own[1:] in self._expired and own[0] is Prediction else "open"


def _letters(
    oracle: PairOracle,
    spoilt: Mapping[tuple[str | None, int | None, int], bytes],
    letters: list[DeadLetter],
) -> list[str]:
    """Hold the dead letters against what was spoilt, in conflict, or of other units."""
    conflicts = [letter for letter in letters if letter.error == CONFLICT]
    units = [letter for letter in letters if letter.origin == "join" and letter.error != CONFLICT]
    records = [letter for letter in letters if letter.origin != "join" and letter.error != CONFLICT]
    placed = {(letter.origin, letter.partition, letter.position): letter for letter in records}
    told = differences(
        "dead letter of a record", spoilt, {place: it.payload for place, it in placed.items()}
    )
    if len(placed) != len(records):
        told.append(f"{len(records) - len(placed)} dead letters of records were said again")
    told += differences(
        "dead letter of units",
        dict.fromkeys(oracle.inconvertible.index),
        dict.fromkeys(letter.dead_letter_id for letter in units),
    )
    by_id = {letter.dead_letter_id: _form(letter) for letter in conflicts}
    expected = Counter(tuple(conflict) for conflict in oracle.conflicts)
    return told + differences("dead letter of a conflict", expected, Counter(by_id.values()))


def _form(letter: DeadLetter) -> tuple[str, int]:
    """Return which form of which event a conflict's letter holds."""
    event: Measurement
    try:
        event = CODEC.decode(letter.payload, Prediction)
    except DataError:
        try:
            event = CODEC.decode(letter.payload, Outcome)
        except DataError:
            return f"no event in {letter.dead_letter_id}", 0
    return event.event_id, event.revision

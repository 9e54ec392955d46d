"""Events that a revision moves to another molecule or assay, on a real broker."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from kafka_lab import PARTITIONS, Lab

from connectors.csv_send import send_csv
from connectors.event_places import Remembering
from connectors.outbox import Outbox, Sending
from connectors.publisher import Publisher
from schemas.errors import InvalidValueError, OursError
from schemas.events import AssayContext, Outcome, Prediction
from schemas.precedence import precedence
from schemas.topics import topic_name

TODAY = date(2026, 3, 1)


def outcome(event_id: str, revision: int, molecule_id: str, assay_id: str = "hERG") -> Outcome:
    context = AssayContext("RB-1")
    return Outcome(event_id, revision, False, molecule_id, assay_id, context, 5.0 + revision)


def taken_back(event_id: str, revision: int, molecule_id: str, assay_id: str = "hERG") -> Outcome:
    return Outcome(event_id, revision, True, molecule_id, assay_id, AssayContext())


def publisher(lab: Lab, folder: Path | None) -> "Killable":
    remembering = None if folder is None else Remembering(folder, TODAY, 830)
    return Killable(
        lab.bootstrap_servers,
        lab.prefix,
        lab.codec,
        {"linger.ms": 0},
        remembering=remembering,
    )


def sent(lab: Lab) -> dict[str, list[Outcome]]:
    """The outcomes of each key in their order."""
    found: dict[str, list[Outcome]] = {}
    for message in lab.messages("outcomes"):
        event = lab.codec.decode(message.value(), Outcome)
        found.setdefault((message.key() or b"").decode().replace("\x1f", " "), []).append(event)
    return found


def test_a_moved_event_is_taken_back_under_its_old_key_by_another_run(
    lab: Lab, tmp_path: Path
) -> None:
    first, second = outcome("o", 0, "M1"), outcome("o", 3, "M2")
    third = outcome("o", 4, "M2", "logP")._replace(retracted=True)
    for event in (first, outcome("other", 0, "M1"), second, third):
        with publisher(lab, tmp_path) as sending:
            sending.publish(event, "csv:O.csv")
    assert sent(lab) == {
        "M1 hERG": [first, outcome("other", 0, "M1"), taken_back("o", 3, "M1")],
        "M2 hERG": [second, taken_back("o", 4, "M2")],
        "M2 logP": [third],
    }
    assert all(m.headers() for m in lab.messages("outcomes"))


def test_a_moved_prediction_keeps_its_model_and_is_another_event_than_an_outcome(
    lab: Lab, tmp_path: Path
) -> None:
    first = Prediction("o", 0, False, "M1", "hERG", AssayContext(), "net", "2", 1.0)
    with publisher(lab, tmp_path) as sending:
        sending.publish(first)
        sending.publish(outcome("o", 1, "M3"))
        sending.publish(first._replace(revision=1, molecule_id="M2", features={"logp": 1.0}))
    taken = [lab.codec.decode(m.value(), Prediction) for m in lab.messages("predictions")]
    assert [e for e in taken if e.retracted] == [
        Prediction("o", 1, True, "M1", "hERG", AssayContext(), "net", "2")
    ]
    assert sent(lab) == {"M3 hERG": [outcome("o", 1, "M3")]}


@pytest.mark.parametrize("lasting", [True, False])
def test_several_moves_in_one_flush_leave_one_form(lab: Lab, tmp_path: Path, lasting: bool) -> None:
    moves = [outcome("o", 0, "M1"), outcome("o", 1, "M2"), outcome("o", 2, "M1")]
    with publisher(lab, tmp_path if lasting else None) as sending:
        for event in moves:
            sending.publish(event)
        sending.flush()
        sending.publish(outcome("o", 3, "M1"))
    assert sent(lab) == {
        "M1 hERG": [moves[0], taken_back("o", 1, "M1"), moves[2], outcome("o", 3, "M1")],
        "M2 hERG": [moves[1], taken_back("o", 2, "M2")],
    }


def test_another_spelling_of_the_same_key_is_no_move(lab: Lab, tmp_path: Path) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    with publisher(lab, tmp_path) as sending:
        sending.publish(outcome("o", 0, composed))
        sending.publish(outcome("o", 1, f" {decomposed} "))
        sending.publish(outcome("o", 1, composed))
    assert [len(events) for events in sent(lab).values()] == [3]


def test_two_keys_in_one_revision_are_refused(lab: Lab, tmp_path: Path) -> None:
    with publisher(lab, tmp_path) as sending:
        sending.publish(outcome("o", 1, "M1"))
        for flushed in (False, True):
            with pytest.raises(InvalidValueError, match=r"M1 in hERG.*M2 in hERG.*raise") as error:
                sending.publish(outcome("o", 1, "M2"))
            assert error.value.column == "revision"
            if not flushed:
                sending.flush()
    assert sent(lab) == {"M1 hERG": [outcome("o", 1, "M1")]}


def test_a_lower_revision_moves_nothing_and_never_stands(lab: Lab, tmp_path: Path) -> None:
    late = outcome("o", 1, "M3")
    with publisher(lab, tmp_path) as sending:
        for event in (outcome("o", 0, "M1"), outcome("o", 2, "M2"), late, outcome("o", 1, "M2")):
            sending.publish(event)
    found = sent(lab)
    assert found["M1 hERG"] == [outcome("o", 0, "M1"), taken_back("o", 2, "M1")]
    assert found["M2 hERG"] == [outcome("o", 2, "M2"), outcome("o", 1, "M2")]
    assert found["M3 hERG"] == [taken_back("o", 2, "M3"), late]


def test_a_csv_row_that_moves_within_its_revision_is_a_dead_letter(
    lab: Lab, tmp_path: Path
) -> None:
    path = tmp_path / "O.csv"
    told: list[tuple[str, int, str | None, str]] = []
    for molecule, revision in (("M1", 0), ("M2", 0), ("M2", 1)):
        path.write_text(
            f"event_id,revision,molecule_id,assay_id,value\no,{revision},{molecule},hERG,5\n"
        )
        with publisher(lab, tmp_path / "places") as sending:
            send_csv(None, path, sending, on_bad_row=lambda *bad: told.append(bad))
    assert [(line, column) for _, line, column, _ in told] == [(2, "revision")]
    assert [(k, [e.retracted for e in v]) for k, v in sorted(sent(lab).items())] == [
        ("M1 hERG", [False, True]),
        ("M2 hERG", [False]),
    ]


def test_what_was_not_delivered_leaves_the_old_place_remembered(
    bare_lab: Lab, tmp_path: Path
) -> None:
    lab = bare_lab
    lab.create(("predictions", "dead-letters"))
    # The broker refuses what is longer: the event, not its retraction.
    lab.create(("outcomes",), {"max.message.bytes": "300"})
    sending = publisher(lab, tmp_path)
    sending.publish(outcome("o", 0, "M1"))
    sending.flush()
    incompressible = "".join(sha256(bytes([i])).hexdigest() for i in range(14))
    sending.publish(outcome("o", 1, "M2")._replace(unit=incompressible))
    with pytest.raises(OursError):
        sending.flush()
    sending.flush()
    sending.close()
    with publisher(lab, tmp_path) as again:
        again.publish(outcome("o", 2, "M2"))
    found = sent(lab)
    assert found["M1 hERG"][-1] == taken_back("o", 2, "M1")
    assert found["M2 hERG"] == [outcome("o", 2, "M2")]


class Killed(BaseException):
    """The process is no more."""


KEYS = ("M1", "M2", "M3")
# (event, step, molecule) in chunks: a revision is its place in the whole plus the step, so that
# most are the newest and some have lost. After a chunk comes a flush, a kill after so many
# messages, or a kill between the acknowledgement and what follows it.
CHUNKS = st.lists(
    st.tuples(
        st.lists(
            st.tuples(st.integers(0, 1), st.sampled_from((0, 0, 1, -1, -3)), st.sampled_from(KEYS)),
            min_size=1,
            max_size=4,
        ),
        st.sampled_from(("flush", "acknowledged", 0, 1, 2, 3)),
    ),
    min_size=1,
    max_size=5,
)


class Killable(Publisher):
    """Ends before it has sent more than `left` messages."""

    left = 10**6

    def _produce(self, sending: Sending) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1
        super()._produce(sending)


def publish_chunk(
    sending: Killable, events: list[Outcome], end: str | int, accepted: Callable[[Outcome], None]
) -> bool:
    """Publish and flush, or be killed; return whether all was acknowledged."""
    sending.left = end if isinstance(end, int) else 10**6

    def killed(_: Outbox) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        if end == "acknowledged":
            patch.setattr(Outbox, "settle", killed)
        try:
            for event in events:
                with suppress(InvalidValueError):
                    sending.publish(event)
                    accepted(event)
            sending.flush()
        except Killed:
            return False
    sending.left = 10**6
    return True


class Log:
    """Reads on where it ended before."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._consumer = Consumer(
            {
                "bootstrap.servers": lab.bootstrap_servers,
                "group.id": lab.prefix,
                # Else each reading waits for the fetch of the one before it.
                "fetch.wait.max.ms": 5,
            }
        )
        self._topic = topic_name(lab.prefix, "outcomes")
        self._next = dict.fromkeys(range(PARTITIONS), 0)
        self.newest: dict[tuple[str, bytes], Outcome] = {}

    def read(self) -> None:
        """Keep of every event and key the form of highest precedence."""
        ends = {
            p: self._consumer.get_watermark_offsets(TopicPartition(self._topic, p), 10)[1]
            for p in self._next
        }
        parts = [TopicPartition(self._topic, p, n) for p, n in self._next.items() if n < ends[p]]
        self._consumer.assign(parts)
        while any(self._next[p] < end for p, end in ends.items()):
            for message in self._consumer.consume(1_000, 0.02):
                assert message.error() is None
                self._next[message.partition()] = message.offset() + 1
                event = self._lab.codec.decode(message.value(), Outcome)
                place = (event.event_id, message.key() or b"")
                if place not in self.newest or precedence(event) > precedence(self.newest[place]):
                    self.newest[place] = event

    def close(self) -> None:
        self._consumer.close()


def test_each_event_stands_under_its_newest_key_only_whatever_is_killed(
    lab: Lab, tmp_path: Path
) -> None:
    """A killed sender sends again what counts and was not acknowledged; nothing else is asked."""
    log, runs = Log(lab), count()
    producer = publisher(lab, None)._producer

    def started() -> Killable:
        # A producer of its own for each would take most of the time.
        sending = publisher(lab, tmp_path)
        sending._producer = producer
        sending.connect()
        return sending

    @settings(max_examples=100, deadline=None)
    @given(CHUNKS)
    def law(chunks: list[tuple[list[tuple[int, int, str]], str | int]]) -> None:
        run, position = next(runs), count()
        accepted: dict[str, list[Outcome]] = {}
        sending = started()

        def keep(event: Outcome) -> None:
            accepted.setdefault(event.event_id, []).append(event)

        for drawn, end in chunks:
            events = [
                outcome(f"{run}-{i}", max(0, next(position) + step), m) for i, step, m in drawn
            ]
            if not publish_chunk(sending, events, end, keep):
                # What left before the kill arrives.
                assert sending._producer.flush(30) == 0
                sending.close()
                sending = started()
        newest = {i: max(forms, key=lambda e: e.revision) for i, forms in accepted.items()}
        with sending:
            for event in newest.values():
                sending.publish(event)
        log.read()
        stands = {
            place: event
            for place, event in log.newest.items()
            if place[0].startswith(f"{run}-") and not event.retracted
        }
        assert stands == {
            (i, f"{event.molecule_id}\x1fhERG".encode()): event for i, event in newest.items()
        }

    law()
    log.close()

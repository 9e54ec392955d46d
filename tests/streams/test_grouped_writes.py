"""Rows of several lanes in one insert, and who is told what became of them."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from schemas.errors import DataError, UnavailableError
from schemas.events import AssayContext, Event, Outcome, Prediction
from streams.grouped_writes import GroupedWrites, Rows

LANES = 4


def outcome(name: str) -> Outcome:
    return Outcome(name, 0, False, "CCO", "logP", AssayContext(), 1.0)


def prediction(name: str) -> Prediction:
    return Prediction(name, 0, False, "CCO", "logP", AssayContext(), "net", "1", 1.5)


class Shelf:
    """A sink that notes each insert; its first one waits until it is let go."""

    def __init__(self, refused: str = "", away_for: str = "") -> None:
        self.inserts: list[tuple[str, list[str]]] = []
        self.tokens: list[str] = []
        self.entered, self.may_go_on = threading.Event(), threading.Event()
        self._refused, self._away_for = refused, away_for
        self._at_once = threading.Lock()

    def write(self, topic: str, events: Sequence[Event], token: str) -> None:
        assert self._at_once.acquire(blocking=False), "one thread at a time"
        try:
            self.entered.set()
            assert self.may_go_on.wait(10)
            names = [e.event_id for e in events if isinstance(e, Outcome | Prediction)]
            if topic == self._away_for:
                raise UnavailableError("away")
            if self._refused in names:
                raise DataError("no such row here")
            self.inserts.append((topic, names))
            self.tokens.append(token)
        finally:
            self._at_once.release()


def write_together(
    shelf: Shelf, wanted: dict[str, list[Rows]]
) -> dict[str, dict[str, Exception | None]]:
    """Let callers come while a first insert is under way; return what each was told."""
    writes = GroupedWrites(shelf)
    with ThreadPoolExecutor(1 + len(wanted)) as pool:
        first = pool.submit(writes.write_all, [Rows("outcomes", [outcome("first")], "first")])
        assert shelf.entered.wait(10)
        calls = {}
        for number, (name, rows) in enumerate(wanted.items(), 1):
            calls[name] = pool.submit(writes.write_all, rows)
            while len(writes._calls) < number:
                pass
        shelf.may_go_on.set()
        assert first.result(10) == {"outcomes": None}
        return {name: call.result(10) for name, call in calls.items()}


def test_those_who_wait_are_written_in_one_insert_a_topic() -> None:
    shelf = Shelf()
    told = write_together(
        shelf,
        {
            "a": [
                Rows("outcomes", [outcome("a")], "a1"),
                Rows("predictions", [prediction("p")], "a2"),
            ],
            "b": [Rows("outcomes", [outcome("b"), outcome("c")], "b1")],
        },
    )
    assert told == {"a": {"outcomes": None, "predictions": None}, "b": {"outcomes": None}}
    assert shelf.inserts == [
        ("outcomes", ["first"]),
        ("outcomes", ["a", "b", "c"]),
        ("predictions", ["p"]),
    ]
    assert len(set(shelf.tokens)) == 3, "each insert has a name of its own"


def test_a_row_is_refused_to_the_lane_that_brought_it() -> None:
    shelf = Shelf(refused="bad")
    told = write_together(
        shelf,
        {name: [Rows("outcomes", [outcome(name)], name)] for name in ("good", "bad", "better")},
    )
    assert isinstance(told.pop("bad")["outcomes"], DataError)
    assert told == {"good": {"outcomes": None}, "better": {"outcomes": None}}
    assert [names for _, names in shelf.inserts] == [["first"], ["good"], ["better"]]


def test_what_follows_a_sink_that_is_away_is_not_tried() -> None:
    shelf = Shelf(away_for="predictions")
    told = write_together(
        shelf,
        {
            "a": [
                Rows("outcomes", [outcome("a")], "a1"),
                Rows("predictions", [prediction("p")], "a2"),
                Rows("pairs", [], "a3"),
            ],
            "b": [Rows("pairs", [], "b")],
        },
    )
    assert told["a"]["outcomes"] is None
    for left in (told["a"]["predictions"], told["a"]["pairs"], told["b"]["pairs"]):
        assert isinstance(left, UnavailableError)
    assert [names for _, names in shelf.inserts] == [["first"], ["a"]]


def test_lanes_that_come_together_are_waited_for() -> None:
    shelf = Shelf()
    shelf.may_go_on.set()
    writes = GroupedWrites(shelf, gather_s=0.5)
    together = threading.Barrier(LANES)

    def write(lane: int) -> dict[str, Exception | None]:
        together.wait(10)
        return writes.write_all([Rows("outcomes", [outcome(str(lane))], str(lane))])

    with ThreadPoolExecutor(LANES) as pool:
        assert list(pool.map(write, range(LANES))) == [{"outcomes": None}] * LANES
    assert [sorted(names) for _, names in shelf.inserts] == [["0", "1", "2", "3"]]

"""What is due when, and what may be committed: laws over every course of events."""

from random import Random
from typing import Any

from alert_examples import ALERT, alert
from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.notify._notice import Notice
from streams.notify.news import News
from streams.notify.outbox import BACKOFF_MAX_S, Item, Outbox


def item(offset: int, alert_id: str = "a", partition: int = 0, give_up_at_s: float = 1e9) -> Item:
    about = ALERT._replace(alert_id=alert_id)
    return Item(partition, offset, Notice(str(offset), "open", 0, "lab", about), give_up_at_s)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["seen", "add", "done", "later", "wait"]),
        st.sampled_from(["a", "b", "c"]),
    ),
    max_size=80,
)


@settings(max_examples=150)
@given(steps=STEPS)
def test_order_is_kept_and_nothing_undone_is_committed(steps: list[tuple[str, str]]) -> None:
    outbox, now_s, offset = Outbox(Random(7)), 0.0, 0
    waiting: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    for step, alert_id in steps:
        due = outbox.due(now_s)
        if due is not None:
            assert due.offset == waiting[due.notice.alert.alert_id][0]
        if step == "seen":
            outbox.seen(0, offset)
            offset += 1
        elif step == "add":
            outbox.add(item(offset, alert_id))
            waiting[alert_id].append(offset)
            offset += 1
        elif step == "done" and due is not None:
            outbox.done(due)
            waiting[due.notice.alert.alert_id].remove(due.offset)
        elif step == "later" and due is not None:
            assert outbox.later(due, now_s, 0.0) > 0
        elif step == "wait":
            now_s += BACKOFF_MAX_S
        undone = sorted(offset for queue in waiting.values() for offset in queue)
        assert outbox.committable().get(0, 0) == (undone[0] if undone else offset)
        assert len(outbox) == len(undone)
    now_s += 2 * BACKOFF_MAX_S
    while (due := outbox.due(now_s)) is not None:
        outbox.done(due)
    assert outbox.committable() == ({0: offset} if offset else {})


def test_one_alert_that_waits_holds_up_no_other() -> None:
    outbox = Outbox(Random(7))
    outbox.add(item(0, "a"))
    outbox.add(item(1, "a"))
    outbox.add(item(2, "b"))
    first = outbox.due(0.0)
    assert first is not None
    outbox.later(first, 0.0, 60.0)
    second = outbox.due(0.0)
    assert second is not None and second.offset == 2
    outbox.done(second)
    assert outbox.due(59.0) is None
    assert outbox.committable() == {0: 0}
    assert outbox.due(60.0) is first


def test_waits_grow_and_are_bounded_and_spread() -> None:
    outbox, waits = Outbox(Random(7)), []
    outbox.add(item(0))
    for _ in range(40):
        due = outbox.due(1e8)
        assert due is not None
        waits.append(outbox.later(due, 0.0, 0.0))
    ceilings = [min(2.0**n, BACKOFF_MAX_S) for n in range(40)]
    assert all(top / 2 <= wait <= top for wait, top in zip(waits, ceilings, strict=True))
    assert len({round(wait, 6) for wait in waits}) == len(waits)


def test_the_last_wait_ends_when_it_is_given_up() -> None:
    outbox = Outbox(Random(7))
    outbox.add(item(0, give_up_at_s=100.0))
    due = outbox.due(0.0)
    assert due is not None
    assert outbox.later(due, 0.0, 3_600.0) == 100.0


def test_a_partition_that_goes_takes_its_notices_along() -> None:
    outbox = Outbox(Random(7))
    outbox.add(item(0, "a", partition=0))
    outbox.add(item(0, "b", partition=1))
    gone = outbox.due(0.0)
    assert gone is not None
    outbox.drop(0)
    outbox.done(gone)
    outbox.later(gone, 0.0, 1.0)
    assert len(outbox) == 1 and outbox.committable() == {1: 0}


def told(*rows: dict[str, Any]) -> list[str | None]:
    news = News()
    return [news.take(alert("a", n, **row)) for n, row in enumerate(rows, 1)]


OPEN, RECOVERED = {"state": "open"}, {"state": "recovered"}


def test_the_same_state_with_other_figures_is_no_news() -> None:
    named = OPEN | {"segment_field": "operator", "segment_value": "ann"}
    rows = [OPEN, OPEN | {"n": 99, "reason": "more"}, named, named | {"segment_value": "bob"}]
    assert told(*rows, RECOVERED, RECOVERED) == [
        "open", None, "explained", None, "recovered", None
    ]  # fmt: skip


def test_a_rising_severity_escalates_and_a_falling_one_does_not() -> None:
    rows = [OPEN | {"severity": severity} for severity in ("info", "critical", "warning")]
    assert told(*rows) == ["open", "escalated", None]


def test_nobody_is_told_under_a_mute_and_afterwards_what_still_holds() -> None:
    hushed = OPEN | {"muted_until": 5}
    assert told(hushed, OPEN, RECOVERED) == [None, "open", "recovered"]
    assert told(hushed, RECOVERED) == [None, None], "the end of what nobody was told"
    muted = {"state": "muted", "muted_until": 5}
    assert told(OPEN, muted, OPEN, OPEN) == ["open", None, "open", None]
    assert told(OPEN, muted, RECOVERED) == ["open", None, "recovered"]


def test_results_that_come_in_again_are_told() -> None:
    states = ("learning", "healthy", "no_labels", "no_labels", "healthy")
    assert told(*({"state": state} for state in states)) == [
        "learning", "healthy", "no_labels", None, "recovered"
    ]  # fmt: skip


def test_rows_that_are_older_or_come_twice_are_no_news() -> None:
    news = News()
    assert [news.take(alert("a", n)) for n in (5, 5, 4)] == ["open", None, None]

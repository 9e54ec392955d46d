"""One change is one open and one recovery, whoever works the log off and however often it stops.

Pairs come through the monitor itself: some late, some restated, some taken back and said again;
people mute and plan, and time passes.
"""

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from test_alerting import any_lot, pair

from processors.alerts.rule import Rule
from processors.monitor import Monitor
from processors.options import Options
from processors.store import MemoryStore
from schemas.events import Alert, AlertCommand, Coverage, Event, Pair, Tick

HOUR_US = 3_600_000_000
OPTIONS = Options(
    no_labels_after_days=3,
    rules=(Rule("off", metric="me", above=1.0, window="days:1", minimum_n=10),),
)
GOOD, BAD, GOOD_AGAIN = 240, 60, 170


def changed(one: Pair, version: int, by: float, status: str = "paired") -> Pair:
    """A pair that is restated, its outcome corrected by so much."""
    measured = (one.measured or 0.0) + by
    outcome = one.outcome._replace(value=measured, revision=version)
    return one._replace(row_version=version, status=status, measured=measured, outcome=outcome)


def log_of(seed: int) -> list[Event]:
    """A change of 3 SD and its end, with corrections of results before, in and after it."""
    rng = random.Random(seed)
    pairs: list[Pair] = []
    for number in range(GOOD + BAD + GOOD_AGAIN):
        off = 3.0 if GOOD <= number < GOOD + BAD else 0.0
        pairs.append(pair(number, rng.gauss(0, 1) + off, any_lot(number, rng)))
    log: list[Event] = []
    for number, one in enumerate(pairs):
        log.append(one)
        if rng.random() < 0.2:
            earlier = pairs[rng.randrange(number + 1)]
            version = 2 + 2 * number
            if rng.random() < 0.5:
                log.append(changed(earlier, version, rng.gauss(0, 0.1)))
            else:
                log.append(changed(earlier, version, 0.0, "retracted"))
                log.append(changed(earlier, version + 1, 0.0))
        if rng.random() < 0.03:
            at = (one.outcome.measured_at or 0) + HOUR_US
            log.append(Tick(0, at))
            log.append(Coverage("net", "1", "a", 0, 2 * number, number, 0, number + 1))
    # All of what was bad comes once more when all is long over.
    for number in range(GOOD, GOOD + BAD):
        log.append(changed(pairs[number], 10_000, 0.0, "retracted"))
        log.append(changed(pairs[number], 10_001, 0.0))
    return log


def command(kind: str, number: int, **changes: object) -> AlertCommand:
    at = number * HOUR_US
    found = AlertCommand(f"{kind} {number}", kind, *[None] * 2, "a", *[None] * 4, "ann", "why", at)
    return found._replace(**changes)  # type: ignore[arg-type]


def said_of(log: Sequence[Event], options: Options, restarts: Sequence[bool] = ()) -> list[Alert]:
    """What is said with a new worker after a checkpoint, wherever `restarts` says so."""
    monitor, store = Monitor(options), MemoryStore()
    said: list[Alert] = []
    for sequence, event in enumerate(log, 1):
        found = monitor.process(event, sequence, store)
        said += [row for row in found if isinstance(row, Alert)]
        if restarts and restarts[sequence % len(restarts)]:
            monitor.flush(store, quiet=sequence % 2 == 0)
            monitor = Monitor(options)
    return said


def alerts_of(said: Sequence[Alert]) -> list[tuple[str, str]]:
    return [(row.alert_id, row.state) for row in said if not row.is_status]


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 50), st.lists(st.booleans(), min_size=3, max_size=40), st.data())
def test_alerts_hang_on_the_log_alone(seed: int, restarts: list[bool], data: st.DataObject) -> None:
    log = log_of(seed)
    kinds = st.sampled_from(["acknowledge", "mute", "unmute", "rebaseline"])
    for number in data.draw(st.lists(st.integers(0, len(log) - 1), max_size=4, unique=True)):
        log.insert(number, command(data.draw(kinds), number))
    plan = command("plan", 9, starts_at=(GOOD - 5) * HOUR_US, segment_field="reagent_batch")
    log.insert(data.draw(st.integers(0, len(log))), plan)
    uninterrupted = said_of(log, OPTIONS)
    assert said_of(log, OPTIONS, restarts) == uninterrupted
    rows = {(row.alert_id, row.row_version) for row in uninterrupted}
    assert len(rows) == len(uninterrupted), "no two rows of one alert are of one version"


def test_one_change_gives_one_open_and_one_recovery_whatever_is_corrected() -> None:
    for seed in range(4):
        said = said_of(log_of(seed), Options(), [False] * 9 + [True])
        told = alerts_of(said)
        assert len({alert_id for alert_id, _ in told}) == 1, seed
        assert [state for _, state in told].count("recovered") == 1
        assert told[0][1] == "open" and told[-1][1] == "recovered"
        (first, *_), *_ = [[row for row in said if not row.is_status]]
        assert abs((first.since or 0) - GOOD * HOUR_US) <= 12 * HOUR_US
        status = [row.state for row in said if row.is_status]
        # Charts may stand half-way to their limits without being an alert.
        assert status[:2] == ["learning", "healthy"] and status[-1] == "healthy"
        assert "warning" in status and "learning" not in status[1:]


def test_the_same_log_worked_off_twice_says_the_same() -> None:
    """After kill -9 what no checkpoint held is read again: from the store as it was then."""
    log, store = log_of(1), MemoryStore()
    monitor, said = Monitor(OPTIONS), list[Alert]()
    for start in range(0, len(log), 40):
        part = log[start : start + 40]
        lost = MemoryStore()
        for key, value in store.scan(b""):
            lost.put(key, value)
        killed = Monitor(OPTIONS)
        for number, event in enumerate(part[:30]):
            killed.process(event, start + number + 1, lost)
        for number, event in enumerate(part):
            found = monitor.process(event, start + number + 1, store)
            said += [row for row in found if isinstance(row, Alert)]
        monitor.flush(store, quiet=False)
        monitor = Monitor(OPTIONS)
    assert said == said_of(log, OPTIONS)

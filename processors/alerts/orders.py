"""What people have told a lane about alerts: mutes and planned changes that stand."""

from collections.abc import Iterator

from processors.alerts.factors import level_of
from processors.alerts.subject import Subject
from processors.keys import ORDER
from processors.options import DAY_US
from processors.record_layout import RecordLayout
from processors.store import Store
from schemas.events import Alert, AlertCommand
from schemas.topics import canonical

# The end of a mute that stands until it is lifted: 2200-01-01.
UNTIL_LIFTED_US = 7_258_118_400_000_000
# A change that begins so long before a plan or after it is still the planned one.
PLAN_EARLY_US = DAY_US
PLAN_LATE_US = 7 * DAY_US

_COMMAND, _TIME = RecordLayout(AlertCommand), RecordLayout(int)
_STANDING, _OBEYED, _NOW = ORDER + b"s\0", ORDER + b"o\0", ORDER + b"t"

Level = tuple[str | None, str | None]


def levels_of(alert: Alert) -> list[Level]:
    """Return the factor that explains an alert, or those that cannot be told apart.

    >>> row = Alert("x", 1, "open", "net", "1", "a", *[None] * 2, "d", *[None] * 4, 0, "")
    >>> levels_of(row._replace(tied=("operator=ann", "instrument=I1")))
    [('operator', 'ann'), ('instrument', 'I1')]
    """
    if alert.segment_field is not None:
        return [(alert.segment_field, alert.segment_value)]
    return [level_of(text) for text in alert.tied]


def concerns(command: AlertCommand, about: Subject) -> bool:
    """Return whether a command is about a subject, whatever the segment.

    >>> mute = AlertCommand("c", "mute", "net", None, "a", *[None] * 4, "ann", "", 0)
    >>> concerns(mute, Subject("net", "1", "a")), concerns(mute, Subject("tree", "1", "a"))
    (True, False)
    """
    return (
        canonical(command.assay_id) == about.assay_id
        and command.model_id in (None, about.model_id)
        and command.model_version in (None, about.model_version)
    )


def names_level(command: AlertCommand, levels: list[Level]) -> bool:
    """Return whether a command with a segment_field is about one of some levels.

    >>> mute = AlertCommand("c", "mute", *[None] * 2, "a", "operator", *[None] * 3, "ann", "", 0)
    >>> names_level(mute, [("operator", "bob")]), names_level(mute, [("instrument", "I1")])
    (True, False)
    """
    return any(
        field == command.segment_field and command.segment_value in (None, value)
        for field, value in levels
    )


def covers(command: AlertCommand, about: Subject, alert: Alert) -> bool:
    """Return whether a command is about an alert: of its subject, and of its segment if it has one.

    >>> mute = AlertCommand("c", "mute", *[None] * 2, "a", "operator", *[None] * 3, "ann", "", 0)
    >>> row = Alert("x", 1, "open", "net", "1", "a", *[None] * 2, "d", *[None] * 4, 0, "")
    >>> covers(mute, Subject("net", "1", "a"), row)
    False
    >>> covers(mute, Subject("net", "1", "a"), row._replace(tied=("operator=ann",)))
    True
    """
    if not concerns(command, about):
        return False
    return command.segment_field is None or names_level(command, levels_of(alert))


def explains(plan: AlertCommand, about: Subject, alert: Alert) -> bool:
    """Return whether a planned change explains an alert.

    It does where the alert's cause is the plan's factor and the change did not begin before it. A
    plan without a factor, or an alert without a cause, goes by when the change began: from
    PLAN_EARLY_US before the plan starts to its end, which is PLAN_LATE_US after its start when it
    names none. A cause other than the plan's factor is not explained.

    >>> plan = AlertCommand("c", "plan", *[None] * 2, "a", *[None] * 2, DAY_US, None, "ann", "", 0)
    >>> row = Alert("x", 1, "open", "net", "1", "a", *[None] * 2, "d", *[None] * 4, 0, "")
    >>> about = Subject("net", "1", "a")
    >>> [explains(plan, about, row._replace(since=day * DAY_US)) for day in (-1, 0, 8, 9)]
    [False, True, True, False]
    """
    if not concerns(plan, about) or plan.starts_at is None:
        return False
    levels = levels_of(alert)
    early = plan.starts_at - PLAN_EARLY_US
    if plan.segment_field is not None and levels:
        return names_level(plan, levels) and (alert.since is None or alert.since >= early)
    end = plan.starts_at + PLAN_LATE_US if plan.ends_at is None else plan.ends_at
    return alert.since is not None and early <= alert.since <= end


def _within(inner: AlertCommand, outer: AlertCommand) -> bool:
    """Return whether all that `inner` is about `outer` is about, too."""
    scopes = ("model_id", "model_version", "segment_field", "segment_value")
    return canonical(inner.assay_id) == canonical(outer.assay_id) and all(
        getattr(outer, name) in (None, getattr(inner, name)) for name in scopes
    )


class Orders:
    """The mutes and plans of a lane, and its time, which ticks tell; all of it in the store.

    >>> from processors.store import MemoryStore
    >>> store, orders = MemoryStore(), Orders()
    >>> mute = AlertCommand("c", "mute", *[None] * 2, "a", *[None] * 3, 9, "ann", "", 0)
    >>> orders.obeyed(mute, store), orders.obeyed(mute, store)
    (True, False)
    >>> row = Alert("x", 1, "open", "net", "1", "a", *[None] * 2, "d", *[None] * 4, 0, "")
    >>> Orders().muted_until(Subject("net", "1", "a"), row, store)
    9
    >>> orders.tick(9, store), orders.muted_until(Subject("net", "1", "a"), row, store)
    (True, None)
    """

    def __init__(self) -> None:
        self._standing: dict[str, AlertCommand] | None = None
        self._now: int | None = None

    def _orders(self, store: Store) -> dict[str, AlertCommand]:
        if self._standing is None:
            found = (_COMMAND.unpack(value) for _, value in store.scan(_STANDING))
            self._standing = {command.command_id: command for command in found}
            time = store.get(_NOW)
            self._now = None if time is None else _TIME.unpack(time)
        return self._standing

    def now(self, store: Store) -> int | None:
        """Return the time as the last tick told it, None before the first."""
        self._orders(store)
        return self._now

    def tick(self, at: int, store: Store) -> bool:
        """Take the time; return whether a mute began or ended by it. It never goes back."""
        standing, before = self._orders(store), self._now
        if before is not None and at <= before:
            return False
        mutes = [order for order in standing.values() if order.kind == "mute"]
        was = [self._holds(mute) for mute in mutes]
        self._now = at
        store.put(_NOW, _TIME.pack(at))
        changed = was != [self._holds(mute) for mute in mutes]
        for mute in mutes:
            if mute.ends_at is not None and mute.ends_at <= at:
                self._drop(mute, store)
        return changed

    def _holds(self, mute: AlertCommand) -> bool:
        now = mute.at if self._now is None else max(self._now, mute.at)
        if mute.ends_at is not None and self._now is not None and self._now >= mute.ends_at:
            return False
        return mute.starts_at is None or mute.starts_at <= now

    def _drop(self, order: AlertCommand, store: Store) -> None:
        del self._orders(store)[order.command_id]
        store.delete(_STANDING + order.command_id.encode())

    def obeyed(self, command: AlertCommand, store: Store) -> bool:
        """Take a command; return False when it was obeyed before.

        A mute or plan stands from now on. An unmute or cancel_plan lifts those that lie within what
        it is about: one of a model lifts none of the whole assay.
        """
        standing = self._orders(store)
        mark = _OBEYED + command.command_id.encode()
        if store.get(mark) is not None:
            return False
        store.put(mark, b"")
        if command.kind in ("mute", "plan"):
            kept = standing[command.command_id] = command._replace(lane=0)
            store.put(_STANDING + command.command_id.encode(), _COMMAND.pack(kept))
        lifted = {"unmute": "mute", "cancel_plan": "plan"}.get(command.kind)
        for order in [o for o in standing.values() if o.kind == lifted and _within(o, command)]:
            self._drop(order, store)
        return True

    def _of_kind(self, kind: str, store: Store) -> Iterator[AlertCommand]:
        standing = self._orders(store)
        return (standing[name] for name in sorted(standing) if standing[name].kind == kind)

    def muted_until(self, about: Subject, alert: Alert, store: Store) -> int | None:
        """Return when the last mute over an alert ends, None when it is not muted."""
        ends = [
            UNTIL_LIFTED_US if mute.ends_at is None else mute.ends_at
            for mute in self._of_kind("mute", store)
            if self._holds(mute) and covers(mute, about, alert)
        ]
        return max(ends, default=None)

    def plan_of(self, about: Subject, alert: Alert, store: Store) -> AlertCommand | None:
        """Return the planned change that explains an alert, the latest of several; else None."""
        found = [p for p in self._of_kind("plan", store) if explains(p, about, alert)]
        return max(found, key=lambda plan: plan.starts_at or 0, default=None)

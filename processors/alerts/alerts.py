"""The alerts of one lane of the monitor: what every event of its log means for them."""

from collections.abc import Collection, Iterable

from processors.alerts.control_rules import ControlRules
from processors.alerts.floor_rules import FloorRules
from processors.alerts.keeper import AlertKeeper, Standing
from processors.alerts.labels import Labels
from processors.alerts.news import Context, Look, RuleWord
from processors.alerts.orders import Orders, concerns, covers
from processors.alerts.rule_watch import RuleWatch
from processors.alerts.subject import Here, Subject, last_words
from processors.keys import ALERT
from processors.label_coverage import Growth
from processors.options import Options
from processors.run_moments import Baseline
from processors.series import Scored, SeriesName
from processors.store import Store
from schemas.events import Alert, AlertCommand


class Alerts:
    """Takes what happens in a lane and returns the rows that follow; `save` writes what it kept.

    Raises SettingsError for rules that cannot be.

    >>> from processors.store import MemoryStore
    >>> class Nothing:
    ...     def rows(self, about): return []
    ...     def beside(self, about): return []
    ...     def learned(self, about, series): return True
    ...     def controls(self, about, start): return []
    >>> alerts, here = Alerts(Options()), Here(1, Nothing(), MemoryStore())
    >>> about = Subject("net", "1", "a")
    >>> [row.state for row in alerts.look(about, Look(9, {}, []), here)]
    ['healthy']
    """

    def __init__(self, options: Options) -> None:
        self._orders = Orders()
        self._rules = RuleWatch(options.rules)
        self._floor_rules = FloorRules(options.rules)
        self._control_rules = ControlRules(options.rules, options.controls)
        self._rule_names = {rule.name for rule in options.rules if rule.controls_per_run is None}
        self._rule_names |= self._control_rules.names
        self._labels = Labels(options.no_labels_after_days)
        self._keepers: dict[Subject, AlertKeeper] = {}

    def save(self, store: Store) -> None:
        """Write what changed, and let go of it."""
        for keeper in self._keepers.values():
            keeper.save(store)
        self._keepers.clear()
        self._rules.save(store)
        self._floor_rules.save(store)
        self._control_rules.save(store)

    def standing(self, about: Subject, store: Store) -> Standing:
        """Return what the charts must know of a subject's alerts before they look."""
        return self._keeper(about, store).standing

    def look(self, about: Subject, look: Look, here: Here) -> list[Alert]:
        """Take what the charts of a subject make of one result."""
        return self._keeper(about, here.store).look(look, self._context(here))

    def erred(
        self, about: Subject, error: float, at: int | None, baseline: Baseline | None, here: Here
    ) -> list[Alert]:
        """Take a new pair's error, in the unit of its numbers; see `FloorRules.erred`."""
        return self._ruled(
            about, self._floor_rules.erred(about, error, at, baseline, here.store), here
        )

    def read(self, about: Subject, record: Scored, here: Here) -> list[Alert]:
        """Take a new result of a control compound; the rules that look at controls see to it."""
        return self._ruled(about, self._control_rules.read(about, record, here.store), here)

    def counted(
        self,
        about: Subject,
        names: Iterable[SeriesName],
        at: int | None,
        here: Here,
    ) -> list[Alert]:
        """Take that a pair measured at `at` came into series or left them; the rules see to it."""
        return self._ruled(about, self._rules.counted(about, names, at, here.store), here)

    def grown(self, about: Subject, growth: Growth, here: Here) -> list[Alert]:
        """Take how many predictions of a subject were made and labelled."""
        if not self._labels.grown(about, growth, self._orders.now(here.store), here.store):
            return []
        return self._keeper(about, here.store).silent(None, self._context(here))

    def drifting(
        self,
        about: Subject,
        features: Collection[str],
        at: int | None,
        here: Here,
    ) -> list[Alert]:
        """Take which features of a subject drift now, by their names, with a result of time `at`.

        Rules that count features open or close an alert by it; to be told when that changes.
        """
        return self._ruled(about, self._rules.drifting(about, features, at), here)

    def tick(self, at: int, here: Here) -> list[Alert]:
        """Take the time: mutes end, labels are missed, periods are over."""
        context, said = self._context(here), list[Alert]()
        mutes_changed = self._orders.tick(at, here.store)
        for about in self._subjects(here.store):
            keeper = self._keeper(about, here.store)
            said += keeper.without_rules(self._rule_names, context)
            if mutes_changed:
                said += keeper.review(context)
        for about, since in self._labels.tick(at, here.store):
            said += self._keeper(about, here.store).silent(since, context)
        for about, word in self._rules.tick(at, here.store):
            said += self._keeper(about, here.store).ruled(word, context)
        return last_words(said)

    def command(self, command: AlertCommand, here: Here) -> tuple[list[Alert], list[Subject]]:
        """Obey a command once; return the rows and the subjects whose series are to learn anew."""
        if not self._orders.obeyed(command, here.store):
            return [], []
        context, said, anew = self._context(here), list[Alert](), list[Subject]()
        for about in self._subjects(here.store):
            if not concerns(command, about):
                continue
            keeper = self._keeper(about, here.store)
            covered = keeper.alert is not None and covers(command, about, keeper.alert)
            if command.kind == "rebaseline":
                anew.append(about)
                if covered or command.segment_field is None:
                    said += keeper.rebaseline(command, context)
            elif command.kind != "acknowledge":
                said += keeper.review(context)
            elif covered:
                said += keeper.acknowledge(command, context)
        return last_words(said), anew

    def _ruled(self, about: Subject, words: Iterable[RuleWord], here: Here) -> list[Alert]:
        said: list[Alert] = []
        for word in words:
            said += self._keeper(about, here.store).ruled(word, self._context(here))
        return last_words(said)

    def _context(self, here: Here) -> Context:
        return Context(here.sequence, here.asked, self._orders, here.store)

    def _subjects(self, store: Store) -> list[Subject]:
        """Return every subject of the lane in the order of their names."""
        stored = {Subject.of_key(key) for key, _ in store.scan(ALERT)}
        return sorted(stored | set(self._keepers))

    def _keeper(self, about: Subject, store: Store) -> AlertKeeper:
        keeper = self._keepers.get(about)
        if keeper is None:
            keeper = self._keepers[about] = AlertKeeper(about, store)
        return keeper

"""The lab's rules that hold a model's RMSE against what its assay's noise explains."""

from collections.abc import Sequence

from processors.alerts.news import RuleWord
from processors.alerts.rule import Rule
from processors.alerts.subject import Subject
from processors.assay.noise_floor import (
    BLOCK_PAIRS,
    BlockState,
    FloorLook,
    FloorWatch,
    stated_floor,
)
from processors.keys import floor_key
from processors.record_layout import RecordLayout
from processors.run_moments import Baseline
from processors.store import Store

_BLOCKS = RecordLayout(dict[str, BlockState])


class FloorRules:
    """Judges each full block of a subject's pairs; the store changes with `save` only.

    >>> from processors.store import MemoryStore
    >>> rules = FloorRules([Rule("assay", minimum_significant_ratio=3.0)])
    >>> about, store = Subject("net", "1", "a"), MemoryStore()
    >>> said = [rules.erred(about, 0.3, at, None, store) for at in range(50)]
    >>> [(word.rule, word.holds, word.since, word.n) for words in said for word in words]
    [('assay', True, 0, 50)]
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [
            (rule, stated_floor(rule.minimum_significant_ratio))
            for rule in rules
            if rule.minimum_significant_ratio is not None
        ]
        self._watches: dict[Subject, dict[str, FloorWatch]] = {}

    def erred(
        self,
        about: Subject,
        error: float,
        at: int | None,
        baseline: Baseline | None,
        store: Store,
    ) -> list[RuleWord]:
        """Take the error of a pair measured at `at`, None when not stated; return what is judged.

        `baseline` tells what the errors of a run have in common; None while that is not known.
        """
        rules = [each for each in self._rules if each[0].concerns(about.model_id, about.assay_id)]
        if not rules:
            return []
        watches = self._of(about, store)
        correlation = baseline.intraclass_correlation if baseline else 0.0
        run_pairs = baseline.run_size if baseline else 1.0
        said: list[RuleWord] = []
        for rule, floor in rules:
            watch = watches.setdefault(rule.name, FloorWatch())
            look = watch.update(error, at, floor, correlation, run_pairs)
            if look is not None:
                said.append(_word(rule, about, look, at))
        return said

    def save(self, store: Store) -> None:
        """Write what changed."""
        for about, watches in self._watches.items():
            blocks = {name: watch.state for name, watch in watches.items()}
            store.put(floor_key(about.lane_key, about.model_version), _BLOCKS.pack(blocks))
        self._watches.clear()

    def _of(self, about: Subject, store: Store) -> dict[str, FloorWatch]:
        found = self._watches.get(about)
        if found is None:
            data = store.get(floor_key(about.lane_key, about.model_version))
            blocks = {} if data is None else _BLOCKS.unpack(data)
            found = {name: FloorWatch(state=block) for name, block in blocks.items()}
            self._watches[about] = found
        return found


def _word(rule: Rule, about: Subject, look: FloorLook, at: int | None) -> RuleWord:
    return RuleWord(
        rule=rule.name,
        holds=look.above,
        severity=rule.severity,
        since=look.since,
        at=at,
        n=BLOCK_PAIRS,
        sentence=f"Rule {rule.name} ({rule.text}): over {BLOCK_PAIRS} pairs the RMSE of "
        f"{about.model_id} {about.model_version} in {about.assay_id} is {look.rmse:.3g}; the "
        f"assay's noise explains up to {look.limit:.3g}.",
    )

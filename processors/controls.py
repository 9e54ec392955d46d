"""Results of control compounds: they know no model, so that they tell an assay's shift from its.

A control's results come as outcomes that meet predictions, as all do. They are kept beside the
series: what a compound of known value reads says nothing of how good a model is.
"""

from itertools import islice
from typing import NamedTuple

from processors.assay.control_target import Target, learn_target
from processors.assay.mean_shift import ControlResults
from processors.keys import control_prefix, row_of, time_of
from processors.record_layout import RecordLayout
from processors.series import Scored
from processors.store import Store

# How far back the results of one control are read.
RESULTS_MAX = 1_000
_VALUE = RecordLayout(list[float])


class Control(NamedTuple):
    """A control compound of an assay; without a stated `target` it is learnt from its results."""

    assay_id: str
    molecule_id: str
    target: Target | None = None


class Controls:
    """The controls of a lab, and their results in one lane of the monitor.

    `controls` have canonical names.

    >>> from processors.store import MemoryStore
    >>> store, controls = MemoryStore(), Controls((Control("a", "QC", Target(5.0, 1.0)),))
    >>> def read(at, value): return Scored("1", at, (None,) * 4, 0.0, value, *[None] * 3, "QC")
    >>> for at in range(3): controls.keep(b"net", "a", read(at, 5.0 + at), b"%16d" % at, store)
    >>> controls.since(b"net", "a", "1", 1, store)
    [ControlResults(target=Target(mean=5.0, sd=1.0, n=None), since=[6.0, 7.0])]
    """

    def __init__(self, controls: tuple[Control, ...]) -> None:
        self._of: dict[str, dict[str, Target | None]] = {}
        for control in controls:
            self._of.setdefault(control.assay_id, {})[control.molecule_id] = control.target
        # Whether there are any at all.
        self.any = bool(self._of)

    def has(self, assay_id: str, molecule_id: str) -> bool:
        """Return whether a molecule is a control of an assay."""
        return molecule_id in self._of.get(assay_id, {})

    def keep(
        self, lane_key: bytes, assay_id: str, record: Scored, pair_id: bytes, store: Store
    ) -> None:
        """Keep a result; one without a number says nothing here."""
        if record.measured is not None:
            store.put(_key(lane_key, record, pair_id), _VALUE.pack([record.measured]))

    def drop(self, lane_key: bytes, record: Scored, pair_id: bytes, store: Store) -> None:
        """Drop a result that was kept."""
        store.delete(_key(lane_key, record, pair_id))

    def since(
        self, lane_key: bytes, assay_id: str, model_version: str, start: int | None, store: Store
    ) -> list[ControlResults]:
        """Return each control that has a target and results since `start` (microseconds).

        A target that is not stated is learnt from the results before; None has no results since.
        """
        found: list[ControlResults] = []
        for molecule_id, stated in self._of.get(assay_id, {}).items():
            prefix = control_prefix(lane_key, model_version, molecule_id)
            newest = islice(store.scan(prefix, reverse=True), RESULTS_MAX)
            rows = [(time_of(key), _VALUE.unpack(value)[0]) for key, value in newest]
            before = [v for at, v in reversed(rows) if at is None or start is None or at < start]
            since = [v for at, v in reversed(rows) if at is not None and start and at >= start]
            target = stated or learn_target(before).target
            if target is not None and since:
                found.append(ControlResults(target, since))
        return found


def _key(lane_key: bytes, record: Scored, pair_id: bytes) -> bytes:
    prefix = control_prefix(lane_key, record.model_version, record.molecule_id)
    return prefix + row_of(record.at, pair_id)

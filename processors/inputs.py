"""What goes into the model versions of a lane and comes out: which of it drifts."""

from collections.abc import Mapping
from typing import NamedTuple

from processors.alerts.subject import Subject
from processors.input_sample import InputReference, InputState, InputWindow
from processors.input_watch import InputsHead, InputWatch, Look
from processors.keys import input_key, inputs_key
from processors.record_layout import RecordLayout
from processors.runs import run_of
from processors.series import Scored
from processors.store import Store
from schemas.events import CONTEXT_FIELDS

PREDICTION, OUTCOME = "prediction", "outcome"
FEATURE = "feature:"
REFERENCE, WINDOW = b"r", b"w"
INSTRUMENT = CONTEXT_FIELDS.index("instrument")
# Model versions in assays.
WATCHES_AT_HAND_MAX = 1_000

_HEAD = RecordLayout(InputsHead)
_REFERENCE, _WINDOW = RecordLayout(InputReference), RecordLayout(InputWindow)


class _AtHand(NamedTuple):
    watch: InputWatch
    pinned: set[str]


class Inputs:
    """Shows results to the watch of their model version; the store changes with `save` only.

    >>> from processors.store import MemoryStore
    >>> store, inputs, about = MemoryStore(), Inputs(), Subject("net", "1", "a")
    >>> day = 86_400_000_000
    >>> def pair(i): return Scored("1", i * day, (None,) * 4, i % 7.0, i % 3.0, *[None] * 3)
    >>> for i in range(300):
    ...     found = inputs.take(pair(i), about, {"logP": i % 5 + i // 250 * 9.0}, 1e-4, store)
    >>> sorted(found.p_values), [drift.name for drift in found.drifts]
    (['feature:logP', 'outcome', 'prediction'], ['feature:logP'])
    >>> inputs.save(store); sorted(Inputs().drifting_features(about, store))
    ['logP']
    """

    def __init__(self) -> None:
        self._at_hand: dict[Subject, _AtHand] = {}
        self._changed: set[Subject] = set()

    def take(
        self,
        record: Scored,
        about: Subject,
        features: Mapping[str, float | str],
        rate: float,
        store: Store,
    ) -> Look | None:
        """Take a scored pair with its features; return a look every window, else None.

        `rate` is how many false alarms all inputs together may raise with it. Raises
        InvalidValueError for a number that is not finite.
        """
        given: dict[str, float | str] = {}
        predicted = record.predicted_label if record.predicted is None else record.predicted
        measured = record.measured_label if record.measured is None else record.measured
        if predicted is not None:
            given[PREDICTION] = predicted
        if measured is not None:
            given[OUTCOME] = measured
        for name, value in features.items():
            given[FEATURE + name] = value
        run = run_of(record.context[INSTRUMENT], record.at)
        self._changed.add(about)
        return self._of(about, store).watch.update(given, run, record.at, rate)

    def drifting_features(self, about: Subject, store: Store) -> list[str]:
        """Return the features that drifted when they were tested last."""
        drifting = self._of(about, store).watch.drifting
        return [name.removeprefix(FEATURE) for name in drifting if name.startswith(FEATURE)]

    def relearn(self, about: Subject, store: Store) -> None:
        """Forget all references: what comes now is the new one."""
        for key, _ in list(store.scan(inputs_key(about.lane_key, about.model_version))):
            store.delete(key)
        self._at_hand[about] = _AtHand(InputWatch(), set())

    def _of(self, about: Subject, store: Store) -> _AtHand:
        found = self._at_hand.get(about)
        if found is None:
            found = self._at_hand[about] = _loaded(about, store)
        return found

    def save(self, store: Store) -> None:
        """Write what changed, a reference only until it is pinned; let go of what is too much."""
        for about in self._changed:
            watch, pinned = self._at_hand[about]
            own = about.lane_key, about.model_version
            store.put(inputs_key(*own), _HEAD.pack(watch.head()))
            for name, state in watch.states().items():
                store.put(input_key(*own, WINDOW, name), _WINDOW.pack(state.window))
                if name not in pinned:
                    store.put(input_key(*own, REFERENCE, name), _REFERENCE.pack(state.reference))
                if state.reference.pinned:
                    pinned.add(name)
        self._changed.clear()
        if len(self._at_hand) > WATCHES_AT_HAND_MAX:
            self._at_hand.clear()


def _loaded(about: Subject, store: Store) -> _AtHand:
    prefix = inputs_key(about.lane_key, about.model_version)
    head: InputsHead | None = None
    references: dict[str, InputReference] = {}
    windows: dict[str, InputWindow] = {}
    for key, data in store.scan(prefix):
        kind, name = key[len(prefix) : len(prefix) + 1], key[len(prefix) + 1 :].decode()
        if kind == REFERENCE:
            references[name] = _REFERENCE.unpack(data)
        elif kind == WINDOW:
            windows[name] = _WINDOW.unpack(data)
        else:
            head = _HEAD.unpack(data)
    states = {name: InputState(references[name], window) for name, window in windows.items()}
    pinned = {name for name, reference in references.items() if reference.pinned}
    return _AtHand(InputWatch(head, states), pinned)

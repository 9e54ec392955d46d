"""Watches what goes into a model version and comes out: predictions, outcomes and features.

Each input has a pinned reference of its first values and one window after the other, which do not
overlap. One look tests all inputs with a full window; false discoveries are controlled across them,
so that without any drift a look finds none but at the rate it is allowed. An input that drifts is
no alert by itself: it tells whether the chemistry moved when a model's errors did.

References: those of `processors.input_sample` and `processors.false_discovery`.
"""

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from processors.false_discovery import benjamini_hochberg
from processors.input_sample import InputReference, InputSample, InputState
from processors.runs import Run
from schemas.errors import InvalidValueError

# Predictions, outcomes and 100 features; further inputs are not watched.
INPUTS_MAX = 102
P_VALUE_MAX = 0.5
REFERENCE_VALUES, WINDOW_VALUES = 200, 50


class InputDrift(NamedTuple):
    """An input whose window does not come from where its reference came from.

    `since` is the `at` of the window's first value, None when not stated; `adjusted` is the p-value
    after Benjamini-Hochberg; `direction` is higher, lower or spread of numbers, and "more KIND" or
    "more others" of categories.
    """

    name: str
    since: int | None
    p_value: float
    adjusted: float
    direction: str


class Look(NamedTuple):
    """One look: adjusted p-values of the inputs with a full window, and which of them drift."""

    p_values: Mapping[str, float]
    drifts: tuple[InputDrift, ...]


class InputsHead(NamedTuple):
    """What belongs to no single input.

    `results` were seen in all; `unwatched` is the most inputs of one result that were
    too many to watch.
    """

    results: int = 0
    unwatched: int = 0


class InputWatch:
    """Watches the inputs of one model version, in the order of the log.

    >>> watch = InputWatch(reference_values=50)
    >>> looks = [watch.update({"prediction": i % 7.0, "feature:salt": "Na" if i < 100 else "K"},
    ...     ("", i // 5), i, 1e-4) for i in range(150)]
    >>> [drift.direction for look in looks if look for drift in look.drifts], watch.drifting
    (['more others'], frozenset({'feature:salt'}))
    """

    def __init__(
        self,
        head: InputsHead | None = None,
        states: Mapping[str, InputState] | None = None,
        reference_values: int = REFERENCE_VALUES,
        window_values: int = WINDOW_VALUES,
    ) -> None:
        self._results, self.unwatched = head or InputsHead()
        self._reference_values, self._window_values = reference_values, window_values
        self._samples = {
            name: InputSample(state, reference_values) for name, state in (states or {}).items()
        }

    @property
    def drifting(self) -> frozenset[str]:
        """The inputs that drifted when they were tested last."""
        return frozenset(name for name, sample in self._samples.items() if sample.drifting)

    @property
    def learning(self) -> frozenset[str]:
        """The inputs whose reference is not complete."""
        return frozenset(name for name, sample in self._samples.items() if not sample.pinned)

    def update(
        self, inputs: Mapping[str, float | str], run: Run | None, at: int | None, rate: float
    ) -> Look | None:
        """Take the inputs of one result measured at `at` (microseconds, None when not stated).

        An input is one of numbers or of categories by its first value; a category where numbers
        are is as good as missing, which is no value at all. `rate` is how many false alarms all
        inputs together may raise with it. Return a look every window, else None. Raises
        InvalidValueError for a number that is not finite; nothing is taken then.
        """
        for name, value in inputs.items():
            if not isinstance(value, str) and not math.isfinite(value):
                raise InvalidValueError(f"The input {name} is {value}; give a finite number.", name)
        self._results += 1
        # A result without a time is a run of its own.
        code = -self._results if run is None else _run_code(*run)
        left = 0
        for name, value in inputs.items():
            sample = self._samples.get(name)
            if sample is None:
                if len(self._samples) >= INPUTS_MAX:
                    left += 1
                    continue
                sample = self._samples[name] = self._start(isinstance(value, str))
            if sample.categorical or not isinstance(value, str):
                sample.add(value, code, at)
        self.unwatched = max(self.unwatched, left)
        if self._results % self._window_values:
            return None
        return self._look(rate * self._window_values)

    def _start(self, categorical: bool) -> InputSample:
        return InputSample(InputState(InputReference(categorical)), self._reference_values)

    def _look(self, level: float) -> Look:
        tested = {
            name: found.p_value
            for name, sample in sorted(self._samples.items())
            if sample.testable(self._window_values)
            and (found := sample.compare()).p_value is not None
        }
        if not tested:
            return Look({}, ())
        adjusted = dict(zip(tested, benjamini_hochberg(list(tested.values())), strict=True))
        drifts = []
        for name, p_value in tested.items():
            corrected = adjusted[name]
            sample = self._samples[name]
            drifts_now = corrected <= min(level, P_VALUE_MAX)
            if drifts_now:
                drifts.append(
                    InputDrift(name, sample.since, p_value, corrected, sample.direction())
                )
            sample.close(drifts_now)
        return Look(adjusted, tuple(drifts))

    def head(self) -> InputsHead:
        """Return what belongs to no single input."""
        return InputsHead(self._results, self.unwatched)

    def states(self) -> dict[str, InputState]:
        """Return the state of each input by name; each fits a record of its own."""
        return {name: sample.state() for name, sample in self._samples.items()}


@lru_cache(256)
def _run_code(instrument: str, day: int) -> int:
    return crc32(f"{instrument}\x1f{day}".encode())

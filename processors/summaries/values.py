"""The values of a window themselves, for metrics of rank."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from processors.summaries.summary import Summary
from schemas.errors import InvalidValueError


class Values(Summary):
    """The pairs of a window as arrays, gathered by the caller when its metrics are emitted.

    A rank has no revertible sum, so there is no `update`, `revert` or stored form: the caller
    holds the pairs. `predicted` and `measured` are of one unit and one length; `probability` is
    that of the positive label, 0 to 1, with the measured `label` beside it. Either half may be
    empty; `n` is the larger. `positive` as in Confusion. Raises InvalidValueError when lengths
    differ or a number is not finite. `classes` are the distinct labels, sorted.

    >>> window = Values([1.0, 2.0], [1.5, 1.9], probability=[0.7], label=["hit"])
    >>> window.n, window.label.tolist()
    (2, ['hit'])
    """

    __slots__ = ("classes", "label", "measured", "n", "positive", "predicted", "probability")

    def __init__(
        self,
        predicted: ArrayLike = (),
        measured: ArrayLike = (),
        probability: ArrayLike = (),
        label: Sequence[str] = (),
        positive: str | None = None,
    ) -> None:
        self.predicted = _numbers("predicted", predicted)
        self.measured = _numbers("measured", measured)
        self.probability = _numbers("probability", probability)
        self.classes = sorted(set(label))
        self.label: NDArray[np.str_] = np.asarray(label, dtype=np.str_)
        self.positive = positive
        for a, b in ((self.predicted, self.measured), (self.probability, self.label)):
            if a.shape != b.shape:
                raise InvalidValueError(
                    f"A window's arrays belong together, but hold {a.size} and {b.size} values."
                )
        self.n = max(self.predicted.size, self.probability.size)


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise InvalidValueError(f"A window's {name} must be a row of finite numbers.", name)
    return array

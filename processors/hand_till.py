"""Area under the receiver operating characteristic for more than two classes."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike

from processors.figures.estimate import Estimate, estimate, undefined
from processors.metrics._area import area
from schemas.errors import InvalidValueError


def hand_till(probabilities: Mapping[str, ArrayLike], labels: Sequence[str]) -> Estimate:
    """Return the mean, over all pairs of classes, of how well their probabilities part them.

    `probabilities` holds one row of finite numbers, 0 to 1, for each class, `labels` what was
    measured. No metric of the monitor: a prediction states the probability of one class only.
    No interval: none in closed form is known. Classes that were never measured are left out;
    undefined on an empty window and for one class only. Raises InvalidValueError when lengths
    differ, a number is not finite or a label has no probabilities.

    Source: D. J. Hand and R. J. Till, "A simple generalisation of the area under the ROC curve for
    multiple class classification problems", Machine Learning 45 (2001), 171-186.

    >>> rows = {"a": [0.8, 0.1, 0.2], "b": [0.1, 0.7, 0.3], "c": [0.1, 0.2, 0.5]}
    >>> hand_till(rows, ["a", "b", "c"]).value
    1.0
    """
    truth = np.asarray(labels, dtype=np.str_)
    rows = {label: np.asarray(row, np.float64) for label, row in probabilities.items()}
    for label, row in rows.items():
        if row.shape != truth.shape or not np.isfinite(row).all():
            raise InvalidValueError(
                f"Class {label!r} needs one finite probability for each of {truth.size} labels."
            )
    measured = sorted(set(labels))
    missing = [label for label in measured if label not in rows]
    if missing:
        raise InvalidValueError(f"Class {missing[0]!r} was measured and has no probabilities.")
    if len(measured) < 2:
        return undefined(truth.size, "one class only" if measured else "no pairs")
    held = {label: truth == label for label in measured}
    areas = [
        area(rows[of][held[of]], rows[of][held[other]])
        for pair in combinations(measured, 2)
        for of, other in (pair, pair[::-1])
    ]
    return estimate(truth.size, float(np.mean(areas)))

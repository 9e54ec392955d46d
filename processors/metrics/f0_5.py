"""F0.5: precision and recall in one figure, precision weighing twice as much."""

from processors.figures.estimate import Estimate
from processors.metrics._f_score import f_score
from processors.summaries.confusion import Confusion

UNIT = "1"
BIGGER_IS_BETTER = True
NEEDS = Confusion


def get(summary: Confusion) -> Estimate:
    """Return 5·TP / (5·TP + FN + 4·FP), 0 to 1; n is all pairs.

    The interval is the delta method's on the log odds; none at 0 and 1. More than two labels and
    none stated as positive: the mean over the classes (macro average). Undefined where nothing was
    predicted or measured positive.

    Source: C. J. van Rijsbergen, "Information Retrieval", 2nd ed., Butterworths 1979, ch. 7, with
    beta = 0.5; the interval as `_f_score` says.

    >>> window = Confusion(positive="a"); window.update("a", "a"); window.update("a", "b")
    >>> round(get(window).value, 4)
    0.5556
    """
    return f_score(summary, missed=1, false=4)

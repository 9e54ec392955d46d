"""Every exact figure of a window's numeric pairs."""

from typing import NamedTuple

from processors.summaries.ratio import ratio, root
from processors.summaries.sums import Sums


class Scatter(NamedTuple):
    """n times each sum of squares, as integers of one common scale: their ratios are exact.

    `predicted`, `measured`, `error` and `absolute_error` are about the mean, `product` is that of
    predicted and measured; `squared_error` is n·Σe² about zero.
    """

    predicted: int
    measured: int
    product: int
    error: int
    absolute_error: int
    squared_error: int


class Moments(Sums):
    """Numeric pairs as exact sums, and the figures that follow from them.

    Errors are prediction - outcome. All figures are in the unit of the pairs, or its square, and
    are rounded once, when they are read.

    >>> window = Moments()
    >>> for pair in ((1.5, 1.0), (2.0, 2.5), (1e9, 0.1)):
    ...     window.update(*pair)
    >>> window.revert(1e9, 0.1)
    >>> window.n, window.mean_error(), window.mean_absolute_error()
    (2, 0.0, 0.5)
    """

    __slots__ = ()

    _read: Scatter | None

    def scatter(self) -> Scatter:
        """Return the exact sums of squares about the means, each times n.

        >>> window = Moments(); window.update(2.0, 1.0); window.update(4.0, 2.0)
        >>> exact = window.scatter(); exact.product / exact.measured
        2.0
        """
        if self._read is None:
            n, p, o = self.n, self._p, self._o
            squared_error = n * (self._pp - 2 * self._po + self._oo)
            self._read = Scatter(
                predicted=n * self._pp - p * p,
                measured=n * self._oo - o * o,
                product=n * self._po - p * o,
                error=squared_error - (p - o) ** 2,
                absolute_error=squared_error - self._absolute**2,
                squared_error=squared_error,
            )
        return self._read

    def mean_error(self) -> float:
        """Return the mean of prediction - outcome. Raises InvalidValueError on an empty window.

        >>> window = Moments(); window.update(1.0, 2.5); window.mean_error()
        -1.5
        """
        return ratio(self._p - self._o, self.n << self._scale)

    def mean_absolute_error(self) -> float:
        """Return the mean of |prediction - outcome|. Raises InvalidValueError on an empty window.

        >>> window = Moments(); window.update(1.0, 2.5); window.mean_absolute_error()
        1.5
        """
        return ratio(self._absolute, self.n << self._scale)

    def root_mean_squared_error(self) -> float:
        """Return the root of the mean squared error; InvalidValueError on an empty window.

        >>> window = Moments(); window.update(1e200, 3e200)
        >>> window.root_mean_squared_error()
        2e+200
        """
        return root(self.scatter().squared_error, self.n * self.n << 2 * self._scale)

    def error_sd(self) -> float:
        """Return the SD of prediction - outcome, over n - 1; InvalidValueError below two pairs.

        >>> window = Moments(); window.update(1.0, 0.0); window.update(3.0, 0.0)
        >>> window.error_sd() == 2**0.5
        True
        """
        return root(self.scatter().error, self.n * (self.n - 1) << 2 * self._scale)

    def absolute_error_sd(self) -> float:
        """Return the SD of |prediction - outcome|, over n - 1; InvalidValueError below two pairs.

        >>> window = Moments(); window.update(1.0, 0.0); window.update(-1.0, 0.0)
        >>> window.absolute_error_sd()
        0.0
        """
        return root(self.scatter().absolute_error, self.n * (self.n - 1) << 2 * self._scale)

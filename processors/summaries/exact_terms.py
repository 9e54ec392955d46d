"""The exact sums of many pairs at once."""

import numpy as np
from numpy.typing import NDArray

from processors.summaries.sums import Sums, Terms, steps

Numbers = NDArray[np.float64]

# Products of two digits are below 2**44, and so many of them add up to 2**53 at most: every sum is
# an integer that a double holds, in whatever order they are added.
DIGIT_BITS = 22
PAIRS_MAX = 512
# Beyond these, digits would be too many or too small for doubles.
DIGITS_MAX = 12
SCALE_MAX = 960


def exact_terms(predicted: Numbers, measured: Numbers) -> list[tuple[Terms, int]]:
    """Return the share of all pairs in the sums, and how many they are, in parts to be added.

    The two arrays hold finite numbers of one unit and are of one length. Exact to the last bit, as
    `Sums.terms` of each pair would be, in a tenth of the time: each number is cut into digits of
    DIGIT_BITS, and all sums of products of digits are one product of matrices.

    Source: error-free splitting, K. Ozaki, T. Ogita, S. Oishi and S. M. Rump, "Error-free
    transformations of matrix multiplication by using fast routines of matrix multiplication and its
    applications", Numerical Algorithms 59 (2012), 95-118.

    >>> exact_terms(np.array([1.5, 2.0]), np.array([1.0, 0.5])) == [
    ...     ((64, 7 << 63, 3 << 63, 4 << 63, 25 << 126, 5 << 126, 5 << 127), 2)
    ... ]
    True
    """
    found: list[tuple[Terms, int]] = []
    for start in range(0, predicted.size, PAIRS_MAX):
        part = slice(start, start + PAIRS_MAX)
        found += _of_part(predicted[part], measured[part])
    return found


def _of_part(predicted: Numbers, measured: Numbers) -> list[tuple[Terms, int]]:
    n = predicted.size
    both = np.concatenate((predicted, measured))
    exponents = np.frexp(both[both != 0])[1]
    top, bottom = (int(exponents.max()), int(exponents.min())) if exponents.size else (0, 0)
    scale = steps(53 - bottom)
    size = max(1, -(-(top + scale) // DIGIT_BITS))
    if size > DIGITS_MAX or scale > SCALE_MAX:
        pairs = zip(predicted.tolist(), measured.tolist(), strict=True)
        return [(Sums.terms(p, o), 1) for p, o in pairs]
    rows = np.empty((2 * size + 2, n))
    for place, digit in enumerate(_digits(both, scale, size)):
        rows[place], rows[size + place] = digit[:n], digit[n:]
    rows[-2], rows[-1] = 1.0, np.sign(predicted - measured)
    products = (rows @ rows.T).astype(np.int64).tolist()
    p, o = slice(0, size), slice(size, 2 * size)

    def product(one: slice, other: slice) -> int:
        return _joined([_joined(row[other]) for row in products[one]])

    of_ones, of_signs = products[-2:]
    absolute = _joined(of_signs[p]) - _joined(of_signs[o])
    singles = _joined(of_ones[p]), _joined(of_ones[o]), absolute
    return [((scale, *singles, product(p, p), product(o, o), product(p, o)), n)]


def _digits(numbers: Numbers, scale: int, size: int) -> list[Numbers]:
    """Return the digits of numbers · 2**scale, each with the number's sign, the lowest first."""
    sign, rest, found = np.sign(numbers), np.abs(numbers), []
    for place in reversed(range(size)):
        unit = 2.0 ** (DIGIT_BITS * place - scale)
        digit = np.floor(rest / unit)
        rest = rest - digit * unit
        found.append(digit * sign)
    return found[::-1]


def _joined(digits: list[int]) -> int:
    return sum(digit << DIGIT_BITS * place for place, digit in enumerate(digits))

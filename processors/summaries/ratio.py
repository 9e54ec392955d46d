"""From exact integers to the nearest double, and only there."""

import math

from schemas.errors import InvalidValueError


def ratio(numerator: int, denominator: int) -> float:
    """Return numerator / denominator correctly rounded; infinite when no double is that large.

    Raises InvalidValueError when the denominator is 0.

    >>> ratio(10**400 + 1, 3 * 10**400)
    0.3333333333333333
    >>> ratio(-(10**400), 1)
    -inf
    """
    if denominator == 0:
        raise InvalidValueError("The window holds too few or only equal values for this figure.")
    try:
        return numerator / denominator
    except OverflowError:
        return -math.inf if (numerator < 0) != (denominator < 0) else math.inf


def root(numerator: int, denominator: int) -> float:
    """Return sqrt(numerator / denominator) correctly rounded; numerator ≥ 0, denominator > 0.

    The quotient may be far outside the range of a double as long as its root is inside. Raises
    InvalidValueError when the denominator is 0.

    Source: integer square root with a sticky bit, S. Boldo and G. Melquiond, "Emulation of a FMA
    and correctly rounded sums: proved algorithms using rounding to odd", IEEE Trans. Computers 57
    (2008), 462-471.

    >>> root(2, 1) == 2**0.5, root(10**400, 1), root(0, 7)
    (True, 1e+200, 0.0)
    """
    if denominator == 0:
        return ratio(numerator, denominator)
    # At least 64 bits of root, so that 53 and the sticky bit decide the rounding.
    shift = max(0, (denominator.bit_length() - numerator.bit_length()) // 2 + 66)
    quotient, rest = divmod(numerator << 2 * shift, denominator)
    whole = math.isqrt(quotient)
    if rest or whole * whole != quotient:
        whole |= 1
    return ratio(whole, 1 << shift)

"""Units of measurement: one pair has one unit."""

import math
import re
from functools import lru_cache
from tokenize import TokenError

from schemas.errors import InvalidValueError

# Names with small whole exponents, multiplied and divided. Anything else is not given to pint,
# which would work out any arithmetic, such as a tower of powers, for as long as it takes.
_FACTOR = r"[^\W\d][\w°%]*(?:(?:\^|\*\*)-?\d{1,2})?"
_UNIT = re.compile(rf"(?:1/)?{_FACTOR}(?:(?: ?[*/·] ?| ){_FACTOR})*|%|°[CF]")
UNIT_CHARACTERS_MAX = 60
PAIRS_REMEMBERED = 1_000

Line = tuple[float, float]


@lru_cache(PAIRS_REMEMBERED)
def _line(unit: str, into: str) -> Line | None:
    """Return (factor, offset), value_into = factor · value + offset; None if there is none."""
    if not all(len(u) <= UNIT_CHARACTERS_MAX and _UNIT.fullmatch(u) for u in (unit, into)):
        return None
    # Slow to import, and most labs never mix units.
    from pint import PintError

    from processors.unit_registry import REGISTRY

    try:
        zero, ten, twenty = (
            float(REGISTRY.Quantity(value, unit).to(into).magnitude) for value in (0.0, 10.0, 20.0)
        )
    except (PintError, SyntaxError, TokenError, ValueError):  # pint's parser raises Python's own
        return None
    if not math.isclose(twenty - ten, ten - zero, rel_tol=1e-9):
        return None  # a logarithmic unit: no line
    return (ten - zero) / 10.0, zero


def convert(value: float, unit: str | None, into: str | None) -> float:
    """Return `value` given in `unit` as a number in unit `into`.

    None as either unit means "not stated" and is taken as the other's. Raises InvalidValueError
    when there is no linear conversion. Source of the units: pint's default registry (NIST SP 811).

    >>> round(convert(1500.0, "nM", "uM"), 6)
    1.5
    >>> convert(2.0, None, "kcal/mol")
    2.0
    """
    if unit == into or unit is None or into is None:
        return value
    line = _line(unit, into)
    if line is None:
        raise InvalidValueError(
            f"unit {unit!r} cannot be converted to {into!r}; state both in the same unit", "unit"
        )
    factor, offset = line
    return factor * value + offset

"""Units of measurement: one pair has one unit."""

from functools import cache

from schemas.errors import InvalidValueError


@cache
def _line(unit: str, into: str) -> tuple[float, float]:
    """Return (factor, offset) such that value_into = factor · value + offset."""
    import pint  # slow to import, and most labs never mix units

    registry = pint.get_application_registry()
    try:
        zero = registry.Quantity(0.0, unit).to(into).magnitude
        ten = registry.Quantity(10.0, unit).to(into).magnitude
    except Exception as error:  # pint raises tokenizer and syntax errors beside its own
        raise InvalidValueError(
            f"unit {unit!r} cannot be converted to {into!r}; state both in the same unit", "unit"
        ) from error
    return float(ten - zero) / 10.0, float(zero)


def convert(value: float, unit: str | None, into: str | None) -> float:
    """Return `value` given in `unit` as a number in unit `into`.

    None as either unit means "not stated" and is taken as the other's. Raises InvalidValueError
    when there is no conversion. Source of the units: pint's default registry (NIST SP 811).

    >>> round(convert(1500.0, "nM", "uM"), 6)
    1.5
    >>> convert(2.0, None, "kcal/mol")
    2.0
    """
    if unit == into or unit is None or into is None:
        return value
    factor, offset = _line(unit, into)
    return factor * value + offset

"""One spelling for what labs spell in many ways: identifiers, qualifiers and units.

The tables hold spellings only; nothing is converted here, and what is in no table stays as it is.
"""

import re

from schemas.topics import canonical

_QUALIFIERS = {
    "=": ("=", "==", "eq", "equal", "equals", "equal to"),
    "<": ("<", "lt", "less than", "below"),
    "<=": ("<=", "=<", "≤", "⩽", "le", "lte", "less than or equal", "less than or equal to"),
    ">": (">", "gt", "greater than", "more than", "above"),
    ">=": (">=", "=>", "≥", "⩾", "ge", "gte", "greater than or equal", "greater than or equal to"),
    "~": ("~", "≈", "≃", "approx", "approx.", "approximately", "about", "ca", "ca.", "circa"),
}
# Spellings carry "u" for micro; case counts, since mM and MM, or nM and NM, are different units.
_UNITS = {
    "M": ("M", "mol/L", "mol/l", "mol L-1", "molar"),
    "mM": ("mM", "mmol/L", "mmol/l", "mmol L-1", "millimolar"),
    "uM": ("uM", "umol/L", "umol/l", "umol L-1", "micromolar"),
    "nM": ("nM", "nmol/L", "nmol/l", "nmol L-1", "nanomolar"),
    "pM": ("pM", "pmol/L", "pmol/l", "pmol L-1", "picomolar"),
    "mg/mL": ("mg/mL", "mg/ml", "mg mL-1"),
    "ug/mL": ("ug/mL", "ug/ml", "ug mL-1"),
    "ng/mL": ("ng/mL", "ng/ml", "ng mL-1"),
    "kcal/mol": ("kcal/mol", "kcal mol-1", "kcal mol^-1", "kcal mol⁻¹", "kcal·mol-1", "kcal·mol⁻¹"),
    "kJ/mol": ("kJ/mol", "kj/mol", "kJ mol-1", "kJ mol^-1", "kJ mol⁻¹", "kJ·mol-1", "kJ·mol⁻¹"),
    "%": ("%", "percent", "pct", "per cent"),
    "degC": ("degC", "°C", "℃"),
    "s": ("s", "sec", "seconds"),
    "min": ("min", "minutes"),
    "h": ("h", "hr", "hours"),
}
_QUALIFIER_OF = {spelling: name for name, group in _QUALIFIERS.items() for spelling in group}
_UNIT_OF = {spelling: name for name, group in _UNITS.items() for spelling in group}
# U+00B5 is the micro sign of Latin-1 keyboards, U+03BC the Greek letter SI asks for.
_MICRO_SIGNS = str.maketrans({"\u00b5": "u", "\u03bc": "u"})
_QUALIFIED = re.compile(r"([<>=~≤≥⩽⩾≈≃]+)\s*(.*)", re.DOTALL)


def text(cell: str | None) -> str | None:
    """Return a text in Unicode NFC without blanks at its ends; None when nothing is left of it."""
    if cell is None:
        return None
    return canonical(cell) or None


def qualifier(cell: str | None) -> str | None:
    """Return one of `= < <= > >= ~`, None for an empty cell, an unknown spelling as it is."""
    spelling = text(cell)
    if spelling is None:
        return None
    return _QUALIFIER_OF.get(" ".join(spelling.lower().split()), spelling)


def split_qualifier(cell: str) -> tuple[str | None, str]:
    """Return (qualifier, number) of a value cell such as ">10" or "≤ 0.5", both still text."""
    match = _QUALIFIED.fullmatch(cell.strip())
    return (qualifier(match[1]), match[2]) if match else (None, cell)


def unit(cell: str | None) -> str | None:
    """Return the table's spelling of a unit, None for an empty cell, an unknown unit as it is."""
    spelling = text(cell)
    if spelling is None:
        return None
    return _UNIT_OF.get(" ".join(spelling.translate(_MICRO_SIGNS).split()), spelling)

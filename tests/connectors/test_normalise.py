"""Spellings of qualifiers, units and texts."""

import unicodedata

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import normalise
from schemas.validation import QUALIFIERS


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        (">", ">"),
        (" ≥ ", ">="),
        ("=>", ">="),
        ("Greater  Than", ">"),
        ("less than or equal to", "<="),
        ("≤", "<="),
        ("~", "~"),
        ("ca.", "~"),
        ("=", "="),
        ("", None),
        (None, None),
        ("!!", "!!"),
    ],
)
def test_qualifiers(spelling: str | None, canonical: str | None) -> None:
    assert normalise.qualifier(spelling) == canonical


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        (">10", (">", "10")),
        ("<0.5", ("<", "0.5")),
        (" ≥ 1e-3", (">=", "1e-3")),
        (">= 4", (">=", "4")),
        ("-3.5", (None, "-3.5")),
        ("<-3.5", ("<", "-3.5")),
        ("", (None, "")),
        (">", (">", "")),
    ],
)
def test_values_are_split_from_their_qualifiers(cell: str, parts: tuple[str | None, str]) -> None:
    assert normalise.split_qualifier(cell) == parts


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("\u00b5M", "uM"),
        ("\u03bcM", "uM"),
        (" uM ", "uM"),
        ("\u03bcmol/L", "uM"),
        ("kcal mol-1", "kcal/mol"),
        ("kcal  mol⁻¹", "kcal/mol"),
        ("kcal/mol", "kcal/mol"),
        ("%", "%"),
        ("", None),
        ("furlong", "furlong"),
        ("NM", "NM"),
    ],
)
def test_units(spelling: str, canonical: str | None) -> None:
    assert normalise.unit(spelling) == canonical


@pytest.mark.parametrize(
    "spelling",
    [
        *("mol/L", "mmol/l", "umol/L", "micromolar", "nmol/L", "pmol/l", "mg/ml", "ug/ml"),
        *("ng/ml", "percent", "°C", "hours", "minutes", "seconds", "kcal/mol", "kJ/mol"),
    ],
)
def test_the_tables_spellings_are_the_same_units_to_pint(spelling: str) -> None:
    registry: pint.UnitRegistry[float] = pint.UnitRegistry()
    canonical = normalise.unit(spelling)
    assert canonical is not None
    assert registry.Quantity(1.0, canonical).is_compatible_with(spelling)
    assert registry.Quantity(1.0, canonical).to(spelling).m == pytest.approx(1.0, rel=1e-12)


@given(st.text())
def test_normalising_twice_is_normalising_once(cell: str) -> None:
    for function in (normalise.text, normalise.qualifier, normalise.unit):
        once = function(cell)
        assert function(once) == once
        assert once is None or unicodedata.is_normalized("NFC", once)


@given(st.sampled_from(QUALIFIERS), st.floats(allow_nan=False, allow_infinity=False))
def test_any_qualified_number_is_split(qualifier: str, number: float) -> None:
    parts = normalise.split_qualifier(f"{qualifier}{number!r}")
    assert parts == (qualifier, repr(number))

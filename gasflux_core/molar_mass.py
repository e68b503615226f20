"""Molar masses from chemical formulas, also from those that name columns in lower case."""

from __future__ import annotations

import re
from functools import lru_cache

from gasflux_core.errors import InputError

_LONGEST = 24
"""Characters of a formula; the ways to split letters into elements grow with their number like 1.6ⁿ."""

_TOKEN = re.compile(r"[a-z]+|\d+|[()]")


def molar_mass(formula: str, parameter: str = "gases") -> float:
    """Molar mass of a gas, kg mol⁻¹, from the standard atomic weights (library molmass).

    :param formula: such as ``CH4``, ``C2H6``, ``N2O``, ``SF6``; or in lower case throughout, as gas columns are
        named. Then letters are read as the elements of one letter wherever that is possible (``co`` is carbon
        monoxide, ``no2`` nitrogen dioxide), else as those of two (``hcl``, ``sih4``).
    :raises InputError: when it is no formula of known elements.
    """
    return _molar_mass(formula.strip(), parameter)


@lru_cache(maxsize=256)
def _molar_mass(formula: str, parameter: str) -> float:
    # molmass takes 0.1 s to import
    from molmass import Formula
    from molmass.elements import ELEMENTS

    fault = InputError(
        f"{formula[:_LONGEST]!r} is no chemical formula: give one such as CH4, CO2, C2H6, N2O or SF6", parameter
    )
    if not re.fullmatch(rf"[A-Za-z0-9()]{{1,{_LONGEST}}}", formula):
        raise fault
    symbols = frozenset(element.symbol for element in ELEMENTS)
    written = _with_capitals(formula, symbols) if formula == formula.lower() else formula
    if written is None or any(name not in symbols for name in re.findall(r"[A-Z][a-z]*", written)):
        raise fault
    try:
        mass = Formula(
            written, parse_groups=False, parse_oligos=False, parse_fractions=False, parse_arithmetic=False,
            allow_empty=False,
        ).mass  # fmt: skip
    except ValueError:  # molmass.FormulaError
        raise fault from None
    return float(mass) * 1e-3


def _with_capitals(formula: str, symbols: frozenset[str]) -> str | None:
    """The formula with its elements' capitals; None where its letters are no elements."""
    parts = []
    for token in _TOKEN.findall(formula):
        if not token.isalpha():
            parts.append(token)
            continue
        elements = _elements(token, symbols)
        if elements is None:
            return None
        parts.append("".join(elements))
    return "".join(parts)


def _elements(letters: str, symbols: frozenset[str]) -> list[str] | None:
    if not letters:
        return []
    # silicon before sulfur and iodine, which no gas has side by side
    lengths = (2, 1) if letters.startswith("si") else (1, 2)
    for length in lengths:
        symbol = letters[:length].capitalize()
        if len(symbol) == length and symbol in symbols:
            rest = _elements(letters[length:], symbols)
            if rest is not None:
                return [symbol, *rest]
    return None

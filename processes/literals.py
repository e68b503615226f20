"""Reading the text of a literal input as its declaration says, the same for every face."""

from __future__ import annotations

import math
import re

from gasflux_core.errors import InputError
from processes.declaration import InputDeclaration

LiteralValue = str | int | float | bool

_DOUBLE = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def is_absent(text: str | None) -> bool:
    """Whether a literal's text means that no value was given.

    QGIS sends ``""`` for a field that was left alone, Python clients send ``None``.
    """
    return text is None or text.strip() == "" or text == "None"


def read_literal(declaration: InputDeclaration, text: str | None, unit: str | None = None) -> LiteralValue | None:
    """The value of one literal, or None where the text means that none was given.

    Numbers are finite XML Schema doubles and integers (no ``NaN``, ``INF`` or ``1_000``), truth values
    ``true``, ``false``, ``1``, ``0`` in any case.

    :param unit: unit the client states, if it does; no other than the declared one is taken.
    :raises InputError: with the input's identifier, what was expected and what came.
    """
    if text is None or is_absent(text):
        return None
    if unit and declaration.unit and unit != declaration.unit:
        raise InputError(
            f"{declaration.identifier}: expected in {declaration.unit}, came in {unit}; convert it first",
            declaration.identifier,
        )
    if declaration.data_type == "string":
        value: LiteralValue = text
    elif declaration.data_type == "boolean":
        value = _boolean(declaration, text.strip())
    else:
        value = _number(declaration, text.strip())
        _check_range(declaration, value, text.strip())
    if declaration.allowed and str(value) not in declaration.allowed:
        raise _fault(declaration, "one of " + ", ".join(declaration.allowed), text)
    return value


def literal_text(value: LiteralValue) -> str:
    """The text of a value, such that :func:`read_literal` gives back exactly that value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(float(value)) if isinstance(value, float) else str(value)


def _boolean(declaration: InputDeclaration, text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise _fault(declaration, "true or false", text) from None


def _number(declaration: InputDeclaration, text: str) -> int | float:
    if declaration.data_type == "integer":
        if not _INTEGER.fullmatch(text):
            raise _fault(declaration, "a whole number", text)
        return int(text)
    if not _DOUBLE.fullmatch(text) or not math.isfinite(float(text)):
        raise _fault(declaration, "a finite number with a decimal point, such as 0.5 or 1e-3", text)
    return float(text)


def _check_range(declaration: InputDeclaration, value: float, text: str) -> None:
    low, high = declaration.minimum, declaration.maximum
    below = low is not None and (value < low or (declaration.minimum_excluded and value == low))
    above = high is not None and (value > high or (declaration.maximum_excluded and value == high))
    if below or above:
        raise _fault(declaration, range_text(declaration), text)


def range_text(declaration: InputDeclaration) -> str:
    """The declared range in words, such as ``a number at least 0 and below 360``."""
    parts = []
    if declaration.minimum is not None:
        parts.append(f"{'above' if declaration.minimum_excluded else 'at least'} {declaration.minimum:g}")
    if declaration.maximum is not None:
        parts.append(f"{'below' if declaration.maximum_excluded else 'at most'} {declaration.maximum:g}")
    return "a number " + " and ".join(parts)


def _fault(declaration: InputDeclaration, expected: str, came: str) -> InputError:
    shown = came if len(came) <= 60 else came[:57] + "..."
    return InputError(f"{declaration.identifier}: expected {expected}, got '{shown}'", declaration.identifier)

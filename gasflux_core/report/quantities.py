"""Numbers and names as people read them."""

from __future__ import annotations

import math

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def gas_name(gas: str) -> str:
    """The formula as it is printed: ``c2h6`` → C₂H₆."""
    return gas.upper().translate(_SUBSCRIPTS)


def plain(value: float, digits: int = 3) -> str:
    """A number to so many significant digits, without exponent from 0.0001 to 10 000 000."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -4 or exponent > 6:
        mantissa, power = f"{value:.{digits - 1}e}".split("e")
        return _minus(f"{mantissa}·10{raised(int(power))}")
    return _minus(_to_place(value, digits - 1 - exponent))


def to_place_of(value: float, uncertainty: float) -> str:
    """A number rounded where its uncertainty's second digit stands (GUM 7.2.6)."""
    if not math.isfinite(value):
        return "–"
    if not (math.isfinite(uncertainty) and uncertainty > 0):
        return plain(value, 4)
    place = 1 - math.floor(math.log10(uncertainty))
    if place > 6 or place < -6:
        return plain(value, 4)
    return _minus(_to_place(value, place))


def mass_unit(highest: float) -> tuple[float, str]:
    """Unit of mass in which numbers up to ``highest`` (kg) are read with ease, and how many of it make a kilogram."""
    if highest >= 0.01 or not highest > 0:
        return 1.0, "kg"
    return (1e3, "g") if highest >= 1e-5 else (1e6, "mg")


def duration(seconds: float) -> str:
    """Minutes and seconds of a flight."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def _to_place(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):.{max(decimals, 0)}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def _minus(text: str) -> str:
    return text.replace("-", "−")


def raised(power: int) -> str:
    """A power of ten's exponent in raised digits."""
    return str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))

"""Classes of a quantity with their colours, for pictures and legends."""

from __future__ import annotations

import math
from dataclasses import dataclass

Colour = tuple[int, int, int]

_FROM_ZERO: tuple[Colour, ...] = (
    (255, 247, 214),
    (254, 217, 118),
    (253, 141, 60),
    (227, 26, 28),
    (128, 0, 38),
    (54, 0, 30),
)
"""Pale to dark, so that a map below is seen where little passes."""

_BOTH_WAYS: tuple[Colour, ...] = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))

_ERRORS: tuple[Colour, ...] = ((242, 240, 247), (158, 154, 200), (63, 0, 125))

_CLASSES = 12
"""About as many, so that their limits are round numbers."""

_MERE_NOISE = 0.1
"""Below this share of the greatest value, negative ones are shown as one class, as the report does."""


@dataclass(frozen=True)
class ColourClass:
    """Values from lower to below upper; None is open."""

    lower: float | None
    upper: float | None
    colour: Colour

    @property
    def label(self) -> str:
        """What the legend says."""
        if self.lower is None:
            return "all" if self.upper is None else f"below {self.upper:g}"
        return f"{self.lower:g} and more" if self.upper is None else f"{self.lower:g} to {self.upper:g}"


def flux_classes(minimum: float | None, maximum: float | None) -> list[ColourClass]:
    """Classes of a quantity whose zero matters: from 0 up, or both ways where it is negative too.

    :param minimum: of the values; None where there are none.
    """
    if minimum is None or maximum is None or minimum == maximum == 0.0:
        return [ColourClass(None, None, _FROM_ZERO[0])]
    if maximum > 0 and -minimum < _MERE_NOISE * maximum:
        classes = _rising(maximum, _FROM_ZERO)
        below = [ColourClass(None, 0.0, (241, 244, 246))] if minimum < 0 else []
        return below + classes
    limit = max(maximum, -minimum)
    step = _round_step(2 * limit / _CLASSES)
    most = max(1, math.ceil(limit / step - 1e-9))
    edges = [number * step for number in range(1 - most, most)]
    bounds: list[float | None] = [None, *edges, None]
    shares = [(2 * number + 1) / (2 * (len(bounds) - 1)) for number in range(len(bounds) - 1)]
    return [
        ColourClass(lower, upper, _between(_BOTH_WAYS, share))
        for lower, upper, share in zip(bounds, bounds[1:], shares, strict=False)
    ]


def error_classes(maximum: float | None) -> list[ColourClass]:
    """Classes of a standard error, from 0 up."""
    return _rising(maximum, _ERRORS) if maximum else [ColourClass(None, None, _ERRORS[0])]


def _rising(maximum: float, colours: tuple[Colour, ...]) -> list[ColourClass]:
    step = _round_step(maximum / _CLASSES)
    count = max(1, math.ceil(maximum / step - 1e-9))
    return [
        ColourClass(
            number * step,
            (number + 1) * step if number + 1 < count else None,
            _between(colours, number / max(count - 1, 1)),
        )
        for number in range(count)
    ]


def _round_step(size: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(size))
    return float(f"{next(factor for factor in (1, 2, 2.5, 5, 10) if factor * power >= size * (1 - 1e-9)) * power:g}")


def _between(colours: tuple[Colour, ...], share: float) -> Colour:
    place = share * (len(colours) - 1)
    first = min(int(place), len(colours) - 2)
    red, green, blue = (
        round(one + (other - one) * (place - first))
        for one, other in zip(colours[first], colours[first + 1], strict=True)
    )
    return red, green, blue

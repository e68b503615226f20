"""The emission rate of one gas."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rate:
    """An emission rate with its uncertainty."""

    gas: str
    """Formula, such as ``ch4``."""
    emission_rate: float
    """kg/h."""
    standard_uncertainty: float
    """Combined standard uncertainty, kg/h."""
    interval95: tuple[float, float]
    """95 % interval, kg/h."""
    flags: tuple[str, ...]
    """What to know before using the rate; texts are in the report."""

    @classmethod
    def of(cls, gas: str, figures: Mapping[str, Any]) -> Rate:
        """From one gas of the product ``figures``."""
        low, high = figures["interval95"]
        return cls(
            gas,
            float(figures["emission_rate"]),
            float(figures["standard_uncertainty"]),
            (float(low), float(high)),
            tuple(figures["flags"]),
        )

    def __str__(self) -> str:
        places = _places(self.standard_uncertainty)
        low, high = self.interval95
        return (
            f"{self.emission_rate:.{places}f} ± {self.standard_uncertainty:.{places}f} kg/h "
            f"(95 % interval {low:.{places}f} to {high:.{places}f} kg/h)"
        )


def _places(uncertainty: float) -> int:
    """Decimal places that show two digits of the uncertainty."""
    if not uncertainty > 0:
        return 1
    return max(0, 1 - math.floor(math.log10(uncertainty)))

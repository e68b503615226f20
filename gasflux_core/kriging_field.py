"""The flux plane of one gas as a field on a grid, with its integral."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.variogram_model import CrossValidation

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """Flux density on the plane, kg m⁻² h⁻¹, and its integral, kg h⁻¹. Row 0 is the lowest."""

    gas: str
    x: Array
    """(nx,) cell centres along the plane, m."""
    z: Array
    """(nz,) cell centres above take-off, m."""
    cell_width: float
    """m."""
    cell_height: float
    """m."""
    estimate: Array
    """(nz, nx), NaN outside."""
    standard_error: Array
    """(nz, nx), NaN outside; cells are correlated, so these must not be summed."""
    region: NDArray[np.int8]
    """(nz, nx): 0 outside or under ground, 1 between lowest and highest sample, 2 below, 3 above them."""
    integral: float
    """Σ estimate · cell area over all cells with a region."""
    integral_standard_error: float
    """Of the integral, by interpolation alone, correlation between cells included."""
    background_response: float
    """What the integral loses by 1 ppm more background all over the flight, kg h⁻¹ ppm⁻¹."""
    sampled_integral: float
    below_integral: float
    above_integral: float
    cross_validation: CrossValidation | None
    profile: dict[str, Any]
    """The wind profile the enhancement was multiplied by; empty where the flux density itself was interpolated."""
    interpolator: str
    below: str
    """How the part below the lowest transect was had: none, constant, log-wind or kriging."""
    method: str
    """What was done, in a sentence."""
    flags: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values; NaN becomes null."""
        return {
            "gas": self.gas,
            "x": self.x.tolist(),
            "z": self.z.tolist(),
            "cell_width": self.cell_width,
            "cell_height": self.cell_height,
            "estimate": _with_nulls(self.estimate),
            "standard_error": _with_nulls(self.standard_error),
            "region": self.region.tolist(),
            "integral": self.integral,
            "integral_standard_error": self.integral_standard_error,
            "background_response": self.background_response,
            "sampled_integral": self.sampled_integral,
            "below_integral": self.below_integral,
            "above_integral": self.above_integral,
            "cross_validation": self.cross_validation.to_dict() if self.cross_validation else None,
            "profile": self.profile,
            "interpolator": self.interpolator,
            "below": self.below,
            "method": self.method,
            "flags": list(self.flags),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Field:
        """The inverse of :meth:`to_dict`."""
        given = dict(values)
        for name in ("x", "z", "estimate", "standard_error"):
            given[name] = np.array(given[name], dtype=float)  # null becomes NaN
        given["region"] = np.array(given["region"], dtype=np.int8)
        validation = given["cross_validation"]
        given["cross_validation"] = CrossValidation.from_dict(validation) if validation else None
        given["flags"] = tuple(given["flags"])
        return cls(**given)


def _with_nulls(values: Array) -> list[list[float | None]]:
    return [[value if value == value else None for value in row] for row in values.tolist()]

"""The mean wind as a function of height, fitted to the winds measured along the flight.

In the neutral surface layer the mean wind speed follows the logarithmic law

    U(h) = U₁₀ · ln(h / z₀) / ln(10 m / z₀),   h > z₀,   and 0 below,

with the height h above ground and the roughness length z₀ (Monin & Obukhov 1954; Stull 1988,
*An Introduction to Boundary Layer Meteorology*, eq. 9.7.1c). Its two horizontal components at
10 m are fitted by least squares; z₀ can't be read off winds as noisy as a drone's and is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gasflux_core.errors import NoSolution
from gasflux_core.plane import Plane

REFERENCE_HEIGHT = 10.0
"""Height above ground to which the fitted wind refers, m (WMO-No. 8, chapter 5)."""

_INDEPENDENT_ROWS = 20
"""Rows taken as one independent reading where too few transects tell the scatter of the mean."""


@dataclass(frozen=True, eq=False)
class WindProfile:
    """Log law of the mean wind over the flight."""

    plane: Plane
    east: float
    """Eastward wind at 10 m, m s⁻¹."""
    north: float
    """Northward wind at 10 m, m s⁻¹."""
    roughness_length: float
    """z₀, m."""
    covariance: tuple[tuple[float, float], tuple[float, float]]
    """Covariance of (east, north) as means over the flight, m² s⁻²."""

    def factor(self, height_above_ground: ArrayLike) -> NDArray[np.float64]:
        """U(h)/U₁₀, dimensionless; 0 at and below z₀."""
        height = np.asarray(height_above_ground, dtype=float)
        return _log_law(height, self.roughness_length)

    def normal(self, x: ArrayLike, height_above_ground: ArrayLike) -> NDArray[np.float64]:
        """Mean wind through the plane at places x (m along it) and heights (m), m s⁻¹, signed."""
        normal_east, normal_north = self.plane.normal(np.asarray(x, dtype=float))
        return np.asarray(
            (self.east * normal_east + self.north * normal_north) * self.factor(height_above_ground), dtype=float
        )

    def with_roughness(self, roughness_length: float, heights: ArrayLike) -> WindProfile:
        """The profile that another z₀ would have been fitted to winds measured at ``heights`` (m)."""
        old, new = self.factor(heights), _log_law(np.asarray(heights, dtype=float), roughness_length)
        scale = float(np.sum(old * new) / np.sum(new * new))
        covariance = tuple(tuple(scale * scale * value for value in row) for row in self.covariance)
        return WindProfile(self.plane, scale * self.east, scale * self.north, roughness_length, covariance)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values, without the plane."""
        return {
            "east": self.east,
            "north": self.north,
            "roughness_length": self.roughness_length,
            "covariance": [list(row) for row in self.covariance],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], plane: Plane) -> WindProfile:
        """The inverse of :meth:`to_dict`."""
        (ee, en), (ne, nn) = values["covariance"]
        return cls(plane, values["east"], values["north"], values["roughness_length"], ((ee, en), (ne, nn)))


def fit_wind_profile(table: pd.DataFrame, plane: Plane, roughness_length: float) -> WindProfile:
    """Fit the log law to the kept rows of a flight.

    :param table: with ``wind_east``, ``wind_north`` (m s⁻¹), ``height_above_ground`` (m), ``kept``, ``transect``.
    :param roughness_length: z₀, m: about 0.001 (water), 0.03 (short grass), 0.1 (crops), 0.5 (scattered
        trees) (WMO-No. 8, chapter 5, annex 5.A).
    :raises NoSolution: when no kept row lies above z₀.
    """
    kept = table["kept"].to_numpy(dtype=bool)
    heights = table["height_above_ground"].to_numpy(dtype=float)[kept]
    winds = table[["wind_east", "wind_north"]].to_numpy(dtype=float)[kept]
    factor = _log_law(heights, roughness_length)
    weight = float(np.sum(factor * factor))
    if not weight > 0:
        raise NoSolution(
            f"no wind was measured higher than the roughness length of {roughness_length:g} m above ground: "
            "give a smaller roughness_length, or heights above ground",
            "roughness_length",
        )
    mean = factor @ winds / weight
    covariance = _covariance_of_mean(factor, winds, mean, table["transect"].to_numpy()[kept])
    return WindProfile(
        plane=plane,
        east=float(mean[0]),
        north=float(mean[1]),
        roughness_length=roughness_length,
        covariance=(
            (float(covariance[0, 0]), float(covariance[0, 1])),
            (float(covariance[1, 0]), float(covariance[1, 1])),
        ),
    )


def _log_law(height: NDArray[np.float64], roughness_length: float) -> NDArray[np.float64]:
    above = np.maximum(height / roughness_length, 1.0)
    return np.asarray(np.log(above) / np.log(REFERENCE_HEIGHT / roughness_length), dtype=float)


def _covariance_of_mean(
    factor: NDArray[np.float64], winds: NDArray[np.float64], mean: NDArray[np.float64], transect: NDArray[Any]
) -> NDArray[np.float64]:
    """Covariance of the fitted wind, from the scatter between transects.

    Gusts are correlated over many rows, so that rows are not independent readings; transects, minutes
    apart, nearly are. The weighted mean of m transects has the covariance Σ wₜ² rₜ rₜᵀ · m/(m − 1) / (Σ wₜ)².
    """
    numbers, index = np.unique(transect, return_inverse=True)
    count = len(numbers)
    residuals = (winds - factor[:, None] * mean) * factor[:, None]
    total = float(np.sum(factor * factor))
    if count >= 3:
        sums = np.stack([np.bincount(index, weights=residuals[:, axis], minlength=count) for axis in (0, 1)], axis=1)
        return np.asarray(sums.T @ sums * (count / (count - 1)) / total**2)
    independent = max(1.0, len(factor) / _INDEPENDENT_ROWS)
    return np.asarray(residuals.T @ residuals / total**2 * (len(factor) / independent))

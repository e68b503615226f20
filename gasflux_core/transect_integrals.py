"""What each single transect carries, and how far transects scatter about a smooth plume.

A plume that meanders is caught whole by one pass and missed by half by the next. Kriging passes
through both and can't see it; the scatter of the transects' own integrals about a smooth profile can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import least_squares

from gasflux_core.constants import SECONDS_PER_HOUR
from gasflux_core.plane import Plane
from gasflux_core.wind_profile import WindProfile

_SHAPE_PARAMETERS = 3
"""Amplitude, height and spread of the vertical profile."""


@dataclass(frozen=True, eq=False)
class TransectIntegrals:
    """Flux through a strip of one metre height, transect by transect, from low to high."""

    transect: NDArray[np.int64]
    height_above_ground: NDArray[np.float64]
    """Mean height of the transect, m."""
    flux: NDArray[np.float64]
    """Crosswind integral of the flux density, kg h⁻¹ m⁻¹."""
    weight: NDArray[np.float64]
    """Height that each transect stands for, m: half the way to its neighbours."""
    scatter: float
    """Standard deviation of the transects about the smooth profile, kg h⁻¹ m⁻¹; 0 where not to be had."""
    degrees_of_freedom: int

    @property
    def standard_uncertainty(self) -> float:
        """Standard uncertainty of the emission rate by the scatter, σ·√(Σ wₜ²), kg h⁻¹."""
        return float(self.scatter * np.sqrt(np.sum(self.weight**2)))


def integrate_transects(table: pd.DataFrame, gas: str, plane: Plane, profile: WindProfile) -> TransectIntegrals:
    """Integrate each transect across the wind, with the mean wind of the profile.

    :param table: with ``kept``, ``transect``, ``x``, ``height_above_ground`` (m) and ``<gas>_mass_enhancement``
        (kg m⁻³).
    :param plane: its period tells whether a transect closes on itself.
    """
    rows = table[table["kept"].to_numpy(dtype=bool)]
    density = rows[f"{gas}_mass_enhancement"].to_numpy(dtype=float)
    x = rows["x"].to_numpy(dtype=float)
    height = rows["height_above_ground"].to_numpy(dtype=float)
    flux_density = density * profile.normal(x, height) * SECONDS_PER_HOUR
    numbers, first = np.unique(rows["transect"].to_numpy(), return_inverse=True)
    members = [np.flatnonzero(first == index) for index in range(len(numbers))]
    heights = np.array([height[rows_of].mean() for rows_of in members])
    flux = np.array([_crosswind(x[rows_of], flux_density[rows_of], plane.period) for rows_of in members])
    order = np.argsort(heights, kind="stable")
    heights, flux = heights[order], flux[order]
    weight = _strip_heights(heights)
    scatter, freedom = _scatter_about_profile(heights, flux, profile)
    return TransectIntegrals(numbers[order].astype(np.int64), heights, flux, weight, scatter, freedom)


def _crosswind(x: NDArray[np.float64], flux_density: NDArray[np.float64], period: float | None) -> float:
    order = np.argsort(x, kind="stable")
    x, flux_density = x[order], flux_density[order]
    if period is not None and len(x) > 1:
        x = np.append(x, x[0] + period)
        flux_density = np.append(flux_density, flux_density[0])
    return float(np.trapezoid(flux_density, x))


def _strip_heights(heights: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(heights) < 2:
        return np.ones_like(heights)
    edges = np.concatenate([heights[:1], (heights[1:] + heights[:-1]) / 2, heights[-1:]])
    return np.asarray(np.diff(edges), dtype=float)


def _scatter_about_profile(
    heights: NDArray[np.float64], flux: NDArray[np.float64], profile: WindProfile
) -> tuple[float, int]:
    """Residual standard deviation about a Gaussian plume's vertical profile, reflected at the ground."""
    freedom = len(flux) - _SHAPE_PARAMETERS
    if freedom < 1 or not np.any(flux):
        return 0.0, 0
    wind = profile.factor(heights)
    size = float(np.max(np.abs(flux)))
    span = max(float(np.ptp(heights)), 1.0)

    def shape(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        centre, spread = parameters[0] * span, np.exp(parameters[1]) * span
        bell = np.exp(-0.5 * ((heights - centre) / spread) ** 2) + np.exp(-0.5 * ((heights + centre) / spread) ** 2)
        return np.asarray(bell * wind)

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        bell = shape(parameters)
        square = float(bell @ bell)
        amplitude = float(bell @ flux) / square if square > 0 else 0.0
        return np.asarray((flux - amplitude * bell) / size)

    starts = [(0.1, -1.0), (0.5, -1.5)]
    # From two starts, low and high, since the profile's height and spread trade off where few transects see the plume.
    fits = [least_squares(residuals, start, bounds=([0.0, -4.0], [1.5, 1.0]), max_nfev=40) for start in starts]
    best = min(fits, key=lambda fit: float(fit.cost))
    return float(np.sqrt(2 * best.cost / freedom) * size), freedom

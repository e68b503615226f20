"""What each single transect carries, and how far transects scatter about a smooth plume.

A plume that meanders is caught whole by one pass and missed by half by the next. Kriging passes
through both and can't see it; the scatter of the transects' own integrals about a smooth profile can.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from gasflux_core.constants import SECONDS_PER_HOUR
from gasflux_core.plane import Plane
from gasflux_core.wind_profile import WindProfile

ALIKE = 0.4
"""Correlation of what two successive transects have too much or too little of a plume that moves and comes in puffs.

It keeps its mood for about as long as from one crossing to the next, half a minute to a minute."""

_WIDENED = (1 + ALIKE) / (1 - ALIKE)
"""Variance of a sum over many transects over what it would be if they were not alike."""

_LEAST_FREEDOM = 2.0
"""Least number of transects that tell the scatter, those that the fit takes taken off."""

_SHAPE_PARAMETERS = 3
"""Amplitude, height and spread of the vertical profile."""


_OPEN = 1.0
"""Least information on the profile's height, in spans, and on the logarithm of its spread: they lie within bounds."""

_FAR = 6.0
"""Spreads above its centre at which a plume ends."""

_NODES = 129

_MOST_BELOW = 2.0
"""Most by which a plume on the ground may carry more below a height than an even enhancement would."""


@dataclass(frozen=True)
class VerticalFit:
    """A Gaussian plume's vertical profile, reflected at the ground, fitted to the transects' fluxes."""

    shapes: tuple[tuple[float, float, float], ...]
    """Amplitude (kg h⁻¹ m⁻¹), height and spread (m): of the best fit, then one standard deviation away from it
    along each of two independent directions."""
    fitted: tuple[float, ...]
    """Flux of each transect by the best fit, kg h⁻¹ m⁻¹."""
    scatter: float
    """Standard deviation of the transects about it, kg h⁻¹ m⁻¹."""
    degrees_of_freedom: int

    def error_of_sum(self, flux: NDArray[np.float64], weight: NDArray[np.float64], noise: float) -> float:
        """Standard uncertainty of Σ weight · flux by what the transects scatter about the fit, kg h⁻¹.

        It is known by as few transects as carry the rate, m = (Σ a²)² / Σ a⁴ with a = weight · fit, less the three
        parameters of the fit.

        :param weight: height that each transect stands for, m.
        :param noise: standard deviation of the sum by the samples' noise, kg h⁻¹.
        """
        squares = (weight * np.array(self.fitted)) ** 2
        effective = float(squares.sum() ** 2 / max(float((squares**2).sum()), 1e-300))
        spread = self._beyond(flux, weight, noise) * effective / max(effective - _SHAPE_PARAMETERS, 1.0)
        return float(np.sqrt(noise**2 + spread))

    def scatter_of_sum(
        self, flux: NDArray[np.float64], weight: NDArray[np.float64], noise: float
    ) -> tuple[float, float]:
        """Standard uncertainty of Σ weight · flux by the scatter beyond the noise, kg h⁻¹, and its freedom.

        It is told by m = (Σ a)² / Σ a² transects, less the three parameters of the fit. Where the plume isn't
        Gaussian the transects lie off the fit all alike: what two neighbours on either side don't expect of a transect
        (second differences, von Neumann et al. 1941) is taken where it is less.
        """
        carried = weight * np.array(self.fitted)
        effective = float(carried.sum() ** 2 / max(float(carried @ carried), 1e-300))
        freedom = max(effective - _SHAPE_PARAMETERS, _LEAST_FREEDOM)
        variance = self._beyond(flux, weight, noise) * effective / freedom
        off = weight * (flux - np.array(self.fitted))
        if len(flux) > 4:
            second = np.diff(off, 2) ** 2 / (6 - 8 * ALIKE + 2 * ALIKE**2)
            variance = min(variance, float(second.mean()) * len(flux) * _WIDENED)
        # Height and spread shift the fit and hardly its scatter: with m − 1 for Student's t the intervals of a hundred
        # meandering flights held the truth in 94 %, with m − 3 in 98 %.
        return float(np.sqrt(variance)), freedom + _SHAPE_PARAMETERS - 1

    def _beyond(self, flux: NDArray[np.float64], weight: NDArray[np.float64], noise: float) -> float:
        """Variance of the sum by the scatter about the fit beyond the noise, (kg h⁻¹)².

        It is taken as in proportion to the flux, since a transect that finds the plume strong by half finds all of it
        so; and successive transects are alike (:data:`ALIKE`), which widens the error of a sum by √((1 + ρ)/(1 − ρ)).
        """
        left = float(np.sum((weight * (flux - np.array(self.fitted))) ** 2))
        beyond = max(left - noise**2 * self.degrees_of_freedom / len(flux), 0.0)
        return beyond * _WIDENED

    @property
    def amplitude(self) -> float:
        """Of the best fit, kg h⁻¹ m⁻¹ of flux at a wind as at 10 m."""
        return self.shapes[0][0]

    def between(self, low: float, high: float, profile: WindProfile) -> tuple[float, float]:
        """Rate through the heights from low to high (m) and its standard uncertainty by the fit, kg h⁻¹.

        The uncertainty is no larger than the rate itself: the fit is no better known than its sign.
        """
        best, *others = (self._carried(shape, low, high, profile) for shape in self.shapes)
        return best, min(float(np.linalg.norm([other - best for other in others])), abs(best))

    def share_below(self, height: NDArray[np.float64], profile: WindProfile) -> NDArray[np.float64]:
        """Rate below heights (m) over what it would be if the enhancement stayed the same down to the ground; ≤ 2."""
        _, centre, spread = self.shapes[0]
        # evenly in ln h, in which the logarithmic wind is a straight line
        top = max(float(height.max()), 2 * profile.roughness_length)
        nodes = np.geomspace(profile.roughness_length, top, _NODES)
        wind, bell = profile.factor(nodes), _bell(nodes, centre, spread)
        carried, even = (
            np.concatenate([[0.0], np.cumsum((y[1:] + y[:-1]) / 2 * np.diff(nodes))]) for y in (wind * bell, wind)
        )
        full = even * bell
        share = np.divide(carried, full, out=np.full_like(full, _MOST_BELOW), where=full * _MOST_BELOW > carried)
        return np.asarray(np.interp(height, nodes, share), dtype=float)

    @staticmethod
    def _carried(shape: tuple[float, float, float], low: float, high: float, profile: WindProfile) -> float:
        amplitude, centre, spread = shape
        heights = np.linspace(low, max(low, min(high, centre + _FAR * spread)), _NODES)
        return float(amplitude * np.trapezoid(_bell(heights, centre, spread) * profile.factor(heights), heights))


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
    vertical: VerticalFit | None = None
    """The smooth profile; None where not to be had."""


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
    fit = _fit_profile(heights, flux, profile)
    return TransectIntegrals(numbers[order].astype(np.int64), heights, flux, weight, fit)


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


def _fit_profile(heights: NDArray[np.float64], flux: NDArray[np.float64], profile: WindProfile) -> VerticalFit | None:
    """Fit a Gaussian plume's vertical profile, reflected at the ground, to four transects or more."""
    freedom = len(flux) - _SHAPE_PARAMETERS
    if freedom < 1 or not np.any(flux):
        return None
    wind = profile.factor(heights)
    size = float(np.max(np.abs(flux)))
    span = max(float(np.ptp(heights)), 1.0)

    def amplitude(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        bell = _bell(heights, parameters[0] * span, np.exp(parameters[1]) * span) * wind
        square = float(bell @ bell)
        return (float(bell @ flux) / square if square > 0 else 0.0), bell

    def residuals(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        size_of_bell, bell = amplitude(parameters)
        return np.asarray((flux - size_of_bell * bell) / size)

    starts = [(0.1, -1.0), (0.5, -1.5)]
    # From two starts, low and high, since the profile's height and spread trade off where few transects see the plume.
    fits = [least_squares(residuals, start, bounds=([0.0, -4.0], [1.5, 1.0]), max_nfev=40) for start in starts]
    best = min(fits, key=lambda fit: float(fit.cost))
    scatter = float(np.sqrt(2 * best.cost / freedom) * size)
    # of height and logarithm of the spread; what the data leave open has no finite variance and is cut at its bounds
    information = best.jac.T @ best.jac + np.eye(2) * _OPEN * (scatter / size) ** 2
    covariance = np.linalg.pinv(information) * (scatter / size) ** 2
    steps = np.linalg.cholesky(covariance + np.eye(2) * np.finfo(float).tiny).T if scatter else np.zeros((2, 2))
    shapes = [best.x, *(best.x + step for step in steps)]
    return VerticalFit(
        shapes=tuple((amplitude(one)[0], float(one[0] * span), float(np.exp(one[1]) * span)) for one in shapes),
        fitted=tuple((flux - best.fun * size).tolist()),
        scatter=scatter,
        degrees_of_freedom=freedom,
    )


def _bell(height: ArrayLike, centre: float, spread: float) -> NDArray[np.float64]:
    """A normal curve of height 1 and its reflection at the ground."""
    above = np.asarray(height, dtype=float)
    return np.asarray(np.exp(-0.5 * ((above - centre) / spread) ** 2) + np.exp(-0.5 * ((above + centre) / spread) ** 2))

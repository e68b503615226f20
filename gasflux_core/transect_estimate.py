"""The emission rate by trapezoids over the transects: no grid, no variogram, no kriging.

Between two transects the enhancement is taken as linear with height; across the wind each transect is
integrated by the trapezoid rule. The wind is the logarithmic profile, integrated exactly with the straight
lines, so that

    Q = 3600 Σᵢ Δxᵢ Wᵢ u₁₀(xᵢ) Δcᵢ,   Wᵢ = ∫ Λᵢ(h) U(h)/U₁₀ dh

is linear in the samples. Λᵢ is 1 at the sample's height and falls to 0 at the heights of the transects
below and above it at that place. Beyond the lowest and the highest transect the enhancement follows the Gaussian
profile that :mod:`gasflux_core.transect_integrals` fits to the transects' own integrals: below, in proportion to
what the lowest transect saw at that place; above, as its tail.

The mass balance by transects is that of Mays et al. (2009, *Environmental Science & Technology* 43, 7816–7823)
and of Nathan et al. (2015, *Environmental Science & Technology* 49, 7896–7903).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.constants import SECONDS_PER_HOUR
from gasflux_core.errors import NoSolution
from gasflux_core.plane import Plane
from gasflux_core.transect_integrals import TransectIntegrals
from gasflux_core.wind_profile import REFERENCE_HEIGHT, WindProfile

_Floats = NDArray[np.float64]

_LEAST_SHARE_AT_TOP = 0.02
"""Share of the strongest transect's flux from which on the highest one has a tail above it."""

_MOST_ABOVE = 0.5
"""Share of the rate above the highest transect from which on the tail is a guess and no estimate."""

_SMALLEST_GAP = 1e-6
"""Height between transects, m, under which nothing lies between them."""


@dataclass(frozen=True)
class TransectEstimate:
    """Rate by trapezoids, kg h⁻¹."""

    rate: float
    standard_uncertainty: float
    """By the method alone: scatter of the transects, noise, extrapolation; without wind, background, density."""
    degrees_of_freedom: int
    """Of the scatter, which leads it."""
    below: float
    above: float


def estimate_by_transects(
    table: pd.DataFrame, gas: str, plane: Plane, profile: WindProfile, transects: TransectIntegrals, noise: float
) -> TransectEstimate:
    """Integrate the transects across and up.

    :param table: with ``kept``, ``transect``, ``x``, ``height_above_ground`` (m) and ``<gas>_mass_enhancement``
        (kg m⁻³).
    :param transects: of the same table, with the fitted vertical profile.
    :param noise: standard deviation of a sample's mass enhancement, kg m⁻³.
    :raises NoSolution: when the transects are too few for a profile, or most of the rate would lie above them.
    """
    fit = transects.vertical
    if fit is None:
        raise NoSolution("fewer than four transects, or no flux through any: their profile can't be told")
    rows = table[table["kept"].to_numpy(dtype=bool)]
    x, height = rows["x"].to_numpy(dtype=float), rows["height_above_ground"].to_numpy(dtype=float)
    # The ground lies under the lowest transect, whatever a single reading says
    height = np.maximum(height - min(0.0, float(transects.height_above_ground[0])), 0.0)
    members = [np.flatnonzero(rows["transect"].to_numpy() == number) for number in transects.transect]
    across = np.zeros(len(rows))
    for member in members:
        across[member] = sample_widths(x[member], plane.period)
    inside, under = _strips(x, height, members, plane.period, profile.roughness_length)
    per_height = across * profile.normal(x, np.full(len(x), REFERENCE_HEIGHT)) * SECONDS_PER_HOUR
    density = rows[f"{gas}_mass_enhancement"].to_numpy(dtype=float)
    sampled, constant = float(per_height * inside @ density), float(per_height * under @ density)
    under = under * fit.share_below(height, profile)
    below = float(per_height * under @ density)
    top = float(transects.height_above_ground[-1])
    above, above_error = 0.0, 0.0
    top_noise = noise * float(np.linalg.norm(per_height[members[-1]])) * float(profile.factor(top))
    at_top = float(transects.flux[-1]) * np.sign(fit.amplitude)
    if at_top > max(_LEAST_SHARE_AT_TOP * float(np.abs(transects.flux).max()), 2 * top_noise):
        above, above_error = fit.between(top, np.inf, profile)
        if abs(above) > _MOST_ABOVE * abs(sampled + below + above):
            raise NoSolution("more than half of the rate would lie above the highest transect")
    # between the bell and an enhancement that is constant down to the ground
    below_error = abs(constant - below) / np.sqrt(3.0)
    by_noise = noise * float(np.linalg.norm(per_height * (inside + under)))
    by_scatter = fit.error_of_sum(transects.flux, transects.weight, by_noise)
    own = float(np.sqrt(by_scatter**2 + below_error**2 + above_error**2))
    return TransectEstimate(sampled + below + above, own, fit.degrees_of_freedom, below, above)


def sample_widths(x: _Floats, period: float | None) -> _Floats:
    """Width that each sample stands for by the trapezoid rule, m; a revolution closes on itself."""
    order = np.argsort(x, kind="stable")
    placed = x[order]
    if period is None:
        steps = np.concatenate([[0.0], np.diff(placed), [0.0]])
    else:
        closing = placed[0] + period - placed[-1]
        steps = np.concatenate([[closing], np.diff(placed), [closing]])
    widths = np.empty(len(x))
    widths[order] = (steps[1:] + steps[:-1]) / 2
    return widths


def _strips(
    x: _Floats, height: _Floats, members: list[NDArray[np.intp]], period: float | None, roughness_length: float
) -> tuple[_Floats, _Floats]:
    """W of each sample between the transects and below the lowest, m; transects from low to high."""
    inside, under = np.zeros(len(x)), np.zeros(len(x))
    for number, member in enumerate(members):
        here = height[member]
        if number == 0:
            under[member] = _moments(here, roughness_length)[0]
        else:
            other = np.minimum(_height_at(x[member], x, height, members[number - 1], period), here)
            inside[member] += _ramp(other, here, roughness_length)
        if number < len(members) - 1:
            other = np.maximum(_height_at(x[member], x, height, members[number + 1], period), here)
            inside[member] += _ramp(other, here, roughness_length)
    return inside, under


def _height_at(places: _Floats, x: _Floats, height: _Floats, member: NDArray[np.intp], period: float | None) -> _Floats:
    order = member[np.argsort(x[member], kind="stable")]
    return np.asarray(np.interp(places, x[order], height[order], period=period), dtype=float)


def _ramp(zero: _Floats, one: _Floats, roughness_length: float) -> _Floats:
    """∫ U/U₁₀ between two heights times a straight line from 0 at the first to 1 at the second, m."""
    flat_zero, slope_zero = _moments(zero, roughness_length)
    flat_one, slope_one = _moments(one, roughness_length)
    gap = one - zero
    found = np.abs(slope_one - slope_zero - zero * (flat_one - flat_zero))
    return np.divide(found, np.abs(gap), out=np.zeros_like(found), where=np.abs(gap) > _SMALLEST_GAP)


def _moments(height: _Floats, roughness_length: float) -> tuple[_Floats, _Floats]:
    """∫ U/U₁₀ dh and ∫ h U/U₁₀ dh from z₀ up to a height, m and m²."""
    above = np.maximum(height, roughness_length)
    log, scale = np.log(above / roughness_length), np.log(REFERENCE_HEIGHT / roughness_length)
    flat = (above * (log - 1) + roughness_length) / scale
    slope = (above**2 * (log - 0.5) / 2 + roughness_length**2 / 4) / scale
    return np.asarray(flat), np.asarray(slope)

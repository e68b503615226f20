"""The uncertainty budget of an emission rate, and its 95 % interval.

Terms are combined after the *Guide to the Expression of Uncertainty in Measurement* (JCGM 100:2008,
section 5.1), and their distributions are propagated by Monte Carlo (JCGM 101:2008) for the interval.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.background import GasBackground
from gasflux_core.constants import SECONDS_PER_HOUR, ZERO_CELSIUS
from gasflux_core.kriging import Field
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.plane import Plane
from gasflux_core.transect_integrals import TransectIntegrals
from gasflux_core.wind_profile import WindProfile

_CURRIE = 3.29
"""Detection limit in units of the standard uncertainty at rate 0, for error rates of 5 % (Currie 1968).

At rate 0 there are the background's error and the sensor's noise; all other terms come with the plume."""

_PROFILE_FLOOR = 0.02
"""Normal wind over wind speed under which a cell says nothing of how the rate answers to the wind."""


class EmissionRateParameters(Parameters):
    """Instrument uncertainties and the Monte Carlo run."""

    wind_speed_uncertainty: float = parameter(
        0.0,
        title="Wind speed uncertainty",
        text="Standard uncertainty of the mean wind speed by the instrument's calibration, not its noise.",
        unit="m/s",
        ge=0,
        le=10,
    )
    wind_direction_uncertainty: float = parameter(
        0.0,
        title="Wind direction uncertainty",
        text="Standard uncertainty of the mean wind direction by mounting and compass.",
        unit="deg",
        ge=0,
        le=90,
    )
    roughness_uncertainty: float = parameter(
        1.5,
        title="Roughness length uncertainty",
        text="Factor by which the roughness length may be off either way (one standard deviation); 1 means known.",
        unit="1",
        ge=1,
        le=100,
    )
    pressure_uncertainty: float = parameter(
        1.0, title="Pressure uncertainty", text="Standard uncertainty of the pressure.", unit="hPa", ge=0, le=100
    )
    temperature_uncertainty: float = parameter(
        1.0, title="Temperature uncertainty", text="Standard uncertainty of the temperature.", unit="K", ge=0, le=50
    )
    draws: int = parameter(
        20_000,
        title="Draws",
        text="Number of Monte Carlo draws for the 95 % interval.",
        unit="1",
        ge=1_000,
        le=1_000_000,
    )
    seed: int = parameter(
        1,
        title="Seed",
        text="Seed of the Monte Carlo draws: the same seed gives the same interval.",
        ge=0,
        le=2**31 - 1,
    )


BUDGET_TITLES = {
    "interpolation": "Interpolation between the samples",
    "transects": "Scatter between transects",
    "background": "Background",
    "wind": "Wind speed and direction",
    "wind_profile": "Wind profile near the ground",
    "pressure_temperature": "Pressure and temperature",
    "unsampled": "Area not sampled",
}
"""Each term of the budget and what people call it."""


@dataclass(frozen=True)
class BudgetTerm:
    """One term of the budget as a standard uncertainty."""

    name: str
    title: str
    value: float
    """kg h⁻¹."""
    percent: float | None
    """Of the rate's size; None where the rate is 0."""


@dataclass(frozen=True)
class Budget:
    """All terms, their total and the interval; kg h⁻¹."""

    terms: tuple[BudgetTerm, ...]
    standard_uncertainty: float
    interval95: tuple[float, float]
    detection_limit: float


def estimate_uncertainty(
    table: pd.DataFrame,
    gas: str,
    plane: Plane,
    field: Field,
    background: GasBackground,
    profile: WindProfile,
    transects: TransectIntegrals,
    parameters: EmissionRateParameters,
) -> Budget:
    """Budget of the emission rate of one gas.

    Each term is a standard uncertainty in kg h⁻¹ (see ``docs/explanation/uncertainty.md``):

    * interpolation: exact standard error of the kriged field's integral;
    * transects: scatter of whole transects about a smooth plume beyond that of the interpolation;
    * background: the baseline's own standard error, taken as common to the whole plane;
    * wind: scatter of the mean wind between transects, with the instrument's uncertainty;
    * wind profile: the roughness length;
    * pressure and temperature: relative, through the density of the gas;
    * unsampled: what another way to go on below and above the transects makes of it, rectangular.
    """
    rate = field.integral
    response = _wind_response(plane, field, profile)
    wind = np.array([profile.east, profile.north])
    covariance = np.array(profile.covariance)
    speed = float(np.hypot(*wind))
    relative_density = _density_uncertainty(table, parameters)
    interpolation = field.integral_standard_error
    strips = _strips(table, gas, profile, transects)
    noise = _noise_term(strips, background, transects)
    scatter, freedom = 0.0, 1.0
    if transects.vertical is not None:
        scatter, freedom = transects.vertical.scatter_of_sum(transects.flux, transects.weight, noise)
        scatter = float(np.sqrt(max(scatter**2 - interpolation**2, 0.0)))
    background_term = abs(background.standard_error * field.background_response)
    shape = _profile_term(table, plane, field, profile, parameters)
    # What is extrapolated by kriging has its uncertainty there already: only what goes beyond it counts once more.
    unsampled = float(np.sqrt(max(_unsampled(plane, field, profile, transects) ** 2 - 3 * interpolation**2, 0.0)))
    across = np.array([-wind[1], wind[0]])
    wind_term = float(
        np.sqrt(
            response @ covariance @ response
            + (response @ wind * parameters.wind_speed_uncertainty / speed if speed else 0.0) ** 2
            + (response @ across * np.radians(parameters.wind_direction_uncertainty)) ** 2
        )
    )
    values = {
        "interpolation": interpolation,
        "transects": scatter,
        "background": background_term,
        "wind": wind_term,
        "wind_profile": shape,
        "pressure_temperature": abs(rate) * relative_density,
        "unsampled": abs(unsampled) / np.sqrt(3.0),
    }
    terms = tuple(
        BudgetTerm(name, BUDGET_TITLES[name], float(value), 100 * float(value) / abs(rate) if rate else None)
        for name, value in values.items()
    )
    total = float(np.sqrt(sum(term.value**2 for term in terms)))
    # Sums of normal draws are normal themselves: Q is linear in the fitted wind.
    normal = float(np.sqrt(interpolation**2 + background_term**2 + shape**2 + response @ covariance @ response))
    interval = _interval95(rate, normal, (scatter, freedom), unsampled, relative_density, (response, wind), parameters)
    at_zero = np.hypot(background.standard_error * _response_without_plume(strips, transects), noise)
    return Budget(terms, total, interval, _CURRIE * float(at_zero))


def _interval95(
    rate: float,
    normal: float,
    scatter: tuple[float, float],
    unsampled: float,
    relative_density: float,
    wind: tuple[NDArray[np.float64], NDArray[np.float64]],
    parameters: EmissionRateParameters,
) -> tuple[float, float]:
    """The 2.5th and 97.5th percentile of the rate by Monte Carlo, kg h⁻¹.

    :param normal: standard uncertainty of all that is normal and added, kg h⁻¹.
    :param scatter: between transects, kg h⁻¹, with its degrees of freedom for Student's t.
    :param unsampled: half-width of the rectangular part, kg h⁻¹.
    :param wind: ∂Q/∂(east, north) and the wind (east, north), m s⁻¹, which its calibration scales and turns.
    """
    random = np.random.default_rng(parameters.seed)
    count = parameters.draws
    response, mean = wind
    speed = float(np.hypot(mean[0], mean[1]))
    additive = normal * random.standard_normal(count)
    if scatter[0]:
        additive += scatter[0] * np.clip(random.standard_t(scatter[1], count), -6, 6)
    if unsampled:
        additive += unsampled * random.uniform(-1.0, 1.0, count)
    factor = np.ones(count)
    if speed:
        factor += parameters.wind_speed_uncertainty / speed * random.standard_normal(count)
    turned = np.radians(parameters.wind_direction_uncertainty) * random.standard_normal(count)
    along, across = response @ mean, response @ np.array([-mean[1], mean[0]])
    by_wind = rate - along + factor * (np.cos(turned) * along + np.sin(turned) * across)
    draws = by_wind * (1 + relative_density * random.standard_normal(count)) + additive
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _wind_response(plane: Plane, field: Field, profile: WindProfile) -> NDArray[np.float64]:
    """∂Q/∂(east, north), kg h⁻¹ per m s⁻¹: exact, since Q is linear in the two wind components."""
    normal_east, normal_north = plane.normal(field.x)
    through = profile.east * normal_east + profile.north * normal_north
    columns = np.nansum(np.where(field.region > 0, field.estimate, 0.0), axis=0) * field.cell_width * field.cell_height
    speed = float(np.hypot(profile.east, profile.north))
    seen = np.abs(through) > _PROFILE_FLOOR * speed
    per_wind = np.divide(columns, through, out=np.zeros_like(columns), where=seen)
    return np.array([float(per_wind @ normal_east), float(per_wind @ normal_north)])


def _noise_term(strips: _Strips, background: GasBackground, transects: TransectIntegrals) -> float:
    """Standard uncertainty of the rate by the sensor's noise alone, kg h⁻¹: what is left of it without a plume.

    Each transect of n samples over the length L has the noise 3600·10⁻⁶·ρ_g·u_n·σ·L/√n in its integral.
    """
    variance = strips.mean_square * strips.length**2 / strips.samples
    return background.standard_deviation * float(np.sqrt(variance @ transects.weight**2))


def _unsampled(plane: Plane, field: Field, profile: WindProfile, transects: TransectIntegrals) -> float:
    """Half-width of the rectangular uncertainty of what lies below and above the transects, kg h⁻¹.

    It is the difference between the field's own way to go on and that of a Gaussian profile fitted to the transects;
    without a fit, all of what was extrapolated.
    """
    if transects.vertical is None:
        return float(np.hypot(field.below_integral, field.above_integral))
    lowest, highest = float(transects.height_above_ground[0]), float(transects.height_above_ground[-1])
    x, z = np.meshgrid(field.x, field.z)
    bottom = z - plane.ground_height(x) - field.cell_height / 2
    cells = np.where(field.region > 0, field.estimate, 0.0) * field.cell_width * field.cell_height
    # Cells that a transect runs through lie in part beyond it
    below = np.clip((lowest - bottom) / field.cell_height, 0.0, 1.0)
    above = np.clip((bottom + field.cell_height - highest) / field.cell_height, 0.0, 1.0)
    off = []
    for share, low, high in ((below, profile.roughness_length, lowest), (above, highest, float("inf"))):
        other, _ = transects.vertical.between(low, high, profile)
        off.append(abs(other - float(np.sum(cells * share))))
    return float(np.hypot(off[0], off[1]))


def _response_without_plume(strips: _Strips, transects: TransectIntegrals) -> float:
    """What 1 ppm of background all over the plane is worth, kg h⁻¹ ppm⁻¹: 3600·10⁻⁶·∬ ρ_g u_n dx dz, strip by strip.

    Without a plume nothing tells kriging where clean air is, and the whole plane counts.
    """
    return float((strips.mean * strips.length) @ transects.weight)


@dataclass(frozen=True, eq=False)
class _Strips:
    """What 1 ppm is worth along each transect, in the transects' order from low to high."""

    mean: NDArray[np.float64]
    """Of 3600·10⁻⁶·ρ_g·u_n over the samples, kg h⁻¹ m⁻² ppm⁻¹."""
    mean_square: NDArray[np.float64]
    length: NDArray[np.float64]
    """m."""
    samples: NDArray[np.int64]


def _strips(table: pd.DataFrame, gas: str, profile: WindProfile, transects: TransectIntegrals) -> _Strips:
    kept = table["kept"].to_numpy(dtype=bool)
    x, height, density = (
        table[name].to_numpy(dtype=float)[kept] for name in ("x", "height_above_ground", f"{gas}_density")
    )
    worth = SECONDS_PER_HOUR * 1e-6 * density * profile.normal(x, height)
    numbers, index, samples = np.unique(table["transect"].to_numpy()[kept], return_inverse=True, return_counts=True)
    low, high = np.full(len(numbers), np.inf), np.full(len(numbers), -np.inf)
    np.minimum.at(low, index, x)
    np.maximum.at(high, index, x)
    order = np.searchsorted(numbers, transects.transect)
    return _Strips(
        mean=(np.bincount(index, weights=worth) / samples)[order],
        mean_square=(np.bincount(index, weights=worth * worth) / samples)[order],
        length=(high - low)[order],
        samples=samples[order],
    )


def _density_uncertainty(table: pd.DataFrame, parameters: EmissionRateParameters) -> float:
    """Relative standard uncertainty of ρ_g = pM/(RT), dimensionless."""
    kept = table["kept"].to_numpy(dtype=bool)
    pressure = float(table["pressure"].to_numpy(dtype=float)[kept].mean())
    temperature = float(table["temperature"].to_numpy(dtype=float)[kept].mean()) + ZERO_CELSIUS
    return float(np.hypot(parameters.pressure_uncertainty / pressure, parameters.temperature_uncertainty / temperature))


def _profile_term(
    table: pd.DataFrame, plane: Plane, field: Field, profile: WindProfile, parameters: EmissionRateParameters
) -> float:
    """Half the difference of the rates with the roughness length too large and too small, kg h⁻¹."""
    if not field.profile or parameters.roughness_uncertainty == 1:
        return 0.0
    kept = table["kept"].to_numpy(dtype=bool)
    heights = table["height_above_ground"].to_numpy(dtype=float)[kept]
    x, z = np.meshgrid(field.x, field.z)
    above_ground = z - plane.ground_height(x)
    here = profile.factor(above_ground)
    cells = np.where((field.region > 0) & (here > 0), field.estimate, 0.0) * field.cell_width * field.cell_height
    rates = []
    for factor in (parameters.roughness_uncertainty, 1 / parameters.roughness_uncertainty):
        other = profile.with_roughness(profile.roughness_length * factor, heights)
        there = other.factor(above_ground) * np.hypot(other.east, other.north) / np.hypot(profile.east, profile.north)
        rates.append(float(np.nansum(cells * np.divide(there, here, out=np.zeros_like(here), where=here > 0))))
    return abs(rates[0] - rates[1]) / 2

"""The flux plane of a gas, interpolated from its samples, and its integral with a standard error."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.columns import needed_columns
from gasflux_core.constants import SECONDS_PER_HOUR
from gasflux_core.errors import NoSolution
from gasflux_core.interpolators import apply_weights, inverse_distance_weights, likelihood_variogram, linear_weights
from gasflux_core.kriging_field import Field
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.kriging_solvers import Functional, Kriged, Solver, krige
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.plane import Plane
from gasflux_core.plane_grid import ABOVE, BELOW, OUTSIDE, SAMPLED, GridRule, PlaneGrid, lay_grid, weighted_variance
from gasflux_core.plume_scale import plume_scale
from gasflux_core.sill_scale import likeliest_sill_factor
from gasflux_core.variogram import plane_samples, sampled_rows
from gasflux_core.variogram_model import Variogram
from gasflux_core.wind_profile import WindProfile, fit_wind_profile

__all__ = ["Field", "Interpolator", "KrigingParameters", "krige", "krige_flux_plane"]

Array = NDArray[np.float64]
Interpolator = Literal["kriging", "inverse_distance", "linear", "gaussian_process"]

_BANDS = 7
"""Bands of height of which the highest tells whether the plume reaches the top."""
_LEAST_SHARE_AT_TOP = 0.05
_NOISE_LIMIT = 3.0
"""Standard errors by noise from which on a band's mean is a signal."""
_BELOW_GROUND_TOLERANCE = 2.0
"""Depth under the ground, m, that a sample's height may be off without a word."""


METHOD = "{text_a} of the {text_b}; {text_c}; below the lowest transect: {any_below}; above the highest: {any_above}."
"""How a field was made, in words; the names of what is filled in are those of patterns in catalogues."""

INTERPOLATED_BY = {
    "inverse_distance": "Inverse squared distance",
    "linear": "Linear interpolation in Delaunay triangles",
    "gaussian_process": "Gaussian process with a covariance by maximum likelihood",
}
"""Interpolators but kriging, in words."""

INTERPOLATED = {"mass_enhancement": "mass enhancement, times the wind profile", "flux_density": "flux density"}
"""What is interpolated, in words."""


class KrigingParameters(Parameters):
    """The grid, the interpolation, and what to do below and above the samples."""

    interpolator: Interpolator = parameter(
        "kriging",
        title="Interpolator",
        text="kriging; or inverse_distance, linear (Delaunay) or gaussian_process (covariance by maximum likelihood) "
        "to see how much the rate depends on the model.",
    )
    mean: Literal["simple", "ordinary"] = parameter(
        "simple",
        title="Mean",
        text="simple: away from the plume the enhancement is 0; ordinary: an unknown mean is estimated, as GasFlux "
        "does.",
    )
    solver: Solver = parameter(
        "auto",
        title="Solver",
        text="global: one system of all samples; local: the nearest samples for each node; auto: global up to 4000 "
        "samples.",
    )
    neighbours: int = parameter(
        64,
        title="Neighbours",
        text="Most samples a node of the local solver, and of inverse distance.",
        unit="1",
        ge=1,
        le=1000,
    )
    minimum_neighbours: int = parameter(
        3, title="Least neighbours", text="Fewest samples from which a field is made.", unit="1", ge=1, le=1000
    )
    resolution: int = parameter(
        2000,
        title="Resolution",
        text="About the number of cells between ground and highest sample.",
        unit="1",
        ge=4,
        le=100_000,
    )
    minimum_nodes: int = parameter(
        10, title="Least nodes", text="Fewest cells along the short side.", unit="1", ge=1, le=1000
    )
    cell_size: float = parameter(
        0.0, title="Cell size", text="Side of a cell; 0 goes by the resolution.", unit="m", ge=0, le=10_000
    )
    square_cells: bool = parameter(
        True,
        title="Square cells",
        text="Cells as good as square; otherwise the number of cells along each side goes by GasFlux's rule.",
    )
    ground_mirror: bool = parameter(
        True,
        title="Ground mirror",
        text="Mirror the covariance at the ground: no gas goes through it, so the enhancement has no gradient there.",
    )
    plume_scale: bool = parameter(
        True,
        title="Scale follows the plume",
        text="Let the standard deviation of the field follow the plume's strength, so that clean air is not doubted "
        "as much as the plume's core. Of no effect with an ordinary mean or the gaussian_process.",
    )
    below: Literal["none", "constant", "log-wind", "kriging"] = parameter(
        "kriging",
        title="Below the lowest transect",
        text="none: the plane begins at the lowest sample; constant: flux density of the lowest row; log-wind: "
        "enhancement of the lowest row times the wind profile; kriging: extrapolated.",
    )
    above: Literal["none", "kriging"] = parameter(
        "kriging",
        title="Above the highest transect",
        text="none: the plane ends at the highest sample; kriging: where the highest samples still see the plume, "
        "extrapolated by one vertical range, half the plane's height at most.",
    )
    lowest_height: float | None = parameter(
        None,
        title="Lowest height",
        text="Height above take-off at which the plane begins; blank: at the ground, or at the lowest sample where "
        "below is none.",
        unit="m",
        ge=-1000,
        le=10_000,
    )
    mask_ground: bool = parameter(True, title="Mask the ground", text="Leave out cells that lie under the terrain.")
    roughness_length: float = parameter(
        0.03,
        title="Roughness length",
        text="Of the ground upwind: about 0.001 water, 0.03 short grass, 0.1 crops, 0.5 scattered trees.",
        unit="m",
        gt=0,
        le=5,
    )
    memory_limit: float = parameter(
        512.0, title="Memory limit", text="Memory of the kriging systems.", unit="MB", ge=16, le=65_536
    )


def krige_flux_plane(
    table: pd.DataFrame, gas: str, plane: Plane, variogram: Variogram, parameters: KrigingParameters
) -> Field:
    """Interpolate the flux density of a gas over the plane and integrate it.

    With a variogram of the mass enhancement Δc, the field is Δc(x, z) · u_n(x, z) · 3600 with the
    wind profile u_n; with one of the flux density, that itself. Where the ground line is known,
    heights are above ground, so that the field follows the terrain. Transects under the ground lower
    it as a whole: the take-off isn't always at the lowest place. Single samples under it count as on it.

    The integral is linear in the samples, and its standard error exact under the variogram.

    :param table: of the flux density stage, with ``kept``, ``transect``, ``x``, ``z``,
        ``height_above_ground``, ``wind_east``, ``wind_north``, ``wind_normal``, ``<gas>_density`` and
        ``<gas>_<quantity>``.
    :raises InputError: when a column is missing or holds gaps.
    :raises NoSolution: when there is no field: too few samples, no extent, no cell, a singular system.
    """
    positions, values, transects = plane_samples(table, gas, variogram.quantity)
    flags: list[str] = list(variogram.flags)
    heights = positions[:, 1] - plane.ground_height(positions[:, 0])
    offset = min(0.0, _lowest_level(heights, transects))
    if offset < -_BELOW_GROUND_TOLERANCE:
        flags.append("samples_below_ground")
    samples = np.column_stack([positions[:, 0], np.maximum(heights - offset, 0.0)])
    kernel = Kernel(variogram, plane.period, 0.0 if parameters.ground_mirror else None)
    extrapolates = parameters.interpolator in ("kriging", "gaussian_process")
    if not extrapolates and "kriging" in (parameters.below, parameters.above):
        flags.append("extrapolation_replaced")
    if parameters.interpolator == "gaussian_process":
        variogram = likelihood_variogram(samples, values, kernel)
        kernel = Kernel(variogram, plane.period, kernel.mirror)
    grid = lay_grid(positions, plane, offset, _grid_rule(samples, values, variogram, parameters, extrapolates))
    profile = _profile(table, plane, offset, variogram, parameters)
    factor = _factors(grid, profile, variogram)
    below = parameters.below if extrapolates or parameters.below != "kriging" else "log-wind"
    direct = (grid.region == SAMPLED) | (grid.region == ABOVE) | ((grid.region == BELOW) & (below == "kriging"))
    columns = np.broadcast_to(grid.x, direct.shape)[direct]
    nodes = np.column_stack([columns, grid.height_above_ground[direct]])
    weights = None
    if parameters.interpolator == "linear":
        weights = linear_weights(samples, values, nodes, kernel)
        outside = np.zeros_like(direct)
        outside[direct] = np.isnan(weights.weight[:, 0])
        grid.region[outside] = OUTSIDE
    elif parameters.interpolator == "inverse_distance":
        weights = inverse_distance_weights(samples, values, nodes, kernel, neighbours=parameters.neighbours)
    source, share = _sources(grid, below, factor, profile)
    pull = np.zeros(grid.region.size)
    inside = grid.region.ravel() > 0
    np.add.at(pull, source.ravel()[inside], share.ravel()[inside] * grid.area)
    at_samples, at_nodes = np.ones(len(samples)), np.ones(len(nodes))
    if parameters.plume_scale and parameters.mean == "simple" and parameters.interpolator != "gaussian_process":
        scale = plume_scale(samples, values, kernel)
        at_samples, at_nodes = scale.at(samples), scale.at(nodes)
        pull[direct.ravel()] *= at_nodes
        factor_of_sill = likeliest_sill_factor(samples, values / at_samples, at_samples**2, kernel)
        variogram = replace(variogram, partial_sill=factor_of_sill * variogram.partial_sill)
        kernel = Kernel(variogram, plane.period, kernel.mirror)
        weights = weights.relative_to(scale.at(weights.places), at_nodes) if weights is not None else None
    functional = Functional(
        weights=pull[direct.ravel()],
        prior_variance=weighted_variance(grid, pull.reshape(grid.region.shape), kernel),
        pattern=_offset(table, gas, variogram) / at_samples,
    )
    if weights is not None:
        kriged = apply_weights(weights, nodes, kernel, functional.merged(samples, None))
    else:
        kriged = krige(
            samples,
            values / at_samples,
            nodes,
            variogram,
            counts=at_samples**2,
            mean="unknown" if parameters.mean == "ordinary" and parameters.interpolator == "kriging" else 0.0,
            solver=parameters.solver,
            neighbours=parameters.neighbours,
            minimum_neighbours=parameters.minimum_neighbours,
            period=kernel.period,
            mirror=kernel.mirror,
            functional=functional,
            memory_limit=parameters.memory_limit,
            shared=True,
        )
    kriged = replace(kriged, estimate=kriged.estimate * at_nodes, variance=kriged.variance * at_nodes**2)
    return _field(gas, grid, direct, source, share, kriged, variogram, profile, parameters, below, flags)


def _lowest_level(heights: Array, transects: NDArray[np.int64]) -> float:
    """Mean height of the lowest transect, m: that of a single sample is off by the receiver's noise."""
    _, index, count = np.unique(transects, return_inverse=True, return_counts=True)
    return float((np.bincount(index, weights=heights) / count).min())


def _grid_rule(
    samples: Array, values: Array, variogram: Variogram, parameters: KrigingParameters, extrapolates: bool
) -> GridRule:
    upwards = parameters.above == "kriging" and extrapolates and _plume_reaches_top(samples, values, variogram.nugget)
    return GridRule(
        cells=parameters.resolution,
        least_nodes=parameters.minimum_nodes,
        cell_size=parameters.cell_size,
        square=parameters.square_cells,
        lowest=parameters.lowest_height,
        below=parameters.below != "none",
        # Beyond one effective range the samples say nothing any more
        above=min(variogram.range_z, float(np.ptp(samples[:, 1])) / 2) if upwards else 0.0,
        mask_ground=parameters.mask_ground,
    )


def _plume_reaches_top(samples: Array, values: Array, noise: float) -> bool:
    """Whether the highest samples see the plume: if not, only noise would be extrapolated above them.

    Samples are put in bands of equal number by height. The highest band counts if its mean lies above
    its noise, and is no less than 5 % of the strongest band's: a Gaussian plume has less than 1 % above.
    """
    order = np.argsort(samples[:, 1], kind="stable")
    bands = np.array_split(values[order], min(_BANDS, len(values)))
    means = np.array([band.mean() for band in bands])
    strongest = means[np.argmax(np.abs(means))]
    least = max(_LEAST_SHARE_AT_TOP * abs(strongest), _NOISE_LIMIT * float(np.sqrt(noise / len(bands[-1]))))
    return bool(means[-1] * np.sign(strongest) > least)


def _profile(
    table: pd.DataFrame, plane: Plane, offset: float, variogram: Variogram, parameters: KrigingParameters
) -> WindProfile | None:
    if variogram.quantity == "flux_density" and parameters.below != "log-wind":
        return None
    lowered = table.assign(height_above_ground=table["height_above_ground"].to_numpy(dtype=float) - offset)
    return fit_wind_profile(lowered, plane, parameters.roughness_length)


def _offset(table: pd.DataFrame, gas: str, variogram: Variogram) -> Array:
    """What 1 ppm more background takes off each kept sample, in the interpolated quantity's unit."""
    columns = needed_columns(table, [f"{gas}_density", "wind_normal"])
    offset = 1e-6 * columns[f"{gas}_density"]
    if variogram.quantity == "flux_density":
        offset = offset * columns["wind_normal"] * SECONDS_PER_HOUR
    return np.asarray(offset[sampled_rows(table, gas, variogram.quantity)])


def _factors(grid: PlaneGrid, profile: WindProfile | None, variogram: Variogram) -> Array:
    """What the interpolated quantity is multiplied by to be a flux density, (nz, nx)."""
    if variogram.quantity == "flux_density" or profile is None:
        return np.ones(grid.region.shape)
    x = np.broadcast_to(grid.x, grid.region.shape)
    return profile.normal(x, grid.height_above_ground) * SECONDS_PER_HOUR


def _sources(
    grid: PlaneGrid, below: str, factor: Array, profile: WindProfile | None
) -> tuple[NDArray[np.int64], Array]:
    """For each cell the flat index of the cell it is made from, and what that one's quantity is multiplied by."""
    source = np.arange(grid.region.size).reshape(grid.region.shape)
    share = factor.copy()
    if below not in ("constant", "log-wind"):
        return source, share
    sampled = grid.region == SAMPLED
    lowest = np.argmax(sampled, axis=0)
    filled = (grid.region == BELOW) & sampled.any(axis=0)
    grid.region[(grid.region == BELOW) & ~filled] = OUTSIDE
    column = np.broadcast_to(np.arange(len(grid.x)), filled.shape)
    origin = (lowest[column], column)
    source = np.where(filled, source[origin], source)
    at_origin = factor[origin]
    if below == "log-wind" and profile is not None:
        # The wind's direction doesn't change with height, so its profile is one factor for both quantities
        here = profile.factor(grid.height_above_ground)
        there = here[origin]
        at_origin = at_origin * np.divide(here, there, out=np.zeros_like(here), where=there > 0)
    return source, np.where(filled, at_origin, share)


def _field(
    gas: str,
    grid: PlaneGrid,
    direct: NDArray[np.bool_],
    source: NDArray[np.int64],
    share: Array,
    kriged: Kriged,
    variogram: Variogram,
    profile: WindProfile | None,
    parameters: KrigingParameters,
    below: str,
    flags: list[str],
) -> Field:
    quantity, spread = np.full(direct.size, np.nan), np.full(direct.size, np.nan)
    quantity[direct.ravel()], spread[direct.ravel()] = kriged.estimate, np.sqrt(kriged.variance)
    inside = grid.region > 0
    estimate = np.where(inside, quantity[source] * share, np.nan)
    if not np.isfinite(estimate[inside]).any():
        raise NoSolution(
            f"the flux plane of {gas} has no cell with a finite value: check below, above and lowest_height"
        )
    cells = np.where(inside, estimate, 0.0) * grid.area
    assert kriged.functional_variance is not None
    return Field(
        gas=gas,
        x=grid.x,
        z=grid.z,
        cell_width=grid.cell_width,
        cell_height=grid.cell_height,
        estimate=estimate,
        standard_error=np.where(inside, spread[source] * np.abs(share), np.nan),
        region=grid.region,
        integral=float(cells.sum()),
        integral_standard_error=float(np.sqrt(kriged.functional_variance)),
        background_response=kriged.of_pattern or 0.0,
        sampled_integral=float(cells[grid.region == SAMPLED].sum()),
        below_integral=float(cells[grid.region == BELOW].sum()),
        above_integral=float(cells[grid.region == ABOVE].sum()),
        cross_validation=variogram.cross_validation,
        profile=_profile_dict(profile, variogram),
        interpolator=parameters.interpolator,
        below=below,
        method=_method(variogram, parameters, kriged, below),
        flags=tuple(dict.fromkeys(flags)),
    )


def _profile_dict(profile: WindProfile | None, variogram: Variogram) -> dict[str, Any]:
    return profile.to_dict() if profile is not None and variogram.quantity == "mass_enhancement" else {}


def _method(variogram: Variogram, parameters: KrigingParameters, kriged: Kriged, below: str) -> str:
    kriging = f"{'Ordinary' if parameters.mean == 'ordinary' else 'Simple'} kriging ({kriged.solver})"
    return METHOD.format(
        text_a=INTERPOLATED_BY.get(parameters.interpolator, kriging),
        text_b=INTERPOLATED[variogram.quantity],
        text_c=f"{variogram.model} variogram{', mirrored at the ground' if parameters.ground_mirror else ''}",
        any_below=below,
        any_above=parameters.above,
    )

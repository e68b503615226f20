"""A plume across the wind: where it crosses the plane, how wide it is, and how much each transect saw of it.

All is in the coordinate y across the wind (m), so that an oblique plane sees a plume as wide as it is, and the
downwind wall of a cylinder is a plane: with the wind's speed U, the flux through a step dx of the plane is
Δc u_n dx = Δc U dy. Samples are gathered into cells of y for each transect.

The plume is a normal curve g of spread σ about a centre that moves from transect to transect by δₜ with the
standard deviation τ (meandering). σ, centre and τ are those of largest likelihood over a grid, with each transect's
strength free and not negative, and the shifts integrated out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.errors import NoSolution
from gasflux_core.plane import Plane
from gasflux_core.transect_estimate import sample_widths
from gasflux_core.wind_profile import REFERENCE_HEIGHT, WindProfile

Array = NDArray[np.float64]

_CELLS = 72
"""Cells across the wind, and places that the plume's centre may have."""

_SPREADS = 14
"""Spreads tried, from a cell to a quarter of the plane."""

_SHIFTS = (0.02, 1.0, 2.0, 4.0, 8.0)
"""Standard deviations of the shift tried, in cells."""

_WINDOW = 1.5
"""Width of the window that a transect's strength is taken in, over the plume's."""

_DOWNWIND = 0.2
"""Share of the wind that must blow through a cylinder's wall for it to be the one that sees the plume."""

_SMALLEST = -200.0
"""Logarithm of what counts as nothing: numbers below 1e-300 take a hundred times as long."""

_CALM = 0.01
"""Wind, m s⁻¹, that carries nothing."""
_ALONG = 0.02
"""Share of the wind through a plane that is along it."""
_NARROWEST = 1e-6
"""Width, m, that is none."""

_COVERED = 0.5
"""Least share of the plume's width that a transect must cover to say how much it carries."""


@dataclass(frozen=True, eq=False)
class CrosswindCells:
    """Samples by transect and cell, (transects, cells); cells without samples have a width of 0."""

    y: Array
    """Mean place, m; the cell's middle where it is empty."""
    middles: Array
    """(cells,) m."""
    along: Array
    """(cells,) x along the plane of the sample nearest to each middle, m."""
    width: Array
    """Part of y that the samples stand for by the trapezoid rule, m."""
    density: Array
    """Mean mass enhancement, kg m⁻³."""
    height: Array
    """Mean height above ground, m."""
    variance: Array
    """Of the mean, in variances of a sample."""
    speed: float
    """Mean wind at 10 m, m s⁻¹."""


@dataclass(frozen=True, eq=False)
class CrosswindPlume:
    """What the transects saw of a plume, for those that crossed it."""

    centre: float
    """On average over the transects, m along the plane, to within a cell."""
    spread: float
    """Of the curve seen by single transects, m."""
    shift: float
    """Standard deviation of the centre between transects, m."""
    strength: Array
    """∫ Δc dy of each transect, kg m⁻²."""
    noise: Array
    """Standard deviation of these by the samples' noise, kg m⁻²."""
    height: Array
    """Height above ground where the transect meets the plume, m."""
    common_error: float
    """Relative standard uncertainty of all strengths together, as the spread is not known exactly."""
    explained: float
    """Share of the samples' variance beyond noise that the curves explain, at most 1."""
    beside: float
    """Gas that the transects saw beyond the curves, all together, kg m⁻²."""
    beside_noise: float
    """Its standard deviation by noise, kg m⁻²."""
    beside_width: float
    """What an error of the baseline is multiplied by in it, m."""


def crosswind_cells(table: pd.DataFrame, gas: str, plane: Plane, profile: WindProfile) -> CrosswindCells:
    """Gather the kept samples by transect and place across the wind.

    :param table: with ``kept``, ``transect``, ``x``, ``height_above_ground`` (m) and ``<gas>_mass_enhancement``
        (kg m⁻³).
    :raises NoSolution: when there is no wind, or none through the plane.
    """
    rows = table[table["kept"].to_numpy(dtype=bool)]
    x, height = rows["x"].to_numpy(dtype=float), rows["height_above_ground"].to_numpy(dtype=float)
    density = rows[f"{gas}_mass_enhancement"].to_numpy(dtype=float)
    numbers, transect = np.unique(rows["transect"].to_numpy(), return_inverse=True)
    speed = float(np.hypot(profile.east, profile.north))
    if not speed > _CALM:
        raise NoSolution("there is no wind to carry a plume")
    through = profile.normal(x, np.full(len(x), REFERENCE_HEIGHT)) / speed
    seen = through > _DOWNWIND if plane.period is not None else np.abs(through) > _ALONG
    width = np.empty(len(x))
    for number in range(len(numbers)):
        member = transect == number
        width[member] = sample_widths(x[member], plane.period) * np.abs(through[member])
    y = _across(x, plane, profile, speed)
    if not seen.any() or not np.ptp(y[seen]) > _NARROWEST:
        raise NoSolution("no wind blows through the plane")
    edges = np.linspace(y[seen].min(), y[seen].max(), _CELLS + 1)
    cell = np.clip(np.searchsorted(edges, y, side="right") - 1, 0, _CELLS - 1)
    shape = (len(numbers), _CELLS)
    flat = transect * _CELLS + cell

    def total(values: Array) -> Array:
        sums = np.bincount(flat[seen], weights=values[seen], minlength=shape[0] * shape[1])
        return np.asarray(sums.reshape(shape), dtype=float)

    widths = total(width)
    filled = widths > _NARROWEST
    middles = (edges[1:] + edges[:-1]) / 2

    def mean(values: Array, empty: Array | float = 0.0) -> Array:
        return np.asarray(np.where(filled, total(width * values) / np.where(filled, widths, 1.0), empty))

    return CrosswindCells(
        y=mean(y, middles),
        middles=middles,
        along=x[seen][np.abs(y[seen, None] - middles).argmin(axis=0)],
        width=widths,
        density=mean(density),
        height=mean(height),
        variance=np.where(filled, total(width**2) / np.where(filled, widths, 1.0) ** 2, 1.0),
        speed=speed,
    )


def fit_crosswind_plume(cells: CrosswindCells, noise: float) -> CrosswindPlume:
    """Find the plume in the cells and its strength in each transect.

    :param noise: standard deviation of a sample's mass enhancement, kg m⁻³.
    :raises NoSolution: when the enhancement is 0 everywhere.
    """
    largest = float(np.abs(cells.density).max())
    if not largest > 0:
        raise NoSolution("there is no enhancement")
    noise = max(noise, 1e-6 * largest)
    precision = np.where(cells.width > _NARROWEST, 1.0 / (noise**2 * cells.variance), 0.0)
    centres, spread, spread_error, shift = _placed(cells, precision)
    strength, error, covered = _strengths(cells, precision, centres, spread, noise)
    wider, _, _ = _strengths(cells, precision, centres, spread * np.exp(spread_error), noise)
    curve = _normal(cells.y - centres[:, None], spread)
    weight = curve * cells.width
    mass = weight.sum(axis=1)
    enough = covered > _COVERED
    total = float(strength[enough].sum())
    weights = np.where(mass > 0, mass, 1.0)
    middle = float(np.average(centres, weights=np.maximum(strength, 0.0) + 1e-12 * np.abs(strength).max()))
    return CrosswindPlume(
        centre=float(cells.along[np.abs(cells.middles - middle).argmin()]),
        spread=spread,
        shift=shift,
        strength=strength[enough],
        noise=error[enough],
        height=((weight * cells.height).sum(axis=1) / weights)[enough],
        common_error=abs(float(wider[enough].sum()) / total - 1) if total else 0.0,
        explained=_explained(cells, strength[:, None] * curve, noise),
        beside=float((cells.width * cells.density).sum() - (strength * mass).sum()),
        beside_noise=noise * float(np.sqrt((cells.width**2 * cells.variance).sum())),
        beside_width=float(cells.width.sum()),
    )


def _across(x: Array, plane: Plane, profile: WindProfile, speed: float) -> Array:
    """Coordinate across the wind, m."""
    if plane.radius is not None:
        bearing = x / plane.radius
        east, north = plane.radius * np.sin(bearing), plane.radius * np.cos(bearing)
    else:
        azimuth = np.radians(plane.azimuth or 0.0)
        east, north = x * np.sin(azimuth), x * np.cos(azimuth)
    return np.asarray((east * profile.north - north * profile.east) / speed, dtype=float)


def _placed(cells: CrosswindCells, precision: Array) -> tuple[Array, float, float, float]:
    """Centre in each transect (m), spread (m), its relative standard uncertainty, and spread of the centres (m)."""
    step = float(cells.middles[1] - cells.middles[0])
    spreads = np.geomspace(0.8 * step, _CELLS * step / 4, _SPREADS)
    curves = _normal(cells.middles[:, None, None] - cells.middles[None, :, None], spreads)
    flat = curves.reshape(_CELLS, -1)
    square = precision @ flat**2
    product = (precision * cells.density) @ flat
    gain = 0.5 * np.maximum(product, 0.0) ** 2 / np.maximum(square, 1e-12 * square.max())
    # What a curve can't explain counts as noise: the samples of a plume that is no normal curve say less
    used = precision > 0
    whole = float((precision * cells.density**2).sum())
    best = gain.reshape(len(gain), -1, _SPREADS)
    left = whole - 2 * float(best.max(axis=1).sum(axis=0).max())
    excess = max(left / max(int(used.sum()) - 2 * len(gain), 1), 1.0)
    gain = best / excess
    top = gain.max(axis=1, keepdims=True)
    likelihood = np.exp(np.maximum(gain - top, _SMALLEST))
    places = np.arange(_CELLS)
    found = []
    for shift in _SHIFTS:
        kernel = np.exp(np.maximum(-0.5 * ((places[:, None] - places[None, :]) / shift) ** 2, _SMALLEST))
        kernel /= kernel.sum(axis=1, keepdims=True)
        mixed = kernel @ likelihood
        found.append((np.log(np.maximum(mixed, 1e-300)) + top).sum(axis=0))
    posterior = np.stack(found)
    at = np.unravel_index(int(posterior.argmax()), posterior.shape)
    shift, centre = _SHIFTS[at[0]], int(at[1])
    spread, spread_error = _peak(np.log(spreads), posterior[at[0], centre], int(at[2]))
    weight = likelihood[:, :, at[2]] * np.exp(-0.5 * ((places - centre) / shift) ** 2)[None, :]
    sums = weight.sum(axis=1, keepdims=True)
    weight = np.where(sums > 0, weight / np.where(sums > 0, sums, 1.0), 0.0)
    centres = np.where(sums[:, 0] > 0, weight @ cells.middles, cells.middles[centre])
    if shift < 1:
        # one centre for all, between the cells' middles
        near = np.average(cells.middles, weights=np.exp(posterior[at[0], :, at[2]] - posterior.max()))
        centres = np.full(len(gain), near)
    return centres, float(np.exp(spread)), spread_error, shift * step if shift >= 1 else 0.0


def _peak(places: Array, logarithm: Array, index: int) -> tuple[float, float]:
    """Mode and standard deviation of a density by a parabola through its largest value and both neighbours."""
    step = float(places[1] - places[0])
    if index in (0, len(places) - 1):
        return float(places[index]), step
    low, middle, high = logarithm[index - 1 : index + 2]
    bend = low - 2 * middle + high
    if not bend < 0:
        return float(places[index]), step
    return float(places[index] + 0.5 * step * (low - high) / bend), float(min(step / np.sqrt(-bend), 2 * step))


def _strengths(
    cells: CrosswindCells, precision: Array, centres: Array, spread: float, noise: float
) -> tuple[Array, Array, Array]:
    """∫ Δc dy of each transect, its standard deviation by noise, and the share of the plume's width it covers.

    With weights w = a g'/(a g' + noise), g' half as wide again as the plume: where the plume stands high above the
    noise, w is 1 and this is the transect's integral, whatever the plume's shape; where it drowns, w goes with g',
    which has 4 % more noise than the best filter of a normal curve.
    """
    curve = _normal(cells.y - centres[:, None], spread)
    square = (precision * curve**2).sum(axis=1)
    reached = square > 0
    square = np.where(reached, square, 1.0)
    size = np.maximum((precision * cells.density * curve).sum(axis=1) / square, 1.0 / np.sqrt(square))[:, None]
    wide = _WINDOW * _normal(cells.y - centres[:, None], _WINDOW * spread)
    weight = cells.width * size * wide / (size * wide + noise * np.sqrt(cells.variance))
    mass = (weight * curve).sum(axis=1)
    sound = reached & (mass > 0)
    mass = np.where(sound, mass, 1.0)
    strength = np.where(sound, (weight * cells.density).sum(axis=1) / mass, 0.0)
    error = np.where(sound, noise * np.sqrt((weight**2 * cells.variance).sum(axis=1)) / mass, 1.0 / np.sqrt(square))
    return strength, error, (cells.width * curve).sum(axis=1)


def _explained(cells: CrosswindCells, model: Array, noise: float) -> float:
    by_noise = float((cells.width * cells.variance).sum()) * noise**2
    signal = float((cells.width * cells.density**2).sum()) - by_noise
    left = float((cells.width * (cells.density - model) ** 2).sum()) - by_noise
    # Where the noise is as large as the plume nothing can be said against it
    return 1.0 - max(left, 0.0) / max(signal, by_noise, 1e-300)


def _normal(deviation: Array, spread: float | Array) -> Array:
    curve = np.exp(np.maximum(-0.5 * (deviation / spread) ** 2, _SMALLEST))
    return np.asarray(curve / (np.sqrt(2 * np.pi) * spread), dtype=float)

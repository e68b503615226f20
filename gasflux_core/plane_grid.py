"""The regular grid over the flight plane, and sums over it that use its regularity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import fftconvolve

from gasflux_core.errors import NoSolution, TooLarge
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.plane import Plane

Array = NDArray[np.float64]

OUTSIDE, SAMPLED, BELOW, ABOVE = 0, 1, 2, 3
"""Region codes: outside or under ground; between lowest and highest sample; below; above them."""

_MOST_CELLS = 500_000
_COLUMNS_AT_ONCE = 16
"""Columns whose sums by lag are taken together: about what a processor's cache holds."""
_COLUMN_REACH = 0.05
"""Share of the plane's length within which samples tell the lowest and highest height of a column."""


@dataclass(frozen=True, eq=False)
class PlaneGrid:
    """Cells of equal size; rows from low to high."""

    x: Array
    """(nx,) cell centres along the plane, m."""
    z: Array
    """(nz,) cell centres above take-off, m."""
    cell_width: float
    cell_height: float
    ground: Array
    """(nx,) height of the ground above take-off under each column, m."""
    region: NDArray[np.int8]
    """(nz, nx) region code."""

    @property
    def area(self) -> float:
        """Of a cell, m²."""
        return self.cell_width * self.cell_height

    @property
    def height_above_ground(self) -> Array:
        """(nz, nx), m."""
        return np.asarray(self.z[:, None] - self.ground[None, :])


@dataclass(frozen=True)
class GridRule:
    """How large the cells are and how far the grid reaches."""

    cells: float
    least_nodes: int
    cell_size: float
    """m; 0 goes by ``cells``."""
    square: bool
    lowest: float | None
    """Height above take-off at which the grid begins, m; None goes by ``below``."""
    below: bool
    """Reach down to the ground (else to the lowest sample)."""
    above: float
    """How far to reach above the highest sample, m."""
    mask_ground: bool


def lay_grid(positions: Array, plane: Plane, ground_offset: float, rule: GridRule) -> PlaneGrid:
    """Lay the grid over the plane: x from 0 to its length, z from the ground to the highest sample or above.

    :param positions: (n, 2) samples, x and z above take-off, m.
    :param ground_offset: added to the plane's ground heights, m.
    :raises NoSolution: when the plane has no extent along x or z.
    :raises TooLarge: for more than 500 000 cells.
    """
    lowest, highest = float(positions[:, 1].min()), float(positions[:, 1].max())
    bottom = rule.lowest
    if bottom is None:
        ends = np.linspace(0.0, plane.length, 257)
        bottom = float(np.min(plane.ground_height(ends))) + ground_offset if rule.below else lowest
    length, height = plane.length, highest - bottom
    if not (length > 0 and height > 0):
        raise NoSolution(
            f"the flight plane is {length:g} m long and {height:g} m high (from {bottom:g} m to the highest sample at "
            f"{highest:g} m): samples at two heights at least are needed, and a lowest_height below them"
        )
    width, rows_height = _cell_size(length, height, rule)
    columns, rows = max(1, round(length / width)), max(1, round(height / rows_height))
    rows_above = int(np.ceil(rule.above / (height / rows) - 1e-9))
    if columns * (rows + rows_above) > _MOST_CELLS:
        raise TooLarge(
            f"the grid would have {columns} × {rows + rows_above} cells, {_MOST_CELLS} are the limit: "
            "choose larger cells",
            "cell_size",
        )
    cell_width, cell_height = length / columns, height / rows
    x = np.asarray((np.arange(columns) + 0.5) * cell_width, dtype=float)
    z = np.asarray(bottom + (np.arange(rows + rows_above) + 0.5) * cell_height, dtype=float)
    ground = plane.ground_height(x) + ground_offset
    region = _regions(positions, x, z, cell_width, cell_height, ground, plane, rule)
    return PlaneGrid(x, z, cell_width, cell_height, ground, region)


def _cell_size(length: float, height: float, rule: GridRule) -> tuple[float, float]:
    if rule.cell_size > 0:
        return rule.cell_size, rule.cell_size
    if not rule.square:
        # GasFlux's rule: as many cells along each side as their ratio asks for, with a least number
        columns = max(int(np.sqrt(rule.cells * length / height)), rule.least_nodes)
        rows = max(int(np.sqrt(rule.cells * height / length)), rule.least_nodes)
        return length / columns, height / rows
    size = min(np.sqrt(length * height / rule.cells), min(length, height) / rule.least_nodes)
    # A plane much longer than high would else have cells without number
    size = max(size, float(np.sqrt(length * height / (0.25 * _MOST_CELLS))))
    return size, size


def _regions(
    positions: Array,
    x: Array,
    z: Array,
    cell_width: float,
    cell_height: float,
    ground: Array,
    plane: Plane,
    rule: GridRule,
) -> NDArray[np.int8]:
    low, high = _envelope(positions, x, max(cell_width, _COLUMN_REACH * plane.length), plane.period)
    height = z[:, None]
    region = np.full((len(z), len(x)), SAMPLED, dtype=np.int8)
    region[height < low - cell_height / 2] = BELOW if rule.below else OUTSIDE
    region[height > high + cell_height / 2] = ABOVE if rule.above > 0 else OUTSIDE
    if rule.mask_ground:
        region[height < ground] = OUTSIDE
    return region


def _envelope(positions: Array, x: Array, reach: float, period: float | None) -> tuple[Array, Array]:
    """Lowest and highest sample within reach of each column; columns without one take their neighbours'."""
    low, high = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for column, centre in enumerate(x):
        distance = np.abs(positions[:, 0] - centre)
        if period is not None:
            distance = np.minimum(distance, period - distance)
        heights = positions[distance <= reach, 1]
        if heights.size:
            low[column], high[column] = heights.min(), heights.max()
    seen = np.isfinite(low)
    if not seen.any():
        return np.full(len(x), positions[:, 1].min()), np.full(len(x), positions[:, 1].max())
    return (
        np.asarray(np.interp(x, x[seen], low[seen], period=period)),
        np.asarray(np.interp(x, x[seen], high[seen], period=period)),
    )


def weighted_variance(grid: PlaneGrid, weights: Array, kernel: Kernel) -> float:
    """Σᵢ Σⱼ aᵢ aⱼ k(i, j) over all cells, by lags instead of pairs.

    Over flat ground the plain part of the kernel depends on (Δx, Δz) and the mirrored one on
    (Δx, z + z′): both sums of weights by lag come from an FFT. Over sloping ground heights above
    ground differ from column to column, and the sums by lag are taken pair of columns by pair.

    :param weights: (nz, nx), 0 for cells that don't count.
    :param kernel: its heights are above ground (mirror at 0), or above take-off over flat ground.
    """
    rows, columns = weights.shape
    if np.ptp(grid.ground) > 1e-9:
        return _weighted_variance_columns(grid, weights, kernel)
    lags_x = np.arange(1 - columns, columns) * grid.cell_width
    lags_z = np.arange(1 - rows, rows) * grid.cell_height
    dx, dz = np.meshgrid(lags_x, lags_z)
    total = np.sum(fftconvolve(weights, weights[::-1, ::-1]) * kernel.at_lags(dx, dz))
    if kernel.mirror is not None:
        heights = 2 * (grid.height_above_ground[0, 0] - kernel.mirror) + np.arange(2 * rows - 1) * grid.cell_height
        dx, sums = np.meshgrid(lags_x, heights)
        total += np.sum(fftconvolve(weights, weights[:, ::-1]) * kernel.at_lags(dx, sums))
    return float(total)


def _weighted_variance_columns(grid: PlaneGrid, weights: Array, kernel: Kernel) -> float:
    rows, columns = weights.shape
    size = next_fast_len(2 * rows - 1, real=True)
    forward = rfft(weights.T, size)
    bottom = grid.height_above_ground[0]
    lags = np.arange(1 - rows, rows) * grid.cell_height
    sums = np.arange(2 * rows - 1) * grid.cell_height
    total = 0.0
    for column in range(columns):
        # A pair of columns is taken once and counts double
        for begin in range(column, columns, _COLUMNS_AT_ONCE):
            others = slice(begin, begin + _COLUMNS_AT_ONCE)
            dx = (grid.x[others] - grid.x[column])[:, None]
            pairs = np.where(dx == 0, 1.0, 2.0)
            correlated = irfft(forward[others] * forward[column].conj(), size)
            by_lag = np.concatenate([correlated[:, size - rows + 1 :], correlated[:, :rows]], axis=1)
            rise = (bottom[others] - bottom[column])[:, None]
            total += float(np.sum(pairs * by_lag * kernel.at_lags(dx, lags + rise)))
            if kernel.mirror is not None:
                by_sum = irfft(forward[others] * forward[column], size)[:, : 2 * rows - 1]
                up = (bottom[others] + bottom[column] - 2 * kernel.mirror)[:, None]
                total += float(np.sum(pairs * by_sum * kernel.at_lags(dx, sums + up)))
    return total

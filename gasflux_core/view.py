"""What a page needs to draw a result: track, plane, background, variogram and wind, thinned to what a screen shows.

It is made to be drawn, not to be calculated with: numbers have five significant figures, long flights are thinned so
that peaks stay, and large planes are coarsened. The other products have everything.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.kriging_field import Field
from gasflux_core.pipeline import GasResult, Result
from gasflux_core.plane_geometry import Plane
from gasflux_core.thinning import thinned, thinned_with_peaks
from gasflux_core.variogram_model import Variogram
from gasflux_core.wind_rose import wind_rose

VERSION = 1
"""Of the layout of the view."""

SECTORS = 16
MOST_POINTS = 4000
"""Points of the track, and of all transects of a gas together."""
MOST_READINGS = 2500
"""Points of the background's series of a gas."""
MOST_COLUMNS, MOST_ROWS, MOST_CELLS = 300, 150, 40_000
"""Cells of a plane along it and upwards, and of the planes of all gases together."""

_FULL_GASES = 3
"""With more gases than these each has fewer points, so that the whole stays under 2 MB."""

_MODEL_LAGS = 60
_FIGURES = 5
_DECIMALS = 7
"""Of degrees: about 1 cm."""

_SQUARED_UNITS = {"mass_enhancement": "kg2 m-6", "flux_density": "kg2 m-4 h-2"}

Floats = NDArray[np.float64]


def result_view(result: Result) -> dict[str, Any]:
    """A result as plain JSON values for drawing it; at most about 2 MB as text, null where there is no number.

    Lengths in m, times in s from the first row, heights above take-off, mole fractions in ppm, flux densities in
    kg m⁻² h⁻¹. East and north are from the plane's x = 0, in the projection's grid.
    """
    table, plane = result.table, result.plane_fit.plane
    less = min(1.0, _FULL_GASES / len(result.gases))
    enhancements = [table[f"{gas}_enhancement"].to_numpy(dtype=float) for gas in result.gases]
    rows = thinned_with_peaks(enhancements, int(less * MOST_POINTS))
    blocks = _blocks(result)
    return {
        "version": VERSION,
        "flight": {
            "begin": table["timestamp"].iloc[0].isoformat().replace("+00:00", "Z"),
            "seconds": numbers(table["time"].to_numpy(dtype=float)[rows]),
        },
        "track": _track(table.iloc[rows], plane),
        "ground": _ground(next(iter(result.gases.values())).field, plane, blocks[1]),
        "wind": _wind(result),
        "gases": {name: _gas(result, gas, rows, blocks, less) for name, gas in result.gases.items()},
    }


def numbers(values: NDArray[Any]) -> list[float | None]:
    """Numbers rounded to five significant figures; None for what is no finite number."""
    given = np.asarray(values, dtype=float).ravel()
    size = np.abs(np.where(np.isfinite(given), given, 0.0))
    with np.errstate(divide="ignore"):
        places = _FIGURES - 1 - np.floor(np.log10(size))
    # Both factors are whole powers of ten that a double holds exactly, so that the quotient is the nearest double.
    up, down = 10.0 ** np.clip(places, 0, 22), 10.0 ** np.clip(-places, 0, 22)
    rounded = np.rint(np.where(np.isfinite(given), given, 0.0) * up / down) * down / up
    listed: list[float | None] = rounded.tolist()
    for index in np.flatnonzero((places > 22) & (size > 0)):
        listed[index] = float(f"{given[index]:.{_FIGURES}g}")
    for index in np.flatnonzero(~np.isfinite(given)):
        listed[index] = None
    return listed


def number(value: float | None, figures: int = _FIGURES) -> float | None:
    """A number rounded to so many significant figures; None for what is no finite number."""
    return float(f"{value:.{figures}g}") if value is not None and math.isfinite(value) else None


def degrees(values: NDArray[Any]) -> list[float]:
    """Longitudes or latitudes, rounded to about 1 cm."""
    listed: list[float] = np.round(np.asarray(values, dtype=float), _DECIMALS).tolist()
    return listed


def _flags(values: Any) -> list[int]:
    listed: list[int] = np.asarray(values).astype(int).tolist()
    return listed


def _track(shown: pd.DataFrame, plane: Plane) -> dict[str, Any]:
    return {
        "longitude": degrees(shown["longitude"].to_numpy()),
        "latitude": degrees(shown["latitude"].to_numpy()),
        "east": numbers(shown["easting"].to_numpy(dtype=float) - plane.origin_easting),
        "north": numbers(shown["northing"].to_numpy(dtype=float) - plane.origin_northing),
        "height": numbers(shown["height_ato"].to_numpy()),
        "time": numbers(shown["time"].to_numpy()),
        "transect": _flags(shown["transect"]),
        "kept": _flags(shown["kept"]),
    }


def _ground(field: Field, plane: Plane, block: int) -> dict[str, Any]:
    """The plane's line on the ground, at the edges of the columns that are shown."""
    edges = field.x[0] - field.cell_width / 2 + field.cell_width * np.arange(0, len(field.x) + 1)
    shown = np.append(edges[:-1:block], edges[-1])
    longitude, latitude = plane.lonlat(shown)
    easting, northing = plane.position(shown)
    return {
        "x": numbers(shown),
        "longitude": degrees(longitude),
        "latitude": degrees(latitude),
        "east": numbers(easting - plane.origin_easting),
        "north": numbers(northing - plane.origin_northing),
        "height": numbers(plane.ground_height(shown)) if plane.ground else None,
    }


def _wind(result: Result) -> dict[str, Any]:
    edges, counts = wind_rose(result.table, SECTORS)
    return {
        "speed": number(result.wind.mean_speed),
        "direction": number(result.wind.mean_direction),
        "plane_normal": number(result.plane_fit.plane.normal_azimuth),
        "sectors": SECTORS,
        "speed_edges": edges,
        "counts": counts.T.tolist(),
    }


def _gas(
    result: Result, gas: GasResult, rows: NDArray[np.intp], blocks: tuple[int, int], less: float
) -> dict[str, Any]:
    table = result.table
    return {
        "unit": "ppm",
        "flux": numbers(table[f"{gas.gas}_flux_density"].to_numpy(dtype=float)[rows]),
        "mole_fraction": numbers(table[gas.gas].to_numpy(dtype=float)[rows]),
        "plane": _plane(gas.field, blocks),
        "background": _background(table, gas.gas, int(less * MOST_READINGS)),
        "transects": _transects(table, gas.gas, int(less * MOST_POINTS)),
        "variogram": _variogram(gas.variogram),
    }


def _blocks(result: Result) -> tuple[int, int]:
    """How many rows and columns of cells are shown as one: the same for all gases, so that they can be compared."""
    fields = [gas.field for gas in result.gases.values()]
    columns, rows = len(fields[0].x), max(len(field.z) for field in fields)
    most = MOST_CELLS // len(fields)
    up, along = math.ceil(rows / MOST_ROWS), math.ceil(columns / MOST_COLUMNS)
    while math.ceil(rows / up) * math.ceil(columns / along) > most:
        # the finer direction first
        if columns / along / MOST_COLUMNS >= rows / up / MOST_ROWS:
            along += 1
        else:
            up += 1
    return up, along


def _plane(field: Field, blocks: tuple[int, int]) -> dict[str, Any]:
    """The plane's cells, lowest row first; of a block the means of its cells that have a value.

    A block counts as sampled where half of its cells are.
    """
    up, along = blocks
    inside = field.region > 0
    flux = _block_means(np.where(inside, field.estimate, np.nan), blocks)
    error = _block_means(np.where(inside, field.standard_error, np.nan), blocks)
    sampled = _block_means((field.region == 1).astype(float), blocks) >= 0.5
    return {
        "x0": number(field.x[0] + (along - 1) / 2 * field.cell_width, 9),
        "dx": number(along * field.cell_width, 9),
        "nx": flux.shape[1],
        "z0": number(field.z[0] + (up - 1) / 2 * field.cell_height, 9),
        "dz": number(up * field.cell_height, 9),
        "nz": flux.shape[0],
        "flux": numbers(flux),
        "error": numbers(error),
        "sampled": _flags(sampled.ravel()),
    }


def _block_means(values: Floats, blocks: tuple[int, int]) -> Floats:
    """Means of the values that there are; NaN where a block has none. The last blocks may be smaller."""
    if blocks == (1, 1):
        return values
    padding = [(0, -size % block) for size, block in zip(values.shape, blocks, strict=True)]
    padded = np.pad(values, padding, constant_values=np.nan)
    up, along = blocks
    split = padded.reshape(padded.shape[0] // up, up, padded.shape[1] // along, along)
    there = np.isfinite(split)
    count = there.sum(axis=(1, 3))
    total = np.where(there, split, 0.0).sum(axis=(1, 3))
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _background(table: pd.DataFrame, gas: str, most: int) -> dict[str, Any]:
    reading = table[gas].to_numpy(dtype=float)
    rows = thinned(reading, most)
    return {
        "time": numbers(table["time"].to_numpy(dtype=float)[rows]),
        "reading": numbers(reading[rows]),
        "baseline": numbers(table[f"{gas}_background"].to_numpy(dtype=float)[rows]),
        "signal": _flags(table[f"{gas}_signal"].to_numpy(dtype=bool)[rows]),
    }


def _transects(table: pd.DataFrame, gas: str, most: int) -> list[dict[str, Any]]:
    kept = np.flatnonzero(table["kept"].to_numpy(dtype=bool))
    transects = table["transect"].to_numpy()[kept]
    x, z, enhancement = (table[name].to_numpy(dtype=float)[kept] for name in ("x", "z", f"{gas}_enhancement"))
    shown = []
    for transect in np.unique(transects):
        own = np.flatnonzero(transects == transect)
        rows = own[thinned(enhancement[own], most * len(own) // len(kept))]
        shown.append(
            {
                "number": int(transect),
                "height": number(float(z[own].mean())),
                "x": numbers(x[rows]),
                "enhancement": numbers(enhancement[rows]),
            }
        )
    return shown


def _variogram(variogram: Variogram) -> dict[str, Any]:
    """Lag classes by direction, and the model along the plane and upwards.

    A direction between the two counts as the nearer one.
    """
    seen: dict[str, list[list[float | None]]] = {"along": [], "vertical": []}
    for classes in variogram.experimental:
        name = "vertical" if 45 < classes.direction % 180 < 135 else "along"
        lags, values = numbers(classes.lag), numbers(classes.semivariance)
        seen[name] += [list(one) for one in zip(lags, values, classes.pairs.tolist(), strict=True)]
    longest = sorted(max((one[0] or 0.0 for one in rows), default=0.0) for rows in seen.values())
    short, long = longest if longest[0] > 0 else (longest[1] / 2, longest[1])
    half = _MODEL_LAGS // 2
    model = np.append(np.linspace(0, short, half + 1)[1:], np.linspace(short, long, half + 1)[1:])
    zero = np.zeros_like(model)
    return {
        "quantity": variogram.quantity,
        "unit": _SQUARED_UNITS[variogram.quantity],
        "lag": sorted({one[0] for rows in seen.values() for one in rows if one[0] is not None}),
        **seen,
        "model": {
            "lag": numbers(model),
            "along": numbers(variogram.semivariance(model, zero)),
            "vertical": numbers(variogram.semivariance(zero, model)),
        },
        "nugget": number(variogram.nugget),
        "sill": number(variogram.sill),
        "range_x": number(variogram.range_x),
        "range_z": number(variogram.range_z),
    }

"""Terrain models as GeoTIFF: only the cells under a flight are read, whatever the size of the file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.errors import InputError, TooLarge
from gasflux_core.terrain import Elevation, transformer

MOST_CELLS = 25_000_000
"""Of the part of a terrain model that is read; 5 km by 5 km in cells of 1 m."""

_MOST_BLOCK = 64_000_000
"""Cells of the model's blocks, each of which is unpacked as a whole."""

_MARGIN = 2
"""Cells read beyond the flight on every side: interpolation needs one."""

_METRES = {
    "": 1.0,
    "m": 1.0,
    "metre": 1.0,
    "metres": 1.0,
    "meter": 1.0,
    "meters": 1.0,
    "ft": 0.3048,
    "foot": 0.3048,
    "feet": 0.3048,
    "us-ft": 1200 / 3937,
    "us survey foot": 1200 / 3937,
}
"""Units of heights; a band that says nothing is in metres."""

_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_vector(path: Path) -> bool:
    """Whether a file is XML, as a vector layer in GML is, and no raster."""
    with path.open("rb") as file:
        return file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def read_elevation(
    path: Path, longitude: NDArray[np.float64], latitude: NDArray[np.float64], *, parameter: str = "dem"
) -> Elevation:
    """Read the part of a terrain model over which some places lie.

    The first band counts, with its scale, offset, unit and mask; the coordinate system may be any that PROJ knows.

    :param path: GeoTIFF, or cloud-optimised GeoTIFF.
    :param longitude, latitude: of the places, deg (WGS 84).
    :param parameter: name of the input, for messages.
    :raises InputError: it is no GeoTIFF, damaged, nowhere on the map, in unknown units, or holds none of the places.
    :raises TooLarge: the part has too many cells.
    """
    with path.open("rb") as file:
        if not file.read(4).startswith(_SIGNATURES):
            raise InputError(f"{parameter}: the file is no GeoTIFF; expected a terrain model as GeoTIFF", parameter)
    # rasterio takes 0.2 s to import
    import rasterio
    from rasterio.errors import RasterioError

    try:
        # neither files beside it nor any other driver
        with rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"), rasterio.open(path, driver="GTiff") as raster:
            return _read(raster, longitude, latitude, parameter)
    except RasterioError as error:
        reason = str(error).replace(str(path), "the file")[:200]
        raise InputError(f"{parameter}: GDAL can't read the GeoTIFF ({reason})", parameter) from None


def _read(raster: Any, longitude: NDArray[np.float64], latitude: NDArray[np.float64], parameter: str) -> Elevation:
    from rasterio.windows import Window

    if raster.crs is None or raster.transform.is_identity or raster.transform.determinant == 0:
        raise InputError(f"{parameter}: the GeoTIFF does not say where on the map it lies", parameter)
    transform = tuple(raster.transform)[:6]
    factor = _metres(raster, parameter)
    crs = str(raster.crs.to_wkt())
    to_model = transformer(crs, parameter)
    x, y = to_model.transform(longitude, latitude)
    a, b, c, d, e, f = tuple(~raster.transform)[:6]
    column, row = a * np.asarray(x) + b * np.asarray(y) + c, d * np.asarray(x) + e * np.asarray(y) + f
    known = np.isfinite(column) & np.isfinite(row)
    inside = known & (column >= 0) & (column <= raster.width) & (row >= 0) & (row <= raster.height)
    if not inside.any():
        raise InputError(f"{parameter}: the flight lies outside the terrain model; {_places(raster)}", parameter)
    first_column, columns = _span(column[inside], raster.width)
    first_row, rows = _span(row[inside], raster.height)
    if rows * columns > MOST_CELLS:
        raise TooLarge(
            f"{parameter}: the terrain model has {rows * columns} cells over the flight; at most {MOST_CELLS} are "
            "read: send a coarser one",
            parameter,
        )
    if math.prod(raster.block_shapes[0]) > _MOST_BLOCK:
        raise TooLarge(
            f"{parameter}: the blocks of the GeoTIFF have {math.prod(raster.block_shapes[0])} cells; write it tiled",
            parameter,
        )
    cells = raster.read(1, window=Window(first_column, first_row, columns, rows), masked=True)
    heights = np.ma.filled(cells.astype(float), np.nan) * raster.scales[0] + raster.offsets[0]
    heights[~np.isfinite(heights)] = np.nan
    a, b, c, d, e, f = transform
    corner = (
        c + a * first_column + b * first_row,
        f + d * first_column + e * first_row,
    )
    return Elevation(heights * factor, (a, b, corner[0], d, e, corner[1]), crs, parameter)


def _metres(raster: Any, parameter: str) -> float:
    unit = str(raster.units[0] or "").strip().lower()
    if unit not in _METRES:
        raise InputError(f"{parameter}: the heights of the terrain model are in {unit[:40]!r}, not in m", parameter)
    return _METRES[unit]


def _span(places: NDArray[np.float64], size: int) -> tuple[int, int]:
    """First cell and number of cells that hold some places with a margin."""
    first = max(int(np.floor(places.min())) - _MARGIN, 0)
    last = min(int(np.ceil(places.max())) + _MARGIN, size)
    return first, last - first


def _places(raster: Any) -> str:
    left, bottom, right, top = raster.bounds
    system = raster.crs.to_string()
    system = system if len(system) < 40 else "its own system"
    return f"it covers {left:g} to {right:g} and {bottom:g} to {top:g} in {system}"

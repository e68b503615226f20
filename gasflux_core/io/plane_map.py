"""The flux plane on the map: the upright plane folded flat to the ground, as a GeoTIFF that any GIS can place.

The fold is the lower edge of the grid, which comes to lie on the footprint line. The plane falls over with the wind:
a cell whose centre is h above the fold lies h beside the line, on the side to which the wind blows (a cylinder opens
outward from its axis). So lengths and areas on the map are those of the plane, and the raster of a curtain is turned
against the map's grid: its geotransform says so, and its cells are those of the upright raster, one by one.

The ring that a cylinder opens to fits no geotransform; it is drawn on a raster with north up whose pixels, a third of
the smaller side of a cell, take the cell that they lie in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gasflux_core.io.geotiff import common_grid, plane_tags, raster_bands, write_raster
from gasflux_core.plane import Plane

if TYPE_CHECKING:
    from gasflux_core.kriging import Field

_Transform = tuple[float, float, float, float, float, float]

_PIXELS_A_CELL = 3
"""Of a raster with north up, along the smaller side of a cell; two would do for every cell to be met."""

_MOST_PIXELS = 1_000_000
"""Of a raster with north up; beyond it the pixels grow."""


@dataclass(frozen=True)
class Band:
    """One band of a raster, as its file tells it."""

    description: str
    """Gas, and ``flux density`` or ``standard error``."""
    unit: str
    minimum: float | None
    """Of the cells; None where all are unknown."""
    maximum: float | None


@dataclass(frozen=True)
class MapRaster:
    """A raster on the map, as its file tells it."""

    crs: str
    """``EPSG:n``."""
    bounds: tuple[float, float, float, float]
    """West, south, east, north of all its corners, m."""
    width: int
    height: int
    north_up: bool
    """Whether its rows run from west to east, and the first is the northernmost."""
    bands: tuple[Band, ...]


def write_flux_plane_map(
    path: Path, field_by_gas: Mapping[str, Field], plane: Plane, versions: Mapping[str, str]
) -> None:
    """Write the same bands as :func:`gasflux_core.io.geotiff.write_flux_plane`, in the plane's own projection.

    Equal input gives equal bytes.

    :param field_by_gas: gas → field; all on one grid.
    :param versions: program and libraries → version, for the tags.
    :raises ValueError: when there is no field, or the grids differ or are uneven: a fault of the caller.
    """
    first = common_grid(field_by_gas)
    bands = raster_bands(field_by_gas)
    fold = float(first.z[0]) - first.cell_height / 2
    tags = plane_tags(field_by_gas, plane, versions)
    tags |= {
        "TIFFTAG_IMAGEDESCRIPTION": f"{tags['TIFFTAG_IMAGEDESCRIPTION']}, folded flat to the ground",
        "FOLDED": "downwind about the lower edge" if plane.radius is None else "outward about the lower edge",
        "FOLD_HEIGHT_METRES": f"{fold:.3f}",
    }
    if plane.radius is None:
        write_raster(path, bands, plane.crs, _turned(first, plane), tags)
    else:
        row, column, transform = _ring(first, plane)
        unknown = (row < 0) | (column < 0)
        opened = {name: np.where(unknown, np.float32(np.nan), cells[row, column]) for name, cells in bands.items()}
        write_raster(path, opened, plane.crs, transform, tags)


def read_map_raster(path: Path) -> MapRaster | None:
    """What there is to know of a GeoTIFF, or None where it lies on no map, as the upright plane doesn't."""
    # rasterio takes 0.2 s to import
    import rasterio

    with rasterio.open(path) as raster:
        code = raster.crs.to_epsg() if raster.crs else None
        if code is None:
            return None
        corners = [raster.transform @ (x, y) for x in (0, raster.width) for y in (0, raster.height)]
        east, north = zip(*corners, strict=True)
        return MapRaster(
            crs=f"EPSG:{code}",
            bounds=(min(east), min(north), max(east), max(north)),
            width=raster.width,
            height=raster.height,
            north_up=raster.transform.b == raster.transform.d == 0.0 and raster.transform.e < 0,
            bands=tuple(
                Band(description or "", unit or "", _statistic(tags, "MINIMUM"), _statistic(tags, "MAXIMUM"))
                for description, unit, tags in (
                    (raster.descriptions[index], raster.units[index], raster.tags(index + 1))
                    for index in range(raster.count)
                )
            ),
        )


def write_north_up(source: Path, path: Path) -> None:
    """Write a copy whose rows run from west to east, for programs that read no turned geotransform.

    Its pixels are small enough for every cell to be met, and each has the value of the cell that its centre lies in.
    """
    import rasterio

    with rasterio.open(source) as raster:
        place = raster.transform
        corners = [place @ (x, y) for x in (0, raster.width) for y in (0, raster.height)]
        east, north = zip(*corners, strict=True)
        cell = min(math.hypot(place.a, place.d), math.hypot(place.b, place.e))
        easting, northing, transform = _pixels((min(east), min(north), max(east), max(north)), cell)
        column, row = ~place @ (easting[None, :], northing[:, None])
        column, row = np.floor(column).astype(int), np.floor(row).astype(int)
        outside = (column < 0) | (column >= raster.width) | (row < 0) | (row >= raster.height)
        places = row.clip(0, raster.height - 1), column.clip(0, raster.width - 1)
        bands = {
            description: np.where(outside, np.float32(np.nan), raster.read(number)[places])
            for number, description in enumerate(raster.descriptions, start=1)
        }
        write_raster(path, bands, raster.crs.to_string(), transform, raster.tags())


def _turned(field: Field, plane: Plane) -> _Transform:
    """The geotransform under which the upright raster lies folded on the map."""
    left = float(field.x[0]) - field.cell_width / 2
    height = field.cell_height * len(field.z)
    # from the top left corner: one cell along the line, and one towards it
    x = [left, left + field.cell_width, left]
    easting, northing = plane.folded(x, [height, height, height - field.cell_height])
    return (
        float(easting[1] - easting[0]),
        float(easting[2] - easting[0]),
        float(easting[0]),
        float(northing[1] - northing[0]),
        float(northing[2] - northing[0]),
        float(northing[0]),
    )


def _ring(field: Field, plane: Plane) -> tuple[NDArray[np.int64], NDArray[np.int64], _Transform]:
    """Row and column (of the upright raster, −1 outside) of every pixel of a raster around the ring."""
    radius = plane.radius or 0.0
    reach = radius + field.cell_height * len(field.z)
    bounds = (
        plane.centre_easting - reach,
        plane.centre_northing - reach,
        plane.centre_easting + reach,
        plane.centre_northing + reach,
    )
    easting, northing, transform = _pixels(bounds, min(field.cell_width, field.cell_height))
    away = np.hypot(easting[None, :] - plane.centre_easting, northing[:, None] - plane.centre_northing) - radius
    level = np.floor(away / field.cell_height).astype(int)
    x = plane.along(*np.meshgrid(easting, northing)) - (field.x[0] - field.cell_width / 2)
    column = np.floor(x / field.cell_width).astype(int)
    outside = (level < 0) | (level >= len(field.z)) | (column < 0) | (column >= len(field.x))
    row = len(field.z) - 1 - level
    return np.where(outside, -1, row), np.where(outside, -1, column), transform


def _pixels(
    bounds: tuple[float, float, float, float], cell: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], _Transform]:
    """Eastings and northings of the pixels' centres of a raster with north up over some bounds."""
    west, south, east, north = bounds
    size = max(cell / _PIXELS_A_CELL, math.sqrt((east - west) * (north - south) / _MOST_PIXELS))
    columns, rows = max(1, math.ceil((east - west) / size)), max(1, math.ceil((north - south) / size))
    easting = np.asarray(west + (np.arange(columns) + 0.5) * size, dtype=float)
    northing = np.asarray(north - (np.arange(rows) + 0.5) * size, dtype=float)
    return easting, northing, (size, 0.0, west, 0.0, -size, north)


def _statistic(tags: Mapping[str, str], name: str) -> float | None:
    text = tags.get(f"STATISTICS_{name}")
    return None if text is None else float(text)

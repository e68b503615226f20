"""Terrain models for tests, as GeoTIFF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.transform import Affine

Ground = Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
"""Height in m at places given in the model's own coordinates."""


def write_dem(
    path: Path,
    ground: Ground,
    *,
    crs: str = "EPSG:32630",
    left: float,
    top: float,
    cell: float,
    size: tuple[int, int] = (60, 60),
    rotation: float = 0.0,
    dtype: str = "float64",
    **more: Any,
) -> Path:
    """A model whose cells hold the ground's height at their middles.

    :param left, top: of the upper left corner. :param cell: width and height of a cell. :param size: rows, columns.
    :param rotation: of the raster about that corner, deg.
    :param more: further settings of the file, such as nodata; ``unit``, ``scale`` and ``offset`` of its band.
    """
    rows, columns = size
    transform = Affine.translation(left, top) @ Affine.rotation(rotation) @ Affine.scale(cell, -cell)
    column, row = np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5)
    x, y = transform @ (column, row)
    unit, scale, offset = more.pop("unit", None), more.pop("scale", 1.0), more.pop("offset", 0.0)
    profile = {"driver": "GTiff", "width": columns, "height": rows, "count": 1, "dtype": dtype, **more}
    with rasterio.open(path, "w", crs=crs or None, transform=transform, **profile) as raster:
        raster.write(((ground(x, y) - offset) / scale).astype(dtype), 1)
        if unit:
            raster.set_band_unit(1, unit)
        if (scale, offset) != (1.0, 0.0):
            raster.scales, raster.offsets = [scale], [offset]
    return path

"""The flux plane as a raster: a cloud-optimised GeoTIFF in the plane's own metres.

Column and row are x along the plane and z above take-off; a cell is an area, the top row is the
highest. The raster is upright, so that no coordinate system of the map fits it: it has an engineering
system in metres (OGC 18-010r7, WKT 2, § 10), and its tags say where its ends are on the map.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.plane import Plane

if TYPE_CHECKING:
    from gasflux_core.kriging import Field

CRS_NAME = "Upright flight plane: x along the plane, z above take-off"

_CRS = f'LOCAL_CS["{CRS_NAME}",UNIT["metre",1],AXIS["x along the plane",EAST],AXIS["z above take-off",NORTH]]'
"""WKT 1, since GeoTIFF keeps no more of an engineering system; north stands for up, which WKT 1 does not know."""

FLUX_DENSITY, STANDARD_ERROR = "flux density", "standard error"
"""What the two bands of a gas are described as, after its name."""

_FLUX_UNIT = "kg m-2 h-1"

_EVEN = 1e-6
"""Departure of cell centres from even spacing, in cells, that is rounding."""


def write_flux_plane(path: Path, field_by_gas: Mapping[str, Field], plane: Plane, versions: Mapping[str, str]) -> None:
    """Write two bands a gas, flux density and its standard error (kg m⁻² h⁻¹, float32, NaN where unknown).

    Equal input gives equal bytes.

    :param field_by_gas: gas → field; all on one grid.
    :param versions: program and libraries → version, for the tags.
    :raises ValueError: when there is no field, or the grids differ or are uneven: a fault of the caller.
    """
    first = common_grid(field_by_gas)
    left = float(first.x[0]) - first.cell_width / 2
    top = float(first.z[-1]) + first.cell_height / 2
    write_raster(
        path,
        raster_bands(field_by_gas),
        _CRS,
        (first.cell_width, 0.0, left, 0.0, -first.cell_height, top),
        plane_tags(field_by_gas, plane, versions),
    )


def common_grid(field_by_gas: Mapping[str, Field]) -> Field:
    """The first of the fields, whose grid is that of all.

    :raises ValueError: when there is no field, or the grids differ or are uneven.
    """
    if not field_by_gas:
        raise ValueError("no field to write")
    first = next(iter(field_by_gas.values()))
    for field in field_by_gas.values():
        _check_grid(field, first)
    return first


def raster_bands(field_by_gas: Mapping[str, Field]) -> dict[str, NDArray[np.float32]]:
    """Description of each band → its cells, the highest row first, NaN where unknown."""
    return {
        f"{gas} {what}": _as_raster(values)
        for gas, field in field_by_gas.items()
        for what, values in ((FLUX_DENSITY, field.estimate), (STANDARD_ERROR, field.standard_error))
    }


def write_raster(
    path: Path,
    bands: Mapping[str, NDArray[np.float32]],
    crs: str,
    transform: tuple[float, float, float, float, float, float],
    tags: Mapping[str, str],
) -> None:
    """Write flux densities and standard errors as a cloud-optimised GeoTIFF.

    :param bands: as :func:`raster_bands` gives them.
    :param crs: EPSG code, or WKT.
    :param transform: a, b, c, d, e, f of x = a·column + b·row + c and y = d·column + e·row + f.
    """
    # rasterio takes 0.2 s to import
    import rasterio
    from rasterio.crs import CRS
    from rasterio.transform import Affine

    height, width = next(iter(bands.values())).shape
    profile: dict[str, Any] = {
        "driver": "COG",
        "width": width,
        "height": height,
        "count": len(bands),
        "dtype": "float32",
        "nodata": float("nan"),
        "crs": CRS.from_user_input(crs),
        "transform": Affine(*transform),
        "compress": "DEFLATE",
        "predictor": "YES",
        "blocksize": 256,
        # means of cells keep the integral, the nearest cell would not
        "overview_resampling": "AVERAGE",
    }
    # one thread, so that equal input gives equal bytes
    with rasterio.Env(GDAL_NUM_THREADS=1), rasterio.open(path, "w", **profile) as raster:
        for number, (description, cells) in enumerate(bands.items(), start=1):
            raster.write(cells, number)
            raster.set_band_description(number, description)
            raster.set_band_unit(number, _FLUX_UNIT)
            raster.update_tags(number, **_statistics(cells))
        raster.update_tags(**tags)


def _as_raster(values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Highest row first, what is not finite as NaN."""
    cells = np.asarray(values, dtype=np.float32)[::-1]
    return np.where(np.isfinite(cells), cells, np.float32(np.nan))


def _statistics(cells: NDArray[np.float32]) -> dict[str, str]:
    """In GDAL's names, so that viewers need not read the cells to choose their colours."""
    finite = cells[np.isfinite(cells)].astype(float)
    if finite.size == 0:
        return {}
    figures = {
        "STATISTICS_MINIMUM": finite.min(),
        "STATISTICS_MAXIMUM": finite.max(),
        "STATISTICS_MEAN": finite.mean(),
        "STATISTICS_STDDEV": finite.std(),
        "STATISTICS_VALID_PERCENT": 100.0 * finite.size / cells.size,
    }
    return {name: f"{value:.9g}" for name, value in figures.items()}


def plane_tags(field_by_gas: Mapping[str, Field], plane: Plane, versions: Mapping[str, str]) -> dict[str, str]:
    """What is to be known of the plane beside its cells, as GDAL's metadata."""
    tags = {
        "AREA_OR_POINT": "Area",
        "TIFFTAG_SOFTWARE": f"gasflux-wps {versions.get('gasflux-wps', '')}".strip(),
        "TIFFTAG_IMAGEDESCRIPTION": f"Flux density of {', '.join(field_by_gas)} through an upright plane",
        "GASES": ",".join(field_by_gas),
        "PLANE_KIND": plane.kind,
        "X_MEANING": "distance along the plane, m"
        if plane.period is None
        else "arc length clockwise from due true north of the axis, m",
        "Z_MEANING": "height above take-off, m",
        "START_LONGITUDE_LATITUDE": _lonlat(plane.start),
        "END_LONGITUDE_LATITUDE": _lonlat(plane.end),
        "LONGITUDE_LATITUDE_CRS": "EPSG:4326",
        "POSITION_CRS": plane.crs,
        "ORIGIN_EASTING_NORTHING": f"{plane.origin_easting:.3f} {plane.origin_northing:.3f}",
        "MERIDIAN_CONVERGENCE_DEGREES": f"{plane.convergence:.6f}",
        "LENGTH_METRES": f"{plane.length:.3f}",
        "EMISSION_RATE_KG_PER_HOUR": json.dumps({gas: found.integral for gas, found in field_by_gas.items()}),
        "VERSIONS": json.dumps(dict(versions), sort_keys=True),
    }
    if plane.azimuth is not None and plane.normal_azimuth is not None:
        tags["AZIMUTH_TRUE_DEGREES"] = f"{plane.azimuth:.6f}"
        tags["NORMAL_TRUE_DEGREES"] = f"{plane.normal_azimuth:.6f}"
    if plane.radius is not None:
        tags["RADIUS_METRES"] = f"{plane.radius:.3f}"
        tags["AXIS_EASTING_NORTHING"] = f"{plane.centre_easting:.3f} {plane.centre_northing:.3f}"
    return tags


def _lonlat(place: tuple[float, float]) -> str:
    return f"{place[0]:.8f} {place[1]:.8f}"


def _check_grid(field: Field, first: Field) -> None:
    for name, centres, size in (("x", field.x, field.cell_width), ("z", field.z, field.cell_height)):
        even = centres[0] + size * np.arange(len(centres))
        if np.abs(centres - even).max() > _EVEN * size:
            raise ValueError(f"the cells of {field.gas} are not evenly spaced along {name}")
        if not np.array_equal(centres, getattr(first, name)):
            raise ValueError(f"the fields of {field.gas} and {first.gas} lie on different grids along {name}")

"""Layers for maps: the flight's track and the plane's footprint, as GeoJSON (RFC 7946) and together in one zip."""

from __future__ import annotations

import math
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gasflux_core.plane import Plane

if TYPE_CHECKING:
    from gasflux_core.kriging import Field

MOST_POINTS = 20_000
"""Points of a track layer; of a longer flight every n-th row is shown. The processed table has them all."""

_DECIMALS = 8
"""Of degrees: about 1 mm."""

_FIGURES = 9
"""Significant figures of properties: more than any sensor has."""

_TRACK_COLUMNS = (
    "height_ato",
    "height_agl",
    "windspeed",
    "winddir",
    "wind_normal",
    "transect",
    "kept",
    "reason",
    "x",
    "z",
)
_GAS_SUFFIXES = ("", "_background", "_enhancement", "_flux_density")

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of files in a zip, the earliest it can hold, so that equal layers give equal bytes."""


def track_geojson(table: pd.DataFrame, gases: Sequence[str]) -> dict[str, Any]:
    """The flight's rows as points in longitude and latitude, with what was measured and found there.

    Heights are properties, not third coordinates: those would be above the ellipsoid (RFC 7946, § 4).

    :param table: as processed; the columns that it has of position, wind, transects, plane and gases are written.
    """
    step = max(1, math.ceil(len(table) / MOST_POINTS))
    shown = table.iloc[::step]
    names = [name for name in _TRACK_COLUMNS if name in table.columns]
    names += [gas + suffix for gas in gases for suffix in _GAS_SUFFIXES if gas + suffix in table.columns]
    columns: dict[str, list[Any]] = {"row": [int(row) + 1 for row in range(0, len(table), step)]}
    if "timestamp" in table.columns:
        columns["timestamp"] = [time.isoformat().replace("+00:00", "Z") for time in pd.to_datetime(shown["timestamp"])]
    columns.update({name: [_plain(value) for value in shown[name].tolist()] for name in names})
    places = zip(shown["longitude"].tolist(), shown["latitude"].tolist(), strict=True)
    features = [
        _feature(values[0], "Point", _rounded(place), dict(zip(columns, values, strict=True)))
        for place, values in zip(places, zip(*columns.values(), strict=True), strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}


def footprint_geojson(plane: Plane, fields: Mapping[str, Field]) -> dict[str, Any]:
    """The plane seen from above: one line a column of the grid, with the flux that passes it.

    Properties of each line: ``x`` (m, its middle), ``width`` (m), and for each gas ``<gas>_flux``, the flux density
    integrated over height (kg h⁻¹ m⁻¹), and ``<gas>_rate``, the same times the column's width (kg h⁻¹); null where
    nothing is known. The rates add up to the field's integral.

    :param fields: gas → field; all on one grid.
    """
    first = next(iter(fields.values()))
    edges = np.append(first.x - first.cell_width / 2, first.x[-1] + first.cell_width / 2)
    longitude, latitude = plane.lonlat(edges)
    places = [_rounded(place) for place in zip(longitude.tolist(), latitude.tolist(), strict=True)]
    columns: dict[str, list[Any]] = {
        "x": [_plain(value) for value in first.x.tolist()],
        "width": [_plain(first.cell_width)] * len(first.x),
    }
    for gas, field in fields.items():
        inside = (field.region > 0) & np.isfinite(field.estimate)
        flux = np.where(inside, field.estimate, 0.0).sum(axis=0) * field.cell_height
        flux = np.where(inside.any(axis=0), flux, np.nan)
        columns[f"{gas}_flux"] = [_plain(value) for value in flux.tolist()]
        columns[f"{gas}_rate"] = [_plain(value) for value in (flux * field.cell_width).tolist()]
    features = [
        _feature(number, "LineString", list(ends), dict(zip(columns, values, strict=True)))
        for number, (ends, values) in enumerate(
            zip(pairwise(places), zip(*columns.values(), strict=True), strict=True), start=1
        )
    ]
    return {"type": "FeatureCollection", "features": features}


def write_layers_zip(path: Path, layers: Mapping[str, Mapping[str, Any]]) -> None:
    """Write the layers into a GeoPackage, and that into a zip; equal layers give equal bytes.

    Clients that are handed a zip look into it only where it holds a single file, and QGIS opens the first layer of
    that one by itself.

    :param layers: name of each layer → GeoJSON, all features of one kind of geometry in longitude and latitude.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        package = Path(folder) / "layers.gpkg"
        for number, (name, layer) in enumerate(layers.items()):
            _add_layer(package, name, layer["features"], append=number > 0)
        entry = zipfile.ZipInfo(package.name, _EPOCH)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = 0o644 << 16
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(entry, package.read_bytes())


def _add_layer(package: Path, name: str, features: Sequence[Mapping[str, Any]], *, append: bool) -> None:
    # Heavy, and needed only where layers are written.
    import pyogrio
    import pyogrio.raw
    import shapely

    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in features]
    table = pd.DataFrame.from_records([feature["properties"] for feature in features])
    # The date of the last change, which the package holds.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": "1980-01-01T00:00:00.000Z"})
    pyogrio.raw.write(
        package,
        shapely.to_wkb(shapes),
        [column.to_numpy() for _, column in table.items()],
        list(table.columns),
        field_mask=[column.isna().to_numpy() for _, column in table.items()],
        layer=name,
        driver="GPKG",
        geometry_type=shapes[0].geom_type,
        crs="EPSG:4326",
        append=append,
        # GDAL 3.6, which QGIS 3.22 comes with, doesn't find a package of a newer version within a zip.
        dataset_options={"VERSION": "1.2"},
    )


def _feature(number: int, kind: str, coordinates: Any, properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "Feature",
        "id": number,
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }


def _rounded(place: tuple[float, float]) -> list[float]:
    return [round(place[0], _DECIMALS), round(place[1], _DECIMALS)]


def _plain(value: Any) -> Any:
    """A number as JSON holds it, without figures that mean nothing; null for NaN."""
    if isinstance(value, float):
        return float(f"{value:.{_FIGURES}g}") if math.isfinite(value) else None
    return value

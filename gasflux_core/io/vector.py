"""Vector files as flight tables: GeoJSON, GeoPackage and GML, so that a WFS can be the source."""

from __future__ import annotations

import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.errors import InputError, TooLarge
from gasflux_core.headers import match_columns

LONGITUDE_LATITUDE = "EPSG:4326"

_WFS_1 = "http://www.opengis.net/wfs"
_GML_3_1 = "http://www.opengis.net/gml"
"""Also GML 2's, which has no element ``pos``."""


def read_geojson(path: Path, parameter: str, max_rows: int) -> pd.DataFrame:
    """Read the points of a GeoJSON FeatureCollection (RFC 7946; a ``crs`` of the 2008 form is heeded).

    :raises InputError: no JSON, no FeatureCollection, or geometries other than points.
    """
    try:
        # the standard reader, as GDAL has drivers that fetch what a JSON text tells them to
        data = json.loads(path.read_bytes().decode("utf-8-sig"), parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{parameter}: the JSON is broken at line {error.lineno}, column {error.colno} ({error.msg})", parameter
        ) from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"{parameter}: the JSON can't be read ({str(error)[:100]})", parameter) from None
    features = data.get("features") if isinstance(data, Mapping) else None
    if not isinstance(features, list) or data.get("type") != "FeatureCollection":
        raise InputError(f"{parameter}: the JSON is no GeoJSON FeatureCollection of points", parameter)
    _limit_rows(len(features), parameter, max_rows)
    places = np.full((len(features), 3), np.nan)
    records = []
    for row, feature in enumerate(features, start=1):
        properties, place = _point_feature(feature, row, parameter)
        records.append(properties)
        places[row - 1, : len(place)] = place
    table = pd.DataFrame.from_records(records, index=pd.RangeIndex(len(records)))
    return _with_position(table, places, _crs_of_geojson(data, parameter), parameter)


def read_geopackage(path: Path, parameter: str, max_rows: int) -> pd.DataFrame:
    """Read the one layer of points (or table) of a GeoPackage.

    :raises InputError: no GeoPackage, damaged, several layers, or geometries other than points.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            created = [str(sql) for (sql,) in database.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
            names = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise InputError(f"{parameter}: the GeoPackage is damaged ({error})", parameter) from None
    if "gpkg_contents" not in names:
        raise InputError(f"{parameter}: the file is an SQLite database but no GeoPackage", parameter)
    virtual = [
        sql for sql in created if sql.lower().lstrip().startswith("create virtual") and "rtree" not in sql.lower()
    ]
    if virtual:
        # GDAL's virtual tables open any file or address they name
        raise InputError(f"{parameter}: the GeoPackage has virtual tables, which aren't read", parameter)
    return _read_layer(path, "GPKG", parameter, max_rows)


def read_gml(path: Path, parameter: str, max_rows: int) -> pd.DataFrame:
    """Read the points of a GML FeatureCollection, whichever its order of axes.

    :raises InputError: no GML, damaged, several layers, or geometries other than points.
    """
    # defusedxml only here, as few flights come as GML
    from defusedxml import ElementTree
    from defusedxml.common import DefusedXmlException

    text = path.read_bytes()
    try:
        root = ElementTree.fromstring(text, forbid_dtd=True)
    except DefusedXmlException:
        raise InputError(f"{parameter}: the XML has a DTD or entities, which aren't read", parameter) from None
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{parameter}: the XML is broken ({error})", parameter) from None
    namespaces = {element.tag[1:].partition("}")[0] for element in root.iter() if element.tag.startswith("{")}
    if not any(name.startswith("http://www.opengis.net/gml") for name in namespaces) or b"<OGRVRT" in text:
        name = root.tag.rpartition("}")[2]
        raise InputError(f"{parameter}: the XML (<{name[:60]}>) is no GML feature collection", parameter)
    # WFS 1.1 writes positions in the order of their system's own axes even where it names that EPSG:4326, a name that
    # elsewhere stands for longitude before latitude (OGC 04-094, clause 9.2; OGC's axis order policy)
    is_wfs_1_1 = root.tag == f"{{{_WFS_1}}}FeatureCollection" and root.find(f".//{{{_GML_3_1}}}pos") is not None
    options = {"CONSIDER_EPSG_AS_URN": "YES"} if is_wfs_1_1 else {}
    return _read_layer(path, "GML", parameter, max_rows, **options)


def _read_layer(path: Path, driver: str, parameter: str, max_rows: int, **options: str) -> pd.DataFrame:
    # GDAL takes 0.3 s to load, and most flights come as CSV
    import pyogrio
    import pyogrio.raw
    import shapely
    from pyogrio.errors import DataLayerError, DataSourceError

    # schemas and links that a GML names are not fetched
    pyogrio.set_gdal_config_options({"GML_DOWNLOAD_SCHEMA": False, "GML_SKIP_RESOLVE_ELEMS": "ALL"})
    with tempfile.TemporaryDirectory() as folder:
        # GDAL goes by the file's ending too, and writes a .gfs beside a GML
        copy = Path(shutil.copyfile(path, Path(folder, f"layer.{driver.lower()}")))
        try:
            layers = pyogrio.list_layers(copy)
            if len(layers) != 1:
                found = ", ".join(str(name) for name, _ in layers) or "none"
                raise InputError(f"{parameter}: expected one layer, found {len(layers)} ({found})", parameter)
            info = pyogrio.read_info(copy, force_feature_count=True, **options)
            if info["driver"] != driver:
                raise InputError(f"{parameter}: the file reads as {info['driver']}, not as {driver}", parameter)
            _limit_rows(int(info["features"]), parameter, max_rows)
            meta, _, shapes, fields = pyogrio.raw.read(copy, datetime_as_string=True, **options)
        except (DataSourceError, DataLayerError) as error:
            reason = str(error).replace(str(copy), "the file")[:200]
            raise InputError(f"{parameter}: GDAL can't read the {driver} file ({reason})", parameter) from None
    table = pd.DataFrame(dict(zip(meta["fields"], fields, strict=True)))
    if shapes is None:
        return table
    points = shapely.from_wkb(shapes)
    several = shapely.get_type_id(points) == shapely.GeometryType.MULTIPOINT
    points = np.where(several & (shapely.get_num_geometries(points) == 1), shapely.get_geometry(points, 0), points)
    odd = ~shapely.is_missing(points) & (shapely.get_type_id(points) != shapely.GeometryType.POINT)
    if odd.any():
        row = int(np.argmax(odd))
        raise _not_a_point(points[row].geom_type, row + 1, parameter)
    places = np.column_stack([shapely.get_x(points), shapely.get_y(points), shapely.get_z(points)])
    return _with_position(table, places, meta["crs"] or LONGITUDE_LATITUDE, parameter)


def _point_feature(feature: Any, row: int, parameter: str) -> tuple[dict[str, Any], list[float]]:
    if not isinstance(feature, Mapping):
        raise InputError(f"{parameter}: feature {row} is no JSON object", parameter, row=row)
    properties = feature.get("properties") or {}
    geometry = feature.get("geometry")
    if not isinstance(properties, Mapping):
        raise InputError(f"{parameter}: the properties of feature {row} are no JSON object", parameter, row=row)
    if geometry is None:
        return dict(properties), []
    kind = geometry.get("type") if isinstance(geometry, Mapping) else None
    if kind != "Point":
        raise _not_a_point(str(kind), row, parameter)
    place = geometry.get("coordinates")
    if (
        not isinstance(place, list)
        or len(place) < 2
        or any(isinstance(part, bool) or not isinstance(part, int | float) for part in place[:3])
    ):
        raise InputError(f"{parameter}: the coordinates of feature {row} are no position", parameter, row=row)
    return dict(properties), [float(part) for part in place[:3]]


def _crs_of_geojson(data: Mapping[str, Any], parameter: str) -> str:
    crs = data.get("crs")
    if crs is None:
        return LONGITUDE_LATITUDE
    named = crs.get("properties") if isinstance(crs, Mapping) else None
    name = named.get("name") if isinstance(named, Mapping) else None
    if not isinstance(name, str) or not name.upper().startswith(("EPSG:", "URN:OGC:DEF:CRS:")):
        raise InputError(f"{parameter}: the crs of the GeoJSON has no name such as EPSG:4326", parameter)
    return name


def _with_position(table: pd.DataFrame, places: NDArray[np.float64], crs: str, parameter: str) -> pd.DataFrame:
    """Add latitude, longitude and height from the geometry where the table has no such columns."""
    there = match_columns([str(name) for name in table.columns])
    known = ~np.isnan(places[:, 0])
    if known.any() and not ("latitude" in there and "longitude" in there):
        longitude, latitude = _to_degrees(places[:, 0], places[:, 1], crs, parameter)
        # one of the two alone would not pair with the geometry's other
        spare = [match.position for name in ("latitude", "longitude") for match in there.get(name, [])]
        table = table.iloc[:, [i for i in range(table.shape[1]) if i not in spare]]
        table = table.assign(latitude=latitude, longitude=longitude)
    if "height_ato" not in there and not np.isnan(places[:, 2]).any() and len(places):
        table = table.assign(height_ato=places[:, 2])
    return table


def _to_degrees(
    x: NDArray[np.float64], y: NDArray[np.float64], crs: str, parameter: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if crs.upper() in (LONGITUDE_LATITUDE, "URN:OGC:DEF:CRS:OGC:1.3:CRS84", "URN:OGC:DEF:CRS:OGC::CRS84"):
        return x, y
    from pyproj import Transformer
    from pyproj.exceptions import ProjError

    try:
        to_degrees = Transformer.from_crs(crs, LONGITUDE_LATITUDE, always_xy=True)
        longitude, latitude = to_degrees.transform(x, y)
    except ProjError:
        raise InputError(
            f"{parameter}: the coordinate system {crs[:80]} of the layer is not known", parameter
        ) from None
    return np.asarray(longitude), np.asarray(latitude)


def _limit_rows(rows: int, parameter: str, max_rows: int) -> None:
    if rows > max_rows:
        raise TooLarge(f"{parameter}: {rows} rows; at most {max_rows} are taken", parameter)


def _not_a_point(kind: str, row: int, parameter: str) -> InputError:
    return InputError(f"{parameter}: feature {row} is a {kind}; expected points, one a measurement", parameter, row=row)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")

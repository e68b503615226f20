"""Flights that come as GeoJSON, GeoPackage and GML."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyogrio.raw
import pytest
import shapely

from gasflux_core.errors import InputError, TooLarge
from gasflux_core.flight import check_flight
from gasflux_core.io.tables import read_table

LONGITUDE = -1.3 + 1e-5 * np.arange(30)
LATITUDE = 51.4 + 2e-5 * np.arange(30)
HEIGHT = 10.0 + np.arange(30)


def attributes() -> dict[str, Any]:
    return {
        "timestamp": np.array([f"2024-05-06T07:08:{i:02d}Z" for i in range(30)], dtype=object),
        "windspeed": np.full(30, 3.5),
        "winddir": np.full(30, 180.0),
        "temperature": np.full(30, 15, dtype=np.int32),
        "pressure": np.full(30, 1009.5),
        "CH4 (ppm)": 1.95 + 1e-3 * np.arange(30),
    }


def write_layer(
    path: Path, driver: str, *, crs: str = "EPSG:4326", x: Any = LONGITUDE, y: Any = LATITUDE, **options: Any
) -> Path:
    points = shapely.points(x, y, HEIGHT)
    fields = attributes()
    pyogrio.raw.write(
        path,
        shapely.to_wkb(points),
        list(fields.values()),
        list(fields),
        geometry_type="Point Z",
        crs=crs,
        driver=driver,
        **options,
    )
    return path


def geojson(**change: Any) -> dict[str, Any]:
    columns = {name: values.tolist() for name, values in attributes().items()}
    features = [
        {
            "type": "Feature",
            "properties": {name: values[i] for name, values in columns.items()},
            "geometry": {"type": "Point", "coordinates": [LONGITUDE[i], LATITUDE[i], HEIGHT[i]]},
        }
        for i in range(30)
    ]
    return {"type": "FeatureCollection", "features": features} | change


def check(path: Path) -> pd.DataFrame:
    table = check_flight(read_table(path), ["ch4"]).table
    np.testing.assert_allclose(table["latitude"], LATITUDE, atol=1e-9)
    np.testing.assert_allclose(table["longitude"], LONGITUDE, atol=1e-9)
    np.testing.assert_allclose(table["height_ato"], HEIGHT, atol=1e-9)
    np.testing.assert_allclose(table["ch4"], 1.95 + 1e-3 * np.arange(30), atol=1e-12)
    return table


def fault(path: Path) -> str:
    with pytest.raises(InputError) as error:
        read_table(path)
    return error.value.message


def test_geojson(tmp_path: Path) -> None:
    path = tmp_path / "flight"
    path.write_text(json.dumps(geojson()))
    check(path)


def test_geojson_written_by_gdal(tmp_path: Path) -> None:
    check(write_layer(tmp_path / "flight.geojson", "GeoJSON", layer_options={"COORDINATE_PRECISION": 12}))


def test_geojson_in_another_system(tmp_path: Path) -> None:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:32630", always_xy=True).transform(LONGITUDE, LATITUDE)
    data = geojson(crs={"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32630"}})
    for feature, east, north, height in zip(data["features"], x, y, HEIGHT, strict=True):
        feature["geometry"]["coordinates"] = [east, north, height]
    path = tmp_path / "flight.json"
    path.write_text(json.dumps(data))
    check(path)


@pytest.mark.parametrize(
    ("driver", "name", "options"),
    [
        ("GPKG", "flight.gpkg", {}),
        ("GML", "flight.gml", {"dataset_options": {"FORMAT": "GML3.2"}}),  # latitude first
        ("GML", "flight.gml", {"dataset_options": {"FORMAT": "GML2"}}),  # longitude first
        ("GML", "flight.gml", {"dataset_options": {"FORMAT": "GML3", "XSISCHEMA": "OFF"}}),
    ],
)
def test_layers_written_by_gdal(tmp_path: Path, driver: str, name: str, options: dict[str, Any]) -> None:
    path = write_layer(tmp_path / name, driver, **options)
    before = sorted(tmp_path.iterdir())
    check(path)
    assert sorted(tmp_path.iterdir()) == before  # GDAL would like to leave a .gfs


@pytest.mark.parametrize(("driver", "name"), [("GPKG", "flight.gpkg"), ("GML", "flight.gml")])
def test_layers_in_another_system(tmp_path: Path, driver: str, name: str) -> None:
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", "EPSG:27700", always_xy=True).transform(LONGITUDE, LATITUDE)
    table = check_flight(read_table(write_layer(tmp_path / name, driver, crs="EPSG:27700", x=x, y=y)), ["ch4"]).table
    np.testing.assert_allclose(table["latitude"], LATITUDE, atol=1e-6)
    np.testing.assert_allclose(table["longitude"], LONGITUDE, atol=1e-6)


def test_columns_win_over_the_geometry(tmp_path: Path) -> None:
    data = geojson()
    for i, feature in enumerate(data["features"]):
        feature["properties"] |= {"Lat": 10.0, "Lon": 20.0 + 1e-4 * i, "altitude": 55.0}
    path = tmp_path / "flight.json"
    path.write_text(json.dumps(data))
    table = check_flight(read_table(path), ["ch4"]).table
    assert (table["latitude"] == 10.0).all()
    assert (table["height_ato"] == 55.0).all()


def change_geometry(data: dict[str, Any]) -> None:
    data["features"][4]["geometry"] = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}


def change_place(data: dict[str, Any]) -> None:
    data["features"][2]["geometry"]["coordinates"] = ["a", 1]


def change_feature(data: dict[str, Any]) -> None:
    data["features"][1] = 7


def change_system(data: dict[str, Any]) -> None:
    data["crs"] = {"type": "name", "properties": {"name": "EPSG:999999"}}


def change_value(data: dict[str, Any]) -> None:
    data["features"][1]["properties"]["windspeed"] = float("nan")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (change_geometry, "feature 5 is a LineString; expected points"),
        (change_place, "coordinates of feature 3"),
        (change_feature, "feature 2 is no JSON object"),
        (change_system, "EPSG:999999 of the layer is not known"),
        (change_value, "NaN is no JSON number"),
    ],
)
def test_geojson_with_faults(tmp_path: Path, change: Callable[[dict[str, Any]], None], says: str) -> None:
    data = geojson()
    change(data)
    path = tmp_path / "flight.json"
    path.write_text(json.dumps(data))
    assert says in fault(path)


def test_too_many_features(tmp_path: Path) -> None:
    (tmp_path / "flight.json").write_text(json.dumps(geojson()))
    for path in (tmp_path / "flight.json", write_layer(tmp_path / "flight.gpkg", "GPKG")):
        with pytest.raises(TooLarge, match="30 rows; at most 29"):
            read_table(path, max_rows=29)


def test_several_layers_are_named(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "flight.gpkg", "GPKG", layer="first")
    write_layer(path, "GPKG", layer="second", append=True)
    assert "found 2 (first, second)" in fault(path)


def test_a_layer_of_lines(tmp_path: Path) -> None:
    lines = shapely.linestrings([[[0, 0], [1, 1]]])
    for driver, name in (("GPKG", "a.gpkg"), ("GML", "a.gml")):
        path = tmp_path / name
        pyogrio.raw.write(
            path,
            shapely.to_wkb(lines),
            [np.array([1.0])],
            ["a"],
            geometry_type="LineString",
            crs="EPSG:4326",
            driver=driver,
        )
        assert "feature 1 is a LineString" in fault(path)


# --- files made to harm


def test_a_gml_with_entities_is_refused(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "flight.gml", "GML")
    text = path.read_text().replace("?>", '?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', 1)
    path.write_text(text)
    assert "DTD or entities" in fault(path)


@pytest.mark.parametrize("prefix", ["", '<g xmlns="http://www.opengis.net/gml">'])
def test_a_virtual_layer_does_not_open_other_files(tmp_path: Path, prefix: str) -> None:
    secret = write_layer(tmp_path / "secret.gpkg", "GPKG")
    layer = f"<OGRVRTLayer name='secret'><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>"
    virtual = f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>"
    path = tmp_path / "flight.gml"
    path.write_text(prefix + virtual + ("</g>" if prefix else ""))
    assert "no GML" in fault(path)


def test_a_geopackage_with_virtual_tables_is_refused(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "flight.gpkg", "GPKG")
    with sqlite3.connect(path) as database:
        database.execute("CREATE VIRTUAL TABLE notes USING fts5(body)")
    assert "virtual tables" in fault(path)


def test_an_sqlite_file_that_is_no_geopackage(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "a.gpkg") as database:
        database.execute("CREATE TABLE a (b)")
    assert "no GeoPackage" in fault(tmp_path / "a.gpkg")


def test_a_geopackage_cut_short(tmp_path: Path) -> None:
    path = write_layer(tmp_path / "flight.gpkg", "GPKG")
    path.write_bytes(path.read_bytes()[:5000])
    assert "GeoPackage" in fault(path)


def test_wfs_1_1_has_latitude_first_even_where_it_says_epsg_4326(tmp_path: Path) -> None:
    """As MapServer writes it; GML 2 of WFS 1.0.0 has longitude first under the same name."""
    path = tmp_path / "wfs.gml"
    for position in ("<gml:pos>51.4 -1.3</gml:pos>", "<gml:coordinates>-1.3,51.4</gml:coordinates>"):
        path.write_text(
            '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs" xmlns:gml="http://www.opengis.net/gml" '
            'xmlns:ms="http://example.org/ms"><gml:featureMember><ms:flight><ms:geometry>'
            f'<gml:Point srsName="EPSG:4326">{position}</gml:Point></ms:geometry><ms:ch4>2.1</ms:ch4></ms:flight>'
            "</gml:featureMember></wfs:FeatureCollection>"
        )
        table = read_table(path)
        assert (table["latitude"][0], table["longitude"][0], table["ch4"][0]) == (51.4, -1.3, 2.1)

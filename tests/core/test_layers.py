"""Track and footprint as GeoJSON, read back by GDAL's vector drivers."""

from __future__ import annotations

import itertools
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyogrio
import pyogrio.raw
import pytest
import shapely

from gasflux_core.io.layers import MOST_POINTS, footprint_geojson, track_geojson, write_layers_zip
from tests.core.scenes import curtain, cylinder
from tests.core.test_geotiff import field_of


def flown(rows: int = 6) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "timestamp": pd.date_range("2026-06-01T10:00:00Z", periods=rows, freq="1500ms"),
            "latitude": 51.4 + 1e-5 * np.arange(rows),
            "longitude": -1.3,
            "height_ato": 10.0,
            "windspeed": 4.0,
            "winddir": 90,
            "transect": np.arange(rows) // 3 + 1,
            "kept": np.arange(rows) > 0,
            "reason": np.where(np.arange(rows) > 0, "", "turn"),
            "x": np.linspace(0, 20, rows),
            "z": 10.0,
            "ch4": 1.95,
            "ch4_enhancement": np.where(np.arange(rows) == 2, np.nan, 0.1),
            "ch4_flux_density": 1 / 3,
        }
    )


def test_track_has_a_point_a_row():
    layer = track_geojson(flown(), ["ch4"])
    assert layer["type"] == "FeatureCollection"
    assert len(layer["features"]) == 6
    second = layer["features"][1]
    assert second["geometry"] == {"type": "Point", "coordinates": [-1.3, 51.40001]}
    properties = second["properties"]
    assert properties["row"] == 2
    assert properties["timestamp"] == "2026-06-01T10:00:01.500000Z"
    assert (properties["kept"], properties["reason"], properties["transect"]) == (True, "", 1)
    assert properties["ch4_flux_density"] == 0.333333333
    assert layer["features"][2]["properties"]["ch4_enhancement"] is None
    json.dumps(layer, allow_nan=False)


def test_track_writes_the_columns_that_there_are():
    layer = track_geojson(flown()[["latitude", "longitude", "ch4"]], ["ch4", "co2"])
    assert list(layer["features"][0]["properties"]) == ["row", "ch4"]
    assert track_geojson(flown(0), ["ch4"])["features"] == []


def test_track_of_a_long_flight_is_thinned():
    layer = track_geojson(flown(2 * MOST_POINTS + 1), ["ch4"])
    assert len(layer["features"]) <= MOST_POINTS
    assert [feature["properties"]["row"] for feature in layer["features"][:3]] == [1, 4, 7]


@pytest.mark.parametrize("plane", [curtain(), cylinder(200.0 / (2 * np.pi))], ids=["curtain", "cylinder"])
def test_footprint_has_a_line_a_column(plane):
    field = field_of()
    layer = footprint_geojson(plane, {"ch4": field, "co2": field_of("co2", scale=3.0)})
    lines = layer["features"]
    assert len(lines) == 40
    ends = [line["geometry"]["coordinates"] for line in lines]
    assert all(one[1] == other[0] for one, other in itertools.pairwise(ends))
    for place, x in ((ends[0][0], 0.0), (ends[-1][1], 200.0)):
        assert place == pytest.approx([float(value) for value in plane.lonlat(x)], abs=1e-8)
    fifth = lines[4]["properties"]
    assert (fifth["x"], fifth["width"]) == (22.5, 5.0)
    assert fifth["ch4_flux"] == pytest.approx(4.0 * field.estimate[:, 4].sum())
    assert fifth["ch4_rate"] == pytest.approx(5.0 * fifth["ch4_flux"])
    total = sum(line["properties"]["co2_rate"] for line in lines)
    assert total == pytest.approx(3.0 * np.nansum(field.estimate) * 20.0, rel=1e-6)


def test_footprint_leaves_out_what_is_outside():
    field = field_of()
    region = field.region.copy()
    region[:, 7], region[5:, 8] = 0, 0
    layer = footprint_geojson(curtain(), {"ch4": replace(field, region=region)})
    assert layer["features"][7]["properties"]["ch4_flux"] is None
    assert layer["features"][8]["properties"]["ch4_flux"] == pytest.approx(4.0 * field.estimate[:5, 8].sum())


def test_zip_is_read_by_gdal_as_it_is(tmp_path: Path):
    path = tmp_path / "layers.zip"
    write_layers_zip(
        path, {"plane": footprint_geojson(curtain(), {"ch4": field_of()}), "track": track_geojson(flown(), ["ch4"])}
    )
    assert zipfile.ZipFile(path).namelist() == ["layers.gpkg"]
    assert pyogrio.list_layers(path).tolist() == [["plane", "LineString"], ["track", "Point"]]
    info = pyogrio.read_info(path, layer="plane")
    assert (info["features"], info["crs"]) == (40, "EPSG:4326")
    assert {"x", "width", "ch4_flux", "ch4_rate"} == set(info["fields"])
    meta, _, shapes, fields = pyogrio.raw.read(path, layer="track")
    read = dict(zip(meta["fields"], fields, strict=True))
    assert (len(shapes), shapely.from_wkb(shapes[1]).wkt) == (6, "POINT (-1.3 51.40001)")
    assert read["timestamp"][1] == "2026-06-01T10:00:01.500000Z"
    assert (read["kept"].tolist(), read["reason"][0]) == ([False] + [True] * 5, "turn")
    assert np.isnan(read["ch4_enhancement"]).tolist() == [False, False, True, False, False, False]


def test_zip_of_equal_layers_is_equal(tmp_path: Path):
    layers = {"track": track_geojson(flown(), ["ch4"])}
    for name in ("one.zip", "other.zip"):
        write_layers_zip(tmp_path / name, layers)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "other.zip").read_bytes()

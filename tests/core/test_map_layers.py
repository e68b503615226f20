"""Results as features: what lies in a box and an interval, and the cells of a raster as polygons."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
import shapely

from gasflux_core.io.layers import footprint_geojson, track_geojson
from gasflux_core.io.map_layers import CellLayer, VectorLayer, read_cell_layer, read_moment, read_vector_layer
from gasflux_core.io.plane_map import write_flux_plane_map
from gasflux_core.position import projection
from tests.core.test_geotiff import VERSIONS, field_of
from tests.core.test_layers import flown
from tests.core.test_plane_map import slanting


@pytest.fixture
def track(tmp_path: Path) -> VectorLayer:
    path = tmp_path / "track.geojson"
    path.write_text(json.dumps(track_geojson(flown(), ["ch4"])))
    return read_vector_layer(path)


@pytest.fixture
def footprint(tmp_path: Path) -> VectorLayer:
    path = tmp_path / "footprint.geojson"
    path.write_text(json.dumps(footprint_geojson(slanting(160.0), {"ch4": field_of()})))
    return read_vector_layer(path)


@pytest.fixture
def cells(tmp_path: Path) -> CellLayer:
    path = tmp_path / "map.tif"
    write_flux_plane_map(path, {"ch4": field_of()}, slanting(160.0), VERSIONS)
    return read_cell_layer(path)


def test_features_keep_their_identifiers(track: VectorLayer) -> None:
    assert track.count == 6
    assert [track.feature(place)["id"] for place in range(6)] == [1, 2, 3, 4, 5, 6]
    place = track.find("4")
    assert place is not None and track.feature(place)["properties"]["row"] == 4
    assert track.find("7") is None and track.find("x") is None


def test_features_without_identifiers_get_their_number() -> None:
    place = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 2]}, "properties": {"a": 1}}
    layer = VectorLayer((place, place))
    assert layer.feature(1)["id"] == 2 and layer.find("2") == 1


def test_bounds_and_times_are_those_of_all(track: VectorLayer) -> None:
    assert track.bounds == pytest.approx((-1.3, 51.4, -1.3, 51.40005))
    assert track.interval is not None
    first, last = track.interval
    assert first == datetime(2026, 6, 1, 10, tzinfo=UTC)
    assert last is not None and (last - datetime(2026, 6, 1, 10, tzinfo=UTC)).total_seconds() == 7.5


def test_a_layer_without_features_has_no_bounds() -> None:
    layer = VectorLayer(())
    assert (layer.count, layer.bounds, layer.interval, layer.geometry, layer.properties) == (0, None, None, "", {})
    assert layer.select((0, 0, 1, 1), None).size == 0


def test_times_choose_with_both_ends_included(track: VectorLayer) -> None:
    def rows(first: str | None, last: str | None) -> list[int]:
        interval = tuple(None if text is None else read_moment(f"2026-06-01T10:00:{text}Z") for text in (first, last))
        return [int(place) + 1 for place in track.select(None, interval)]  # type: ignore[arg-type]

    assert rows("01.5", "03") == [2, 3]
    assert rows(None, "00") == [1]
    assert rows("07.5", None) == [6]
    assert rows("08", None) == []


def test_features_without_a_time_are_in_every_interval(footprint: VectorLayer) -> None:
    assert footprint.interval is None
    assert len(footprint.select(None, (read_moment("1990-01-01"), None))) == 40


def test_a_box_chooses_what_it_meets_and_not_what_is_near(footprint: VectorLayer) -> None:
    # A box in the corner beside a slanting line: within the box around the line, and not on the line.
    line = shapely.from_geojson(json.dumps(footprint.feature(10)["geometry"]))
    west, south, east, north = line.bounds
    beside = (west, north - (north - south) / 10, west + (east - west) / 10, north)
    assert not shapely.intersects(shapely.box(*beside), line)
    assert 10 not in footprint.select(beside, None)
    assert 10 in footprint.select((west, south, east, north), None)
    for box in ((west, south, east, north), beside, (-180.0, -90.0, 180.0, 90.0)):
        expected = [
            place
            for place in range(footprint.count)
            if shapely.intersects(
                shapely.box(*box), shapely.from_geojson(json.dumps(footprint.feature(place)["geometry"]))
            )
        ]
        assert footprint.select(box, None).tolist() == expected


def test_a_box_may_lie_over_the_180th_meridian() -> None:
    features = tuple(
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [longitude, 0]}, "properties": {}}
        for longitude in (-179.5, 0.0, 179.5)
    )
    assert VectorLayer(features).select((179.0, -1.0, -179.0, 1.0), None).tolist() == [0, 2]


def test_properties_say_their_ranges(track: VectorLayer) -> None:
    ranges = track.properties
    assert ranges["row"] == (1, 6)
    assert ranges["ch4_enhancement"] == (0.1, 0.1)
    # No numbers: text, truth, nothing.
    assert ranges["timestamp"] is None and ranges["kept"] is None


def test_cells_are_the_known_ones_with_their_values(cells: CellLayer) -> None:
    field = field_of()
    assert cells.count == np.isfinite(field.estimate).sum() == 40 * 17 - 3
    first = cells.feature(0)
    assert first["id"] == 1
    assert first["properties"] == {
        "row": 1,
        "column": 1,
        "ch4_flux_density": 16000.0,
        "ch4_standard_error": pytest.approx(1600.0),
    }
    last = cells.feature(cells.count - 1)
    assert last["id"] == 40 * 17 and last["properties"]["ch4_flux_density"] == 39.0
    # The lowest row has no values in its first three columns.
    unknown = 40 * 16 + 1
    assert cells.find(str(unknown)) is None and cells.find(str(unknown + 3)) is not None
    assert [cells.find(text) for text in ("0", "681", "-1", "x", "9" * 30)] == [None] * 5


def test_cells_lie_where_the_raster_says(cells: CellLayer, tmp_path: Path) -> None:
    to_grid = projection("EPSG:32631")
    with rasterio.open(tmp_path / "map.tif") as raster:
        for identifier in (1, 300, 680):
            place = cells.find(str(identifier))
            assert place is not None
            shape = shapely.from_geojson(json.dumps(cells.feature(place)["geometry"]))
            assert shape.is_valid and shape.exterior.is_ccw
            row, column = divmod(identifier - 1, 40)
            centre = to_grid.transform(shape.centroid.x, shape.centroid.y)
            assert centre == pytest.approx(raster.xy(row, column), abs=0.01)


def test_cells_are_chosen_by_their_shape(cells: CellLayer) -> None:
    assert cells.bounds is not None and cells.interval is None
    west, south, east, north = cells.bounds
    box = (west, south, (west + east) / 2, (south + north) / 2)
    expected = [
        place
        for place in range(cells.count)
        if shapely.intersects(shapely.box(*box), shapely.from_geojson(json.dumps(cells.feature(place)["geometry"])))
    ]
    assert 0 < len(expected) < cells.count
    assert cells.select(box, None).tolist() == expected


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "2026-06-01T10:00:00+99:00"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_moment(text)

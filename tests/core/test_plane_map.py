"""The flux plane folded flat to the ground: where its cells lie on the map, as rasterio and GDAL's tools read it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gasflux_core.io.geotiff import write_flux_plane
from gasflux_core.io.plane_map import read_map_raster, write_flux_plane_map, write_north_up
from gasflux_core.plane_geometry import Plane
from tests.conftest import need_program
from tests.core.scenes import curtain, cylinder
from tests.core.test_geotiff import VERSIONS, field_of

GASES = {"ch4": field_of(), "co2": field_of("co2", scale=3.0)}


def slanting(normal: float, convergence: float = -2.0) -> Plane:
    """A curtain in the direction of 70° true, its grid turned against true north."""
    side = replace(curtain(), azimuth=70.0, grid_azimuth=70.0 - convergence, convergence=convergence)
    return replace(side, normal_azimuth=normal)


PLANES = {
    "east-west, wind to the north": curtain(normal_azimuth=0.0),
    "east-west, wind to the south": curtain(normal_azimuth=180.0),
    "slanting, wind to the south-east": slanting(160.0),
    "slanting, wind to the north-west": slanting(340.0),
}


@pytest.fixture(params=PLANES.values(), ids=PLANES)
def plane(request: pytest.FixtureRequest) -> Plane:
    found: Plane = request.param
    return found


def write(path: Path, plane: Plane) -> Path:
    write_flux_plane_map(path, GASES, plane, VERSIONS)
    return path


def test_cells_lie_as_high_above_the_fold_beside_the_footprint(tmp_path: Path, plane: Plane) -> None:
    field = GASES["ch4"]
    with rasterio.open(write(tmp_path / "map.tif", plane)) as raster:
        assert raster.crs.to_epsg() == 32631
        cells = raster.read(1)
        for row, column in ((0, 0), (0, 39), (8, 21), (16, 0), (16, 39)):
            height = field.z[::-1][row] - (field.z[0] - field.cell_height / 2)
            easting, northing = raster.xy(row, column)
            # The foot of the perpendicular is the place of x, and the way there is the height.
            foot_east, foot_north = plane.position(field.x[column])
            assert np.hypot(easting - foot_east, northing - foot_north) == pytest.approx(height, abs=1e-6)
            assert plane.along(easting, northing) == pytest.approx(field.x[column], abs=1e-6)
            expected = field.estimate[::-1][row, column]
            assert cells[row, column] == pytest.approx(expected, nan_ok=True)


def test_the_lower_edge_lies_on_the_footprint(tmp_path: Path, plane: Plane) -> None:
    with rasterio.open(write(tmp_path / "map.tif", plane)) as raster:
        for column, x in ((0, 0.0), (40, 200.0)):
            easting, northing = raster.transform @ (column, raster.height)
            assert (easting, northing) == pytest.approx([float(value) for value in plane.position(x)], abs=1e-6)


def test_it_falls_over_to_where_the_wind_blows(tmp_path: Path, plane: Plane) -> None:
    with rasterio.open(write(tmp_path / "map.tif", plane)) as raster:
        top, bottom = raster.transform @ (20, 0), raster.transform @ (20, raster.height)
    bearing = np.degrees(np.arctan2(top[0] - bottom[0], top[1] - bottom[1])) % 360
    assert (bearing + plane.convergence) % 360 == pytest.approx(plane.normal_azimuth, abs=1e-6)


def test_bands_are_those_of_the_upright_plane(tmp_path: Path, plane: Plane) -> None:
    write_flux_plane(tmp_path / "plane.tif", GASES, plane, VERSIONS)
    with rasterio.open(tmp_path / "plane.tif") as upright, rasterio.open(write(tmp_path / "map.tif", plane)) as folded:
        np.testing.assert_array_equal(folded.read(), upright.read())
        assert folded.descriptions == upright.descriptions
        assert folded.units == upright.units
        assert folded.tags(1) == upright.tags(1)
        # A cell is as large as it was: lengths and areas stay.
        assert abs(folded.transform.determinant) == pytest.approx(abs(upright.transform.determinant), rel=1e-9)
        tags = folded.tags()
    assert tags["FOLD_HEIGHT_METRES"] == "-5.000"
    assert tags["FOLDED"].startswith("downwind")
    assert tags["GASES"] == "ch4,co2"


def test_equal_fields_give_equal_bytes(tmp_path: Path) -> None:
    one, other = write(tmp_path / "one.tif", slanting(160.0)), write(tmp_path / "other.tif", slanting(160.0))
    assert one.read_bytes() == other.read_bytes()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cylinder_opens_outward(tmp_path: Path) -> None:
    plane = cylinder(200.0 / (2 * np.pi))
    field = GASES["ch4"]
    with rasterio.open(write(tmp_path / "map.tif", plane)) as raster:
        assert raster.transform.b == raster.transform.d == 0.0
        for x, level in ((2.5, 5), (102.5, 16), (197.5, 1)):
            height = (level + 0.5) * field.cell_height
            easting, northing = (float(value) for value in plane.folded(x, height))
            distance = np.hypot(easting - plane.centre_easting, northing - plane.centre_northing)
            assert distance == pytest.approx((plane.radius or 0) + height)
            row, column = raster.index(easting, northing)
            expected = field.estimate[level, round((x - 2.5) / 5)]
            assert raster.read(1)[row, column] == pytest.approx(expected)
        # Within the ring there is nothing.
        assert np.isnan(raster.read(1)[raster.index(plane.centre_easting, plane.centre_northing)])
        assert raster.tags()["FOLDED"].startswith("outward")


def test_a_copy_with_north_up_has_the_value_of_the_cell_below_each_pixel(tmp_path: Path, plane: Plane) -> None:
    source = write(tmp_path / "map.tif", plane)
    write_north_up(source, tmp_path / "north.tif")
    found = read_map_raster(tmp_path / "north.tif")
    assert found is not None and found.north_up
    with rasterio.open(source) as turned, rasterio.open(tmp_path / "north.tif") as copy:
        assert copy.crs == turned.crs
        assert copy.descriptions == turned.descriptions
        cells, pixels = turned.read(2), copy.read(2)
        met = np.zeros(cells.shape, dtype=bool)
        for row in range(copy.height):
            for column in range(copy.width):
                place = ~turned.transform @ copy.xy(row, column)
                below, right = int(np.floor(place[1])), int(np.floor(place[0]))
                if 0 <= below < turned.height and 0 <= right < turned.width:
                    met[below, right] = True
                    np.testing.assert_equal(pixels[row, column], cells[below, right])
                else:
                    assert np.isnan(pixels[row, column])
        assert met.all()


def test_a_raster_says_what_it_is(tmp_path: Path) -> None:
    found = read_map_raster(write(tmp_path / "map.tif", slanting(160.0)))
    assert found is not None
    assert (found.crs, found.north_up, found.width, found.height) == ("EPSG:32631", False, 40, 17)
    assert [band.description for band in found.bands][:2] == ["ch4 flux density", "ch4 standard error"]
    assert found.bands[0].maximum == pytest.approx(float(np.nanmax(GASES["ch4"].estimate)))
    west, south, east, north = found.bounds
    assert west == pytest.approx(500_000.0, abs=100) and 200 < np.hypot(east - west, north - south) < 320


def test_the_upright_plane_lies_on_no_map(tmp_path: Path) -> None:
    write_flux_plane(tmp_path / "plane.tif", GASES, curtain(), VERSIONS)
    assert read_map_raster(tmp_path / "plane.tif") is None


def test_faults_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no field"):
        write_flux_plane_map(tmp_path / "map.tif", {}, curtain(), VERSIONS)


@pytest.mark.gdal
def test_gdal_finds_the_cells_by_their_places(tmp_path: Path, plane: Plane) -> None:
    path = write(tmp_path / "map.tif", plane)
    field = GASES["ch4"]
    told = json.loads(
        subprocess.run([need_program("gdalinfo"), "-json", str(path)], capture_output=True, check=True).stdout
    )
    assert (
        told["stac"]["proj:epsg"] == 32631
        if "stac" in told
        else 'ID["EPSG",32631]' in json.dumps(told).replace("\\", "")
    )
    places = [(8, 21), (16, 39), (0, 0)]
    lines = ""
    for row, column in places:
        height = field.z[::-1][row] - (field.z[0] - field.cell_height / 2)
        easting, northing = plane.folded(field.x[column], height)
        lines += f"{float(easting)} {float(northing)}\n"
    command = [need_program("gdallocationinfo"), "-valonly", "-geoloc", "-b", "1", str(path)]
    values = subprocess.run(command, input=lines, capture_output=True, text=True, check=True).stdout.split()
    expected = [field.estimate[::-1][place] for place in places]
    assert [float(value) for value in values] == pytest.approx(expected, nan_ok=True)

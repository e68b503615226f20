"""The flux plane's GeoTIFF, read back by rasterio and by GDAL's own tools."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gasflux_core.io.geotiff import CRS_NAME, write_flux_plane
from gasflux_core.kriging import Field
from tests.conftest import need_program
from tests.core.scenes import curtain, cylinder

VERSIONS = {"gasflux-wps": "9.9", "numpy": "2.0"}


def field_of(gas: str = "ch4", *, columns: int = 40, rows: int = 17, scale: float = 1.0) -> Field:
    """A field that tells every cell apart, with unknown cells in its lowest row."""
    x = 2.5 + 5.0 * np.arange(columns)
    z = -3.0 + 4.0 * np.arange(rows)
    estimate = scale * (np.arange(rows)[:, None] * 1000.0 + np.arange(columns))
    estimate[0, :3] = np.nan
    return Field(
        gas=gas,
        x=x,
        z=z,
        cell_width=5.0,
        cell_height=4.0,
        estimate=estimate,
        standard_error=0.1 * estimate,
        region=np.where(np.isfinite(estimate), 1, 0).astype(np.int8),
        integral=12.5,
        integral_standard_error=1.0,
        background_response=0.0,
        sampled_integral=12.5,
        below_integral=0.0,
        above_integral=0.0,
        cross_validation=None,
        profile={},
        interpolator="kriging",
        below="kriging",
        method="made for a test",
        flags=(),
    )


@pytest.fixture
def raster(tmp_path: Path) -> Path:
    path = tmp_path / "plane.tif"
    write_flux_plane(path, {"ch4": field_of(), "co2": field_of("co2", scale=3.0)}, curtain(), VERSIONS)
    return path


def test_cells_come_back_highest_row_first(raster: Path):
    with rasterio.open(raster) as found:
        assert (found.count, found.width, found.height) == (4, 40, 17)
        assert set(found.dtypes) == {"float32"}
        cells = found.read()
    field = field_of()
    for band, expected in enumerate((field.estimate, field.standard_error, 3.0 * field.estimate, 0.3 * field.estimate)):
        np.testing.assert_allclose(cells[band], expected[::-1], rtol=1e-6)
    assert np.isnan(cells[0, -1, :3]).all()


def test_edges_of_cells_are_exact(raster: Path):
    with rasterio.open(raster) as found:
        assert found.bounds == (0.0, -5.0, 200.0, 63.0)
        # the centre of the top left cell
        assert found.xy(0, 0) == (2.5, 61.0)
        assert found.index(102.0, -3.0) == (16, 20)


def test_bands_are_named_with_units(raster: Path):
    with rasterio.open(raster) as found:
        assert found.descriptions == (
            "ch4 flux density",
            "ch4 standard error",
            "co2 flux density",
            "co2 standard error",
        )
        assert set(found.units) == {"kg m-2 h-1"}
        assert all(np.isnan(value) for value in found.nodatavals)
        statistics = found.tags(1)
        cells = found.read(1)
    assert float(statistics["STATISTICS_MAXIMUM"]) == pytest.approx(np.nanmax(cells))
    assert float(statistics["STATISTICS_MEAN"]) == pytest.approx(np.nanmean(cells))


def test_system_is_an_engineering_one_in_metres(raster: Path):
    with rasterio.open(raster) as found:
        crs = found.crs
    assert not crs.is_geographic
    assert not crs.is_projected
    assert crs.to_wkt().startswith(f'LOCAL_CS["{CRS_NAME}"')
    assert 'UNIT["metre",1' in crs.to_wkt()


def test_tags_say_where_the_plane_is(raster: Path):
    with rasterio.open(raster) as found:
        tags = found.tags()
    assert tags["AREA_OR_POINT"] == "Area"
    assert tags["GASES"] == "ch4,co2"
    assert float(tags["AZIMUTH_TRUE_DEGREES"]) == 90.0
    assert [float(value) for value in tags["START_LONGITUDE_LATITUDE"].split()] == [3.0, 50.5]
    assert [float(value) for value in tags["END_LONGITUDE_LATITUDE"].split()] == [3.01, 50.5]
    assert tags["LONGITUDE_LATITUDE_CRS"] == "EPSG:4326"
    assert json.loads(tags["VERSIONS"]) == VERSIONS
    assert json.loads(tags["EMISSION_RATE_KG_PER_HOUR"]) == {"ch4": 12.5, "co2": 12.5}
    assert tags["TIFFTAG_SOFTWARE"] == "gasflux-wps 9.9"


def test_cylinder_says_its_axis(tmp_path: Path):
    path = tmp_path / "plane.tif"
    write_flux_plane(path, {"ch4": field_of()}, cylinder(50.0), VERSIONS)
    with rasterio.open(path) as found:
        tags = found.tags()
    assert tags["PLANE_KIND"] == "spiral"
    assert float(tags["RADIUS_METRES"]) == 50.0
    assert "north" in tags["X_MEANING"]
    assert "AZIMUTH_TRUE_DEGREES" not in tags


def test_equal_fields_give_equal_bytes(tmp_path: Path):
    for name in ("one.tif", "other.tif"):
        write_flux_plane(tmp_path / name, {"ch4": field_of(columns=700, rows=300)}, curtain(), VERSIONS)
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "other.tif").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.tif", "other.tif"]


def test_large_planes_have_overviews_that_keep_the_mean(tmp_path: Path):
    path = tmp_path / "plane.tif"
    field = field_of(columns=1024, rows=512)
    field = replace(field, estimate=np.nan_to_num(field.estimate))
    write_flux_plane(path, {"ch4": field}, curtain(), VERSIONS)
    with rasterio.open(path) as found:
        assert found.overviews(1)[0] == 2
        assert found.block_shapes[0] == (256, 256)
        assert found.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        small = found.read(1, out_shape=(256, 512))
    assert small.mean() == pytest.approx(field.estimate.mean(), rel=1e-5)


def test_cells_without_values_are_nodata_not_zero(tmp_path: Path):
    path = tmp_path / "plane.tif"
    field = field_of()
    endless = replace(
        field, estimate=np.full_like(field.estimate, np.inf), standard_error=field.standard_error * np.nan
    )
    write_flux_plane(path, {"ch4": endless}, curtain(), VERSIONS)
    with rasterio.open(path) as found:
        assert np.isnan(found.read()).all()
        assert not found.dataset_mask().any()


def test_faults_of_the_caller(tmp_path: Path):
    path = tmp_path / "plane.tif"
    with pytest.raises(ValueError, match="no field"):
        write_flux_plane(path, {}, curtain(), VERSIONS)
    with pytest.raises(ValueError, match="different grids"):
        write_flux_plane(path, {"ch4": field_of(), "co2": field_of("co2", rows=18)}, curtain(), VERSIONS)
    uneven = replace(field_of(), x=field_of().x ** 1.01)
    with pytest.raises(ValueError, match="evenly"):
        write_flux_plane(path, {"ch4": uneven}, curtain(), VERSIONS)
    assert not path.exists()


@pytest.mark.gdal
def test_gdal_reads_it(raster: Path):
    def gdalinfo(*options: str) -> subprocess.CompletedProcess[str]:
        command = [need_program("gdalinfo"), *options, str(raster)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    assert gdalinfo("-checksum").stderr == ""
    # the JSON form also asks for the extent on the globe, which an upright plane has not
    found = gdalinfo("-json")
    info = json.loads(found.stdout)
    assert info["driverShortName"] == "GTiff"
    assert info["size"] == [40, 17]
    assert info["geoTransform"] == [0.0, 5.0, 0.0, 63.0, 0.0, -4.0]
    assert info["metadata"]["IMAGE_STRUCTURE"]["LAYOUT"] == "COG"
    assert CRS_NAME in info["coordinateSystem"]["wkt"]
    assert info["coordinateSystem"]["wkt"].startswith(("ENGCRS", "LOCAL_CS"))
    assert [band["description"] for band in info["bands"]][:2] == ["ch4 flux density", "ch4 standard error"]
    assert {band["unit"] for band in info["bands"]} == {"kg m-2 h-1"}
    assert {str(band["noDataValue"]).lower() for band in info["bands"]} == {"nan"}

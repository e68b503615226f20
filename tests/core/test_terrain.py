"""Heights above ground from a terrain model: analytic grounds first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer

from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.io import elevation as reading
from gasflux_core.io.elevation import is_vector, read_elevation
from gasflux_core.pipeline import Result, Settings, run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.terrain import Elevation, Terrain, TerrainParameters, add_terrain, ground_heights, places_of
from tests.core.dems import write_dem

E0, N0 = 618_000.0, 5_695_000.0
TO_DEGREES = Transformer.from_crs("EPSG:32630", "EPSG:4326", always_xy=True)


def plane(x: Any, y: Any) -> Any:
    """Ground that falls to the east and rises to the north."""
    return 120.0 - 0.05 * (x - E0) + 0.03 * (y - N0)


def flight(east: Any, north: Any, height: Any) -> pd.DataFrame:
    longitude, latitude = TO_DEGREES.transform(E0 + np.asarray(east), N0 + np.asarray(north))
    return pd.DataFrame({"latitude": latitude, "longitude": longitude, "height_ato": np.asarray(height, dtype=float)})


def zigzag(rows: int = 40) -> tuple[Any, Any, Any]:
    """A flight that begins on the ground at (0, 0)."""
    along = np.linspace(0.0, 200.0, rows)
    return along, 30.0 * np.sin(along / 40.0), np.linspace(0.0, 40.0, rows)


def over(path: Path, table: pd.DataFrame, parameters: TerrainParameters | None = None) -> Terrain:
    parameters = parameters or TerrainParameters()
    return add_terrain(table, read_elevation(path, *places_of(table, parameters)), parameters)


def dem(path: Path, ground: Any = plane, **more: Any) -> Path:
    given = {"left": E0 - 100.0, "top": N0 + 200.0, "cell": 10.0} | more
    return write_dem(path / "dem.tif", ground, **given)


def expected(east: Any, north: Any, height: Any) -> Any:
    return height - (plane(E0 + east, N0 + north) - plane(E0, N0))


# --- the equation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rotation", [0.0, 17.0])
def test_over_a_tilted_plane_heights_are_exact(tmp_path: Path, rotation: float) -> None:
    path = zigzag()
    terrain = over(dem(tmp_path, rotation=rotation, left=E0 - 150, top=N0 + 180), flight(*path))
    np.testing.assert_allclose(terrain.table["height_agl"], expected(*path), atol=1e-6)
    np.testing.assert_allclose(terrain.table["height_ato"] - terrain.table["ground"], terrain.table["height_agl"])
    assert terrain.take_off_height == pytest.approx(120.0, abs=1e-6)
    assert (terrain.filled, terrain.flags, terrain.replaced) == (0, (), False)
    ground = terrain.table["ground"]
    assert (terrain.lowest_ground, terrain.highest_ground) == (ground.min(), ground.max())


def test_the_datum_cancels(tmp_path: Path) -> None:
    table = flight(*zigzag())
    first = over(dem(tmp_path), table).table["height_agl"]
    shifted = over(dem(tmp_path, lambda x, y: plane(x, y) + 47.3), table).table["height_agl"]
    np.testing.assert_allclose(shifted, first, atol=1e-9)


def test_heights_above_take_off_shift_with_it(tmp_path: Path) -> None:
    east, north, height = zigzag()
    table = flight(east, north, height)
    given = TerrainParameters(take_off_longitude=table["longitude"][20], take_off_latitude=table["latitude"][20])
    terrain = over(dem(tmp_path), table, given)
    rise = plane(E0 + east[20], N0 + north[20]) - plane(E0, N0)
    np.testing.assert_allclose(terrain.table["height_agl"], expected(east, north, height) + rise, atol=1e-6)


def test_between_four_cells_the_ground_is_bilinear() -> None:
    heights = np.array([[0.0, 4.0], [8.0, 20.0]])
    model = Elevation(heights, (1.0, 0.0, 0.0, 0.0, -1.0, 2.0), 'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",'
                      '6378137,298.257223563]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]]')  # fmt: skip
    longitude = np.array([0.5, 1.5, 1.0, 0.75, 0.0, 2.0, 2.1, 1.0])
    latitude = np.array([1.5, 0.5, 1.0, 1.25, 2.0, 0.0, 1.0, -0.1])
    found = ground_heights(model, longitude, latitude)
    # middles, between all four, a quarter on, and within the border cells' outer halves; the last two lie outside
    np.testing.assert_allclose(found, [0.0, 20.0, 8.0, 0.25 * 0.75 * (4 + 8) + 20 / 16, 0.0, 20.0, np.nan, np.nan])


# --- models as they come --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"unit": "ft", "in_unit": 0.3048},
        {"unit": "US survey foot", "in_unit": 1200 / 3937},
        {"unit": "m"},
        {"scale": 0.01, "offset": 100.0},
        {"tiled": True, "blockxsize": 16, "blockysize": 16, "compress": "deflate", "predictor": 3},
    ],
    ids=str,
)
def test_units_scales_and_tiles_are_heeded(tmp_path: Path, settings: dict[str, Any]) -> None:
    path, factor = zigzag(), settings.pop("in_unit", 1.0)
    terrain = over(dem(tmp_path, lambda x, y: plane(x, y) / factor, **settings), flight(*path))
    np.testing.assert_allclose(terrain.table["height_agl"], expected(*path), atol=1e-6)


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4979", "EPSG:4326+5773", "EPSG:3857"])
def test_the_model_may_be_in_any_system(tmp_path: Path, crs: str) -> None:
    """The ground is a plane in the model's own coordinates, which bilinear interpolation gives exactly."""
    east, north, height = zigzag()
    table = flight(east, north, height)
    degrees = crs != "EPSG:3857"
    to_model = Transformer.from_crs("EPSG:4326", "EPSG:4326" if degrees else crs, always_xy=True)
    x, y = to_model.transform(table["longitude"].to_numpy(), table["latitude"].to_numpy())
    tilt = 2000.0 if degrees else 0.02

    def ground(at_x: Any, at_y: Any) -> Any:
        return 10.0 + tilt * (at_x - x[0]) - tilt * (at_y - y[0])

    cell = 2e-4 if degrees else 20.0
    path = dem(tmp_path, ground, crs=crs, left=x.min() - 10 * cell, top=y.max() + 10 * cell, cell=cell)
    np.testing.assert_allclose(
        over(path, table).table["height_agl"], height - (ground(x, y) - ground(x[0], y[0])), atol=1e-6
    )


def test_only_the_part_under_the_flight_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_CELLS", 30 * 30)
    path = dem(tmp_path, left=E0 - 3000, top=N0 + 3000, size=(600, 600))
    table = flight(*zigzag())
    model = read_elevation(path, table["longitude"].to_numpy(), table["latitude"].to_numpy())
    assert model.heights.size < 30 * 30
    np.testing.assert_allclose(add_terrain(table, model).table["height_agl"], expected(*zigzag()), atol=1e-6)
    monkeypatch.setattr(reading, "MOST_CELLS", 100)
    with pytest.raises(TooLarge, match="send a coarser one"):
        over(path, table)


def test_blocks_that_unpack_to_too_much_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_BLOCK", 60 * 16)
    path = dem(tmp_path)
    with pytest.raises(TooLarge, match="tiled"):
        over(path, flight(*zigzag()))


# --- gaps and what can't be -----------------------------------------------------------------------


def with_hole(x: Any, y: Any, east: float, width: float) -> Any:
    return np.where(np.abs(x - E0 - east) < width / 2, -9999.0, plane(x, y))


def test_a_few_gaps_are_filled_and_flagged(tmp_path: Path) -> None:
    path = zigzag(400)
    terrain = over(
        dem(tmp_path, lambda x, y: with_hole(x, y, 98.0, 4.0), nodata=-9999.0, cell=4.0, size=(100, 100)), flight(*path)
    )
    assert terrain.filled == pytest.approx(8 * 2, abs=2)
    assert terrain.flags == ("terrain_gaps",)
    np.testing.assert_allclose(terrain.table["height_agl"], expected(*path), atol=2.0)


def test_many_gaps_are_refused_with_their_rows(tmp_path: Path) -> None:
    path = dem(tmp_path, lambda x, y: with_hole(x, y, 150.0, 100.0), nodata=-9999.0)
    with pytest.raises(InputError, match=r"no height under \d+ of 40 rows \(\d+, ") as caught:
        over(path, flight(*zigzag()))
    assert caught.value.parameter == "dem" and caught.value.row is not None and caught.value.row > 1


def test_without_a_height_at_take_off_nothing_can_be_said(tmp_path: Path) -> None:
    path = dem(tmp_path, lambda x, y: with_hole(x, y, 0.0, 40.0), nodata=-9999.0)
    with pytest.raises(InputError, match="first row, taken as take-off"):
        over(path, flight(*zigzag()))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"left": E0 + 50_000}, "outside the terrain model; it covers"),
        ({"crs": ""}, "does not say where on the map"),
        ({"unit": "fathom"}, "'fathom', not in m"),
    ],
)
def test_models_that_are_of_no_use_say_why(tmp_path: Path, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        over(dem(tmp_path, **settings), flight(*zigzag()))
    assert caught.value.parameter == "dem"


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"\x89PNG\r\n", b"II*\0", b"II*\0" + b"\xff" * 100])
def test_what_is_no_geotiff_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "dem.tif"
    path.write_bytes(content)
    with pytest.raises(InputError, match="GeoTIFF") as caught:
        over(path, flight(*zigzag()))
    assert str(tmp_path) not in caught.value.message


def test_a_damaged_geotiff_is_refused(tmp_path: Path) -> None:
    path = dem(tmp_path, compress="deflate")
    with rasterio.open(path) as raster:
        offset = int(raster.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
    content = path.read_bytes()
    path.write_bytes(content[:offset] + b"\xff" * 100 + content[offset + 100 :])
    with pytest.raises(InputError, match="can't read the GeoTIFF"):
        over(path, flight(*zigzag()))


def test_a_file_that_names_others_is_not_followed(tmp_path: Path) -> None:
    inner = dem(tmp_path)
    path = tmp_path / "virtual.tif"
    path.write_text(
        f'<VRTDataset rasterXSize="1" rasterYSize="1"><SourceFilename>{inner}</SourceFilename></VRTDataset>'
    )
    assert is_vector(path)
    with pytest.raises(InputError, match="no GeoTIFF"):
        over(path, flight(*zigzag()))


def test_a_flight_deep_under_the_ground_is_refused(tmp_path: Path) -> None:
    east, north, height = zigzag()
    with pytest.raises(InputError, match=r"rows lie more than 20 m under the ground, .* row 1 \(-30\.0 m\)"):
        over(dem(tmp_path, lambda x, y: np.full_like(x, 5.0)), flight(east, north, height - 30.0))


def test_a_table_that_begins_in_the_air_is_flagged(tmp_path: Path) -> None:
    east, north, height = zigzag()
    table = flight(east, north, height + 12.0)
    assert over(dem(tmp_path), table).flags == ("take_off_unsure",)
    given = TerrainParameters(take_off_longitude=table["longitude"][0], take_off_latitude=table["latitude"][0])
    assert over(dem(tmp_path), table, given).flags == ()


def test_a_place_of_take_off_has_two_coordinates() -> None:
    with pytest.raises(InputFaults, match="together"):
        TerrainParameters.check({"take_off_latitude": 51.0})


# --- in the whole calculation ---------------------------------------------------------------------

SLOPE = 0.1


@pytest.fixture(scope="module")
def slope(tmp_path_factory: pytest.TempPathFactory) -> tuple[pd.DataFrame, Path, Settings]:
    """A simulated flight over ground that rises along the curtain, the model of it, and where it took off."""
    simulated = SimulationParameters.check({"seed": 4, "transects": 8, "width": 200, "ground_slope": SLOPE})
    table = simulate_flight(simulated).table
    to_grid = Transformer.from_crs("EPSG:4326", "EPSG:32630", always_xy=True)
    east, north = to_grid.transform(simulated.longitude, simulated.latitude)
    # the ground's height from that of the curtain, which the flight's own heights give
    rows = table["height_ato"] - table["height_agl"]
    x, y = to_grid.transform(table["longitude"].to_numpy(), table["latitude"].to_numpy())
    tilt, *_ = np.linalg.lstsq(np.column_stack([x - east, y - north]), rows.to_numpy(), rcond=None)
    path = write_dem(
        tmp_path_factory.mktemp("slope") / "dem.tif",
        lambda at_x, at_y: 80.0 + tilt[0] * (at_x - east) + tilt[1] * (at_y - north),
        left=east - 300,
        top=north + 300,
        cell=5.0,
        size=(120, 120),
        dtype="float32",
    )
    take_off = {"take_off_latitude": simulated.latitude, "take_off_longitude": simulated.longitude}
    return table, path, Settings.check({"terrain": take_off})


def run(table: pd.DataFrame, settings: Settings, path: Path | None) -> Result:
    return run_pipeline(
        table, ["ch4"], settings, elevation=None if path is None else lambda lon, lat: read_elevation(path, lon, lat)
    )


def test_a_terrain_model_does_what_heights_above_ground_do(slope: tuple[pd.DataFrame, Path, Settings]) -> None:
    table, path, settings = slope
    own = run(table, settings, None)
    modelled = run(table.drop(columns="height_agl"), settings, path)
    level = run(table.drop(columns="height_agl"), settings, None)
    rates = [found.gases["ch4"].rate.emission_rate for found in (own, modelled, level)]
    # the model has the noise of positions in it, the flight's own heights have not
    assert rates[1] == pytest.approx(rates[0], rel=0.005)
    assert abs(rates[2] - rates[0]) > 2 * abs(rates[1] - rates[0])
    line = modelled.plane_fit.plane.ground
    assert line is not None
    places, heights = np.array(line).T
    assert abs(np.polyfit(places, heights, 1)[0]) == pytest.approx(SLOPE, rel=0.02)
    assert "terrain" in modelled.figures() and "terrain" not in level.figures()
    assert any("from the terrain model" in note for note in modelled.notes)


def test_the_flights_own_heights_win_and_a_note_says_so(slope: tuple[pd.DataFrame, Path, Settings]) -> None:
    table, path, settings = slope
    own, both = run(table, settings, None), run(table, settings, path)
    assert both.gases["ch4"].rate.emission_rate == own.gases["ch4"].rate.emission_rate
    assert both.terrain is None
    assert any("flight's own" in note for note in both.notes) and not any("own (" in note for note in own.notes)


def test_its_flags_are_the_flights(slope: tuple[pd.DataFrame, Path, Settings]) -> None:
    table, path, _ = slope
    result = run(table.drop(columns="height_agl"), Settings(), path)
    assert "take_off_unsure" in result.flags
    assert "take_off_unsure" in result.figures()["gases"]["ch4"]["flags"]


def test_models_written_here_are_what_gdal_reads(tmp_path: Path) -> None:
    with rasterio.open(dem(tmp_path)) as raster:
        assert raster.read(1)[0, 0] == pytest.approx(plane(E0 - 95.0, N0 + 195.0))

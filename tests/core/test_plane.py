"""The flight plane: total least squares, circle, true and grid north, ground line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from gasflux_core.circle import fit_circle
from gasflux_core.errors import InputError, InputFaults, NoSolution
from gasflux_core.ground import ground_line
from gasflux_core.parameters import unit_of
from gasflux_core.plane import FAR_FROM_PLANE, Plane, PlaneParameters, fit_plane
from gasflux_core.position import locate, projection

ZONE = "EPSG:32630"
GEOD = Geod(ellps="WGS84")


def along_line(
    azimuth: float,
    wind_from: float,
    *,
    longitude: float = -1.3,
    latitude: float = 51.4,
    width: float = 200.0,
    heights: tuple[float, ...] = (2.0, 8.0, 14.0),
    scatter: float = 0.0,
    seed: int = 0,
) -> pd.DataFrame:
    """Level transects on a geodesic of a true azimuth."""
    steps = np.linspace(-width / 2, width / 2, 41)
    along = np.concatenate([steps if number % 2 == 0 else steps[::-1] for number in range(len(heights))])
    random = np.random.default_rng(seed)
    across = scatter * random.standard_normal(along.size)
    ones = np.ones_like(along)
    lon, lat, _ = GEOD.fwd(longitude * ones, latitude * ones, azimuth * ones, along)
    lon, lat, _ = GEOD.fwd(lon, lat, (azimuth + 90.0) * ones, across)
    return _table(lon, lat, np.repeat(heights, len(steps)), np.repeat(np.arange(len(heights)) + 1, 41), wind_from)


def round_circle(
    radius: float = 60.0, revolutions: int = 4, turned: float = 0.0, wind_from: float = 250.0, scatter: float = 0.0
) -> pd.DataFrame:
    """A climbing spiral, clockwise from the bearing ``turned``."""
    turns = np.arange(0.0, revolutions, 1 / 72)
    random = np.random.default_rng(1)
    distance = radius + scatter * random.standard_normal(turns.size)
    ones = np.ones_like(turns)
    lon, lat, _ = GEOD.fwd(-1.3 * ones, 51.4 * ones, turned + 360.0 * turns, distance)
    return _table(lon, lat, 2.0 + 6.0 * turns, turns.astype(int) + 1, wind_from)


def _table(lon: np.ndarray, lat: np.ndarray, height: np.ndarray, transect: np.ndarray, wind_from: float):
    table = pd.DataFrame({"longitude": lon, "latitude": lat, "height_ato": height, "transect": transect})
    table["time"] = np.arange(len(table), dtype=float)
    table, crs = locate(table)
    assert crs in (ZONE, "EPSG:32631", "EPSG:32635")
    return table.assign(
        wind_east=-4.0 * np.sin(np.radians(wind_from)),
        wind_north=-4.0 * np.cos(np.radians(wind_from)),
        kept=True,
        reason="",
    )


@pytest.mark.parametrize("azimuth", [0.0, 0.5, 37.0, 90.0, 140.0, 179.5])
@pytest.mark.parametrize("place", [(-1.3, 51.4), (-3.0, 51.4), (29.9, 65.0)])
def test_azimuth_is_from_true_north(azimuth, place):
    table = along_line(azimuth, azimuth + 90.0, longitude=place[0], latitude=place[1])
    plane = fit_plane(table, PlaneParameters()).plane
    assert plane.kind == "curtain"
    apart = (plane.azimuth - azimuth + 90.0) % 180.0 - 90.0
    assert abs(apart) < 2e-3
    assert 0.0 <= plane.azimuth < 180.0
    # the meridians converge by Δλ sin φ
    meridian = {"EPSG:32630": -3.0, "EPSG:32635": 27.0}[plane.crs]
    expected = (place[0] - meridian) * np.sin(np.radians(place[1]))
    assert plane.convergence == pytest.approx(expected, abs=2e-3)
    assert plane.grid_azimuth + plane.convergence == pytest.approx(plane.azimuth)
    assert plane.length == pytest.approx(200.0, rel=1.2e-3)
    assert plane.rms_distance < 0.01


def test_golden_example_flight(example_flight: Path):
    raw = pd.read_csv(example_flight)
    raw["time"] = np.arange(len(raw), dtype=float)
    table, crs = locate(raw)
    table["wind_east"] = -table["windspeed"] * np.sin(np.radians(table["winddir"]))
    table["wind_north"] = -table["windspeed"] * np.cos(np.radians(table["winddir"]))
    table["kept"], table["transect"] = True, np.arange(len(table)) // 100 + 1
    fit = fit_plane(table, PlaneParameters(), crs)
    # figures of the public GasFlux 0.2.2 on the same flight
    assert fit.plane.grid_azimuth == pytest.approx(79.6708047456192, abs=0.01)
    assert fit.plane.length == pytest.approx(989.6120963894745, abs=0.05)
    x = fit.table["x"].to_numpy()
    assert x[[0, 1, 50]] == pytest.approx([989.6120963894745, 979.6160115741526, 489.8079309802894], abs=0.05)
    assert fit.table["distance_from_plane"].max() < 0.05


@pytest.mark.parametrize("side", [90.0, 270.0])
@pytest.mark.parametrize("azimuth", [0.0, 37.0, 90.0, 179.0])
def test_normal_points_downwind(azimuth, side):
    plane = fit_plane(along_line(azimuth, azimuth + side + 20.0), PlaneParameters()).plane
    east, north = plane.normal(np.array([0.0, 50.0]))
    assert np.hypot(east, north) == pytest.approx(1.0)
    wind = np.array([-np.sin(np.radians(azimuth + side + 20)), -np.cos(np.radians(azimuth + side + 20))])
    assert east[0] * wind[0] + north[0] * wind[1] == pytest.approx(np.cos(np.radians(20.0)), abs=1e-4)
    # at right angles to the plane
    assert np.cos(np.radians(plane.normal_azimuth - plane.azimuth)) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=25, deadline=None)
@given(azimuth=st.floats(0, 180), seed=st.integers(0, 100), scatter=st.floats(0, 3))
def test_order_of_rows_does_not_matter(azimuth, seed, scatter):
    table = along_line(azimuth, azimuth + 60.0, scatter=scatter, seed=seed)
    shuffled = table.sample(frac=1, random_state=seed).reset_index(drop=True)
    one, other = (fit_plane(rows, PlaneParameters()).plane for rows in (table, shuffled))
    assert (one.azimuth - other.azimuth + 90) % 180 - 90 == pytest.approx(0.0, abs=1e-6)
    assert one.length == pytest.approx(other.length, abs=1e-5)
    assert one.rms_distance == pytest.approx(other.rms_distance, abs=1e-5)


@settings(max_examples=25, deadline=None)
@given(azimuth=st.floats(0, 179.9), x=st.floats(0, 200))
def test_place_and_x_are_inverse(azimuth, x):
    for table in (along_line(azimuth, azimuth + 90.0), round_circle(turned=azimuth)):
        plane = fit_plane(table, PlaneParameters()).plane
        back = float(plane.along(*plane.position(x)))
        if plane.period:
            back = (back - x + plane.period / 2) % plane.period - plane.period / 2 + x
        assert back == pytest.approx(x, abs=1e-6)
        assert plane.distance(*plane.position(x)) == pytest.approx(0.0, abs=1e-6)
        easting, northing = projection(ZONE).transform(*plane.lonlat(x))
        assert (easting, northing) == pytest.approx(plane.position(x), abs=1e-4)


def test_x_runs_from_zero_along_the_azimuth():
    table = along_line(37.0, 127.0)
    fit = fit_plane(table, PlaneParameters())
    assert fit.table["x"].min() == pytest.approx(0.0, abs=1e-9)
    assert fit.table["x"].max() == pytest.approx(fit.plane.length)
    azimuth, _, distance = GEOD.inv(*fit.plane.start, *fit.plane.end)
    assert azimuth % 360 == pytest.approx(37.0, abs=0.01)
    assert distance == pytest.approx(fit.plane.length, rel=1e-3)
    assert fit.table["z"].equals(table["height_ato"].rename("z"))


def test_spiral_is_found_and_its_normals_point_outward():
    fit = fit_plane(round_circle(scatter=0.3, turned=20.0), PlaneParameters())
    plane = fit.plane
    assert plane.kind == "spiral"
    assert plane.radius == pytest.approx(60.0, rel=2e-3)
    assert plane.length == plane.period == pytest.approx(2 * np.pi * plane.radius)
    assert plane.rms_distance == pytest.approx(0.3, rel=0.2)
    assert (plane.azimuth, plane.normal_azimuth, fit.wind_angle) == (None, None, None)
    # x = 0 lies due true north of the axis; x increases clockwise
    lon, lat = projection(ZONE).transform(plane.centre_easting, plane.centre_northing, direction="INVERSE")
    quarter = plane.lonlat(np.array([0.0, plane.length / 4]))
    azimuths = GEOD.inv([lon, lon], [lat, lat], *quarter)[0]
    assert azimuths == pytest.approx([0.0, 90.0], abs=0.01)
    for x, expected in ((0.0, (0.0, 1.0)), (plane.length / 4, (1.0, 0.0)), (plane.length / 2, (0.0, -1.0))):
        assert plane.normal(x) == pytest.approx(expected, abs=1e-12)
    assert fit.table["x"].between(0, plane.length, inclusive="left").all()
    assert fit.flags == ()


@pytest.mark.parametrize("kind", ["spiral", "curtain"])
def test_many_rows_are_round_as_few_are(kind: str):
    flights = [
        round_circle(scatter=0.3, turned=0.4 * number) if kind == "spiral" else along_line(37.0, 127.0, scatter=1.0)
        for number in range(30)
    ]
    many = pd.concat(flights, ignore_index=True)
    assert len(many) > 3000
    plane = fit_plane(many, PlaneParameters()).plane
    assert plane.kind == kind
    if kind == "spiral":
        middle = fit_circle(many["easting"].to_numpy(), many["northing"].to_numpy())
        assert (plane.centre_easting, plane.radius) == pytest.approx((middle.easting, middle.radius), rel=1e-9)


def test_kind_can_be_demanded():
    assert fit_plane(round_circle(), PlaneParameters(kind="curtain")).plane.kind == "curtain"
    with pytest.raises(NoSolution, match="in line"):
        fit_circle(np.arange(10.0), 2 * np.arange(10.0))
    half = round_circle(revolutions=1).iloc[:30].reset_index(drop=True)
    assert fit_plane(half, PlaneParameters()).plane.kind == "curtain"
    assert fit_plane(half, PlaneParameters(kind="spiral")).plane.kind == "spiral"


@settings(max_examples=40, deadline=None)
@given(
    a=st.floats(-1e3, 1e3),
    b=st.floats(-1e3, 1e3),
    radius=st.floats(5, 500),
    begin=st.floats(0, 6.28),
    arc=st.floats(1.0, 6.28),
)
def test_circle_is_exact_without_scatter(a, b, radius, begin, arc):
    angle = begin + np.linspace(0, arc, 50)
    circle = fit_circle(5e5 + a + radius * np.cos(angle), 5.6e6 + b + radius * np.sin(angle))
    assert (circle.easting, circle.northing) == pytest.approx((5e5 + a, 5.6e6 + b), abs=1e-5 * radius + 1e-6)
    assert circle.radius == pytest.approx(radius, rel=1e-5)


@settings(max_examples=40, deadline=None)
@given(scatter=st.floats(1e-9, 5.0), seed=st.integers(0, 1000))
def test_points_nearly_in_line_are_no_spiral(scatter, seed):
    table = along_line(0.0, 90.0, scatter=scatter, seed=seed)
    assert fit_plane(table, PlaneParameters()).plane.kind == "curtain"


def test_circle_is_geometric_not_algebraic():
    # half an arc with much scatter: the algebraic fit is biased to small radii, the geometric one is not
    random = np.random.default_rng(4)
    angle = np.linspace(0, np.pi, 4000)
    distance = 60 + 6 * random.standard_normal(angle.size)
    circle = fit_circle(distance * np.cos(angle), distance * np.sin(angle))
    residual = np.hypot(distance * np.cos(angle) - circle.easting, distance * np.sin(angle) - circle.northing)
    # stationary in the radius: the mean distance is the radius
    assert residual.mean() == pytest.approx(circle.radius, rel=1e-9)
    assert circle.radius == pytest.approx(60.0, rel=0.02)


def test_distance_limit_leaves_rows_out_and_fits_again():
    table = along_line(90.0, 0.0)
    far = table.index[::10]
    northing = table["northing"].to_numpy().copy()
    northing[far] += 40.0 + np.arange(len(far))
    lon, lat = projection(ZONE).transform(table["easting"], northing, direction="INVERSE")
    table = table.assign(northing=northing, longitude=lon, latitude=lat)
    fit = fit_plane(table, PlaneParameters(distance_limit=30.0))
    assert fit.removed == len(far)
    assert not fit.table["kept"][far].any()
    assert set(fit.table["reason"][far]) == {FAR_FROM_PLANE}
    assert fit.table["kept"].sum() == len(table) - len(far)
    assert fit.plane.rms_distance < 0.1
    assert fit.plane.azimuth == pytest.approx(90.0, abs=0.05)
    assert fit.table["distance_from_plane"][far].min() > 39.0
    assert fit_plane(table, PlaneParameters()).removed == 0
    assert table["kept"].all(), "the table that came in is left as it was"


def test_rows_that_are_not_kept_do_not_count():
    table = along_line(90.0, 0.0)
    plane = fit_plane(table, PlaneParameters()).plane
    wild = table.iloc[:5].assign(northing=lambda rows: rows["northing"] + 500.0, kept=False)
    wild["longitude"], wild["latitude"] = projection(ZONE).transform(
        wild["easting"], wild["northing"], direction="INVERSE"
    )
    both = pd.concat([table, wild], ignore_index=True)
    fit = fit_plane(both, PlaneParameters())
    assert fit.plane == plane
    assert fit.table["distance_from_plane"].iloc[-1] == pytest.approx(500.0, rel=0.01)


@pytest.mark.parametrize("jitter", [0.0, 0.2])
def test_one_place_has_no_plane(jitter):
    table = along_line(90.0, 0.0, width=0.5, scatter=jitter)
    with pytest.raises(NoSolution, match="one place"):
        fit_plane(table, PlaneParameters())
    with pytest.raises(NoSolution, match="kept"):
        fit_plane(table.assign(kept=False), PlaneParameters())


def test_flags():
    def flags(**given):
        return fit_plane(along_line(90.0, **given), PlaneParameters()).flags

    assert flags(wind_from=0.0) == ()
    assert flags(wind_from=61.0) == ("oblique_wind",)
    assert flags(wind_from=59.0) == ()
    assert flags(wind_from=0.0, heights=(2.0, 8.0)) == ("few_transects",)
    assert flags(wind_from=0.0, scatter=15.0) == ("far_from_plane",)
    assert fit_plane(along_line(90.0, 59.0), PlaneParameters()).wind_angle == pytest.approx(31.0, abs=0.01)


def test_missing_columns_are_all_named_with_their_stage():
    table = along_line(90.0, 0.0).drop(columns=["easting", "wind_north"])
    with pytest.raises(InputFaults) as caught:
        fit_plane(table, PlaneParameters())
    assert [fault.column for fault in caught.value.faults] == ["easting", "wind_north"]
    assert "stage wind" in caught.value.message
    table = along_line(90.0, 0.0)
    table.loc[3, "height_ato"] = np.nan
    with pytest.raises(InputFaults) as caught:
        fit_plane(table, PlaneParameters())
    assert (caught.value.column, caught.value.row) == ("height_ato", 4)


def test_another_projection_is_noticed():
    with pytest.raises(InputError, match="EPSG:32631") as caught:
        fit_plane(along_line(90.0, 0.0), PlaneParameters(), "EPSG:32631")
    assert caught.value.parameter == "crs"
    national = locate(along_line(30.0, 0.0), "EPSG:27700")[0]
    plane = fit_plane(national, PlaneParameters(), "epsg:27700").plane
    assert plane.crs == "EPSG:27700"
    assert plane.azimuth == pytest.approx(30.0, abs=0.01)


def test_ground_line_follows_a_slope_to_both_ends():
    table = along_line(140.0, 60.0)
    x = fit_plane(table, PlaneParameters()).table["x"]
    ground = -10.0 + 0.1 * x
    agl = table["height_ato"] - ground
    agl.iloc[7] -= 25.0  # one wrong return
    fit = fit_plane(table.assign(height_agl=agl), PlaneParameters())
    places = np.array([0.0, 3.3, 100.0, fit.plane.length])
    assert fit.plane.ground_height(places) == pytest.approx(-10.0 + 0.1 * places, abs=0.05)
    assert fit.table["height_above_ground"].equals(agl.rename("height_above_ground"))
    flat = fit_plane(table, PlaneParameters())
    assert (flat.plane.ground_height(places) == 0).all()
    assert flat.table["height_above_ground"].equals(flat.table["z"].rename("height_above_ground"))


def test_ground_line_of_a_cylinder_closes():
    table = round_circle()
    x = fit_plane(table, PlaneParameters()).table["x"].to_numpy()
    length = 2 * np.pi * 60.0
    ground = 5.0 * np.sin(2 * np.pi * x / length)
    fit = fit_plane(table.assign(height_agl=table["height_ato"] - ground), PlaneParameters())
    places = np.linspace(0, fit.plane.length, 50)
    assert fit.plane.ground_height(places) == pytest.approx(5 * np.sin(2 * np.pi * places / length), abs=0.2)
    before, after = fit.plane.ground_height([fit.plane.length - 1e-9, 0.0])
    assert before == pytest.approx(after, abs=1e-6)


def test_ground_line_of_one_bin():
    assert ground_line(np.array([0.0, 1.0, 2.0]), np.array([1.0, 2.0, 9.0]), 4.0, None) == ((1.0, 2.0),)


@pytest.mark.parametrize("table", [along_line(37.0, 127.0), round_circle()], ids=["curtain", "spiral"])
def test_plane_goes_through_json(table):
    plane = fit_plane(table.assign(height_agl=table["height_ato"] + 1.0), PlaneParameters()).plane
    assert Plane.from_dict(json.loads(json.dumps(plane.to_dict(), allow_nan=False))) == plane


def test_height_scatter_is_about_each_transect():
    table = along_line(90.0, 0.0)
    assert fit_plane(table, PlaneParameters()).height_scatter == pytest.approx(0.0, abs=1e-9)
    rough = table.assign(height_ato=table["height_ato"] + np.where(np.arange(len(table)) % 2, 0.5, -0.5))
    assert fit_plane(rough, PlaneParameters()).height_scatter == pytest.approx(0.5, rel=0.02)
    assert fit_plane(round_circle(), PlaneParameters()).height_scatter < 0.01


def test_parameters_are_declared_with_units():
    assert unit_of(PlaneParameters, "distance_limit") == "m"
    with pytest.raises(InputFaults):
        PlaneParameters.check({"distance_limit": -1.0})

"""Projected coordinates, course and circular angles."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasflux_core.errors import InputError
from gasflux_core.flight import check_flight
from gasflux_core.io.tables import read_table
from gasflux_core.position import angle_between, bearing, locate, mean_angle, utm_zone

DATA = Path(__file__).parents[1] / "data"


def flight(longitude: list[float], latitude: list[float], height: list[float] | None = None) -> pd.DataFrame:
    rows = len(longitude)
    return pd.DataFrame(
        {
            "latitude": latitude,
            "longitude": longitude,
            "height_ato": height or [10.0] * rows,
            "time": np.arange(rows, dtype=float),
        }
    )


def test_figures_of_the_public_gasflux_hold_to_a_micrometre() -> None:
    golden = json.loads((DATA / "golden_utm_course.json").read_text())
    table = check_flight(read_table(DATA / "example_flight.csv"), ["ch4"]).table.iloc[golden["rows"]]
    for column, name in (
        ("easting", "utm_easting"),
        ("northing", "utm_northing"),
        ("course_azimuth", "course_azimuth"),
        ("course_elevation", "course_elevation"),
        ("ground_speed", "hor_distance"),  # one row a second
    ):
        expected = np.array(golden[name], dtype=float)
        known = ~np.isnan(expected)
        assert known.sum() >= 10
        np.testing.assert_allclose(table[column].to_numpy()[known], expected[known], rtol=0, atol=1e-6)


def test_course_speed_and_elevation_of_known_legs() -> None:
    # on the equator at the central meridian of zone 31: 0.9996 m in the grid to a metre on the ground
    degree = np.pi / 180 * 6378137.0 * 0.9996
    step = 10 / degree
    table, crs = locate(flight([3.0, 3.0 + step, 3.0 + step, 3.0, 3.0], [0.5] * 5, [0.0, 0.0, 7.0, 7.0, 7.0]))
    assert crs == "EPSG:32631"
    east = np.cos(np.radians(0.5))
    np.testing.assert_allclose(table["course_azimuth"], [90, 90, 0, 270, 0], atol=1e-3)
    np.testing.assert_allclose(table["course_elevation"], [0, 0, 90, 0, 0], atol=1e-9)
    np.testing.assert_allclose(table["ground_speed"], [10 * east, 10 * east, 0, 10 * east, 0], rtol=1e-4, atol=1e-9)


def test_first_row_takes_the_course_of_the_second() -> None:
    table, _ = locate(flight([8.0, 8.001, 8.001], [50.0, 50.0, 50.001]))
    assert table["course_azimuth"][0] == table["course_azimuth"][1]
    assert table["ground_speed"][0] == table["ground_speed"][1]


def test_locating_leaves_the_table_given_as_it_was() -> None:
    table = flight([8.0, 8.001], [50.0, 50.0])
    locate(table)
    assert list(table.columns) == ["latitude", "longitude", "height_ato", "time"]


def test_a_flight_over_the_date_line_stays_in_one_piece() -> None:
    table, crs = locate(flight([179.999, -179.999], [-17.0, -17.0]))
    assert crs in ("EPSG:32701", "EPSG:32760")
    assert table["ground_speed"][1] == pytest.approx(213, rel=0.01)


@pytest.mark.parametrize(
    ("longitude", "latitude", "code"),
    [
        (15.4, 54.9, "EPSG:32633"),
        (-1.3, 51.4, "EPSG:32630"),
        (-180.0, 10.0, "EPSG:32601"),
        (180.0, 10.0, "EPSG:32601"),
        (179.99, -1.0, "EPSG:32760"),
        (0.0, -0.1, "EPSG:32731"),
    ],
)
def test_utm_zone(longitude: float, latitude: float, code: str) -> None:
    assert utm_zone(longitude, latitude) == code


def test_a_national_grid_can_be_asked_for() -> None:
    table, crs = locate(flight([-1.3, -1.299], [51.4, 51.4]), "epsg:27700")
    assert crs == "EPSG:27700"
    assert table["easting"][0] == pytest.approx(448_800, abs=500)


@pytest.mark.parametrize(
    ("crs", "says"),
    [
        ("EPSG:4326", "not projected"),
        ("EPSG:2263", "not projected in metres"),  # US survey feet
        ("EPSG:2053", "east and north"),  # axes to the west and south
        ("EPSG:3857", "distances would be wrong"),  # 1.6 m to the metre at 51° N
        ("EPSG:999999", "no EPSG:999999"),
        ("UTM 30", "EPSG:n"),
        ("/etc/passwd", "EPSG:n"),
    ],
)
def test_a_crs_that_would_spoil_distances_is_refused(crs: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as error:
        locate(flight([-1.3, -1.299], [51.4, 51.4]), crs)
    assert error.value.parameter == "crs"


@given(st.floats(0, 359.999), st.floats(0.1, 1e4))
def test_bearing_undoes_sine_and_cosine(degrees: float, length: float) -> None:
    east, north = length * np.sin(np.radians(degrees)), length * np.cos(np.radians(degrees))
    assert angle_between(bearing(east, north), degrees) < 1e-6
    assert 0 <= bearing(east, north) < 360


@given(st.lists(st.floats(-40, 40), min_size=1, max_size=20), st.floats(0, 360))
def test_mean_angle_turns_with_its_angles(spread: list[float], turn: float) -> None:
    turned = mean_angle(np.array(spread) + turn)
    assert angle_between(turned, mean_angle(spread) + turn) < 1e-6


def test_mean_angle_over_north_and_of_opposites() -> None:
    assert angle_between(mean_angle([350.0, 20.0]), 5.0) < 1e-9
    assert np.isnan(mean_angle([0.0, 180.0]))


@given(st.floats(-720, 720), st.floats(-720, 720))
def test_angle_between_is_symmetric_and_at_most_180(first: float, second: float) -> None:
    angle = angle_between(first, second)
    assert 0 <= angle <= 180
    assert angle == pytest.approx(angle_between(second, first), abs=1e-9)
    assert angle == pytest.approx(angle_between(first + 360, second), abs=1e-9)

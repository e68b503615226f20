"""Wind from columns and from an anemometer on the drone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from gasflux_core.errors import InputError, InputFaults
from gasflux_core.wind import WindParameters, direction_turn, estimate_wind, ground_velocity, wind_from_anemometer

METRES_PER_DEGREE = 111_257.0
"""Of latitude near 51.4° N."""


def flight(speed: np.ndarray, direction: np.ndarray, seconds: float = 600.0) -> pd.DataFrame:
    time = np.linspace(0.0, seconds, len(speed))
    return pd.DataFrame({"time": time, "windspeed": speed, "winddir": direction})


@given(
    wind_east=st.floats(-20, 20),
    wind_north=st.floats(-20, 20),
    ground_east=st.floats(-15, 15),
    ground_north=st.floats(-15, 15),
    yaw=st.floats(-360, 720),
)
def test_the_anemometer_gives_back_the_wind_that_it_flew_in(wind_east, wind_north, ground_east, ground_north, yaw):
    """Air-relative flow is wind less ground velocity; the drone sees its parts along starboard and nose."""
    flow_east, flow_north = wind_east - ground_east, wind_north - ground_north
    psi = np.radians(yaw)
    starboard, nose = (np.cos(psi), -np.sin(psi)), (np.sin(psi), np.cos(psi))
    u = flow_east * starboard[0] + flow_north * starboard[1]
    v = flow_east * nose[0] + flow_north * nose[1]
    east, north = wind_from_anemometer(u, v, yaw, ground_east, ground_north)
    assert east == pytest.approx(wind_east, abs=1e-9)
    assert north == pytest.approx(wind_north, abs=1e-9)


def test_in_still_air_a_drone_flying_nose_first_measures_its_own_motion_and_no_wind():
    east, north = wind_from_anemometer(0.0, -5.0, 90.0, 5.0, 0.0)
    assert (east, north) == pytest.approx((0.0, 0.0), abs=1e-12)


def test_a_hovering_drone_that_faces_a_north_wind():
    """Wind from the north blows from nose to aft on a drone whose nose points north."""
    n = 30
    table = pd.DataFrame(
        {"time": np.arange(n), "latitude": 51.4, "longitude": -1.3, "u": 0.0, "v": -6.0, "yaw": np.zeros(n)}
    )
    wind = estimate_wind(table, WindParameters(wind_source="anemometer"))
    assert wind.mean_speed == pytest.approx(6.0)
    assert wind.mean_direction % 360.0 == pytest.approx(0.0, abs=1e-9)
    assert wind.table["wind_north"].to_numpy() == pytest.approx(np.full(n, -6.0))


def test_an_anemometer_flight_in_a_uniform_wind():
    """Flying to and fro at 5 m/s with turning yaw, the wind from 240° at 4 m/s comes back in every row."""
    time = np.arange(120.0)
    out = time < 60
    north = np.where(out, 5.0, -5.0)
    distance = np.cumsum(north) - 5.0
    latitude = 51.4 + distance / METRES_PER_DEGREE
    yaw = (7.0 * time) % 360.0
    wind = (-4.0 * np.sin(np.radians(240.0)), -4.0 * np.cos(np.radians(240.0)))
    table = pd.DataFrame({"time": time, "latitude": latitude, "longitude": -1.3})
    moved = ground_velocity(*(table[name].to_numpy() for name in ("time", "latitude", "longitude")))
    flow = (wind[0] - moved[0], wind[1] - moved[1])
    psi = np.radians(yaw)
    table["side"] = flow[0] * np.cos(psi) - flow[1] * np.sin(psi)
    table["front"] = flow[0] * np.sin(psi) + flow[1] * np.cos(psi)
    table["heading"] = yaw
    parameters = WindParameters(wind_source="anemometer", anemometer_u="side", anemometer_v="front", yaw="heading")
    found = estimate_wind(table, parameters)
    assert found.table["windspeed"].to_numpy() == pytest.approx(np.full(120, 4.0), abs=1e-9)
    assert found.table["winddir"].to_numpy() == pytest.approx(np.full(120, 240.0), abs=1e-6)


@pytest.mark.parametrize("longitude", [-1.3, 179.999])
def test_ground_velocity_is_along_true_east_and_north(longitude):
    """10 m/s to the north-east; the flight may cross the 180th meridian."""
    time = np.arange(60.0)
    start = np.full(60, longitude), np.full(60, 51.4)
    there, latitude, _ = Geod(ellps="WGS84").fwd(*start, np.full(60, 45.0), 10.0 * time)
    east, north = ground_velocity(time, latitude, there)
    assert east == pytest.approx(np.full(60, np.sqrt(50.0)), rel=2e-4)
    assert north == pytest.approx(np.full(60, np.sqrt(50.0)), rel=2e-4)


def test_directions_are_averaged_as_vectors():
    direction = np.tile([350.0, 10.0], 50)
    wind = estimate_wind(flight(np.full(100, 5.0), direction), WindParameters())
    assert np.cos(np.radians(wind.mean_direction)) == pytest.approx(1.0)
    assert wind.direction_std == pytest.approx(10.0, rel=0.02)
    assert wind.table["wind_east"].mean() == pytest.approx(0.0, abs=1e-12)
    assert wind.table["wind_north"].max() < 0


@pytest.mark.parametrize("turn", [-200.0, -40.0, 0.0, 25.0, 90.0, 300.0])
@pytest.mark.parametrize("start", [0.0, 170.0, 350.0])
def test_the_turn_of_the_wind_is_found_across_north_and_in_noise(turn, start):
    tau = np.linspace(0.0, 1.0, 400)
    noise = np.random.default_rng(3).normal(scale=25.0, size=400)
    assert direction_turn(tau * 900.0, start + turn * tau) == pytest.approx(turn, abs=1e-6)
    assert direction_turn(tau * 900.0, (start + turn * tau + noise) % 360.0) == pytest.approx(turn, abs=15.0)


def test_flags_of_light_and_turning_wind():
    steady = estimate_wind(flight(np.full(50, 4.0), np.full(50, 90.0)), WindParameters())
    assert steady.flags == ()
    weak = estimate_wind(flight(np.full(50, 1.5), np.linspace(340.0, 380.0, 50) % 360), WindParameters())
    assert weak.flags == ("light_wind", "turning_wind")
    assert weak.turn == pytest.approx(40.0)
    assert weak.to_dict()["turn"] == weak.turn


def test_outliers_are_interpolated_in_time_and_counted_and_no_row_is_lost():
    random = np.random.default_rng(0)
    speed, direction = 5 + 0.3 * random.normal(size=200), (2 + 3 * random.normal(size=200)) % 360
    speed[50], direction[120] = 40.0, 180.0
    raw = flight(speed, direction)
    untouched = estimate_wind(raw, WindParameters())
    assert untouched.replaced == 0
    assert untouched.table["windspeed"].max() == 40.0
    cleaned = estimate_wind(raw, WindParameters(outlier_fence=3.0))
    assert cleaned.replaced == 2
    assert len(cleaned.table) == 200
    between = cleaned.table["wind_north"].iloc[[49, 51]].mean()
    assert cleaned.table["wind_north"].iloc[50] == pytest.approx(between)
    assert cleaned.table["windspeed"].max() < 8
    assert np.abs((cleaned.table["winddir"] - 2 + 180) % 360 - 180).max() < 30


def test_a_fence_on_a_constant_wind_replaces_nothing():
    speed = np.full(100, 5.0)
    speed[3] = 5.1
    assert estimate_wind(flight(speed, np.full(100, 10.0)), WindParameters(outlier_fence=3.0)).replaced == 0


def test_every_missing_anemometer_column_is_named():
    table = flight(np.full(30, 4.0), np.full(30, 90.0)).assign(latitude=51.4, longitude=-1.3)
    with pytest.raises(InputFaults) as caught:
        estimate_wind(table, WindParameters(wind_source="anemometer", yaw="heading"))
    assert {fault.column for fault in caught.value.faults} == {"u", "v", "heading"}


def test_a_negative_speed_is_told_with_its_row():
    speed = np.full(30, 4.0)
    speed[16] = -0.5
    with pytest.raises(InputError, match="row 17") as caught:
        estimate_wind(flight(speed, np.full(30, 90.0)), WindParameters())
    assert caught.value.row == 17

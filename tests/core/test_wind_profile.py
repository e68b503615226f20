"""The log law fitted to winds: exact on winds that follow it, and honest about those that scatter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasflux_core.errors import NoSolution
from gasflux_core.wind_profile import WindProfile, fit_wind_profile
from tests.core.scenes import curtain, cylinder, level_transects

HEIGHTS = np.arange(5.0, 60.0, 6.0)


def log_wind_table(east: float, north: float, roughness_length: float):
    table = level_transects(HEIGHTS)
    factor = np.log(table["height_above_ground"] / roughness_length) / np.log(10 / roughness_length)
    table["wind_east"], table["wind_north"] = east * factor, north * factor
    return table


@given(
    east=st.floats(-10, 10),
    north=st.floats(-10, 10),
    roughness_length=st.sampled_from([0.001, 0.03, 0.5]),
)
def test_a_log_wind_is_found_exactly(east: float, north: float, roughness_length: float) -> None:
    profile = fit_wind_profile(log_wind_table(east, north, roughness_length), curtain(), roughness_length)
    assert (profile.east, profile.north) == pytest.approx((east, north), abs=1e-9)
    assert np.asarray(profile.covariance) == pytest.approx(0, abs=1e-9)


def test_the_factor_is_one_at_ten_metres_and_zero_at_the_roughness_length() -> None:
    profile = fit_wind_profile(log_wind_table(0, 4, 0.03), curtain(), 0.03)
    assert profile.factor([10.0, 0.03, 0.01, -5.0]) == pytest.approx([1, 0, 0, 0], abs=1e-12)


def test_the_normal_wind_changes_sign_with_the_normal() -> None:
    table = log_wind_table(0, 4, 0.03)
    with_wind = fit_wind_profile(table, curtain(normal_azimuth=0.0), 0.03)
    against = fit_wind_profile(table, curtain(normal_azimuth=180.0), 0.03)
    assert with_wind.normal([50.0], [10.0]) == pytest.approx([4.0])
    assert against.normal([50.0], [10.0]) == pytest.approx([-4.0])


def test_through_a_closed_cylinder_as_much_air_leaves_as_enters() -> None:
    profile = fit_wind_profile(log_wind_table(3, 4, 0.03), cylinder(), 0.03)
    x = np.linspace(0, cylinder().length, 361)[:-1]
    assert profile.normal(x, np.full_like(x, 10.0)).mean() == pytest.approx(0, abs=1e-9)
    assert profile.normal(x, np.full_like(x, 10.0)).max() == pytest.approx(5.0, rel=1e-3)


def test_the_scatter_between_transects_gives_the_covariance_of_the_mean() -> None:
    random = np.random.default_rng(5)
    found, stated = [], []
    for _ in range(300):
        table = log_wind_table(0, 5, 0.03)
        gusts = random.normal(0, 0.5, len(HEIGHTS))
        table["wind_north"] += gusts[table["transect"].to_numpy() - 1]
        profile = fit_wind_profile(table, curtain(), 0.03)
        found.append(profile.north)
        stated.append(profile.covariance[1][1])
    assert np.sqrt(np.mean(stated)) == pytest.approx(np.std(found), rel=0.15)


def test_another_roughness_length_keeps_the_wind_where_it_was_measured() -> None:
    table = log_wind_table(0, 5, 0.03)
    profile = fit_wind_profile(table, curtain(), 0.03)
    refitted = fit_wind_profile(table, curtain(), 0.1)
    moved = profile.with_roughness(0.1, table["height_above_ground"])
    assert (moved.east, moved.north) == pytest.approx((refitted.east, refitted.north), abs=1e-9)


def test_it_survives_its_way_through_json() -> None:
    profile = fit_wind_profile(log_wind_table(1, 4, 0.03), curtain(), 0.03)
    again = WindProfile.from_dict(profile.to_dict(), curtain())
    assert again.normal([1.0, 20.0], [3.0, 30.0]) == pytest.approx(profile.normal([1.0, 20.0], [3.0, 30.0]))


def test_heights_all_under_the_roughness_length_are_told() -> None:
    table = level_transects(np.array([0.01, 0.02, 0.03]))
    with pytest.raises(NoSolution, match="roughness"):
        fit_wind_profile(table, curtain(), 0.5)

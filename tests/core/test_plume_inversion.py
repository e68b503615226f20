"""The plume inversion: exact on plumes of known rate, turned and scaled as physics has it, and silent where there is
not one plume."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.crosswind import crosswind_cells, fit_crosswind_plume
from gasflux_core.errors import NoSolution
from gasflux_core.plane_geometry import Plane
from gasflux_core.plume import Curtain, Cylinder, LogWind, Plume
from gasflux_core.plume_inversion import PlumeInversion, invert_plume
from gasflux_core.wind_profile import WindProfile
from tests.core.scenes import curtain, cylinder, level_transects

HEIGHTS = np.arange(2.0, 66.0, 6.0)
Z0 = 0.03
RATE = 10.0


def profile(plane: Plane, east: float = 0.0, north: float = 5.0) -> WindProfile:
    return WindProfile(plane, east=east, north=north, roughness_length=Z0, covariance=((0.0, 0.0), (0.0, 0.0)))


def plume_table(
    heights: np.ndarray = HEIGHTS,
    rate: float = RATE,
    source: tuple[float, float, float] = (10.0, -150.0, 20.0),
    wind_from: float = 180.0,
    speed: float = 5.0,
    step: float = 4.0,
) -> pd.DataFrame:
    """An east–west curtain of 300 m north of a source at (east, north, height), of the rate in kg/h."""
    table = level_transects(heights, length=300.0, step=step)
    made = Plume(*source, stability="D", wind=LogWind(speed, Z0), surface=Curtain(90.0))
    seen = made.concentration(
        table["x"] - 150.0, np.zeros(len(table)), table["height_above_ground"], wind_from, np.zeros(len(table)), 0.0
    )
    table["ch4_mass_enhancement"] = rate / 3600 * seen
    return table


def inverted(table: pd.DataFrame, noise: float = 0.0, plane: Plane | None = None, **wind: float) -> PlumeInversion:
    plane = plane or curtain(300.0)
    return invert_plume(table, "ch4", plane, profile(plane, **wind), noise)


@pytest.mark.parametrize("height", [0.5, 12.0, 25.0])
def test_a_noiseless_plume_is_found(height: float) -> None:
    found = inverted(plume_table(source=(10.0, -150.0, height)))
    assert found.rate == pytest.approx(RATE, rel=5e-3)
    assert found.standard_uncertainty < 0.05 * RATE
    assert found.centre == pytest.approx(160.0, abs=5.0)
    assert found.height == pytest.approx(height, abs=2.5)
    assert found.spread_across == pytest.approx(0.08 * 150, rel=0.05)
    assert found.explained > 0.99


def test_a_plume_cut_at_the_top_is_completed() -> None:
    table = plume_table(HEIGHTS[HEIGHTS < 30], source=(10.0, -150.0, 25.0))
    found = inverted(table)
    assert abs(found.rate - RATE) < 2 * found.standard_uncertainty
    assert found.rate == pytest.approx(RATE, rel=0.05)


def test_four_transects_far_apart_do() -> None:
    found = inverted(plume_table(np.array([4.0, 20.0, 36.0, 52.0])))
    assert found.rate == pytest.approx(RATE, rel=0.02)


def test_an_oblique_wind_is_seen_across_itself() -> None:
    """A plume carried 40° off the normal is stretched along the plane, and as wide as ever across the wind."""
    turn = np.radians(40.0)
    place = (-150.0 * np.sin(turn), -150.0 * np.cos(turn), 20.0)
    found = inverted(
        plume_table(source=place, wind_from=220.0), east=5.0 * float(np.sin(turn)), north=5.0 * float(np.cos(turn))
    )
    assert found.rate == pytest.approx(RATE, rel=0.02)
    assert found.spread_across == pytest.approx(0.08 * 150, rel=0.15)


def test_a_cylinder_sees_the_plume_on_one_wall() -> None:
    plane = cylinder(60.0)
    table = level_transects(HEIGHTS, length=plane.length * 0.995, step=plane.length / 120)
    bearing = table["x"] / 60.0
    made = Plume(0.0, -20.0, 15.0, stability="D", wind=LogWind(5.0, Z0), surface=Cylinder(60.0))
    seen = made.concentration(
        60.0 * np.sin(bearing),
        60.0 * np.cos(bearing),
        table["height_above_ground"],
        180.0,
        np.zeros(len(table)),
        0.0,
    )
    table["ch4_mass_enhancement"] = RATE / 3600 * seen
    found = inverted(table, plane=plane)
    assert found.rate == pytest.approx(RATE, rel=0.01)
    assert min(found.centre, plane.length - found.centre) < 6.0  # due north, where x begins


def test_twice_the_wind_twice_the_rate() -> None:
    table = plume_table()
    assert inverted(table, north=10.0).rate == pytest.approx(2 * inverted(table).rate, rel=1e-6)


def test_twice_the_enhancement_twice_the_rate() -> None:
    once, twice = plume_table(), plume_table(rate=2 * RATE)
    assert inverted(twice, 2e-8).rate == pytest.approx(2 * inverted(once, 1e-8).rate, rel=1e-6)


def test_origin_and_direction_of_x_are_of_no_meaning() -> None:
    table = plume_table()
    once = inverted(table).rate
    assert inverted(table.assign(x=table["x"] + 777.0)).rate == pytest.approx(once, rel=1e-6)
    assert inverted(table.assign(x=300.0 - table["x"])).rate == pytest.approx(once, rel=1e-3)


def test_a_plume_that_moves_between_transects_keeps_its_rate() -> None:
    random = np.random.default_rng(2)
    tables = [plume_table(source=(10.0 + 12.0 * random.standard_normal(), -150.0, 20.0)) for _ in HEIGHTS]
    table = pd.concat([one[one["transect"] == number + 1] for number, one in enumerate(tables)], ignore_index=True)
    assert inverted(table, 1e-9).rate == pytest.approx(RATE, rel=0.01)
    plane = curtain(300.0)
    seen = fit_crosswind_plume(crosswind_cells(table, "ch4", plane, profile(plane)), 1e-9)
    assert 5.0 < seen.shift < 25.0
    assert seen.spread == pytest.approx(12.0, rel=0.1)


def test_scatter_of_the_strength_is_found_and_widens_the_posterior() -> None:
    random = np.random.default_rng(4)
    heights = np.arange(2.0, 66.0, 3.0)
    even = inverted(plume_table(heights), 1e-9)
    off, stated = [], []
    for _ in range(15):
        table = plume_table(heights)
        strength = np.exp(0.3 * random.standard_normal(len(heights)) - 0.045)
        table["ch4_mass_enhancement"] *= strength[table["transect"].to_numpy() - 1]
        found = inverted(table, 1e-9)
        assert 0.1 < found.scatter < 0.6
        assert found.standard_uncertainty > 5 * even.standard_uncertainty
        off.append((found.rate - RATE) / found.standard_uncertainty)
        stated.append(found.standard_uncertainty)
    assert np.sqrt(np.mean(np.square(off))) < 1.6


def test_noise_is_in_the_posterior() -> None:
    random = np.random.default_rng(6)
    noise, off = 6e-8, []
    for _ in range(20):
        table = plume_table(step=3.0)
        table["ch4_mass_enhancement"] += noise * random.standard_normal(len(table))
        found = inverted(table, noise)
        off.append((found.rate - RATE) / found.standard_uncertainty)
    assert 0.4 < np.sqrt(np.mean(np.square(off))) < 1.6


def test_the_same_table_gives_the_same_numbers() -> None:
    table = plume_table()
    np.testing.assert_array_equal(inverted(table).draws, inverted(table).draws)


# ---- where there is not one plume


def test_noise_alone_is_no_plume() -> None:
    for seed in range(10):
        table = plume_table()
        table["ch4_mass_enhancement"] = 1e-8 * np.random.default_rng(seed).standard_normal(len(table))
        with pytest.raises(NoSolution, match="noise"):
            inverted(table, 1e-8)


def test_clean_air_is_no_plume() -> None:
    with pytest.raises(NoSolution, match="no enhancement"):
        inverted(plume_table().assign(ch4_mass_enhancement=0.0))


def test_two_plumes_are_not_one() -> None:
    table = plume_table(source=(-70.0, -150.0, 20.0))
    table["ch4_mass_enhancement"] += plume_table(source=(80.0, -150.0, 20.0))["ch4_mass_enhancement"]
    with pytest.raises(NoSolution, match="not a single plume"):
        inverted(table, 1e-9)


def test_three_transects_are_too_few() -> None:
    with pytest.raises(NoSolution, match="fewer than 4"):
        inverted(plume_table(HEIGHTS[:3]))


def test_no_wind_carries_nothing() -> None:
    with pytest.raises(NoSolution, match="wind"):
        inverted(plume_table(), north=0.0)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    transects=st.integers(1, 9),
    samples=st.integers(1, 30),
    noise=st.floats(0.0, 1e-6),
    size=st.sampled_from([1e-30, 1e-9, 1e-6, 1e3]),
    flat=st.booleans(),
    east=st.floats(-8.0, 8.0),
    north=st.floats(-8.0, 8.0),
    spiral=st.booleans(),
)
def test_whatever_was_flown_there_is_a_rate_or_a_reason(
    seed: int,
    transects: int,
    samples: int,
    noise: float,
    size: float,
    flat: bool,
    east: float,
    north: float,
    spiral: bool,
) -> None:
    random = np.random.default_rng(seed)
    count = transects * samples
    plane = cylinder(60.0) if spiral else curtain(300.0)
    heights = np.repeat(random.uniform(-2.0, 80.0, transects), samples)
    table = pd.DataFrame(
        {
            "x": random.uniform(0.0, plane.length, count),
            "height_above_ground": heights if flat else heights + random.normal(0.0, 4.0, count),
            "kept": True,
            "transect": np.repeat(np.arange(1, transects + 1), samples),
            "ch4_mass_enhancement": size * random.lognormal(0.0, 2.0, count) * random.choice([-1, 0, 1], count),
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = inverted(table, noise, plane, east=east, north=north)
        except NoSolution as reason:
            assert str(reason)
        else:
            assert np.isfinite([found.rate, found.standard_uncertainty, *found.draws]).all()

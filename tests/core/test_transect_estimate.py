"""Trapezoids over transects: exact where the enhancement is straight between them, and as physics has it elsewhere."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gasflux_core.errors import NoSolution
from gasflux_core.transect_estimate import TransectEstimate, estimate_by_transects
from gasflux_core.transect_integrals import integrate_transects
from gasflux_core.wind_profile import WindProfile
from tests.core.scenes import curtain, cylinder, level_transects

HEIGHTS = np.arange(3.0, 80.0, 4.0)
Z0 = 0.03


def profile(plane, north: float = 5.0) -> WindProfile:
    return WindProfile(plane, east=0.0, north=north, roughness_length=Z0, covariance=((0.0, 0.0), (0.0, 0.0)))


def wind_met(low: float, high: float) -> float:
    """∫ ln(h/z₀)/ln(10/z₀) dh."""
    heights = np.geomspace(max(low, Z0), high, 20_001)
    return float(np.trapezoid(np.log(heights / Z0) / np.log(10 / Z0), heights))


def estimate(table: pd.DataFrame, plane=None, north: float = 5.0, noise: float = 0.0) -> TransectEstimate:
    plane = plane or curtain(400.0)
    wind = profile(plane, north)
    return estimate_by_transects(table, "ch4", plane, wind, integrate_transects(table, "ch4", plane, wind), noise)


def plume(heights: np.ndarray = HEIGHTS, centre: float = 30.0, spread: float = 12.0, middle: float = 200.0):
    table = level_transects(heights, length=400.0, step=4.0)
    height = table["height_above_ground"]
    bell = np.exp(-0.5 * ((height - centre) / spread) ** 2) + np.exp(-0.5 * ((height + centre) / spread) ** 2)
    table["ch4_mass_enhancement"] = 1e-6 * bell * np.exp(-0.5 * ((table["x"] - middle) / 25) ** 2)
    return table


def carried(centre: float = 30.0, spread: float = 12.0) -> float:
    """Rate of the plume above in a wind of 5 m/s at 10 m, kg/h."""
    heights = np.geomspace(Z0, centre + 10 * spread, 20_001)
    bell = np.exp(-0.5 * ((heights - centre) / spread) ** 2) + np.exp(-0.5 * ((heights + centre) / spread) ** 2)
    wind = 5.0 * np.log(heights / Z0) / np.log(10 / Z0)
    return 3600 * 1e-6 * 25 * np.sqrt(2 * np.pi) * float(np.trapezoid(bell * wind, heights))


def test_an_even_enhancement_in_a_logarithmic_wind_is_exact_between_the_transects() -> None:
    table = level_transects(HEIGHTS, length=400.0, step=7.0)
    length = float(table["x"].max())
    table["ch4_mass_enhancement"] = 1e-6
    with pytest.raises(NoSolution, match="above"):  # it never ends
        estimate(table)
    # all of it within reach: nothing above, by a last transect in clean air
    table.loc[table["transect"] == table["transect"].max(), "ch4_mass_enhancement"] = 0.0
    found = estimate(table)
    top, last = HEIGHTS[-2], HEIGHTS[-1]
    heights = np.linspace(top, last, 2001)
    falling = np.trapezoid((last - heights) / (last - top) * np.log(heights / Z0) / np.log(10 / Z0), heights)
    expected = 3600 * 1e-6 * 5.0 * length * (wind_met(HEIGHTS[0], top) + falling)
    assert found.rate - found.below == pytest.approx(expected, rel=1e-6)
    assert found.above == 0.0
    assert found.below == pytest.approx(3600 * 1e-6 * 5.0 * length * wind_met(0.0, HEIGHTS[0]), rel=0.05)


def test_a_plume_between_the_transects_is_found() -> None:
    found = estimate(plume())
    assert found.rate == pytest.approx(carried(), rel=5e-3)
    assert found.above < 1e-3 * found.rate
    assert found.standard_uncertainty < 0.01 * found.rate


def test_a_plume_cut_at_the_top_is_completed_by_its_tail() -> None:
    found = estimate(plume(HEIGHTS[HEIGHTS < 36]))
    assert found.rate == pytest.approx(carried(), rel=0.02)
    assert found.above > 0.2 * found.rate


def test_a_plume_on_the_ground_is_completed_below() -> None:
    found = estimate(plume(HEIGHTS[2:], centre=0.0, spread=15.0))
    assert found.rate == pytest.approx(carried(0.0, 15.0), rel=0.02)
    assert found.below > 0.2 * found.rate


def test_a_plume_mostly_above_the_transects_has_no_rate() -> None:
    with pytest.raises(NoSolution, match="above the highest"):
        estimate(plume(HEIGHTS[HEIGHTS < 24], centre=30.0))


def test_three_transects_have_no_rate() -> None:
    with pytest.raises(NoSolution, match="four transects"):
        estimate(plume(np.array([10.0, 25.0, 40.0])))


def test_twice_the_wind_twice_the_rate_and_the_origin_is_of_no_meaning() -> None:
    once = estimate(plume())
    assert estimate(plume(), north=10.0).rate == pytest.approx(2 * once.rate, rel=1e-9)
    moved = plume().assign(x=lambda table: table["x"] + 1234.5)
    assert estimate(moved).rate == pytest.approx(once.rate, rel=1e-9)


def test_transects_are_told_by_number_and_not_by_the_order_of_rows() -> None:
    shuffled = plume().sample(frac=1.0, random_state=3).reset_index(drop=True)
    assert estimate(shuffled).rate == pytest.approx(estimate(plume()).rate, rel=1e-9)


def test_air_that_blows_through_a_cylinder_carries_nothing_out_of_it() -> None:
    plane = cylinder(50.0)
    table = level_transects(HEIGHTS, length=plane.length * 0.99, step=plane.length / 100)
    table["ch4_mass_enhancement"] = np.where(table["transect"] == 1, 1e-9, 1e-6) * (1 + 0 * table["x"])
    passing = 3600 * 1e-6 * 5.0 * 100.0 * wind_met(0.0, HEIGHTS[-1])
    assert abs(estimate(table, plane).rate) < 1e-6 * passing


def test_the_uncertainty_holds_noise_and_scatter() -> None:
    random = np.random.default_rng(5)
    noise = 1e-7
    found = []
    for _ in range(40):
        table = plume()
        table["ch4_mass_enhancement"] += noise * random.standard_normal(len(table))
        found.append(estimate(table, noise=noise))
    spread = np.std([one.rate for one in found])
    assert np.median([one.standard_uncertainty for one in found]) == pytest.approx(spread, rel=0.5)


def test_a_slope_is_followed() -> None:
    """Heights above ground that change along the transects are those of each sample."""
    table = plume()
    table["height_above_ground"] += 0.05 * (table["x"] - 200)
    height = table["height_above_ground"]
    bell = np.exp(-0.5 * ((height - 30) / 12) ** 2) + np.exp(-0.5 * ((height + 30) / 12) ** 2)
    table["ch4_mass_enhancement"] = 1e-6 * bell * np.exp(-0.5 * ((table["x"] - 200) / 25) ** 2)
    kept = table[table["height_above_ground"] > 0].reset_index(drop=True)
    assert estimate(kept).rate == pytest.approx(carried(), rel=0.01)

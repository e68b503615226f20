"""Transects integrated one by one: exact on fields of known integral, scatter found where it is."""

from __future__ import annotations

import numpy as np
import pytest

from gasflux_core.transect_integrals import ALIKE, integrate_transects
from gasflux_core.wind_profile import WindProfile
from tests.core.scenes import curtain, cylinder, level_transects

HEIGHTS = np.arange(2.5, 80.0, 5.0)
EVEN = ((0.0, 0.0), (0.0, 0.0))


def profile(plane, north: float = 5.0) -> WindProfile:
    return WindProfile(plane, east=0.0, north=north, roughness_length=0.03, covariance=EVEN)


def plume_table(noise: np.ndarray | None = None):
    table = level_transects(HEIGHTS, length=400.0, step=2.0)
    height = table["height_above_ground"]
    bell = np.exp(-0.5 * ((height - 30) / 12) ** 2) + np.exp(-0.5 * ((height + 30) / 12) ** 2)
    table["ch4_mass_enhancement"] = 1e-6 * bell * np.exp(-0.5 * ((table["x"] - 200) / 25) ** 2)
    if noise is not None:
        table["ch4_mass_enhancement"] *= noise[table["transect"].to_numpy() - 1]
    return table


def test_a_gaussian_is_integrated_exactly_in_every_transect() -> None:
    found = integrate_transects(plume_table(), "ch4", curtain(400.0), profile(curtain(400.0)))
    bell = np.exp(-0.5 * ((HEIGHTS - 30) / 12) ** 2) + np.exp(-0.5 * ((HEIGHTS + 30) / 12) ** 2)
    wind = 5.0 * np.log(HEIGHTS / 0.03) / np.log(10 / 0.03)
    expected = 1e-6 * bell * wind * 25 * np.sqrt(2 * np.pi) * 3600
    assert found.flux == pytest.approx(expected, rel=1e-6)


def test_a_smooth_plume_has_no_scatter() -> None:
    found = integrate_transects(plume_table(), "ch4", curtain(400.0), profile(curtain(400.0)))
    assert found.vertical is not None
    assert found.vertical.scatter < 1e-3 * found.flux.max()
    assert found.vertical.degrees_of_freedom == len(HEIGHTS) - 3
    assert found.vertical.scatter_of_sum(found.flux, found.weight, 0.0)[0] < 1e-3 * float(found.flux @ found.weight)


def test_scatter_of_transects_is_found() -> None:
    random = np.random.default_rng(3)
    ratios = []
    for _ in range(20):
        noise = 1 + 0.3 * random.standard_normal(len(HEIGHTS))
        found = integrate_transects(plume_table(noise), "ch4", curtain(400.0), profile(curtain(400.0)))
        smooth = integrate_transects(plume_table(), "ch4", curtain(400.0), profile(curtain(400.0)))
        # As if successive transects were alike, which these aren't.
        true = np.sqrt(np.sum((0.3 * smooth.flux) ** 2 * smooth.weight**2) * (1 + ALIKE) / (1 - ALIKE))
        assert found.vertical is not None
        ratios.append(found.vertical.scatter_of_sum(found.flux, found.weight, 0.0)[0] / true)
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.35)


def test_strips_cover_the_height_between_lowest_and_highest_transect() -> None:
    found = integrate_transects(plume_table(), "ch4", curtain(400.0), profile(curtain(400.0)))
    assert found.weight.sum() == pytest.approx(HEIGHTS[-1] - HEIGHTS[0])


def test_a_revolution_closes_on_itself() -> None:
    plane = cylinder(50.0)
    table = level_transects(HEIGHTS, length=plane.length * 0.99, step=plane.length / 100)
    table["ch4_mass_enhancement"] = 1e-6
    found = integrate_transects(table, "ch4", plane, profile(plane))
    assert found.flux == pytest.approx(0.0, abs=1e-6)


def test_too_few_transects_have_no_scatter_to_tell() -> None:
    table = plume_table()
    table = table[table["transect"] <= 3].reset_index(drop=True)
    found = integrate_transects(table, "ch4", curtain(400.0), profile(curtain(400.0)))
    assert found.vertical is None

"""The plume carries exactly its rate: direct integration over planes and cylinders, on a grid of the test's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.plume import Curtain, Cylinder, LogWind, Plume, spreads

WIND = LogWind(4.0, 0.03)


def heights(top: float = 400.0, count: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of the trapezoid rule in ln h from z₀ up."""
    logarithm = np.linspace(np.log(0.03), np.log(top), count)
    step = logarithm[1] - logarithm[0]
    weights = np.full(count, step)
    weights[[0, -1]] /= 2
    return np.exp(logarithm), weights * np.exp(logarithm)


def through_curtain(plume: Plume, azimuth: float, wind_from: float, meander: float, share: float) -> float:
    """∫ C u_n dA over a wide upright plane."""
    along = np.linspace(-700.0, 700.0, 701)
    height, weights = heights()
    bearing = np.radians(azimuth)
    shape = plume.concentration(
        along * np.sin(bearing), along * np.cos(bearing), height[:, None], wind_from, meander, share
    )
    normal = abs(np.sin(np.radians(wind_from + 180 - azimuth)))
    columns = (weights * WIND.speed(height)) @ shape * normal
    return float(np.trapezoid(columns, along))


@pytest.mark.parametrize("wind_from", [0.0, 30.0, 60.0])
@pytest.mark.parametrize("height", [0.0, 2.0, 20.0])
@pytest.mark.parametrize(("meander", "share"), [(0.0, 0.0), (1.7, 0.5), (-2.5, 0.9)])
def test_curtain_catches_the_whole_rate(wind_from, height, meander, share):
    upwind = np.radians(wind_from)
    plume = Plume(150 * np.sin(upwind), 150 * np.cos(upwind), height, "C", WIND, Curtain(90.0))
    assert through_curtain(plume, 90.0, wind_from, meander, share) == pytest.approx(1.0, abs=1e-5)


@settings(max_examples=12, deadline=None)
@given(
    azimuth=st.floats(0, 180),
    incidence=st.floats(-50, 50),
    upwind=st.floats(60, 250),
    offset=st.floats(-50, 50),
    height=st.floats(0, 40),
    stability=st.sampled_from("BCDE"),
)
def test_any_curtain_catches_the_whole_rate(azimuth, incidence, upwind, offset, height, stability):
    wind_from = azimuth + 90.0 + incidence
    east = offset * np.sin(np.radians(azimuth)) + upwind * np.sin(np.radians(wind_from))
    north = offset * np.cos(np.radians(azimuth)) + upwind * np.cos(np.radians(wind_from))
    plume = Plume(east, north, height, stability, WIND, Curtain(azimuth))
    assert through_curtain(plume, azimuth, wind_from, 0.0, 0.0) == pytest.approx(1.0, abs=2e-5)


@pytest.mark.parametrize("source", [(0.0, 0.0), (20.0, -10.0), (-35.0, 5.0)])
def test_cylinder_lets_out_the_whole_rate(source):
    plume = Plume(*source, 10.0, "C", WIND, Cylinder(60.0))
    bearing = np.linspace(0, 2 * np.pi, 1001)
    height, weights = heights()
    wind_from = 250.0
    shape = plume.concentration(60 * np.sin(bearing), 60 * np.cos(bearing), height[:, None], wind_from, 0.0, 0.0)
    outward = np.cos(np.radians(wind_from + 180) - bearing)
    columns = (weights * WIND.speed(height)) @ shape * outward
    assert float(np.trapezoid(columns, 60 * bearing)) == pytest.approx(1.0, abs=1e-5)


def test_axis_has_the_stated_form():
    plume = Plume(0.0, 150.0, 20.0, "C", LogWind(4.0, 0.03), Curtain(90.0))
    across, up = spreads("C", 150.0)
    on_axis, aside = plume.concentration([0.0, float(across)], 0.0, 20.0, 0.0, 0.0, 0.0)
    assert aside / on_axis == pytest.approx(np.exp(-0.5))
    higher = plume.concentration(0.0, 0.0, 20.0 + float(up), 0.0, 0.0, 0.0)
    mirrored = np.exp(-((40 + up) ** 2) / (2 * up**2)), np.exp(-(40**2) / (2 * up**2))
    assert higher / on_axis == pytest.approx((np.exp(-0.5) + mirrored[0]) / (1 + mirrored[1]))


def test_meander_moves_the_centre_and_keeps_the_mean_spread():
    plume = Plume(0.0, 150.0, 20.0, "C", WIND, Curtain(90.0))
    across = float(spreads("C", 150.0)[0])
    x = np.linspace(-200, 200, 2001)
    moved = plume.concentration(x, 0.0, 20.0, 0.0, 1.0, 0.6)
    # the wind blows to the south, so that across it is from east to west
    assert abs(x[np.argmax(moved)]) == pytest.approx(0.6 * across, abs=0.3)
    shifts = np.random.default_rng(0).standard_normal(4000)
    mean = np.mean([plume.concentration(x, 0.0, 20.0, 0.0, shift, 0.6) for shift in shifts[:800]], axis=0)
    spread = np.sqrt(np.sum(mean * x**2) / np.sum(mean))
    assert spread == pytest.approx(across, rel=0.03)


def test_nothing_upwind_of_the_source_or_under_the_ground():
    plume = Plume(0.0, 150.0, 20.0, "C", WIND, Curtain(90.0))
    assert plume.concentration([0.0, 0.0, 0.0], [151.0, 0.0, 0.0], [20.0, -1.0, 20.0], 0.0, 0.0, 0.0)[:2].tolist() == [
        0,
        0,
    ]


def test_log_wind():
    assert WIND.speed(10.0) == pytest.approx(4.0)
    assert WIND.speed([0.0, 0.03, -5.0]).tolist() == [0.0, 0.0, 0.0]
    assert WIND.speed(100.0) == pytest.approx(4.0 * np.log(100 / 0.03) / np.log(10 / 0.03))


@pytest.mark.parametrize("stability", list("ABCDEF"))
def test_spreads_grow_with_distance(stability):
    across, up = spreads(stability, np.array([50.0, 100.0, 1000.0]))
    assert (np.diff(across) > 0).all()
    assert (np.diff(up) > 0).all()


def test_spreads_by_the_table():
    # Briggs, open country, class D at 1 km
    assert spreads("D", 1000.0) == pytest.approx((80 / np.sqrt(1.1), 60 / np.sqrt(2.5)))
    assert spreads("F", 1000.0) == pytest.approx((40 / np.sqrt(1.1), 16 / 1.3))

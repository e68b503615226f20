"""The other estimates beside the kriged one: sound, or withheld with a reason."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gasflux_core.background import GasBackground
from gasflux_core.emission_rate import EmissionRate, estimate_emission_rate
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.other_estimates import Disagreement, OtherEstimate, disagreement, other_estimates
from gasflux_core.pipeline import run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.transect_integrals import integrate_transects
from gasflux_core.uncertainty import Budget, BudgetTerm, EmissionRateParameters
from gasflux_core.wind_profile import WindProfile
from tests.core.scenes import curtain


def rate(**simulation: object) -> EmissionRate:
    flight = simulate_flight(SimulationParameters.check({"seed": 5, **simulation}))
    return run_pipeline(flight.table, ["ch4"]).gases["ch4"].rate


@pytest.fixture(scope="module")
def plain() -> EmissionRate:
    return rate()


@pytest.fixture(scope="module")
def without_source() -> EmissionRate:
    return rate(sources=[{"rates": {"ch4": 0.0}}])


@pytest.fixture(scope="module")
def several() -> EmissionRate:
    sources = [
        {"rates": {"ch4": 5.0}, "offset": -60.0, "height": 10.0},
        {"rates": {"ch4": 7.0}, "offset": 60.0, "height": 20.0},
    ]
    return rate(sources=sources, width=280.0)


def other(found: EmissionRate, name: str) -> OtherEstimate:
    return next(one for one in found.other_estimates if one.name == name)


def budget(**values: float) -> Budget:
    terms = tuple(BudgetTerm(name, name, value, None) for name, value in values.items())
    return Budget(terms, float(np.linalg.norm(list(values.values()))), (0.0, 0.0), 0.0)


def estimate(name: str, value: float | None, own: float | None) -> OtherEstimate:
    return OtherEstimate(name, name, value, own, own, (0.0, 0.0) if value is not None else None, "")


def test_three_methods_agree_on_a_plain_flight(plain: EmissionRate) -> None:
    assert [one.name for one in plain.other_estimates] == ["transects", "plume"]
    for one in plain.other_estimates:
        assert one.emission_rate == pytest.approx(plain.emission_rate, rel=0.05)
        assert one.interval95 is not None
        assert one.interval95[0] < 10.0 < one.interval95[1]
        assert one.own_uncertainty is not None
        assert one.standard_uncertainty is not None
        assert one.own_uncertainty < one.standard_uncertainty
    assert plain.disagreement is not None
    assert not plain.disagreement.beyond_methods
    assert "methods_disagree" not in plain.flags


def test_they_stand_among_the_figures(plain: EmissionRate, several: EmissionRate) -> None:
    for found in (plain, several):
        figures = json.loads(json.dumps(found.to_dict(), allow_nan=False))
        assert [one["name"] for one in figures["other_estimates"]] == ["transects", "plume"]
        assert figures["disagreement"]["percent"] >= 0
    withheld = several.to_dict()["other_estimates"][1]
    assert withheld["withheld"]
    assert withheld["emission_rate"] is None
    assert withheld["interval95"] is None


def test_without_a_source_what_is_told_holds_nothing(without_source: EmissionRate) -> None:
    trapezoids = other(without_source, "transects")
    assert trapezoids.interval95 is not None
    assert trapezoids.interval95[0] <= 0.0 <= trapezoids.interval95[1]
    assert "noise" in other(without_source, "plume").note
    assert "methods_disagree" not in without_source.flags


def test_several_sources_are_not_one_plume(several: EmissionRate) -> None:
    assert other(several, "plume").emission_rate is None
    assert "not a single plume" in other(several, "plume").note
    assert other(several, "transects").emission_rate == pytest.approx(12.0, rel=0.1)


def test_a_difference_is_held_against_what_methods_do_not_share() -> None:
    # Wind and background are large, and say nothing of the difference.
    known = budget(interpolation=0.3, unsampled=0.4, wind=5.0, background=5.0, transects=5.0)
    found = disagreement(10.0, known, [estimate("a", 10.5, 0.1), estimate("b", 13.0, 1.2), estimate("c", None, None)])
    assert found is not None
    assert (found.name, found.difference, found.percent) == ("b", 3.0, pytest.approx(30.0))
    assert found.standard_uncertainties == pytest.approx(3.0 / 1.3)
    assert found.beyond_methods


def test_small_or_explained_differences_are_no_disagreement() -> None:
    assert not Disagreement("a", 0.9, 9.0, 20.0).beyond_methods
    assert not Disagreement("a", 3.0, 30.0, 1.9).beyond_methods
    assert Disagreement("a", -3.0, 30.0, 2.1).beyond_methods


def test_where_all_are_withheld_there_is_no_disagreement() -> None:
    assert disagreement(10.0, budget(wind=1.0), [estimate("a", None, None)]) is None


def test_a_rate_of_nothing_has_no_percentage() -> None:
    found = disagreement(0.0, budget(interpolation=0.1), [estimate("a", 1.0, 0.1)])
    assert found is not None
    assert found.percent is None


@pytest.mark.parametrize("share", [0.5, 0.0])
def test_a_kriged_rate_that_lost_half_or_all_of_the_plume_is_flagged(share: float) -> None:
    result = run_pipeline(simulate_flight(SimulationParameters.check({"seed": 5})).table, ["ch4"])
    field = result.gases["ch4"].field
    lost = replace(
        field,
        estimate=share * field.estimate,
        integral=share * field.integral,
        sampled_integral=share * field.sampled_integral,
        below_integral=share * field.below_integral,
        above_integral=share * field.above_integral,
    )
    plane, background = result.plane_fit.plane, result.background.gases["ch4"]
    found = estimate_emission_rate(result.table, "ch4", plane, lost, background, EmissionRateParameters())
    assert "methods_disagree" in found.flags
    assert found.disagreement is not None
    assert found.disagreement.difference == pytest.approx(10.0 * (1 - share), rel=0.1)
    for one in found.other_estimates:
        assert one.emission_rate == pytest.approx(10.0, rel=0.05)
    assert "methods_disagree" in FLAG_TEXTS


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    transects=st.integers(2, 8),
    samples=st.integers(2, 25),
    size=st.sampled_from([0.0, 1e-9, 1e-6, 1.0]),
    north=st.floats(-8.0, 8.0),
)
def test_no_flight_makes_them_fail(seed: int, transects: int, samples: int, size: float, north: float) -> None:
    random = np.random.default_rng(seed)
    count = transects * samples
    plane = curtain(300.0)
    table = pd.DataFrame(
        {
            "x": random.uniform(0.0, 300.0, count),
            "height_above_ground": np.repeat(random.uniform(0.0, 80.0, transects), samples)
            + random.normal(0, 2, count),
            "kept": True,
            "transect": np.repeat(np.arange(1, transects + 1), samples),
            "ch4_mass_enhancement": size * random.standard_cauchy(count),
            "ch4_density": 0.68,
        }
    )
    wind = WindProfile(plane, east=1.0, north=north, roughness_length=0.03, covariance=((0.1, 0.0), (0.0, 0.1)))
    background = GasBackground(0.005, 0.001, 0.0, 10, ())
    known = budget(interpolation=0.1, wind=0.1, background=0.1)
    transect_integrals = integrate_transects(table, "ch4", plane, wind)
    found = other_estimates(table, "ch4", plane, background, wind, transect_integrals, 1.0, known)
    for one in found:
        assert one.note
        if one.emission_rate is not None:
            assert one.interval95 is not None
            assert np.isfinite([one.emission_rate, one.standard_uncertainty, *one.interval95]).all()

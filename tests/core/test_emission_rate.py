"""The emission rate: exact where the answer is known, and turned, scaled and shifted as physics has it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gasflux_core.background import GasBackground
from gasflux_core.emission_rate import EmissionRate, estimate_emission_rate
from gasflux_core.errors import NoSolution
from gasflux_core.kriging import KrigingParameters, krige_flux_plane
from gasflux_core.pipeline import Settings, check_settings, run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.uncertainty import EmissionRateParameters
from gasflux_core.variogram import VariogramParameters, estimate_variogram
from gasflux_core.variogram_model import Variogram
from tests.core.scenes import curtain, level_transects

CLEAN = GasBackground(standard_deviation=0.0, standard_error=0.0, drift=0.0, signal_rows=10, flags=())
CERTAIN = EmissionRateParameters(
    wind_speed_uncertainty=0,
    wind_direction_uncertainty=0,
    roughness_uncertainty=1,
    pressure_uncertainty=0,
    temperature_uncertainty=0,
)
HEIGHTS = np.arange(5.0, 66.0, 5.0)


def uniform_table(flux_density: float = 2e-3, wind: float = 5.0) -> pd.DataFrame:
    table = level_transects(HEIGHTS, length=200.0, step=5.0, north=wind)
    table["ch4_density"] = 0.68
    table["ch4_mass_enhancement"] = flux_density / 3600 / wind
    table["ch4_flux_density"] = flux_density
    return table


def uniform_variogram() -> Variogram:
    return Variogram("flux_density", "spherical", nugget=0.0, partial_sill=1e-6, range_x=100.0, range_z=100.0)


def rate_of_uniform(flux_density: float, parameters: EmissionRateParameters = CERTAIN) -> EmissionRate:
    table = uniform_table(flux_density)
    kriging = KrigingParameters(mean="ordinary", below="none", above="none", ground_mirror=False, plume_scale=False)
    field = krige_flux_plane(table, "ch4", curtain(200.0), uniform_variogram(), kriging)
    return estimate_emission_rate(table, "ch4", curtain(200.0), field, CLEAN, parameters)


@pytest.mark.parametrize("flux_density", [2e-3, 7.5, -1e-4])
def test_uniform_flux_through_the_plane_is_flux_density_times_area(flux_density: float) -> None:
    found = rate_of_uniform(flux_density)
    assert found.emission_rate == pytest.approx(flux_density * 200.0 * 60.0, rel=1e-9)
    assert found.cut + found.fill == pytest.approx(found.emission_rate, rel=1e-9)
    assert found.sampled == pytest.approx(found.emission_rate, rel=1e-9)


def test_the_budget_adds_up_by_squares() -> None:
    found = rate_of_uniform(2e-3, EmissionRateParameters())
    assert found.standard_uncertainty == pytest.approx(np.sqrt(sum(term.value**2 for term in found.budget)))
    names = [term.name for term in found.budget]
    assert len(names) == len(set(names)) == 7
    low, high = found.interval95
    assert low < found.emission_rate < high


def test_the_interval_of_normal_terms_is_twice_their_standard_uncertainty() -> None:
    flight = simulate_flight(SimulationParameters.check({"seed": 3}))
    found = run_pipeline(flight.table, ["ch4"]).gases["ch4"].rate
    low, high = found.interval95
    assert (high - low) / 2 == pytest.approx(1.96 * found.standard_uncertainty, rel=0.1)


def test_wind_speed_uncertainty_goes_into_the_rate_in_proportion() -> None:
    sure = CERTAIN.model_copy(update={"wind_speed_uncertainty": 0.5})
    found = rate_of_uniform(2e-3, sure)
    wind = next(term for term in found.budget if term.name == "wind")
    # 0.5 of the profile's wind at 10 m, which reproduces 5 m/s over all heights in the mean.
    factor = np.log(HEIGHTS / 0.03) / np.log(10 / 0.03)
    at_ten_metres = 5.0 * factor.sum() / (factor**2).sum()
    scatter = found.emission_rate * wind.percent / 100
    assert scatter > found.emission_rate * 0.5 / at_ten_metres * 0.99


def test_pressure_and_temperature_go_in_through_the_density() -> None:
    parameters = CERTAIN.model_copy(update={"pressure_uncertainty": 10.0, "temperature_uncertainty": 2.8815})
    found = rate_of_uniform(2e-3, parameters)
    term = next(term for term in found.budget if term.name == "pressure_temperature")
    assert term.percent == pytest.approx(100 * np.hypot(0.01, 0.01))


def test_the_seed_decides_the_interval() -> None:
    first, again = (rate_of_uniform(2e-3, EmissionRateParameters(seed=3)).interval95 for _ in range(2))
    other = rate_of_uniform(2e-3, EmissionRateParameters(seed=4)).interval95
    assert first == again != other


def test_a_field_without_values_is_told() -> None:
    table = uniform_table()
    field = krige_flux_plane(table, "ch4", curtain(200.0), uniform_variogram(), KrigingParameters(below="none"))
    empty = type(field).from_dict({**field.to_dict(), "estimate": np.full(field.estimate.shape, np.nan).tolist()})
    with pytest.raises(NoSolution, match="finite"):
        estimate_emission_rate(table, "ch4", curtain(200.0), empty, CLEAN, CERTAIN)


# ---- invariances of the whole calculation


def rate(settings: Settings | None = None, **simulation: object) -> float:
    table = simulate_flight(SimulationParameters.check({"seed": 11, **simulation})).table
    return run_pipeline(table, ["ch4"], settings).gases["ch4"].rate.emission_rate


def test_turning_the_plane_and_the_wind_together_changes_little() -> None:
    rates = [rate(azimuth=azimuth, wind_direction=(azimuth + 90.0) % 360) for azimuth in (0.0, 37.0, 90.0, 143.0)]
    assert np.ptp(rates) < 0.06 * np.mean(rates)


def test_at_twice_the_wind_readings_the_rate_is_twice_as_large() -> None:
    table = simulate_flight(SimulationParameters()).table
    faster = table.assign(windspeed=2 * table["windspeed"])
    once, twice = (run_pipeline(given, ["ch4"]).gases["ch4"].rate.emission_rate for given in (table, faster))
    assert twice == pytest.approx(2 * once, rel=1e-6)


def test_at_twice_the_enhancement_the_rate_is_twice_as_large() -> None:
    table = simulate_flight(SimulationParameters()).table
    more = table.assign(ch4=2.0 + 2 * (table["ch4"] - 2.0))
    settings = check_settings({"background": {"algorithm": "transect_ends"}})
    once, twice = (run_pipeline(given, ["ch4"], settings).gases["ch4"].rate.emission_rate for given in (table, more))
    assert twice == pytest.approx(2 * once, rel=1e-3)


def test_several_gases_in_one_run_are_those_of_single_runs() -> None:
    sources = [{"rates": {"ch4": 10.0, "co2": 500.0}}]
    table = simulate_flight(SimulationParameters.check({"sources": sources})).table
    both = run_pipeline(table, ["ch4", "co2"])
    for gas in ("ch4", "co2"):
        alone = run_pipeline(table, [gas]).gases[gas].rate
        assert both.gases[gas].rate.to_dict() == alone.to_dict()


def test_the_stages_agree_on_the_quantity_of_the_variogram() -> None:
    table = run_pipeline(simulate_flight(SimulationParameters()).table, ["ch4"])
    found = estimate_variogram(table.table, "ch4", table.plane_fit.plane, VariogramParameters(quantity="flux_density"))
    field = krige_flux_plane(table.table, "ch4", table.plane_fit.plane, found, KrigingParameters())
    assert field.profile == {}
    assert field.integral == pytest.approx(table.gases["ch4"].rate.emission_rate, rel=0.2)


def test_flights_without_a_source_stay_below_a_detection_limit_that_is_worth_having() -> None:
    for seed in range(20):
        table = simulate_flight(SimulationParameters.check({"seed": seed, "sources": [{"rates": {"ch4": 0.0}}]})).table
        found = run_pipeline(table, ["ch4"]).gases["ch4"].rate
        assert abs(found.emission_rate) < found.detection_limit < 0.5
        assert "below_detection_limit" in found.flags


def test_the_detection_limit_does_not_grow_with_the_plume() -> None:
    limits = [
        run_pipeline(
            simulate_flight(SimulationParameters.check({"seed": 3, "sources": [{"rates": {"ch4": rate}}]})).table,
            ["ch4"],
        )
        .gases["ch4"]
        .rate.detection_limit
        for rate in (5.0, 50.0)
    ]
    assert limits[1] < 2 * limits[0]


def test_a_weak_plume_is_not_swallowed_by_the_background() -> None:
    # 0.5 kg/h in 20 ppb of noise: twice the noise at its strongest
    ratios = []
    for seed in range(8):
        simulation = {
            "seed": seed,
            "sources": [{"rates": {"ch4": 0.5}}],
            "gases": {"ch4": {"background": 1.95, "noise": 0.02}},
        }
        flight = simulate_flight(SimulationParameters.check(simulation))
        rate = run_pipeline(flight.table, ["ch4"]).gases["ch4"].rate
        assert rate.interval95[0] < 0.5 < rate.interval95[1]
        ratios.append(rate.emission_rate / 0.5)
    assert 0.8 < np.mean(ratios) < 1.2


@pytest.mark.parametrize("seed", range(3))
def test_a_plume_sampled_too_coarsely_for_a_semivariogram_is_not_taken_for_noise(seed: int) -> None:
    simulation = {"transects": 4, "width": 200, "sample_rate": 0.3, "seed": seed}
    flight = simulate_flight(SimulationParameters.check(simulation))
    found = run_pipeline(flight.table, ["ch4"])
    rate = found.gases["ch4"].rate
    assert "no_structure" in rate.flags
    assert rate.emission_rate > 0.4 * 10.0
    assert rate.interval95[1] > 0.9 * 10.0

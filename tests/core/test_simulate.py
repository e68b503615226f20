"""The simulator: its truth, its flight plans, its sensors."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from pyproj import Geod

from gasflux_core.errors import InputError, InputFaults, TooLarge
from gasflux_core.flight_plan import plan_path
from gasflux_core.flux_density import gas_density
from gasflux_core.simulate import SimulatedGas, SimulationParameters, Source, simulate_flight

QUIET = {
    "gases": {"ch4": SimulatedGas(background=1.95, noise=0.0)},
    "position_noise": 0.0,
    "wind_speed_noise": 0.0,
    "wind_direction_noise": 0.0,
}


def flight(**given):
    return simulate_flight(SimulationParameters(**{**QUIET, **given}))


def rate_by_sums(table: pd.DataFrame, azimuth: float, background: float = 1.95) -> float:
    """Rate in kg/h by the trapezoid rule along each level transect and between them: no part of the pipeline."""
    geod = Geod(ellps="WGS84")
    middle = [table["longitude"].mean(), table["latitude"].mean()]
    bearing, _, distance = geod.inv(
        np.full(len(table), middle[0]), np.full(len(table), middle[1]), table["longitude"], table["latitude"]
    )
    x = np.asarray(distance) * np.cos(np.radians(np.asarray(bearing) - azimuth))
    mass = (table["ch4"] - background) * 1e-6 * gas_density("ch4", table["temperature"], table["pressure"])
    through = table["windspeed"] * np.abs(np.sin(np.radians(table["winddir"] + 180 - azimuth)))
    q = (mass * through * 3600).to_numpy()
    heights = np.unique(table["height_ato"].round(3))
    sums = []
    for height in heights:
        rows = np.flatnonzero(np.abs(table["height_ato"] - height) < 1e-3)
        order = rows[np.argsort(x[rows])]
        sums.append(np.trapezoid(q[order], x[order]))
    return float(np.trapezoid(sums, heights))


@pytest.mark.parametrize("azimuth", [90.0, 0.0, 37.0])
@pytest.mark.parametrize("incidence", [0.0, 40.0])
def test_a_dense_quiet_flight_adds_up_to_the_truth(azimuth, incidence):
    simulation = flight(
        azimuth=azimuth,
        wind_direction=(azimuth + 90 + incidence) % 360,
        width=300,
        lowest_height=0.5,
        spacing=2.0,
        transects=50,
        turn_time=0.5,
        sample_rate=0.5,
    )
    level = simulation.table[np.isclose((simulation.table["height_ato"] - 0.5) % 2.0, 0.0, atol=1e-9)]
    expected = 10.0 * simulation.inside_fraction["ch4"]
    assert rate_by_sums(level, azimuth) == pytest.approx(expected, rel=2e-3)
    # what is missing goes below 0.5 m
    assert simulation.inside_fraction["ch4"] == pytest.approx(0.9975, abs=5e-4)
    assert simulation.true_rates == {"ch4": 10.0}


def test_inside_fraction_is_the_share_of_the_window():
    # the window is cut at the plume's axis across and in height: a quarter, apart from the wind's growth with height
    half = flight(sources=(Source(offset=100.0, height=60.0),), lowest_height=0.5, spacing=5.95, transects=11)
    assert half.inside_fraction["ch4"] == pytest.approx(0.25, abs=0.015)
    assert flight(sources=(Source(rates={"ch4": 0.0}),)).inside_fraction["ch4"] == 1.0
    whole = flight(pattern="spiral", sources=(Source(height=20.0),), lowest_height=0.5)
    assert whole.inside_fraction["ch4"] == pytest.approx(1.0, abs=1e-3)


def test_same_seed_same_flight():
    parameters = SimulationParameters(seed=3, meander=0.5, intermittency=0.5)
    one, other = simulate_flight(parameters), simulate_flight(parameters)
    pd.testing.assert_frame_equal(one.table, other.table)
    another = simulate_flight(parameters.model_copy(update={"seed": 4}))
    assert (another.table["ch4"] != one.table["ch4"]).all()


def test_noise_of_one_sensor_leaves_the_others_alone():
    one = simulate_flight(SimulationParameters(wind_speed_noise=0.0)).table
    other = simulate_flight(SimulationParameters(wind_speed_noise=0.5)).table
    assert (one["windspeed"] != other["windspeed"]).all()
    for column in ("ch4", "latitude", "temperature"):
        assert one[column].equals(other[column])


def test_columns_are_those_that_users_have():
    table = flight().table
    own = ["timestamp", "latitude", "longitude", "height_ato", "windspeed", "winddir", "temperature", "pressure", "ch4"]
    assert list(table.columns) == own
    assert str(table["timestamp"].dtype) == "datetime64[ns, UTC]"
    assert table["timestamp"].iloc[0] == pd.Timestamp("2026-06-01T10:00:00Z")
    assert table["timestamp"].is_monotonic_increasing
    assert np.isfinite(table.drop(columns="timestamp").to_numpy()).all()
    assert table["winddir"].between(0, 360, inclusive="left").all()
    faster = flight(sample_rate=8.0, start="2026-06-01T12:00:00+02:00").table
    assert (
        faster["timestamp"].diff().dropna().unique().tolist() == [pd.Timedelta("125ms").value]
        or (faster["timestamp"].diff().dropna() == pd.Timedelta("125ms")).all()
    )
    assert faster["timestamp"].iloc[0] == table["timestamp"].iloc[0]


def test_site_is_where_it_was_asked_for():
    table = flight(azimuth=30.0, wind_direction=120.0, latitude=64.9, longitude=29.9).table
    azimuth, _, length = Geod(ellps="WGS84").inv(
        table["longitude"][0], table["latitude"][0], table["longitude"][40], table["latitude"][40]
    )
    assert azimuth == pytest.approx(30.0, abs=0.02)
    assert length == pytest.approx(200.0, abs=0.01)
    assert table["latitude"].mean() == pytest.approx(64.9, abs=1e-4)


def test_air_thins_with_height():
    table = flight(pressure=850.0, temperature=28.0).table
    slope, at_take_off = np.polyfit(table["height_ato"], table["pressure"], 1)
    assert at_take_off == pytest.approx(850.0, abs=0.05)
    # hydrostatic: −ρ g, ρ of dry air at 850 hPa and 28 °C
    assert slope == pytest.approx(-85_000 / (287.05 * 301.15) * 9.80665 / 100, rel=0.02)
    assert np.polyfit(table["height_ato"], table["temperature"], 1)[0] == pytest.approx(-0.0065, abs=0.001)


def test_wind_readings_scatter_about_the_profile_without_bias():
    parameters = SimulationParameters(wind_speed_noise=0.5, wind_direction_noise=10.0, sample_rate=10.0, gust_time=1.0)
    table = simulate_flight(parameters).table
    profile = 4.0 * np.log(table["height_ato"] / 0.03) / np.log(10 / 0.03)
    through = table["windspeed"] * np.cos(np.radians(table["winddir"]))
    assert (through / profile).mean() == pytest.approx(1.0, abs=0.01)
    assert np.std((table["winddir"] + 180) % 360 - 180) == pytest.approx(10.0, rel=0.15)


def test_wind_turns_over_the_flight():
    table = flight(wind_turn=30.0, wind_direction=10.0).table
    assert table["winddir"].iloc[0] == pytest.approx(355.0, abs=0.01)
    assert table["winddir"].iloc[-1] == pytest.approx(25.0, abs=0.1)
    # the plume swings with the wind: a wind from further east carries it further west
    first, last = table[table["timestamp"].rank() < 200], table[table["timestamp"].rank() > 300]
    assert first.loc[first["ch4"].idxmax(), "longitude"] > last.loc[last["ch4"].idxmax(), "longitude"]


def test_drift_gradient_and_noise():
    silent = (Source(rates={"ch4": 0.0}),)
    air = SimulatedGas(background=2.0, noise=0.0, drift=0.06, gradient=0.01)
    table = flight(sources=silent, gases={"ch4": air}).table
    assert table["ch4"].iloc[0] == pytest.approx(2.0 - 0.01, abs=1e-4)
    drift, gradient = np.linalg.lstsq(
        np.column_stack([np.linspace(0, 1, len(table)), (table["longitude"] + 1.3) * 69_580, np.ones(len(table))]),
        table["ch4"],
        rcond=None,
    )[0][:2]
    assert drift == pytest.approx(0.06, rel=0.02)
    assert gradient * 100 == pytest.approx(0.01, rel=0.02)
    noisy = flight(sources=silent, gases={"ch4": SimulatedGas(noise=0.02)}, sample_rate=5.0).table
    assert noisy["ch4"].std() == pytest.approx(0.02, rel=0.05)
    assert abs(noisy["ch4"].mean()) < 0.002


def test_sensor_lag_comes_late():
    prompt, late = flight().table["ch4"], flight(sensor_lag=3.0).table["ch4"]
    # equal apart from the air's density, which is that of the row
    assert late.to_numpy()[3:] - 1.95 == pytest.approx(prompt.to_numpy()[:-3] - 1.95, rel=2e-3, abs=1e-9)


def test_gases_and_sources_add_up():
    sources = (
        Source(rates={"ch4": 5.0, "co2": 800.0}, offset=-40.0),
        Source(rates={"ch4": 3.0}, offset=40.0, height=5.0, upwind=100.0),
    )
    both = flight(sources=sources, gases={"n2o": SimulatedGas(background=0.3, noise=0.0), **QUIET["gases"]})
    assert both.true_rates == {"ch4": 8.0, "co2": 800.0, "n2o": 0.0}
    assert (both.table["n2o"] == 0.3).all()
    each = [flight(sources=(source,)).table["ch4"] - 1.95 for source in sources]
    assert (both.table["ch4"] - 1.95).to_numpy() == pytest.approx((each[0] + each[1]).to_numpy(), abs=1e-12)
    assert both.table["co2"].mean() == pytest.approx(420.0, abs=20.0)


def test_meander_and_intermittency_keep_the_mean():
    steady = flight(sample_rate=4.0).table["ch4"] - 1.95
    restless = [
        (flight(sample_rate=4.0, meander=0.5, intermittency=0.5, meander_time=1.0, seed=seed).table["ch4"] - 1.95).sum()
        for seed in range(12)
    ]
    assert np.mean(restless) == pytest.approx(steady.sum(), rel=0.05)
    assert np.std(restless) > 0


def test_transects_stay_level_on_sloping_ground():
    table = flight(ground_slope=0.1, lowest_height=4.0).table
    assert table["height_ato"].iloc[0] == pytest.approx(14.0)
    assert (table["height_ato"] - table["height_agl"]).iloc[[0, 40]].tolist() == pytest.approx([-10.0, 10.0])
    assert table["height_agl"].min() == pytest.approx(4.0)


def plan(**given):
    return plan_path(SimulationParameters(**given), 1.0)


def test_curtain_plan():
    path = plan(width=100.0, ground_speed=5.0, transects=3, spacing=4.0, lowest_height=3.0, turn_time=4.0)
    assert path.duration == pytest.approx(3 * 20 + 2 * 4)
    along, across, height = path.at(np.array([0.0, 10.0, 20.0, 22.0, 24.0, 34.0, 68.0]))
    assert along.tolist() == pytest.approx([-50, 0, 50, 50, 50, 0, 50])
    assert height.tolist() == pytest.approx([3, 3, 3, 5, 7, 7, 11])
    assert (across == 0).all()
    rounded = plan(width=100.0, transects=3, turn_time=4.0, turn_radius=6.0)
    assert rounded.along.max() == pytest.approx(56.0)
    assert rounded.along.min() == pytest.approx(-56.0)
    both_ways = plan(transects=3, up_and_down=True, spacing=4.0, lowest_height=3.0)
    seconds = 200 / 5.0
    assert both_ways.at(np.array([both_ways.duration]))[2].tolist() == [3.0]
    assert both_ways.duration == pytest.approx(5 * seconds + 4 * 2.0)


def test_legs_begin_and_end_at_the_take_off_point():
    for pattern, distance in (("curtain", 60.0), ("spiral", 120.0)):
        bare, path = plan(pattern=pattern), plan(pattern=pattern, legs=True)
        ends = np.array([0.0, path.duration])
        for found, expected in zip(path.at(ends), (0.0, distance, 0.5), strict=True):
            assert found.tolist() == pytest.approx([expected, expected])
        assert path.duration > bare.duration + 30
        assert (np.diff(path.time) > 0).all()


def test_spiral_plan():
    path = plan(pattern="spiral", transects=3, radius=50.0, spacing=6.0, up_and_down=True)
    assert np.hypot(path.along, path.across) == pytest.approx(50.0)
    assert path.height.max() == pytest.approx(20.0)
    assert path.height[-1] == pytest.approx(2.0)
    assert path.duration == pytest.approx(6 * 2 * np.pi * 50 / 5)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"wind_direction": 88.0}, "along the curtain"),
        ({"wind_turn": 120.0, "wind_direction": 40.0}, "along the curtain"),
        ({"sources": (Source(upwind=-20.0),)}, "downwind of the curtain"),
        ({"pattern": "spiral", "sources": (Source(upwind=59.0),)}, "hold its sources"),
        ({"sources": (Source(rates={"xyz": 1.0}),)}, "formula"),
        ({"sources": (Source(rates={"CH4": 1.0}),)}, "lower case"),
        ({"sources": (Source(rates={"ch4": -1.0}),)}, "0 or more"),
        ({"sources": ()}, "at least one gas"),
        ({"start": "yesterday at noon"}, "start"),
        ({"start": "NaT"}, "start"),
        ({"start": "9999-01-01"}, "start"),
    ],
)
def test_what_cannot_be_flown_is_told(given, match):
    parameters = SimulationParameters(**{"gases": {}, **given})
    with pytest.raises(InputError, match=match):
        simulate_flight(parameters)


def test_size_is_limited():
    with pytest.raises(TooLarge, match="50000"):
        simulate_flight(SimulationParameters(sample_rate=20.0, transects=100, width=1000.0))
    with pytest.raises(InputFaults, match="sample_rate"):
        SimulationParameters.check({"sample_rate": 100.0})


def test_600_rows_in_50_ms():
    parameters = SimulationParameters(legs=True, meander=0.5, transects=13)
    simulate_flight(parameters)
    # processor time of the best of some runs: other programs may share the machine
    spent = []
    for _ in range(5):
        begin = time.process_time()
        rows = len(simulate_flight(parameters).table)
        spent.append(time.process_time() - begin)
    assert rows >= 600
    assert min(spent) < 0.05

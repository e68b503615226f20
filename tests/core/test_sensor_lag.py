"""Sensor lag from opposite courses: found where it is there, and nothing where it can't be told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gasflux_core.background import NO_READING, Background, BackgroundParameters, estimate_background
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.pipeline import check_settings, run_pipeline
from gasflux_core.sensor_lag import SensorLag, estimate_sensor_lag, move_readings
from gasflux_core.simulate import SimulatedGas, SimulationParameters, Source, simulate_flight
from gasflux_core.transects import TransectParameters, find_transects
from tests.core.flights import Flown, Leg, curtain, fly, spiral

LAG_S = 3.7


def plume(flown: Flown, lag: float, *, place: float = 0.0, spread: float = 15.0) -> np.ndarray:
    """Enhancement, ppm, of a plume at that place along the curtain, read late by the lag (s)."""
    time = flown.table["time"].to_numpy()
    then = time - lag
    along, height = (np.interp(then, time, flown.table[name]) for name in ("easting", "height_ato"))
    return np.exp(-0.5 * ((along - 600_000.0 - place) / spread) ** 2 - 0.5 * ((height - 30.0) / 20.0) ** 2)


def estimated(flown: Flown, enhancement: np.ndarray) -> SensorLag | None:
    return estimate_sensor_lag(
        flown.table["time"].to_numpy(), flown.table["easting"].to_numpy(), flown.label, np.asarray(enhancement)
    )


def laid(table: pd.DataFrame, gases: tuple[str, ...] = ("ch4",), **settings: bool) -> Background:
    transects = find_transects(table, TransectParameters())
    return estimate_background(transects.table, gases, BackgroundParameters(**settings))


@pytest.mark.parametrize("lag", [-2.0, 0.0, 0.4, 3.7, 9.0])
@pytest.mark.parametrize("rate", [1.0, 10.0])
@pytest.mark.parametrize("place", [0.0, 25.0])
def test_the_lag_is_found_to_a_fraction_of_a_row(lag, rate, place):
    flown = curtain(rate=rate)
    found = estimated(flown, plume(flown, lag, place=place))
    assert found is not None
    assert found.pairs == 9
    assert found.seconds == pytest.approx(lag, abs=0.1)
    assert found.standard_error < 0.1
    assert found.significant == (abs(lag) > 0.5 / rate)


def test_the_standard_error_is_how_far_estimates_scatter():
    flown = curtain(rate=2.0)
    clean, draw = plume(flown, LAG_S), np.random.default_rng(3)
    found = [estimated(flown, clean + draw.normal(scale=0.15, size=clean.size)) for _ in range(60)]
    assert all(one is not None for one in found)
    deviations = np.array([(one.seconds - LAG_S) / one.standard_error for one in found if one is not None])
    assert abs(np.mean(deviations)) < 0.5
    assert 0.6 < np.sqrt(np.mean(deviations**2)) < 1.6


def test_a_plume_that_moves_evenly_is_no_lag():
    """A turning wind shifts the plume by 4 m from transect to transect, which pairs see as a lag to and fro."""
    flown = curtain()
    shifted = plume(flown, 0.0, place=0.08 * (flown.table["time"].to_numpy() - 250.0))
    found = estimated(flown, shifted)
    assert found is not None
    assert not found.significant


@pytest.mark.parametrize("gas", ["noise", "nothing"])
def test_nothing_to_be_seen_is_no_lag(gas):
    flown = curtain()
    noise = np.random.default_rng(1).normal(size=len(flown.table)) if gas == "noise" else np.zeros(len(flown.table))
    assert estimated(flown, noise) is None


def test_courses_one_way_tell_nothing():
    path: list[Leg | float] = []
    for number in range(6):
        height = 3.0 + 7.0 * number
        path += [(100.0, 0.0, height, 5.0, number + 1), (100.0, 0.0, 60.0, 4.0, 0)]
        path += [(-100.0, 0.0, 60.0, 12.0, 0), (-100.0, 0.0, height + 7.0, 4.0, 0)]
    flown = fly((-100.0, 0.0, 3.0), path)
    assert estimated(flown, plume(flown, LAG_S)) is None


def test_a_spiral_tells_nothing():
    flown = spiral()
    assert estimated(flown, plume(flown, LAG_S, place=50.0)) is None


@pytest.mark.parametrize("count", [1, 3])
def test_too_few_transects_tell_nothing(count):
    flown = curtain(heights=(20.0, 30.0, 40.0)[:count])
    assert estimated(flown, plume(flown, LAG_S)) is None


def test_a_lag_within_its_doubt_or_half_a_row_is_not_significant():
    assert SensorLag(2.0, 0.5, 1.0, 9).significant
    assert not SensorLag(2.0, 0.7, 1.0, 9).significant
    assert not SensorLag(0.4, 0.01, 1.0, 9).significant
    assert str(SensorLag(3.94, 0.16, 1.0, 9)) == "3.9 ± 0.2 s"


def test_readings_are_moved_and_those_that_were_never_taken_are_told():
    time = np.arange(10.0)
    moved, missing = move_readings(time, time**2, 2.5)
    assert moved[:7] == pytest.approx([(4 + 9) / 2, (9 + 16) / 2, 20.5, 30.5, 42.5, 56.5, 72.5])
    assert missing.tolist() == [False] * 7 + [True] * 3
    assert move_readings(time, time, -1.0)[1].tolist() == [True] + [False] * 9


def test_the_background_takes_the_lag_out_gas_by_gas():
    flown = curtain(legs=False)
    noise = np.random.default_rng(5).normal(scale=0.003, size=(2, len(flown.table)))
    table = flown.table.assign(
        ch4=1.95 + plume(flown, LAG_S) + noise[0],
        co2=420.0 + 50.0 * plume(flown, 0.0) + 50.0 * noise[1],
    )
    background = laid(table, ("ch4", "co2"))
    assert background.lags["ch4"].seconds == pytest.approx(LAG_S, abs=0.1)
    assert background.lags["co2"].seconds == pytest.approx(0.0, abs=0.1)
    assert len(background.notes) == 1
    assert background.notes[0].startswith("ch4: sensor lag of 3.7 ± 0.1 s found from opposite courses")
    on = background.table["kept"].to_numpy() & (flown.label > 0)
    assert background.table["ch4_enhancement"].to_numpy()[on] == pytest.approx(plume(flown, 0.0)[on], abs=0.05)
    assert background.table["co2"].equals(table["co2"])
    # The sensor was off when the air of the last rows would have been read.
    unread = background.table["reason"] == NO_READING
    assert unread.sum() == 4
    assert unread.to_numpy().nonzero()[0].min() == len(table) - 4
    assert not background.table.loc[unread, "kept"].any()


def test_a_lag_that_is_left_is_flagged():
    flown = curtain()
    noise = np.random.default_rng(5).normal(scale=0.003, size=len(flown.table))
    table = flown.table.assign(ch4=1.95 + plume(flown, LAG_S) + noise)
    background = laid(table, correct_sensor_lag=False)
    assert background.gases["ch4"].flags == ("sensor_lag_left",)
    assert "sensor_lag_left" in FLAG_TEXTS
    assert background.notes == ()
    assert background.table["ch4"].equals(table["ch4"])
    assert laid(table).gases["ch4"].flags == ()


def test_a_late_sensor_costs_no_accuracy():
    late = SimulationParameters(
        seed=4,
        sensor_lag=4.0,
        sources=(Source(rates={"ch4": 10.0}),),
        gases={"ch4": SimulatedGas(background=1.95, noise=0.005)},
    )
    made = simulate_flight(late)
    result = run_pipeline(made.table, ("ch4",))
    figures = result.figures()
    assert figures["sensor_lag"]["ch4"]["seconds"] == pytest.approx(4.0, abs=0.1)
    assert any("found from opposite courses" in note for note in figures["notes"])
    left = run_pipeline(made.table, ("ch4",), check_settings({"background": {"correct_sensor_lag": False}}))
    assert "sensor_lag_left" in left.gases["ch4"].rate.flags
    assert result.gases["ch4"].rate.emission_rate == pytest.approx(10.0, rel=0.05)
    assert result.gases["ch4"].field.integral_standard_error < 0.5 * left.gases["ch4"].field.integral_standard_error
    # Set for the flight, the lag is gone before it can be found.
    given = run_pipeline(made.table, ("ch4",), check_settings({"flight": {"sensor_lag": 4.0}}))
    assert abs(given.figures()["sensor_lag"]["ch4"]["seconds"]) < 0.1

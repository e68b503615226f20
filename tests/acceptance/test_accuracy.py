"""Flights of known emission rate, made here: the rate is found, and the interval says how well.

The yardstick of the field (many flights, all kinds) is a page of its own; these few keep main honest.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gasflux_core.pipeline import run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight

STEADY: list[dict[str, Any]] = [
    {"azimuth": 90.0, "wind_direction": 0.0},
    {"azimuth": 0.0, "wind_direction": 270.0},
    {"azimuth": 37.0, "wind_direction": 127.0},
    {"azimuth": 110.0, "wind_direction": 50.0, "width": 260.0},
    {"azimuth": 60.0, "wind_direction": 330.0, "pressure": 850.0, "temperature": 28.0},
    {"azimuth": 60.0, "wind_direction": 150.0, "temperature": -20.0, "latitude": 64.0, "longitude": 26.9},
    {"azimuth": 20.0, "wind_direction": 110.0, "sample_rate": 5.0, "legs": False},
    {"pattern": "spiral", "radius": 60.0, "wind_direction": 200.0},
]


def found(
    number: int, simulation: dict[str, Any], gas: str = "ch4"
) -> tuple[float, float, tuple[float, float], list[str]]:
    made = simulate_flight(SimulationParameters.check({"seed": 100 + number, **simulation}))
    figures = run_pipeline(made.table, [gas]).figures()["gases"][gas]
    return made.true_rates[gas], figures["emission_rate"], tuple(figures["interval95"]), figures["flags"]


@pytest.mark.parametrize("number", range(len(STEADY)))
def test_steady_wind_and_a_whole_plume_are_within_ten_percent(number: int) -> None:
    true, rate, (low, high), _ = found(number, STEADY[number])
    assert rate == pytest.approx(true, rel=0.10)
    assert low < true < high


def test_the_intervals_of_many_flights_hold_the_truth() -> None:
    held = []
    for seed in range(24):
        simulation = {"azimuth": 15.0 * seed % 180, "wind_direction": (15.0 * seed + 90.0) % 360}
        true, _, (low, high), _ = found(seed, simulation)
        held.append(low < true < high)
    assert np.mean(held) > 0.85


def test_a_flight_past_no_source_has_an_interval_around_zero_and_says_so() -> None:
    true, _, (low, high), flags = found(1, {"sources": [{"rates": {"ch4": 0.0}}]})
    assert true == 0.0
    assert low < 0.0 < high
    assert "below_detection_limit" in flags


def test_what_lies_below_the_lowest_transect_is_estimated_and_flagged() -> None:
    true, rate, (low, high), flags = found(
        2, {"sources": [{"rates": {"ch4": 10.0}, "height": 0.0}], "lowest_height": 8.0}
    )
    assert "plume_below_lowest_transect" in flags
    assert low < true < high
    assert rate == pytest.approx(true, rel=0.35)


def test_turns_legs_and_the_way_out_and_back_cost_only_themselves() -> None:
    made = simulate_flight(SimulationParameters.check({"seed": 5, "legs": True, "turn_time": 4.0}))
    result = run_pipeline(made.table, ["ch4"])
    assert result.transects.count == SimulationParameters().transects
    assert result.figures()["gases"]["ch4"]["emission_rate"] == pytest.approx(made.true_rates["ch4"], rel=0.10)

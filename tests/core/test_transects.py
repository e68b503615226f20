"""Transects: turns and legs cost only themselves, in every pattern of flight."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gasflux_core.errors import InputError, InputFaults, NoSolution
from gasflux_core.flight import check_flight
from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.position import angle_between, locate
from gasflux_core.simulate import simulate_flight
from gasflux_core.transect_runs import monotonic_groups
from gasflux_core.transects import TransectParameters, Transects, find_transects
from tests.core.flights import START, Flown, curtain, fly, spiral
from validation.kinds import KINDS

EXAMPLE = Path(__file__).parents[1] / "data" / "example_flight.csv"


def found_in(flown: Flown, **settings) -> Transects:
    return find_transects(flown.table, TransectParameters(**settings))


def lost(flown: Flown, transects: Transects) -> int:
    """Rows flown on a transect that were not kept."""
    return int(((flown.label > 0) & ~transects.table["kept"].to_numpy()).sum())


def test_the_public_example_keeps_all_its_rows_in_ten_transects():
    raw = pd.read_csv(EXAMPLE)
    raw["timestamp"] = pd.to_datetime(raw["timestamp"], utc=True)
    raw["time"] = (raw["timestamp"] - raw["timestamp"].iloc[0]).dt.total_seconds()
    table, _ = locate(raw)
    transects = find_transects(table, TransectParameters())
    assert transects.pattern == "curtain"
    assert transects.count == 10
    assert transects.removed == {}
    assert transects.table["transect"].value_counts().sort_index().to_list() == [98, *[100] * 8, 102]
    heights = transects.to_dict()["mean_height"]
    assert [heights[str(number)] for number in (1, 2, 10)] == pytest.approx([-10.0, 0.78, 88.7843137254902])
    assert sorted(transects.main_courses) == pytest.approx([79.67, 259.67], abs=0.02)


@pytest.mark.parametrize("rate", [0.5, 1.0, 5.0])
@pytest.mark.parametrize("speed", [2.0, 5.0, 10.0])
def test_turns_and_legs_cost_only_themselves(rate, speed):
    flown = curtain(rate=rate, speed=speed)
    transects = found_in(flown)
    assert transects.count == 10
    assert lost(flown, transects) <= 0.005 * (flown.label > 0).sum()
    assert transects.flags == ()
    # What is kept beside the transects are hovers at their ends and the first metres of the way home.
    kept = transects.table[transects.table["kept"]]
    assert kept["northing"].sub(5_700_000.0).abs().max() < 1.0 + speed


@pytest.mark.parametrize("azimuth", [0.0, 37.0, 90.0, 180.0, 271.0])
def test_every_azimuth_is_alike(azimuth):
    flown = curtain(azimuth=azimuth)
    transects = found_in(flown)
    assert transects.count == 10
    assert lost(flown, transects) == 0
    assert min(angle_between(transects.main_courses, azimuth)) < 3.0
    assert max(angle_between(transects.main_courses, azimuth)) > 177.0


def test_reasons_are_told_row_by_row_and_counted():
    transects = found_in(curtain())
    table = transects.table
    assert (table["kept"] == (table["reason"] == "")).all()
    assert table.loc[~table["kept"], "reason"].value_counts().to_dict() == transects.removed
    assert {"climb", "hover", "off plane"} <= set(transects.removed)
    assert (table.loc[table["kept"], "transect"] > 0).all()


def test_a_flight_up_and_down_gives_its_largest_series_or_all():
    flown = curtain(heights=(3, 10, 17, 24, 31, 38, 31, 24, 17))
    largest = found_in(flown)
    assert largest.groups == ((1, 2, 3, 4, 5, 6), (6, 7, 8, 9))
    assert largest.count == 6
    assert "transects_left_out" in largest.flags
    assert set(largest.table.loc[largest.table["reason"] == "series", "transect"]) == {7, 8, 9}
    everything = found_in(flown, series="all")
    assert everything.count == 9
    assert lost(flown, everything) == 0
    assert "transects_left_out" not in everything.flags


def test_heights_flown_twice_break_no_series():
    flown = curtain(heights=(3, 3, 10, 10, 17, 17, 24, 24))
    transects = found_in(flown)
    assert transects.count == 8
    assert transects.groups == (tuple(range(1, 9)),)


@pytest.mark.parametrize(
    ("heights", "groups"),
    [
        ([1.0], ((1,),)),
        ([1.0, 5.0, 9.0], ((1, 2, 3),)),
        ([9.0, 5.0, 1.0], ((1, 2, 3),)),
        ([1.0, 5.0, 9.0, 5.0, 1.0], ((1, 2, 3), (3, 4, 5))),
        ([1.0, 5.0, 5.2, 1.0], ((1, 2, 3), (2, 3, 4))),
        ([5.0, 1.0, 5.0, 1.0], ((1, 2), (2, 3), (3, 4))),
    ],
)
def test_monotonic_groups(heights, groups):
    assert monotonic_groups(heights) == groups


@pytest.mark.parametrize("with_ground", [True, False])
def test_transects_along_a_slope_are_kept(with_ground):
    """The ground rises by 12 %, that is 6.8°, above the limit of 5°."""
    flown = curtain(slope=0.12)
    if with_ground:
        ground = 0.12 * (flown.table["easting"] - 600_000.0)
        flown.table["height_agl"] = flown.table["height_ato"] - ground
    transects = found_in(flown)
    assert transects.count == 10
    assert lost(flown, transects) == 0


def test_a_stop_within_a_transect_is_left_out_and_parts_nothing():
    legs = []
    for number in range(6):
        height, far = 3.0 + 8.0 * number, 200.0 if number % 2 == 0 else 0.0
        legs += [(100.0, 0.0, height, 5.0, number + 1), 20.0, (far, 0.0, height, 5.0, number + 1)]
        legs += [(far, 0.0, height + 8.0, 2.0, 0)]
    flown = fly((0.0, 0.0, 3.0), legs)
    transects = found_in(flown)
    assert transects.count == 6
    assert lost(flown, transects) == 0
    assert transects.removed["hover"] > 80


def test_a_second_wall_beside_the_plane_is_left_out():
    """Slow transects one way, and a quick way back 60 m beside: the plane is where most rows are."""
    legs = []
    for number in range(6):
        height = 3.0 + 8.0 * number
        legs += [(200.0, 0.0, height, 4.0, number + 1), (200.0, 60.0, height, 5.0, 0)]
        legs += [(0.0, 60.0, height + 8.0, 12.0, 0), (0.0, 0.0, height + 8.0, 5.0, 0)]
    flown = fly((0.0, 0.0, 3.0), legs)
    transects = found_in(flown)
    assert transects.count == 6
    assert lost(flown, transects) == 0
    assert transects.removed["off plane"] > 80


@pytest.mark.parametrize(("radius", "sense"), [(50.0, 1.0), (50.0, -1.0), (20.0, 1.0)])
def test_a_spiral_is_seen_and_cut_into_revolutions(radius, sense):
    flown = spiral(radius=radius, sense=sense)
    transects = found_in(flown)
    assert transects.pattern == "spiral"
    assert transects.count == 6
    assert lost(flown, transects) == 0
    table = transects.table
    kept = table[table["kept"]]
    distance = np.hypot(kept["easting"] - 600_000.0, kept["northing"] - 5_700_000.0)
    assert distance.between(0.65 * radius, 1.35 * radius).all()
    bearing = np.unwrap(np.arctan2(kept["easting"] - 600_000.0, kept["northing"] - 5_700_000.0))
    turns = [float(np.ptp(bearing[kept["transect"] == number])) / (2 * np.pi) for number in range(2, 6)]
    step = 5.0 / (2 * np.pi * radius)
    assert turns == pytest.approx([1.0] * 4, abs=2.5 * step)


def test_one_revolution_is_no_spiral_but_can_be_called_one():
    flown = spiral(1, legs=False)
    assert found_in(flown, pattern="spiral").count == 1
    legs = curtain()
    with pytest.raises(NoSolution, match="isn't a spiral"):
        found_in(legs, pattern="spiral")


@pytest.mark.parametrize("azimuth", [10.0, 100.0])
def test_the_classifier_finds_the_transects_without_courses(azimuth):
    flown = curtain(azimuth=azimuth, turn=4.0)
    transects = found_in(flown, split="classifier", series="all")
    assert transects.main_courses == ()
    on = flown.label > 0
    kept = transects.table["kept"].to_numpy()
    assert (kept & on).sum() > 0.97 * on.sum()


def test_windows_cut_and_keep():
    flown = curtain()
    cut = found_in(flown, cut_windows=(("2026-06-01T10:02:00", "2026-06-01T10:02:29Z"),))
    seconds = (cut.table["timestamp"] - START).dt.total_seconds()
    assert (cut.table.loc[seconds.between(120, 149), "reason"] == "cut window").all()
    assert cut.removed["cut window"] == 30
    kept = found_in(flown, keep_windows=(("2026-06-01T12:02:00+02:00", "2026-06-01T10:06:00"),))
    assert kept.removed["outside keep windows"] == int((~seconds.between(120, 360)).sum())


@pytest.mark.parametrize("window", [("2026-06-01T10:02:00", "soon"), ("2026-06-01T10:02:00", "2026-06-01T10:01:00")])
def test_a_window_that_is_none_is_told(window):
    with pytest.raises(InputError, match="cut_windows: window 1") as caught:
        found_in(curtain(), cut_windows=(window,))
    assert caught.value.parameter == "cut_windows"


def test_windows_that_leave_nothing():
    with pytest.raises(NoSolution, match="leave no row"):
        found_in(curtain(), keep_windows=(("2020-01-01", "2020-01-02"),))


def test_hovering_alone_is_no_flight_through_a_plume():
    with pytest.raises(NoSolution, match="hovers throughout"):
        found_in(fly((0.0, 0.0, 5.0), [120.0]))


def test_climbing_alone_holds_no_transect():
    with pytest.raises(NoSolution, match="No transect was found"):
        found_in(fly((0.0, 0.0, 5.0), [(0.0, 0.0, 100.0, 3.0, 0), (0.0, 0.0, 5.0, 3.0, 0)]))


@pytest.mark.parametrize("count", [1, 2])
def test_few_transects_are_flagged(count):
    transects = found_in(curtain(heights=(5.0, 15.0)[:count]))
    assert transects.count == count
    assert "few_transects" in transects.flags


def test_short_runs_are_no_transects():
    flown = curtain(legs=False)
    with pytest.raises(NoSolution, match="short: "):
        found_in(flown, minimum_length=250.0)
    assert found_in(flown, minimum_length=150.0).count == 10


def test_unfit_parameters_are_named():
    with pytest.raises(InputFaults, match=r"transects\.azimuth_tolerance"):
        TransectParameters.check({"azimuth_tolerance": -1}, within="transects.")


@pytest.mark.parametrize("seed", [33, 41, 51])
def test_a_leg_that_touches_the_circle_is_no_part_of_its_lowest_revolution(seed: int) -> None:
    # The drone comes in at 25 m along the circle, goes down on the spot, and begins its spiral at 2 m.
    simulation = next(kind for kind in KINDS if kind.name == "spiral").parameters(seed)
    flight = check_flight(simulate_flight(simulation).table, ["ch4"], FlightParameters())
    found = find_transects(flight.table, TransectParameters())
    kept = found.table[found.table["kept"]]
    heights = kept.groupby("transect")["height_ato"].mean()
    assert len(heights) == 12
    assert heights.min() == pytest.approx(4.0, abs=0.5)
    assert kept["height_ato"].min() < 3.0

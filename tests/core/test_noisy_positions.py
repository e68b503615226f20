"""Transects of flights whose receiver is off by metres, at any rate of rows, and of flights that stop or miss rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from gasflux_core.motion import measure_motion, path_length, steady_motion
from gasflux_core.plane import PlaneParameters, fit_plane
from gasflux_core.run_ends import sharpen_ends
from gasflux_core.smoothed_positions import SMOOTHED, smooth_positions
from gasflux_core.transect_runs import flown_again
from gasflux_core.transects import TransectParameters, Transects, find_transects
from tests.core.flights import Flown, Leg, curtain, fly, spiral

PLACE = ["easting", "northing", "height_ato"]


def shaken(flown: Flown, noise: float, memory: float = 0.0, seed: int = 0) -> Flown:
    """The same flight with noise (m) on its positions, white or correlated over the memory (s)."""
    draw = np.random.default_rng([seed, 7])
    time = flown.table["time"].to_numpy()
    errors = draw.normal(size=(time.size, 3))
    if memory:
        kept = np.exp(-np.diff(time) / memory)
        for row in range(1, time.size):
            errors[row] = kept[row - 1] * errors[row - 1] + np.sqrt(1.0 - kept[row - 1] ** 2) * errors[row]
    table = flown.table.copy()
    table[PLACE] += noise * errors
    return Flown(table, flown.label)


def without(flown: Flown, gaps: list[tuple[float, float]]) -> Flown:
    """The same flight without the rows between those times, s."""
    time = flown.table["time"].to_numpy()
    there = ~np.any([(time > begin) & (time < end) for begin, end in gaps], axis=0)
    return Flown(flown.table[there].reset_index(drop=True), flown.label[there])


def stop_and_go(step: float, pause: float, rate: float) -> Flown:
    """Eight transects of 200 m with a stop every so many metres."""
    path: list[Leg | float] = []
    for number in range(8):
        height = 3.0 + 7.0 * number
        places = np.arange(0.0, 200.1, step)[:: 1 if number % 2 == 0 else -1]
        for place in places:
            path += [(float(place), 0.0, height, 5.0, number + 1), pause]
        path.append((float(places[-1]), 0.0, height + 7.0, 2.0, 0))
    return fly((0.0, 0.0, 3.0), path, rate=rate)


def found_in(flown: Flown, **settings) -> Transects:
    return find_transects(flown.table, TransectParameters(**settings))


def kept_share(flown: Flown, transects: Transects) -> float:
    """Share of the rows truly on transects that is kept."""
    return float(transects.table["kept"].to_numpy()[flown.label > 0].mean())


@pytest.mark.parametrize("rate", [1.0, 5.0, 10.0, 20.0])
@pytest.mark.parametrize("noise", [0.2, 1.0, 3.0])
@pytest.mark.parametrize("memory", [0.0, 2.0])
@pytest.mark.parametrize("turn", [2.0, 6.0])
def test_noise_costs_no_transect_at_any_rate(rate, noise, memory, turn):
    flown = shaken(curtain(rate=rate, turn=turn, azimuth=50.0), noise, memory, seed=1)
    transects = found_in(flown)
    assert transects.count == 10
    assert kept_share(flown, transects) >= 0.98
    assert transects.flags == ()
    # Each transect is one that was flown, and no turn ends up in it whole.
    table = transects.table[transects.table["kept"]]
    for number in range(1, 11):
        rows = flown.label[table.index[table["transect"] == number]]
        assert (rows == number).mean() > 0.75


@pytest.mark.parametrize("speed", [2.0, 10.0])
def test_slow_and_fast_drones_are_alike_in_noise(speed):
    flown = shaken(curtain(length=40.0 * speed, speed=speed, rate=5.0), 3.0, 2.0)
    transects = found_in(flown)
    assert transects.count == 10
    assert kept_share(flown, transects) >= 0.95


@pytest.mark.parametrize("flown", [curtain(), curtain(rate=10.0), stop_and_go(20.0, 5.0, 1.0), spiral()])
def test_without_noise_the_window_stays_and_nothing_is_smoothed(flown):
    motion = steady_motion(flown.table, 5.0, 20.0)
    assert (motion.window, motion.noisy) == (5.0, False)
    assert not set(SMOOTHED.values()) & set(found_in(flown).table.columns)


def test_the_flight_tells_how_noisy_its_velocities_are():
    """Of white noise a slope over n rows in T seconds has the standard error σ·sqrt(12 / (n T²)), nearly."""
    flown = shaken(fly((0.0, 0.0, 5.0), [(20_000.0, 0.0, 5.0, 5.0, 1)]), 3.0)
    motion = measure_motion(flown.table, 10.0)
    expected = 3.0 * np.sqrt(12.0 / (10.0 * (10.0**2 - 1.0)))
    assert motion.velocity_error == pytest.approx(expected, rel=0.15)
    assert motion.climb_error == pytest.approx(expected, rel=0.15)
    assert motion.course_error == pytest.approx(np.degrees(np.arctan2(motion.velocity_error, 5.0)), rel=0.05)


def test_noise_makes_no_path_longer():
    flown = shaken(fly((0.0, 0.0, 5.0), [(1000.0, 0.0, 5.0, 5.0, 1)], rate=20.0), 3.0)
    time = flown.table["time"].to_numpy()
    assert path_length(time, measure_motion(flown.table, 5.0).speed) == pytest.approx(1000.0, rel=0.03)


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("rate", [1.0, 10.0])
@pytest.mark.parametrize(("step", "pause"), [(20.0, 5.0), (50.0, 10.0), (40.0, 20.0)])
def test_stops_part_no_transect(noise, rate, step, pause):
    flown = shaken(stop_and_go(step, pause, rate), noise, 2.0, seed=1)
    transects = found_in(flown)
    assert transects.count == 8
    assert kept_share(flown, transects) >= 0.95


@pytest.mark.parametrize("rate", [1.0, 10.0])
@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_missing_rows_cost_only_themselves(rate, noise):
    """A gap within a transect, one over a turn, and one that swallows transect 6 with both its turns."""
    flown = curtain(rate=rate)
    begins = [float(flown.table["time"][flown.label == number].min()) for number in range(1, 11)]
    gaps = [
        (begins[1] + 10.0, begins[1] + 25.0),
        (begins[3] - 9.0, begins[3] + 2.0),
        (begins[5] - 10.0, begins[6] + 2.0),
    ]
    flown = without(shaken(flown, noise, 2.0), gaps)
    transects = found_in(flown)
    assert transects.count == 9
    assert kept_share(flown, transects) >= 0.97
    assert transects.flags == ()


@pytest.mark.parametrize("noise", [1.0, 3.0])
@pytest.mark.parametrize("radius", [25.0, 50.0])
def test_a_spiral_keeps_its_revolutions_in_noise(noise, radius):
    flown = shaken(spiral(radius=radius), noise, 2.0)
    transects = found_in(flown)
    assert (transects.pattern, transects.count) == ("spiral", 6)
    assert kept_share(flown, transects) >= 0.95


def test_hovering_in_noise_is_no_transect_of_its_own():
    flown = shaken(fly((0.0, 0.0, 3.0), [120.0, *_six_transects(), 120.0]), 3.0, 2.0)
    transects = found_in(flown)
    assert transects.count == 6
    assert transects.removed["hover"] > 150


def test_a_leg_on_a_slant_is_no_transect():
    """Home over 60 m across and 200 m along: its course lies within the tolerance, and its middle near the plane."""
    path = [*_six_transects(length=400.0), (200.0, -60.0, 45.0, 5.0, 0)]
    transects = found_in(fly((0.0, 0.0, 3.0), path))
    assert transects.count == 6
    assert transects.removed["off plane"] > 20


def test_ends_are_put_where_the_motion_bends():
    """To and fro without a stop, and a stop at the end: bends at 40, 80 and 120 s, told from 3 m of noise."""
    path = [(200.0, 0.0, 5.0, 5.0, 1), (0.0, 0.0, 5.0, 5.0, 2), (200.0, 0.0, 5.0, 5.0, 3), 40.0]
    flown = shaken(fly((0.0, 0.0, 5.0), path, rate=5.0), 3.0)
    runs, gained = sharpen_ends(flown.table, [(0, 180), (185, 420), (420, 620)], 10.0)
    time = flown.table["time"].to_numpy()
    bends = [time[runs[0][1] - 1], time[runs[1][0]], time[runs[1][1] - 1], time[runs[2][0]], time[runs[2][1] - 1]]
    assert bends == pytest.approx([40.0, 40.0, 80.0, 80.0, 120.0], abs=1.0)
    assert runs[0][0] == 0
    assert gained[180:185].all()


def test_smoothing_finds_the_true_places_and_leaves_other_rows():
    clean = curtain(rate=1.0)
    flown = shaken(clean, 3.0, 2.0)
    transects = found_in(flown)
    on = transects.table["kept"].to_numpy() & (clean.label > 0)
    true = clean.table.loc[on, PLACE].to_numpy()
    measured = np.linalg.norm(flown.table.loc[on, PLACE].to_numpy() - true, axis=1)
    smooth = transects.table.loc[on, [SMOOTHED[column] for column in PLACE]].to_numpy()
    assert np.median(np.linalg.norm(smooth - true, axis=1)) < 0.5 * np.median(measured)
    off = transects.table["transect"].to_numpy() == 0
    assert transects.table.loc[off, "smoothed_easting"].equals(flown.table.loc[off, "easting"])


def test_smoothing_keeps_straight_even_motion_as_it_is():
    flown = fly((0.0, 0.0, 5.0), [(200.0, 100.0, 15.0, 5.0, 1)])
    exact = flown.table.assign(**dict.fromkeys(PLACE, 2.0 * flown.table["time"]), height_agl=7.0)
    smoothed = smooth_positions(exact, flown.label, measure_motion(exact, 5.0))
    assert set(smoothed) == set(SMOOTHED.values())
    assert smoothed["smoothed_easting"] == pytest.approx(exact["easting"].to_numpy())
    assert smoothed["smoothed_height_agl"] == pytest.approx(np.full(len(exact), 7.0))


def test_the_plane_takes_smoothed_places_where_there_are_any():
    from gasflux_core.position import projection

    flown = shaken(curtain(), 3.0, 2.0)
    table = found_in(flown).table
    longitude, latitude = projection("EPSG:32630").transform(table["easting"], table["northing"], direction="INVERSE")
    table = table.assign(longitude=longitude, latitude=latitude, wind_east=0.0, wind_north=4.0)
    smoothed = fit_plane(table, PlaneParameters(), "EPSG:32630")
    raw = fit_plane(table.drop(columns=list(SMOOTHED.values()), errors="ignore"), PlaneParameters(), "EPSG:32630")
    assert smoothed.plane.rms_distance < 0.6 * raw.plane.rms_distance
    assert smoothed.height_scatter < 0.6 * raw.height_scatter
    assert smoothed.table["z"].to_list() == table["smoothed_height_ato"].to_list()
    pd.testing.assert_series_equal(smoothed.table["easting"], table["easting"])


@pytest.mark.parametrize(
    ("heights", "groups", "kept"),
    [
        ([1.0, 5.0, 9.0, 5.0, 1.0], ((1, 2, 3), (3, 4, 5)), (1, 2, 3, 4, 5)),
        ([1.0, 5.0, 9.0, 13.0, 9.0], ((1, 2, 3, 4), (4, 5)), (1, 2, 3, 4)),
        ([20.0, 1.0, 5.0, 9.0], ((1, 2), (2, 3, 4)), (1, 2, 3, 4)),
        ([1.0], ((1,),), (1,)),
    ],
)
def test_series_that_fly_the_same_heights_again_are_taken_too(heights, groups, kept):
    assert flown_again(heights, groups, max(groups, key=len)) == kept


def test_a_flight_up_and_down_again_loses_neither_half():
    flown = curtain(heights=(3, 10, 17, 24, 31, 24, 17, 10, 3))
    transects = found_in(flown)
    assert transects.count == 9
    assert transects.flags == ()
    assert kept_share(flown, transects) == 1.0


def _six_transects(length: float = 200.0) -> list[Leg | float]:
    path: list[Leg | float] = []
    for number in range(6):
        height, far = 3.0 + 8.0 * number, length if number % 2 == 0 else 0.0
        path += [(far, 0.0, height, 5.0, number + 1), (far, 0.0, height + 8.0, 2.0, 0)]
    return path


@pytest.mark.parametrize("noise", [1.0, 3.0])
def test_a_spiral_is_smoothed_round_its_centre(noise):
    clean = spiral(revolutions=8)
    flown = shaken(clean, noise, 2.0)
    table = found_in(flown).table
    on = table["kept"].to_numpy() & (clean.label > 0)
    true = clean.table.loc[on, PLACE].to_numpy()
    measured = np.linalg.norm(flown.table.loc[on, PLACE].to_numpy() - true, axis=1)
    smoothed = np.linalg.norm(table.loc[on, [SMOOTHED[column] for column in PLACE]].to_numpy() - true, axis=1)
    assert np.median(smoothed) < 0.7 * np.median(measured)

"""Unsupervised classification of how the drone moves."""

from __future__ import annotations

import numpy as np
import pytest

from gasflux_core.classify import classify_motion, motion_features
from gasflux_core.errors import NoSolution
from gasflux_core.motion import main_courses, measure_motion
from tests.core.flights import curtain, fly


def polygon() -> list:
    """Five walls of a pentagon at each of four levels: no two courses are opposite."""
    corners = [(100 * np.cos(a), 100 * np.sin(a)) for a in np.arange(1, 6) * 2 * np.pi / 5]
    legs: list = []
    for level in range(4):
        for number, (east, north) in enumerate(corners):
            legs += [(east, north, 5.0 + 10 * level, 5.0, 5 * level + number + 1), 4.0]
        legs += [(*corners[-1], 15.0 + 10 * level, 2.0, 0), 4.0]
    return legs


def test_walls_of_a_polygon_are_transects_and_climbs_are_not():
    flown = fly((100.0, 0.0, 5.0), polygon())
    straight = classify_motion(measure_motion(flown.table, 5.0), 20.0, 5.0).any(axis=0)
    on = flown.label > 0
    assert straight[on].mean() > 0.95
    climbing = (flown.label == 0) & (np.abs(np.gradient(flown.table["height_ato"].to_numpy())) > 1.5)
    assert straight[climbing].mean() < 0.4


def test_a_flight_of_climbs_alone_has_no_such_class():
    flown = fly((0.0, 0.0, 5.0), [(0.0, 0.0, 100.0, 3.0, 0), (0.0, 0.0, 5.0, 3.0, 0)])
    with pytest.raises(NoSolution, match="level and straight"):
        classify_motion(measure_motion(flown.table, 5.0), 20.0, 5.0)


def test_features_of_a_level_straight_flight():
    flown = fly((0.0, 0.0, 5.0), [(400.0, 0.0, 5.0, 5.0, 1)])
    elevation, change, speed, climb = motion_features(measure_motion(flown.table, 5.0))[10:-10].T
    assert elevation.max() < 3.0
    assert np.median(change) < 3.0
    assert speed == pytest.approx(np.full(speed.shape, 5.0), abs=0.3)
    assert climb.max() < 0.3


def test_motion_of_a_row_is_known_on_either_side_of_it():
    """At the very row of a corner the course before it is east and the course after it north."""
    flown = fly((0.0, 0.0, 5.0), [(100.0, 0.0, 5.0, 5.0, 1), (100.0, 100.0, 5.0, 5.0, 2)])
    motion = measure_motion(flown.table, 5.0)
    corner = 20
    assert motion.azimuth[:, corner] == pytest.approx([90.0, 0.0], abs=8) or motion.azimuth[1, corner] > 352
    assert motion.speed[:, corner] == pytest.approx([5.0, 5.0], abs=0.4)
    assert np.isnan(motion.azimuth[0, 0])
    assert np.isnan(motion.azimuth[1, -1])


def test_main_courses_are_two_that_face_each_other():
    azimuth = np.concatenate([np.full(50, 359.0), np.full(50, 1.0), np.full(40, 182.0), np.full(30, 90.0)])
    first, second = main_courses(azimuth, np.ones(azimuth.size), 20.0)
    assert np.cos(np.radians(first)) == pytest.approx(1.0, abs=1e-6)
    assert second == pytest.approx(182.0)
    assert main_courses(np.full(9, 45.0), np.ones(9), 20.0) == pytest.approx((45.0,))
    assert main_courses(np.array([]), np.array([]), 20.0) == ()


def test_the_course_of_a_curtain_is_that_it_was_flown_on():
    flown = curtain(azimuth=63.0)
    motion = measure_motion(flown.table, 5.0)
    inner = np.isin(flown.label, (2, 4)) & (np.abs(flown.table["easting"] - 600_000.0) < 40)
    assert np.nanmean(np.abs((motion.azimuth[:, inner] - 243.0 + 180) % 360 - 180)) < 3.0

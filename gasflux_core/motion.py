"""How the drone moves about each row: course, climb and speed on either side of it.

A row at the end of a transect moves straight on one side only. Judging each row by the better of
its two sides, and not by a window centred on it, makes a turn cost its own rows and no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gasflux_core.position import angle_between, bearing

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

STANDING_SPEED = 0.5
"""Speed, m/s, below which a drone stands: what jitter of positions alone looks like."""

STANDING_SHARE = 0.3
"""Share of the usual speed below which a drone stands."""

STEEPEST_SLOPE = 30.0
"""Elevation, deg, beyond which flying along a course is no transect whatever the terrain."""

OPPOSITE = 160.0
"""The flight's two main courses lie at least this far apart, deg."""


@dataclass(frozen=True, eq=False, slots=True)
class Motion:
    """Motion on the two sides of each row; arrays of shape (2, rows): over the rows before, over the rows after.

    NaN where there are too few rows on that side.
    """

    azimuth: Floats
    """Course, deg clockwise from grid north."""
    speed: Floats
    """Horizontal speed, m/s."""
    climb: Floats
    """Vertical speed, m/s."""
    elevation: Floats
    """Elevation of the course, deg, signed."""
    over_ground: Floats
    """Elevation of the course above the ground's slope, deg, signed; NaN where the ground isn't known."""
    typical_speed: float
    """Median speed of the parts that move, m/s."""
    rows: int
    """Rows of one side, this row included."""

    @property
    def moving(self) -> Bools:
        """Sides on which the drone moves."""
        limit = max(STANDING_SPEED, STANDING_SHARE * self.typical_speed)
        return np.asarray(np.nan_to_num(self.speed) >= limit)

    def level(self, limit: float, slope: float | Floats = 0.0) -> Bools:
        """Sides on which the drone flies level, or along a slope, or follows the ground.

        :param limit: largest elevation off the slope, deg. :param slope: deg, signed.
        """
        return np.asarray((np.abs(self.elevation - slope) <= limit) | (np.abs(self.over_ground) <= limit))


def measure_motion(table: pd.DataFrame, window: float) -> Motion:
    """Fit straight, even motion to the rows before and to the rows after each row, by least squares.

    :param table: with time (s), easting, northing, height_ato and, where there is one, height_agl (m).
    :param window: time that one side spans, s; at least three rows are taken.
    """
    time = table["time"].to_numpy(dtype=float)
    rows = max(3, round(window / float(np.median(np.diff(time)))))
    east = _slopes(time, table["easting"].to_numpy(dtype=float), rows)
    north = _slopes(time, table["northing"].to_numpy(dtype=float), rows)
    climb = _slopes(time, table["height_ato"].to_numpy(dtype=float), rows)
    speed = np.hypot(east, north)
    over_ground = np.full_like(climb, np.nan)
    if "height_agl" in table.columns:
        over_ground = np.degrees(np.arctan2(_slopes(time, table["height_agl"].to_numpy(dtype=float), rows), speed))
    fast = speed[speed > STANDING_SPEED]
    return Motion(
        azimuth=bearing(east, north),
        speed=speed,
        climb=climb,
        elevation=np.degrees(np.arctan2(climb, speed)),
        over_ground=over_ground,
        typical_speed=float(np.median(fast)) if fast.size else 0.0,
        rows=rows,
    )


def main_courses(azimuth: Floats, weight: Floats, tolerance: float) -> tuple[float, ...]:
    """The flight's main course and the one opposite to it.

    The first is the mode of the courses; the second the mode among those at least 160° from it.
    Each mode is refined to the mean (of unit vectors) of the courses within the tolerance.

    :param azimuth: courses, deg. :param weight: of each, such as its speed. :param tolerance: deg.
    :returns: one or two courses, deg; none where no weight is given.
    """
    if not weight.sum() > 0.0:
        return ()
    density = np.bincount(np.floor(azimuth).astype(int) % 360, weights=weight, minlength=360)
    # A running sum over the tolerance, round the circle, so that a mode doesn't depend on single degrees.
    half = max(1, round(tolerance / 2.0))
    density = np.sum([np.roll(density, shift) for shift in range(-half, half + 1)], axis=0)
    first = _refined(float(np.argmax(density)) + 0.5, azimuth, weight, tolerance)
    opposite = angle_between(np.arange(360) + 0.5, first) >= OPPOSITE
    facing = np.where(opposite, density, 0.0)
    if not facing.max() > 0.0:
        return (first,)
    second = _refined(float(np.argmax(facing)) + 0.5, azimuth, weight, tolerance)
    return (first, second) if angle_between(second, first) >= OPPOSITE else (first,)


def usual_slope(motion: Motion, along: Bools) -> Floats:
    """Median elevation of the sides along one course, deg: not 0 where transects follow a sloping ground.

    :param along: sides, shape (2, rows), that fly along the course, however steeply.
    """
    sides = along & motion.moving & (np.abs(motion.elevation) <= STEEPEST_SLOPE)
    return np.asarray(np.median(motion.elevation[sides]) if sides.any() else 0.0)


def path_length(table: pd.DataFrame) -> float:
    """Horizontal length of the path, m."""
    steps = np.hypot(np.diff(table["easting"].to_numpy(dtype=float)), np.diff(table["northing"].to_numpy(dtype=float)))
    return float(steps.sum())


def _refined(course: float, azimuth: Floats, weight: Floats, tolerance: float) -> float:
    near = angle_between(azimuth, course) <= max(tolerance, 1.0)
    if not weight[near].sum() > 0.0:
        return course
    mean = np.sum(weight[near] * np.exp(1j * np.radians(azimuth[near])))
    return float(np.degrees(np.angle(mean)) % 360.0)


def _slopes(time: Floats, values: Floats, rows: int) -> Floats:
    """Least-squares slope over the ``rows`` rows up to each row, and from each row on; shape (2, n)."""
    n = time.size
    both = np.full((2, n), np.nan)
    if n < rows:
        return both
    # Running sums of centred values: one pass whatever the window.
    t, y = time - time.mean(), values - values.mean()
    sums = [np.concatenate(([0.0], np.cumsum(part))) for part in (t, y, t * y, t * t)]
    st, sy, sty, stt = (part[rows:] - part[:-rows] for part in sums)
    spread = stt - st * st / rows
    slope = (sty - st * sy / rows) / np.where(spread > 0.0, spread, np.nan)
    both[0, rows - 1 :] = slope
    both[1, : n - rows + 1] = slope
    return both

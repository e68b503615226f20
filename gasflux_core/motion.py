"""How the drone moves about each row: course, climb and speed on either side of it.

A row at the end of a transect moves straight on one side only. Judging each row by the better of
its two sides, and not by a window centred on it, makes a turn cost its own rows and no others.

Noise of the positions makes courses uncertain: by σ·sqrt(12 / (n T²)) m/s over n rows in T seconds where it is
white, and by far more where a receiver smooths its fixes. How uncertain, the flight itself tells: on a straight
line the velocities before and after a row differ by noise alone. Where that is too much to tell courses, the window
grows (:func:`steady_motion`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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

COURSE_DOUBT = 1.0 / 3.0
"""Standard error of a course, over its tolerance, up to which the window tells courses well enough."""

STRAIGHT_SHARE = 0.25
"""Share of a flight's rows that surely fly straight on both sides; noise is judged by those that bend least."""

GROWTH = 2.0**0.5
"""Step in which the window grows."""

GAIN = 0.95
"""A longer window must bring the error down to this share: noise falls faster, real turns grow."""

MISSING = 3.0
"""Usual steps in time from which on rows are missing, where they span a window too."""

LONGEST_WINDOW = 30.0
"""Window, s, beyond which no noise widens it."""


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
    window: float
    """Time that one side spans, s."""
    velocity_error: float
    """Standard error of each horizontal component of the velocity, by noise of the positions, m/s."""
    climb_error: float
    """Standard error of the vertical speed, m/s."""
    noisy: bool = False
    """Whether noise of the positions asks for more than the window given."""

    @property
    def moving(self) -> Bools:
        """Sides on which the drone moves."""
        limit = max(STANDING_SPEED, STANDING_SHARE * self.typical_speed)
        return np.asarray(np.nan_to_num(self.speed) >= limit)

    @property
    def course_error(self) -> float:
        """Standard error of a course, deg; 0 of a flight that never moves."""
        return float(np.degrees(np.arctan2(self.velocity_error, self.typical_speed))) if self.typical_speed else 0.0

    @property
    def elevation_error(self) -> float:
        """Standard error of an elevation, deg; 0 of a flight that never moves."""
        return float(np.degrees(np.arctan2(self.climb_error, self.typical_speed))) if self.typical_speed else 0.0

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
    names = [name for name in ("easting", "northing", "height_ato", "height_agl") if name in table.columns]
    east, north, climb, *over = (_slopes(time, table[name].to_numpy(dtype=float), rows, window) for name in names)
    speed = np.hypot(east, north)
    over_ground = np.degrees(np.arctan2(over[0], speed)) if over else np.full_like(climb, np.nan)
    fast = speed[speed > STANDING_SPEED]
    return Motion(
        azimuth=bearing(east, north),
        speed=speed,
        climb=climb,
        elevation=np.degrees(np.arctan2(climb, speed)),
        over_ground=over_ground,
        typical_speed=float(np.median(fast)) if fast.size else 0.0,
        rows=rows,
        window=window,
        velocity_error=_noise(_sideways(east, north)),
        climb_error=_noise(climb[1] - climb[0]),
    )


def steady_motion(table: pd.DataFrame, window: float, tolerance: float) -> Motion:
    """Motion over a window long enough to tell courses in spite of the positions' noise.

    The window given is kept where it tells courses within a third of the tolerance. Else it grows step by
    step for as long as each step makes the error smaller, as it does with noise, but not with real turns.

    :param table, window: as for :func:`measure_motion`. :param tolerance: of the course, deg.
    """
    motion = measure_motion(table, window)
    while motion.course_error > COURSE_DOUBT * tolerance and GROWTH * motion.window <= LONGEST_WINDOW:
        longer = measure_motion(table, GROWTH * motion.window)
        if not longer.velocity_error <= GAIN * motion.velocity_error:
            break
        motion = replace(longer, noisy=True)
    return motion


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


def path_length(time: Floats, speed: Floats) -> float:
    """Horizontal length of the path, m: speed over time, since noise of positions adds to steps between rows.

    :param time: s. :param speed: of :class:`Motion`, shape (2, rows), m/s.
    """
    if time.size < 2:
        return 0.0
    # The faster side of a row at the end of a transect is the one that lies on it.
    own = np.fmax(speed[0], speed[1])
    return float(np.trapezoid(np.nan_to_num(own), time))


def _sideways(east: Floats, north: Floats) -> Floats:
    """Change of the velocity from before to after each row across its course, m/s: a stop on the way is none."""
    ahead = np.hypot(east.sum(axis=0), north.sum(axis=0))
    turned = east[0] * north[1] - east[1] * north[0]
    return np.asarray(2.0 * turned / np.where(ahead > 0.0, ahead, np.nan))


def _noise(changes: Floats) -> float:
    """Standard error of one side, from the changes between two, of which the least are noise alone."""
    known = np.abs(changes[np.isfinite(changes)])
    # The least quarter of the sizes of normal numbers ends at 0.3186 σ; a difference has √2 times the noise of one.
    return float(np.quantile(known, STRAIGHT_SHARE) / (np.sqrt(2.0) * 0.3186)) if known.size else 0.0


def _refined(course: float, azimuth: Floats, weight: Floats, tolerance: float) -> float:
    near = angle_between(azimuth, course) <= max(tolerance, 1.0)
    if not weight[near].sum() > 0.0:
        return course
    mean = np.sum(weight[near] * np.exp(1j * np.radians(azimuth[near])))
    return float(np.degrees(np.angle(mean)) % 360.0)


def missing_after(time: Floats, window: float) -> Bools:
    """After which rows others are missing for the window or longer, shape (rows − 1,).

    :param time, window: s.
    """
    steps = np.diff(time)
    return np.asarray(steps > max(window, MISSING * float(np.median(steps))))


def _slopes(time: Floats, values: Floats, rows: int, window: float) -> Floats:
    """Least-squares slope over the ``rows`` rows up to each row, and from each row on; shape (2, n).

    NaN where rows are missing among them: what the drone did then isn't known.
    """
    n = time.size
    both = np.full((2, n), np.nan)
    if n < rows:
        return both
    gaps = np.concatenate(([0], np.cumsum(missing_after(time, window))))
    whole = gaps[rows - 1 :] == gaps[: n - rows + 1]
    # Running sums of centred values: one pass whatever the window.
    t, y = time - time.mean(), values - values.mean()
    sums = [np.concatenate(([0.0], np.cumsum(part))) for part in (t, y, t * y, t * t)]
    st, sy, sty, stt = (part[rows:] - part[:-rows] for part in sums)
    spread = stt - st * st / rows
    slope = (sty - st * sy / rows) / np.where(whole & (spread > 0.0), spread, np.nan)
    both[0, rows - 1 :] = slope
    both[1, : n - rows + 1] = slope
    return both

"""Runs of rows that are one transect each, and the series that transects make."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gasflux_core.motion import Bools, Floats, Motion, missing_after, path_length
from gasflux_core.position import angle_between

SHORT_SHARE = 0.2
"""Share of the longest transect below which a run is short, where no length is set."""

LEVEL_TOLERANCE = 0.5
"""Mean heights closer than this, m, are the same height."""

AGAIN = 0.8
"""Share of a series' heights that another must reach over to fly them again."""

NOISE_LIMIT = 3.0
"""Standard errors that noise of the heights may make up."""

_FURTHEST = 1.5
"""Usual speeds at which rows that are missing may have been flown."""

BESIDE = 10.0
"""Distance across the courses, m, from which on transects may be of another plane …"""

BESIDE_SHARE = 0.1
"""… and its share of the longest transect; the larger of the two counts."""

_STRAIGHT_ON = 0.9
"""Share of the way over missing rows that leads along the course."""

Runs = list[tuple[int, int]]
"""Start and stop (excluded) of each run of rows."""


def curtain_runs(
    table: pd.DataFrame,
    straight: Bools,
    allowed: Bools,
    course: Floats,
    motion: Motion,
    reversal_angle: float,
    elevation_limit: float,
) -> tuple[Runs, Bools]:
    """Runs of one transect each, and the rows of gaps in them that were filled.

    A run ends where rows are not straight or are missing, or where the course turns by the reversal angle or more;
    it goes on after a gap that neither turns nor leaves the line.

    :param straight: rows that fly along a course. :param allowed: rows that may fill a gap.
    :param course: of each straight row, deg. :param reversal_angle, elevation_limit: deg.
    """
    filled = np.zeros(straight.shape, dtype=bool)
    rows = np.flatnonzero(straight)
    if rows.size == 0:
        return [], filled
    time = table["time"].to_numpy(dtype=float)
    missing = missing_after(time, motion.window)
    turned = angle_between(course[rows[1:]], course[rows[:-1]]) >= reversal_angle
    starts = np.concatenate(([0], np.flatnonzero((np.diff(rows) > 1) | turned | missing[rows[:-1]]) + 1))
    runs: Runs = []
    for first, last in zip(starts, np.append(starts[1:], rows.size) - 1, strict=True):
        run = int(rows[first]), int(rows[last]) + 1
        if not runs or not _goes_on(table, runs[-1], run, course, motion, reversal_angle, elevation_limit):
            runs.append(run)
            continue
        end = runs[-1][1] - 1
        runs[-1] = (runs[-1][0], run[1])
        if time[run[0]] - time[end] <= 2.0 * motion.window:
            # A gust, not a turn: the rows lie on the transect. A longer stop is left out as hover.
            filled[end + 1 : run[0]] = allowed[end + 1 : run[0]]
    return (runs if motion.noisy else _early_reversals(runs, motion.rows, missing)), filled


def join_runs(
    table: pd.DataFrame, runs: Runs, course: Floats, motion: Motion, reversal_angle: float, elevation_limit: float
) -> Runs:
    """Join the runs that go on after one another, as they may where what parted them was too short to be a transect.

    :param course, reversal_angle, elevation_limit: as for :func:`curtain_runs`.
    """
    joined: Runs = []
    for run in runs:
        if joined and _goes_on(table, joined[-1], run, course, motion, reversal_angle, elevation_limit):
            joined[-1] = (joined[-1][0], run[1])
        else:
            joined.append(run)
    return joined


def drop_short(table: pd.DataFrame, runs: Runs, motion: Motion, minimum_length: float) -> tuple[Runs, Runs]:
    """Runs long enough, and those too short.

    :param minimum_length: m; 0 takes a fifth of the longest run.
    """
    lengths = _lengths(table, runs, motion)
    limit = minimum_length or SHORT_SHARE * max(lengths, default=0.0)
    kept = [run for run, length in zip(runs, lengths, strict=True) if length >= limit]
    return kept, [run for run, length in zip(runs, lengths, strict=True) if length < limit]


def drop_off_plane(table: pd.DataFrame, runs: Runs, motion: Motion, course: float) -> tuple[Runs, Runs]:
    """Runs in the plane that most of the flight is in, and those beside it or on a slant to it.

    Legs home, and transects upwind of the source, share the course of the curtain but not its
    place: runs are grouped by their distance across the course, and the group with the most rows
    is kept. Of that group those go of which an end lies off the line that the others fly.

    :param course: deg from grid north.
    """
    easting, northing = table["easting"].to_numpy(dtype=float), table["northing"].to_numpy(dtype=float)
    sine, cosine = np.sin(np.radians(course)), np.cos(np.radians(course))
    along, across = easting * sine + northing * cosine, easting * cosine - northing * sine
    lengths = np.array(_lengths(table, runs, motion))
    limit = max(BESIDE, BESIDE_SHARE * float(lengths.max()))
    offsets = np.array([across[start:stop].mean() for start, stop in runs])
    order = np.argsort(offsets, kind="stable")
    group = np.empty(len(runs), dtype=int)
    group[order] = np.concatenate(([0], np.cumsum(np.diff(offsets[order]) > limit)))
    rows = np.array([stop - start for start, stop in runs])
    inside = group == int(np.argmax(np.bincount(group, weights=rows)))
    # Where each run begins and ends, in order along the course: shape (runs, 2 ends)
    ends = [
        (slice(start, min(stop, start + motion.rows)), slice(max(start, stop - motion.rows), stop))
        for start, stop in runs
    ]
    x, y = (np.array([[part[end].mean() for end in pair] for pair in ends]) for part in (along, across))
    turned = np.argsort(x, axis=1)
    x, y = np.take_along_axis(x, turned, axis=1), np.take_along_axis(y, turned, axis=1)
    (left, right), (low, high) = np.median(x[inside], axis=0), np.median(y[inside], axis=0)
    line = low + (high - low) * (x - left) / max(right - left, 1.0)
    inside &= np.abs(y - line).max(axis=1) <= limit
    kept = [run for run, one in zip(runs, inside, strict=True) if one]
    return kept, [run for run, one in zip(runs, inside, strict=True) if not one]


def height_tolerance(table: pd.DataFrame, runs: Runs, motion: Motion) -> float:
    """Difference of two transects' mean heights, m, up to which they are the same height.

    Half a metre, or three standard errors of the difference of two means where the heights are noisy.
    """
    time = table["time"].to_numpy(dtype=float)
    seconds = float(np.median([time[stop - 1] - time[start] for start, stop in runs]))
    # With noise of spectral density S, a slope over T has the variance 12 S/T³, a mean over D that of S/D.
    mean_error = motion.climb_error * motion.window**1.5 / np.sqrt(12.0 * max(seconds, motion.window))
    return max(LEVEL_TOLERANCE, NOISE_LIMIT * float(np.sqrt(2.0) * mean_error))


def monotonic_groups(heights: list[float], tolerance: float = LEVEL_TOLERANCE) -> tuple[tuple[int, ...], ...]:
    """All longest series of successive transects whose mean height rises, or falls, all the way.

    Steps within the tolerance are level and end no series. Where one series ends the next begins
    with the same transects: the top of a flight up and down belongs to both.

    :param heights: mean height of the transects 1, 2, …, m. :param tolerance: m.
    :returns: numbers of the transects, series after series.
    """
    groups: list[tuple[int, ...]] = []
    group, sense, turning = [1], 0.0, 1
    for number, step in enumerate(np.diff(heights), start=2):
        way = float(np.sign(step)) if abs(step) > tolerance else 0.0
        if sense and way and way != sense:
            groups.append(tuple(group))
            group = list(range(turning, number))
        group.append(number)
        if way:
            sense, turning = way, number
    return (*groups, tuple(group))


def flown_again(heights: list[float], groups: tuple[tuple[int, ...], ...], largest: tuple[int, ...]) -> tuple[int, ...]:
    """Transects of the largest series, and of those that fly nearly all its heights once more.

    :param heights: mean height of the transects 1, 2, …, m. :param groups: all series.
    :returns: numbers of the transects, rising.
    """

    def reach(group: tuple[int, ...]) -> tuple[float, float]:
        own = [heights[number - 1] for number in group]
        return min(own), max(own)

    low, high = reach(largest)
    chosen = set(largest)
    for group in groups:
        bottom, top = reach(group)
        if len(group) > 1 and min(top, high) - max(bottom, low) >= AGAIN * (high - low):
            chosen.update(group)
    return tuple(sorted(chosen))


def _lengths(table: pd.DataFrame, runs: Runs, motion: Motion) -> list[float]:
    time = table["time"].to_numpy(dtype=float)
    return [path_length(time[start:stop], motion.speed[:, start:stop]) for start, stop in runs]


def _goes_on(
    table: pd.DataFrame,
    before: tuple[int, int],
    after: tuple[int, int],
    course: Floats,
    motion: Motion,
    reversal_angle: float,
    elevation_limit: float,
) -> bool:
    """Whether a run goes on after a gap: on the same course and at its height, no further than it could fly on."""
    end, start = before[1] - 1, after[0]
    time, height = table["time"].to_numpy(dtype=float), table["height_ato"].to_numpy(dtype=float)
    if start == end + 1 and not missing_after(time, motion.window)[end]:
        return False
    if angle_between(course[start], course[end]) >= reversal_angle:
        return False
    place = table[["easting", "northing"]].to_numpy(dtype=float)
    east, north = place[start] - place[end]
    distance = float(np.hypot(east, north))
    if distance > 2.0 * motion.typical_speed * motion.window:
        # So far only where the rows between are missing, and straight on
        furthest = _FURTHEST * motion.typical_speed * float(time[start] - time[end]) if start == end + 1 else 0.0
        ahead = east * np.sin(np.radians(course[end])) + north * np.cos(np.radians(course[end]))
        if distance > furthest or ahead < _STRAIGHT_ON * distance:
            return False
    rise = 2.0 * LEVEL_TOLERANCE + distance * float(np.tan(np.radians(elevation_limit)))
    if abs(float(height[start] - height[end])) <= rise:
        return True
    # Single heights may be noise: means over a window on either side, and three standard errors of their difference.
    first, last = max(before[0], before[1] - motion.rows), min(after[1], start + motion.rows)
    climbed = float(height[start:last].mean() - height[first : end + 1].mean())
    mean_error = motion.climb_error * motion.window / float(np.sqrt(12.0))
    return abs(climbed) <= rise + NOISE_LIMIT * float(np.sqrt(2.0)) * mean_error


def _early_reversals(runs: Runs, rows: int, missing: Bools) -> Runs:
    """Put a reversal without a turn half a window early, where a running median of courses sees it.

    Only runs with no row or time between them are concerned; it is what GasFlux does.
    """
    shifted = list(runs)
    for index in range(1, len(shifted)):
        before, after = shifted[index - 1], shifted[index]
        if before[1] == after[0] and not missing[after[0] - 1] and before[1] - before[0] > rows:
            boundary = before[1] - rows // 2
            shifted[index - 1], shifted[index] = (before[0], boundary), (boundary, after[1])
    return shifted

"""Runs of rows that are one transect each, and the series that transects make."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gasflux_core.motion import Bools, Floats, Motion, path_length
from gasflux_core.position import angle_between

SHORT_SHARE = 0.2
"""Share of the longest transect below which a run is short, where no length is set."""

LEVEL_TOLERANCE = 0.5
"""Mean heights closer than this, m, are the same height."""

BESIDE = 10.0
"""Distance across the courses, m, from which on transects may be of another plane …"""

BESIDE_SHARE = 0.1
"""… and its share of the longest transect; the larger of the two counts."""

Runs = list[tuple[int, int]]
"""Start and stop (excluded) of each run of rows."""


def curtain_runs(
    table: pd.DataFrame,
    straight: Bools,
    allowed: Bools,
    course: Floats,
    motion: Motion,
    window: float,
    reversal_angle: float,
    elevation_limit: float,
) -> tuple[Runs, Bools]:
    """Runs of one transect each, and the rows of gaps in them that were filled.

    A run ends where rows are not straight, or where the course turns by the reversal angle or more;
    it goes on after a gap that neither turns nor leaves the line.

    :param straight: rows that fly along a course. :param allowed: rows that may fill a gap.
    :param course: of each straight row, deg. :param window: s.
    :param reversal_angle, elevation_limit: deg.
    """
    filled = np.zeros(straight.shape, dtype=bool)
    rows = np.flatnonzero(straight)
    if rows.size == 0:
        return [], filled
    turned = angle_between(course[rows[1:]], course[rows[:-1]]) >= reversal_angle
    starts = np.concatenate(([0], np.flatnonzero((np.diff(rows) > 1) | turned) + 1))
    time = table["time"].to_numpy(dtype=float)
    place = table[["easting", "northing", "height_ato"]].to_numpy(dtype=float)
    reach = 2.0 * motion.typical_speed * window
    runs: Runs = []
    for first, last in zip(starts, np.append(starts[1:], rows.size) - 1, strict=True):
        start, stop = int(rows[first]), int(rows[last]) + 1
        end = runs[-1][1] - 1 if runs else start
        on_line = _same_line(place[start] - place[end], reach, elevation_limit)
        if not runs or start == end + 1 or angle_between(course[start], course[end]) >= reversal_angle or not on_line:
            runs.append((start, stop))
            continue
        runs[-1] = (runs[-1][0], stop)
        if time[start] - time[end] <= 2.0 * window:
            # A gust, not a turn: the rows lie on the transect. A longer stop is left out as hover.
            filled[end + 1 : start] = allowed[end + 1 : start]
    return _early_reversals(runs, motion.rows), filled


def drop_short(table: pd.DataFrame, runs: Runs, minimum_length: float) -> tuple[Runs, Runs]:
    """Runs long enough, and those too short.

    :param minimum_length: m; 0 takes a fifth of the longest run.
    """
    lengths = [path_length(table.iloc[start:stop]) for start, stop in runs]
    limit = minimum_length or SHORT_SHARE * max(lengths, default=0.0)
    kept = [run for run, length in zip(runs, lengths, strict=True) if length >= limit]
    return kept, [run for run, length in zip(runs, lengths, strict=True) if length < limit]


def drop_off_plane(table: pd.DataFrame, runs: Runs, course: float) -> tuple[Runs, Runs]:
    """Runs in the plane that most of the flight is in, and those parallel to it but beside it.

    Legs home, and transects upwind of the source, share the course of the curtain but not its
    place: runs are grouped by their distance across the course, and the group with the most rows
    is kept.

    :param course: deg from grid north.
    """
    across = table["easting"].to_numpy(dtype=float) * np.cos(np.radians(course))
    across = across - table["northing"].to_numpy(dtype=float) * np.sin(np.radians(course))
    lengths = np.array([path_length(table.iloc[start:stop]) for start, stop in runs])
    offsets = np.array([across[start:stop].mean() for start, stop in runs])
    order = np.argsort(offsets, kind="stable")
    apart = np.diff(offsets[order]) > max(BESIDE, BESIDE_SHARE * float(lengths.max()))
    group = np.empty(len(runs), dtype=int)
    group[order] = np.concatenate(([0], np.cumsum(apart)))
    rows = np.array([stop - start for start, stop in runs])
    largest = int(np.argmax(np.bincount(group, weights=rows)))
    kept = [run for run, number in zip(runs, group, strict=True) if number == largest]
    return kept, [run for run, number in zip(runs, group, strict=True) if number != largest]


def monotonic_groups(heights: list[float]) -> tuple[tuple[int, ...], ...]:
    """All longest series of successive transects whose mean height rises, or falls, all the way.

    Steps under half a metre are level and end no series. Where one series ends the next begins
    with the same transects: the top of a flight up and down belongs to both.

    :param heights: mean height of the transects 1, 2, …, m.
    :returns: numbers of the transects, series after series.
    """
    groups: list[tuple[int, ...]] = []
    group, sense, turning = [1], 0.0, 1
    for number, step in enumerate(np.diff(heights), start=2):
        way = float(np.sign(step)) if abs(step) > LEVEL_TOLERANCE else 0.0
        if sense and way and way != sense:
            groups.append(tuple(group))
            group = list(range(turning, number))
        group.append(number)
        if way:
            sense, turning = way, number
    return (*groups, tuple(group))


def _same_line(moved: Floats, reach: float, elevation_limit: float) -> bool:
    """Whether a gap is short (m) and stays at its height."""
    distance = float(np.hypot(moved[0], moved[1]))
    rise = 2.0 * LEVEL_TOLERANCE + distance * float(np.tan(np.radians(elevation_limit)))
    return distance <= reach and abs(float(moved[2])) <= rise


def _early_reversals(runs: Runs, rows: int) -> Runs:
    """Put a reversal without a turn half a window early, where a running median of courses sees it.

    Only runs with no row between them are concerned; it is what GasFlux does.
    """
    shifted = list(runs)
    for index in range(1, len(shifted)):
        before, after = shifted[index - 1], shifted[index]
        if before[1] == after[0] and before[1] - before[0] > rows:
            boundary = before[1] - rows // 2
            shifted[index - 1], shifted[index] = (before[0], boundary), (boundary, after[1])
    return shifted

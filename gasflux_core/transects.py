"""The parts of a flight that cross the plume: transects of a curtain, or revolutions of a spiral."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gasflux_core.circle import Circle
from gasflux_core.errors import NoSolution
from gasflux_core.motion import (
    STEEPEST_SLOPE,
    Bools,
    Floats,
    Motion,
    main_courses,
    measure_motion,
    path_length,
    steady_motion,
    usual_slope,
)
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.position import angle_between, bearing
from gasflux_core.revolutions import FEWEST_REVOLUTIONS, circle_of_flight, circle_rows, is_spiral, number_revolutions
from gasflux_core.run_ends import sharpen_ends
from gasflux_core.smoothed_positions import smooth_positions
from gasflux_core.time_windows import Windows, rows_within
from gasflux_core.transect_runs import (
    NOISE_LIMIT,
    Runs,
    curtain_runs,
    drop_off_plane,
    drop_short,
    flown_again,
    height_tolerance,
    join_runs,
    monotonic_groups,
)

FEW_TRANSECTS = 3
"""Fewer transects than this are flagged: the plume's height is hardly seen."""


class TransectParameters(Parameters):
    """How the transects are told from the rest of the flight."""

    pattern: Literal["auto", "curtain", "spiral"] = parameter(
        "auto",
        title="Flight pattern",
        text="'curtain': transects to and fro in a plane. 'spiral': revolutions round the source. 'auto': a spiral "
        "where the flight goes round at least one and a half times.",
    )
    split: Literal["course", "classifier"] = parameter(
        "course",
        title="How rows are told apart",
        text="'course': by the flight's two main courses. 'classifier': by unsupervised classification of how the "
        "drone moves, for irregular flights with no main course. Curtains only.",
    )
    azimuth_tolerance: float = parameter(
        20.0,
        title="Tolerance of the course",
        text="Rows whose course differs by more from both main courses (in a spiral: from the tangent, twice this) "
        "are removed.",
        unit="deg",
        gt=0.0,
        le=90.0,
    )
    azimuth_window: float = parameter(
        5.0,
        title="Window of the course",
        text="Time over which the course is measured, on either side of a row. Where positions are too noisy to tell "
        "the course in it, it grows by itself.",
        unit="s",
        gt=0.0,
        le=120.0,
    )
    elevation_limit: float = parameter(
        5.0,
        title="Limit of the elevation",
        text="Rows where the drone climbs or sinks more steeply, over the take-off's level and over the ground, are "
        "removed.",
        unit="deg",
        gt=0.0,
        le=90.0,
    )
    minimum_length: float = parameter(
        0.0,
        title="Minimum length of a transect",
        text="Shorter runs are no transects. 0 takes a fifth of the longest one.",
        unit="m",
        ge=0.0,
        le=1.0e5,
    )
    reversal_angle: float = parameter(
        140.0,
        title="Angle of a reversal",
        text="A transect ends where the course turns by at least this angle; usual are 120 to 150.",
        unit="deg",
        ge=45.0,
        le=180.0,
    )
    series: Literal["largest", "all"] = parameter(
        "largest",
        title="Series of transects",
        text="'largest': the largest series of transects whose mean height rises, or falls, all the way, and those "
        "that fly its heights again, as on the way down. 'all': every transect.",
    )
    keep_windows: Windows = parameter(
        (),
        title="Time windows to keep",
        text="Pairs of start and end (ISO 8601, UTC where no offset is given): rows outside all of them are removed.",
    )
    cut_windows: Windows = parameter(
        (),
        title="Time windows to cut",
        text="Pairs of start and end (ISO 8601, UTC where no offset is given): rows inside any of them are removed.",
    )


@dataclass(frozen=True, eq=False, slots=True)
class Transects:
    """A flight cut into its transects."""

    table: pd.DataFrame
    """The table with ``transect`` (from 1 in order of time; 0: none), ``kept`` and ``reason``; and with
    ``smoothed_easting``, ``smoothed_northing`` and ``smoothed_height_…`` (m) where positions are noisy."""
    pattern: Literal["curtain", "spiral"]
    count: int
    """Transects kept."""
    removed: dict[str, int]
    """Reason → rows removed for it."""
    groups: tuple[tuple[int, ...], ...]
    """All series of transects whose mean height rises or falls; two that meet share a transect."""
    main_courses: tuple[float, ...]
    """The flight's main courses, deg from grid north; none of a spiral or a classified flight."""
    flags: tuple[str, ...]
    """``few_transects``: fewer than 3; ``transects_left_out``: some lie outside the series taken."""

    def to_dict(self) -> dict[str, Any]:
        """Its figures as plain JSON values."""
        kept = self.table[self.table["kept"]]
        by_transect = kept.groupby("transect")
        return {
            "pattern": self.pattern,
            "count": self.count,
            "rows": len(kept),
            "rows_per_transect": {str(number): int(rows) for number, rows in by_transect.size().items()},
            "mean_height": {str(number): float(mean) for number, mean in by_transect["height_ato"].mean().items()},
            "removed": dict(self.removed),
            "groups": [list(group) for group in self.groups],
            "main_courses": list(self.main_courses),
            "flags": list(self.flags),
        }


def find_transects(table: pd.DataFrame, parameters: TransectParameters) -> Transects:
    """Number the transects, and say of every other row why it is removed.

    Reasons: ``cut window``, ``outside keep windows``, ``hover``, ``climb``, ``turn`` (the course
    changes), ``course`` (straight, but off the main courses or off the circle), ``short``,
    ``off plane`` (parallel to the curtain, but beside it), ``series``.

    :param table: of the flight or wind stage.
    :raises InputError: where a window isn't a pair of times in order.
    :raises NoSolution: where no transect remains, with what was found instead.
    """
    reason = _window_reasons(table["timestamp"], parameters)
    allowed = np.asarray(reason == "", dtype=bool)
    if not allowed.any():
        raise NoSolution("The time windows to keep and to cut leave no row of the flight", "keep_windows")
    pattern, circle = _pattern(table, allowed, parameters.pattern)
    if circle is not None:
        # A longer window would see less of the circle; its tolerance holds some noise.
        motion = measure_motion(table, parameters.azimuth_window)
        motion = replace(motion, noisy=NOISE_LIMIT * motion.elevation_error > parameters.elevation_limit)
    else:
        motion = steady_motion(table, parameters.azimuth_window, parameters.azimuth_tolerance)
    courses: tuple[float, ...] = ()
    limit = max(parameters.elevation_limit, NOISE_LIMIT * motion.elevation_error)
    if circle is not None:
        senses = circle_rows(table, circle, motion, 2.0 * parameters.azimuth_tolerance)
        usable = _along(motion, [sense & allowed for sense in senses], limit)
    elif parameters.split == "classifier":
        from gasflux_core.classify import classify_motion

        usable = classify_motion(motion, parameters.azimuth_tolerance, limit)
    else:
        moving = motion.moving & allowed & (np.abs(motion.elevation) <= STEEPEST_SLOPE)
        courses = main_courses(motion.azimuth[moving], motion.speed[moving], parameters.azimuth_tolerance)
        near = [angle_between(motion.azimuth, course) <= parameters.azimuth_tolerance for course in courses]
        usable = _along(motion, [sides & allowed for sides in near], limit)
    usable &= allowed
    straight = np.asarray(usable.any(axis=0))
    reason = np.where((reason == "") & ~straight, _motion_reasons(motion, parameters.azimuth_tolerance, limit), reason)

    if circle is not None:
        runs = number_revolutions(table, circle, straight, motion.rows)
    else:
        course = _own_course(motion, usable, parameters.reversal_angle)
        runs, filled = curtain_runs(table, straight, allowed, course, motion, parameters.reversal_angle, limit)
        reason = np.where(filled, "", reason)
    runs, short = drop_short(table, runs, motion, parameters.minimum_length)
    _remove(reason, short, "short")
    if circle is None:
        runs = join_runs(table, runs, course, motion, parameters.reversal_angle, limit)
    if circle is None and motion.noisy and runs:
        runs, gained = sharpen_ends(table, runs, motion.window)
        reason = np.where(gained & allowed, "", reason)
        reason = np.where((reason == "") & ~_within(runs, len(table)), "turn", reason)
    if courses and runs:
        runs, off_plane = drop_off_plane(table, runs, motion, courses[0])
        _remove(reason, off_plane, "off plane")
    if not runs:
        raise _nothing(table, reason, motion, courses, parameters)
    return _result(table, runs, reason, pattern, circle, motion, courses, parameters)


def _pattern(table: pd.DataFrame, allowed: Bools, wanted: str) -> tuple[Literal["curtain", "spiral"], Circle | None]:
    if wanted == "curtain":
        return "curtain", None
    circle = circle_of_flight(table, allowed)
    if wanted == "spiral":
        if circle is None or not is_spiral(table, circle, allowed, FEWEST_REVOLUTIONS):
            raise NoSolution(
                "The flight doesn't go round a circle: it isn't a spiral; try pattern 'curtain'", "pattern"
            )
        return "spiral", circle
    if circle is not None and is_spiral(table, circle, allowed):
        return "spiral", circle
    return "curtain", None


def _along(motion: Motion, near: list[Bools], limit: float) -> Bools:
    """Sides along any of the courses that move, and climb as is usual on that course."""
    usable = np.zeros(motion.speed.shape, dtype=bool)
    for sides in near:
        usable |= sides & motion.moving & motion.level(limit, usual_slope(motion, sides))
    return usable


def _remove(reason: npt.NDArray[np.object_], runs: Runs, why: str) -> None:
    for start, stop in runs:
        rows = reason[start:stop]
        rows[rows == ""] = why


def _own_course(motion: Motion, usable: Bools, reversal_angle: float) -> Floats:
    """Course of each row over its usable sides, deg; NaN where it has none.

    Where both sides are straight but one reverses the other the side after the row counts: a mean of the two would
    point anywhere.
    """
    unit = np.where(usable, np.exp(1j * np.radians(np.nan_to_num(motion.azimuth))), 0.0)
    both = unit.sum(axis=0)
    course = np.where(np.abs(both) > 2.0 * np.cos(np.radians(reversal_angle / 2.0)), both, unit[1])
    course = np.where(usable.all(axis=0), course, both)
    return np.where(np.abs(course) > 0.0, bearing(course.imag, course.real), np.nan)


def _within(runs: Runs, rows: int) -> Bools:
    inside = np.zeros(rows, dtype=bool)
    for start, stop in runs:
        inside[start:stop] = True
    return inside


def _motion_reasons(motion: Motion, tolerance: float, limit: float) -> npt.NDArray[np.object_]:
    """Why a row is no part of a transect, by how the drone moves about it."""
    moving = motion.moving
    level = moving & motion.level(limit)
    change = angle_between(motion.azimuth[1], motion.azimuth[0])
    steady = ~(change > tolerance)
    return np.select(
        [~moving.any(axis=0), ~level.any(axis=0), steady], ["hover", "climb", "course"], default="turn"
    ).astype(object)


def _result(
    table: pd.DataFrame,
    runs: Runs,
    reason: npt.NDArray[np.object_],
    pattern: Literal["curtain", "spiral"],
    circle: Circle | None,
    motion: Motion,
    courses: tuple[float, ...],
    parameters: TransectParameters,
) -> Transects:
    transect = np.zeros(len(table), dtype=np.int64)
    for number, (start, stop) in enumerate(runs, start=1):
        transect[start:stop] = number
    transect[reason != ""] = 0
    height = table["height_ato"].to_numpy(dtype=float)
    means = [float(height[transect == number].mean()) for number in range(1, len(runs) + 1)]
    groups = monotonic_groups(means, height_tolerance(table, runs, motion))
    count = len(runs)
    flags = []
    if parameters.series == "largest":
        largest = max(groups, key=lambda group: (len(group), int(np.isin(transect, group).sum())))
        chosen = flown_again(means, groups, largest)
        outside = (transect > 0) & ~np.isin(transect, chosen)
        reason = np.where(outside, "series", reason)
        count = len(chosen)
        if count < len(runs):
            flags.append("transects_left_out")
    if count < FEW_TRANSECTS:
        flags.append("few_transects")
    names, rows = np.unique(reason[reason != ""].astype(str), return_counts=True)
    return Transects(
        table=table.assign(
            transect=transect,
            kept=reason == "",
            reason=pd.Series(reason, index=table.index, dtype=str),
            **(smooth_positions(table, transect, motion, circle) if motion.noisy else {}),
        ),
        pattern=pattern,
        count=count,
        removed={str(name): int(number) for name, number in zip(names, rows, strict=True)},
        groups=groups,
        main_courses=courses,
        flags=tuple(flags),
    )


def _window_reasons(timestamp: pd.Series, parameters: TransectParameters) -> npt.NDArray[np.object_]:
    reason = np.full(len(timestamp), "", dtype=object)
    if parameters.keep_windows:
        reason[~rows_within(timestamp, parameters.keep_windows, "keep_windows")] = "outside keep windows"
    reason[rows_within(timestamp, parameters.cut_windows, "cut_windows")] = "cut window"
    return reason


def _nothing(
    table: pd.DataFrame,
    reason: npt.NDArray[np.object_],
    motion: Motion,
    courses: tuple[float, ...],
    parameters: TransectParameters,
) -> NoSolution:
    """What was found where no transect was."""
    names, counts = np.unique(reason[reason != ""].astype(str), return_counts=True)
    why = ", ".join(f"{name}: {count} rows" for name, count in zip(names, counts, strict=True))
    length = path_length(table["time"].to_numpy(dtype=float), motion.speed)
    if not motion.moving.any():
        found = f"the drone hovers throughout (path of {length:.0f} m in {len(table)} rows)"
    else:
        along = " and ".join(f"{course:.0f}°" for course in courses) or "none"
        found = f"the path is {length:.0f} m long, its main courses are {along}"
    return NoSolution(
        f"No transect was found in the flight: {found}. Rows removed for {why}. Check azimuth_tolerance "
        f"({parameters.azimuth_tolerance:g}°), elevation_limit ({parameters.elevation_limit:g}°) and minimum_length "
        f"({parameters.minimum_length:g} m), or split with the classifier."
    )

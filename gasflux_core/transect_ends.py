"""Background as the straight line through each transect's two ends."""

from __future__ import annotations

import numpy as np

from gasflux_core.baseline import Baseline, Floats, Series, quick_noise
from gasflux_core.errors import NoSolution
from gasflux_core.parameters import Parameters, parameter

FEWEST_ROWS = 3
"""Rows of an end, however short the transect."""

PLUME_THRESHOLD = 5.0
"""Standard errors by which an end lies above its neighbours, from which on it may be in the plume …"""

PLUME_SHARE = 0.05
"""… if it does so by this share of the gas's range, too: less is a gradient or costs less than it."""


class TransectEndsParameters(Parameters):
    """Straight line through each transect's two ends."""

    share: float = parameter(
        0.1,
        title="Share of rows at an end",
        text="Share of a transect's rows, on either side, that lie outside the plume; at least three rows are taken.",
        unit="1",
        gt=0.0,
        le=0.5,
    )


def transect_ends_baseline(series: Series, parameters: TransectEndsParameters) -> Baseline:
    """Straight line in time through the two ends of each transect; between transects by interpolation.

    The level of an end is the mean of its middle 60 % of values (a trimmed mean). An end that lies
    well above the ends before and after it on the other side of the transects is taken to be in the
    plume, and is replaced by their line.

    :raises NoSolution: where no transects are known.
    """
    numbers = np.unique(series.transect[series.transect > 0])
    if numbers.size == 0:
        raise NoSolution("The background algorithm transect_ends needs transects: find them first", "algorithm")
    ends = [
        rows[part]
        for number in numbers
        for rows in [np.flatnonzero(series.transect == number)]
        for count in [min(max(FEWEST_ROWS, round(parameters.share * rows.size)), max(1, rows.size // 2))]
        for part in (slice(None, count), slice(-count, None))
    ]
    time = np.array([series.time[rows].mean() for rows in ends])
    level = np.array([_trimmed_mean(series.value[rows]) for rows in ends])
    # Efficiency of the trimmed mean is 0.9: its variance is σ²/(0.9 n).
    error = quick_noise(series.value) / np.sqrt(0.9 * np.array([rows.size for rows in ends]))
    in_plume = _in_plume(time, level, error, float(np.ptp(series.value)))
    if in_plume.all():
        in_plume[:] = False
    sound = ~in_plume
    level = np.where(sound, level, np.interp(time, time[sound], level[sound]))
    standard_error = float(np.sqrt(np.mean(error**2) / max(1, int(sound.sum()))))
    # Each line is drawn on from the middle of the ends to the transect's first and last row.
    first, last = (
        np.array([series.time[rows[place]] for rows in ends[place_of_end::2]])
        for place, place_of_end in ((0, 0), (-1, 1))
    )
    slope = (level[1::2] - level[::2]) / np.maximum(time[1::2] - time[::2], np.finfo(float).tiny)
    corners = np.column_stack((first, last)).ravel()
    drawn = np.column_stack(
        (level[::2] + slope * (first - time[::2]), level[1::2] + slope * (last - time[1::2]))
    ).ravel()
    return Baseline(
        value=np.interp(series.time, corners, drawn),
        standard_error=standard_error,
        flags=("plume_at_transect_end",) if in_plume.any() else (),
    )


def _trimmed_mean(values: Floats) -> float:
    cut = int(0.2 * values.size)
    return float(np.sort(values)[cut : values.size - cut].mean())


def _in_plume(time: Floats, level: Floats, error: Floats, span: float) -> np.ndarray:
    """Ends well above the line through the nearest ends of the other side, before and after."""
    flagged = np.zeros(level.size, dtype=bool)
    limit = np.maximum(PLUME_THRESHOLD * np.sqrt(2.0) * error, PLUME_SHARE * span)
    for end in range(level.size):
        # Ends come in pairs at a turn: 0 | 1 2 | 3 4 | …; the other side is the pair before and the pair after.
        pair = (end + 1) // 2
        others = [
            index for index in (2 * pair - 3, 2 * pair - 2, 2 * pair + 1, 2 * pair + 2) if 0 <= index < level.size
        ]
        if not others:
            continue
        flagged[end] = level[end] - np.interp(time[end], time[others], level[others]) > limit[end]
    return flagged

"""Positions of the rows on transects with the noise of the receiver taken out.

A sample whose place is off by metres adds noise to the field, and one that seems to lie under the ground lowers it
as a whole. On a transect the drone flies straight and evenly, so that its place is known better from the rows about
it than from its own row alone: by the line of least squares in time through those within a window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from gasflux_core.circle import Circle
from gasflux_core.motion import Floats, Motion

PLACE_ERROR = 1.0
"""Standard error of a place, m, that smoothing is to reach: little beside any plume."""

SMOOTHED = {
    "easting": "smoothed_easting",
    "northing": "smoothed_northing",
    "height_ato": "smoothed_height_ato",
    "height_agl": "smoothed_height_agl",
}
"""Column of the table → the same with its noise taken out, m."""


def smooth_positions(
    table: pd.DataFrame, transect: npt.NDArray[np.int64], motion: Motion, circle: Circle | None = None
) -> dict[str, Floats]:
    """Smoothed positions and heights, m; those of rows on no transect are as measured.

    With noise of spectral density S a slope over T has the variance 12 S/T³ and a mean over w to either side S/(2w),
    so that the window follows from the error of the velocity. On a spiral lines are laid through the distance from
    the centre and the bearing, over one revolution and the next.

    :param table: with time (s), easting, northing, height_ato and, where there is one, height_agl (m).
    :param transect: number of each row, 0: none. :param circle: of a spiral.
    :returns: column of :data:`SMOOTHED` → values.
    """
    time = table["time"].to_numpy(dtype=float)
    # On a circle the course bends without noise.
    error = motion.climb_error if circle else max(motion.velocity_error, motion.climb_error)
    window = max(motion.window, (error / PLACE_ERROR) ** 2 * motion.window**3 / 24.0)
    smoothed = {
        name: table[column].to_numpy(dtype=float).copy() for column, name in SMOOTHED.items() if column in table.columns
    }
    groups = [np.flatnonzero(transect == number) for number in np.unique(transect[transect > 0])]
    if circle is not None:
        groups = [np.flatnonzero(transect > 0)]
    for rows in groups:
        east, north = (smoothed[SMOOTHED[name]][rows] for name in ("easting", "northing"))
        for values in smoothed.values():
            values[rows] = _local_line(time[rows], values[rows], window)
        if circle is not None:
            way = (east - circle.easting) + 1j * (north - circle.northing)
            distance = _local_line(time[rows], np.abs(way), window)
            bearing = _local_line(time[rows], np.unwrap(np.angle(way)), window)
            smoothed[SMOOTHED["easting"]][rows] = circle.easting + distance * np.cos(bearing)
            smoothed[SMOOTHED["northing"]][rows] = circle.northing + distance * np.sin(bearing)
    return smoothed


def _local_line(time: Floats, values: Floats, window: float) -> Floats:
    """At each time the line of least squares through what lies within the window."""
    first = np.searchsorted(time, time - window)
    last = np.searchsorted(time, time + window, side="right")
    # Running sums of centred values, so that no digits are lost.
    t, y = time - time.mean(), values - values.mean()
    st, sy, sty, stt, n = (np.concatenate(([0.0], np.cumsum(part))) for part in (t, y, t * y, t * t, np.ones_like(t)))
    st, sy, sty, stt, n = (part[last] - part[first] for part in (st, sy, sty, stt, n))
    spread = stt - st * st / n
    slope = np.divide(sty - st * sy / n, spread, out=np.zeros_like(spread), where=spread > 1e-9)
    return np.asarray(sy / n + slope * (t - st / n) + values.mean())

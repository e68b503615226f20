"""The ground line under a flight plane, from heights above take-off and above ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

_BIN_LENGTH = 5.0
"""Least length of a bin along the plane, m: what a satellite receiver tells apart."""

_MOST_BINS = 100


def ground_line(x: _Floats, ground: _Floats, length: float, period: float | None) -> tuple[tuple[float, float], ...]:
    """Ground height above take-off along the plane, as points to interpolate between.

    Medians in even bins, each at the median x of its samples, so that a laser's wrong returns from
    roofs and trees of a few rows do not count and an even slope comes out exact. The line is drawn
    on with the slope of its end to x = 0 and x = ``length``; round a cylinder it closes.

    :param x: places of samples, m in [0, length]. :param ground: height_ato − height_agl there, m.
    :returns: (x, height) with x rising.
    """
    count = int(np.clip(length // _BIN_LENGTH, 1, _MOST_BINS))
    bins = np.clip((x / length * count).astype(int), 0, count - 1)
    order = np.argsort(bins, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(bins[order])) + 1)
    places = np.array([np.median(x[group]) for group in groups])
    heights = np.array([np.median(ground[group]) for group in groups])
    if period is None and len(places) > 1:
        places, heights = _drawn_on(places, heights, length)
    return tuple((float(place), float(height)) for place, height in zip(places, heights, strict=True))


def _drawn_on(places: _Floats, heights: _Floats, length: float) -> tuple[_Floats, _Floats]:
    slopes = np.diff(heights) / np.diff(places)
    if places[0] > 0:
        heights = np.concatenate([[heights[0] - slopes[0] * places[0]], heights])
        places = np.concatenate([[0.0], places])
    if places[-1] < length:
        heights = np.concatenate([heights, [heights[-1] + slopes[-1] * (length - places[-1])]])
        places = np.concatenate([places, [length]])
    return places, heights

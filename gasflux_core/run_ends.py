"""Ends of transects whose positions are too noisy to see a turn in single rows.

Courses are then measured over windows longer than a turn, and say that it happened, but not when. Where two
straight, even motions meet is known better: by the bend of least squares,

    p(t) = p₀ + v·t + w·max(t − e, 0)

for the place p in the plane, searched over e. A reversal bends by −2v, a stop by −v.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gasflux_core.motion import Bools, Floats
from gasflux_core.transect_runs import Runs

_BLOCKS = 14
"""Means of positions in a window: noise within one of them says nothing of where the bend is."""

_FEWEST = 3
"""Means beyond the run without which no bend is sought."""


def sharpen_ends(table: pd.DataFrame, runs: Runs, window: float) -> tuple[Runs, Bools]:
    """Begin and end each run where its straight motion does.

    Runs that come to overlap meet in the middle of their two bends.

    :param window: over which courses were measured, s; ends may be off by half of it.
    :returns: the runs, and the rows that came to them.
    """
    time = table["time"].to_numpy(dtype=float)
    place = table[["easting", "northing"]].to_numpy(dtype=float)
    place = place - place.mean(axis=0)
    bends: list[list[float]] = []
    for number, (start, stop) in enumerate(runs):
        # The runs beside this one are looked into, but nothing beyond them.
        before = runs[number - 1][0] if number else 0
        after = runs[number + 1][1] if number + 1 < len(runs) else time.size
        end = _bend(time[start:after], place[start:after], time[stop - 1], window)
        # Backwards in time a beginning is an end.
        begin = -_bend(-time[before:stop][::-1], place[before:stop][::-1], -time[start], window)
        if bends and bends[-1][1] >= begin:
            bends[-1][1] = begin = 0.5 * (bends[-1][1] + begin)
        bends.append([begin, end])
    sharp: Runs = []
    gained = np.zeros(time.size, dtype=bool)
    for (begin, end), (start, stop) in zip(bends, runs, strict=True):
        first = max(int(np.searchsorted(time, begin)), sharp[-1][1] if sharp else 0)
        last = int(np.searchsorted(time, end, side="right"))
        if last <= first:
            first, last = max(start, sharp[-1][1] if sharp else 0), stop
        sharp.append((first, last))
        gained[first:start] = True
        gained[stop:last] = True
    return sharp, gained


def _bend(time: Floats, place: Floats, end: float, window: float) -> float:
    """Time, s, at which the motion that leads up to ``end`` stops being straight and even; ``end`` if it doesn't.

    :param time: from the beginning of the run on, s. :param place: shape (rows, 2), m.
    """
    near = (time >= end - 2.0 * window) & (time <= end + window)
    block = np.floor((time[near] - end) / window * _BLOCKS).astype(int)
    _, member = np.unique(block, return_inverse=True)
    count = np.bincount(member)
    t = np.bincount(member, weights=time[near]) / count - end
    p = np.column_stack([np.bincount(member, weights=axis) / count for axis in place[near].T])
    if (t > 0.0).sum() < _FEWEST or (t < -window / 2.0).sum() < _FEWEST:
        return end
    weight = np.sqrt(count)[:, None]
    best, at = np.inf, end
    for bend in t[(t >= max(-window, t[0] + window / 2.0)) & (t <= min(window / 2.0, t[-_FEWEST]))]:
        model = np.column_stack((np.ones_like(t), t, np.maximum(t - bend, 0.0)))
        fitted = np.linalg.lstsq(weight * model, weight * p, rcond=None)[0]
        misfit = float(np.sum((weight * (p - model @ fitted)) ** 2))
        # A bend backwards: a stop, a turn or a reversal, and no spurt.
        if misfit < best and float(fitted[1] @ fitted[2]) < 0.0:
            best, at = misfit, end + float(bend)
    return at

"""Which rows of a long series to show so that the shown line looks like the whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def thinned(values: NDArray[np.float64], limit: int) -> Rows:
    """At most about ``limit`` rows that show the same line: each bin's first, lowest and highest row."""
    count = len(values)
    if count <= limit:
        return np.arange(count)
    bins = max(1, limit // 3)
    edges = np.linspace(0, count, bins + 1).astype(int)
    low_last = np.where(np.isfinite(values), values, np.inf)
    high_last = np.where(np.isfinite(values), values, -np.inf)
    rows = [
        row
        for low, high in pairwise(edges)
        for row in (low, low + int(low_last[low:high].argmin()), low + int(high_last[low:high].argmax()))
    ]
    return np.unique(np.asarray(rows, dtype=np.intp))


def thinned_with_peaks(series: Sequence[NDArray[np.float64]], limit: int) -> Rows:
    """At most ``limit`` rows of several series side by side: half of them evenly spread, the others the series' peaks.

    :param series: all of one length, at least one; each gets the same number of peaks, its highest value among them.
    """
    count = len(series[0])
    if count <= limit:
        return np.arange(count)
    even = np.linspace(0, count - 1, limit // 2).round().astype(np.intp)
    edges = np.linspace(0, count, max(1, (limit - len(even)) // len(series)) + 1).astype(int)
    peaks = [
        low + int(high_last[low:high].argmax())
        for high_last in (np.where(np.isfinite(values), values, -np.inf) for values in series)
        for low, high in pairwise(edges)
    ]
    return np.unique(np.concatenate([even, np.asarray(peaks, dtype=np.intp)]))

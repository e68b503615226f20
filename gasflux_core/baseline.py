"""What every background algorithm takes and gives, and the tools they share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from math import ceil

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

RUN_THRESHOLD = 3.5
"""Standard deviations of the running mean above which it shows a plume: by chance once in 4 000 rows."""

ROW_THRESHOLD = 5.0
"""Standard deviations above which a single row shows a plume."""

DILATION = 0.25
"""Share of its own length by which a run of signal is widened on either side, for the plume's flanks."""

WINDOW_SHARE = 0.08
"""Length of the running mean over that of a transect."""

ROUNDING = 1e-9
"""Scatter over the size of the values, below which it is rounding and no noise."""

MOST_ROWS_A_TRANSECT = 100
"""Longer transects are averaged over neighbouring rows: a plume's baseline needs no more."""


@dataclass(frozen=True, eq=False)
class Series:
    """One gas along a flight, as the background algorithms see it; arrays of shape (rows,)."""

    time: Floats
    """s, rising."""
    value: Floats
    """Mole fraction, ppm."""
    transect: Integers
    """Number of the transect, 0 for none."""
    across: Floats
    """Place along the transects, m; zeros where positions aren't known."""
    kept: Bools
    """Rows that later stages use."""

    @cached_property
    def duration(self) -> float:
        """Median duration of a transect, or a twelfth of the flight where there is none, s."""
        if self.transect_rows:
            return median(np.array([np.ptp(self.time[rows]) for rows in self.transect_rows]))
        return float(np.ptp(self.time)) / 12.0

    @cached_property
    def transect_rows(self) -> tuple[Integers, ...]:
        """Indices of the rows of each transect."""
        order = np.argsort(self.transect, kind="stable")
        numbers, starts = np.unique(self.transect[order], return_index=True)
        return tuple(rows for number, rows in zip(numbers, np.split(order, starts[1:]), strict=True) if number > 0)

    @cached_property
    def window(self) -> int:
        """Rows of the running mean: at least three, and odd."""
        step = median(np.diff(self.time))
        return max(3, round(WINDOW_SHARE * self.duration / step) | 1)

    def rows(self, chosen: slice | Bools) -> Series:
        """Part of the series."""
        return Series(
            self.time[chosen], self.value[chosen], self.transect[chosen], self.across[chosen], self.kept[chosen]
        )

    def averaged(self) -> tuple[Series, Floats]:
        """The series averaged over neighbouring rows to at most a hundred a transect, and the rows in each mean."""
        step = median(np.diff(self.time))
        size = max(1, int(self.duration / step / MOST_ROWS_A_TRANSECT))
        starts = np.arange(0, self.time.size, size)
        count = np.diff(np.append(starts, self.time.size)).astype(float)
        if size == 1:
            return self, count
        time, value, across = (np.add.reduceat(part, starts) / count for part in (self.time, self.value, self.across))
        return replace(
            self, time=time, value=value, across=across, transect=self.transect[starts], kept=self.kept[starts]
        ), count


@dataclass(frozen=True, eq=False, slots=True)
class Baseline:
    """What a background algorithm gives."""

    value: Floats
    """Background, ppm, shape (rows,)."""
    signal: Bools | None = None
    """Rows that the algorithm itself takes as signal; None where it doesn't say."""
    standard_error: float | None = None
    """Standard error of the baseline's mean, ppm, as the algorithm knows it; None where it doesn't."""
    flags: tuple[str, ...] = ()


def rounding(value: Floats) -> float:
    """Scatter, ppm, that is rounding of the values and no noise."""
    return ROUNDING * float(np.max(np.abs(value), initial=0.0))


def resolution(value: Floats) -> float:
    """Standard deviation of rounding to the steps in which the sensor gives its values, step/√12, ppm."""
    least = rounding(value)
    steps = np.diff(np.sort(value))
    steps = steps[steps > least]
    return max(float(steps.min()) / float(np.sqrt(12.0)), least) if steps.size else least


def quick_noise(value: Floats) -> float:
    """Standard deviation of noise from row to row, from second differences: plumes and drift hardly enter.

    σ = 1.4826·median|d| with d = (y[i−1] − 2y[i] + y[i+1])/√6; not less than the resolution.
    """
    if value.size < 3:
        return resolution(value)
    second = np.diff(value, 2) / np.sqrt(6.0)
    return max(NORMAL_MAD * median(np.abs(second)), resolution(value))


def median(value: Floats) -> float:
    """The median of finite values: as NumPy's, which spends most of its time on axes and NaN."""
    middle = value.size // 2
    if value.size % 2:
        return float(np.partition(value, middle)[middle])
    return float(np.partition(value, (middle - 1, middle))[middle - 1 : middle + 1].mean())


def quantile(value: Floats, share: float) -> float:
    """The quantile of finite values, linear between two of them: as NumPy's, without axes and NaN."""
    place = share * (value.size - 1)
    below = int(place)
    above = min(below + 1, value.size - 1)
    low, high = np.partition(value, (below, above))[[below, above]]
    return float(low + (high - low) * (place - below))


def running_mean(value: Floats, window: int) -> Floats:
    """Centred mean over a window of rows; at the ends over the rows there are."""
    kernel = np.ones(min(window, value.size))
    total = np.convolve(value, kernel, mode="same")
    return np.asarray(total / _rows_in_window(value.size, window))


@lru_cache(maxsize=16)
def _rows_in_window(rows: int, window: int) -> Floats:
    counted = np.convolve(np.ones(rows), np.ones(min(window, rows)), mode="same")
    counted.flags.writeable = False
    return counted


def find_signal(
    enhancement: Floats, noise: float, window: int, background: Bools | None = None, share: float = DILATION
) -> Bools:
    """Rows whose enhancement stands out from noise, and the flanks of such runs.

    A row is signal where the running mean of the enhancement is above 3.5 of its standard
    deviations, or the row itself above 5; each run is widened by a share of its length plus one row on
    either side. The running mean's standard deviation is σ/√window or, where noise is
    correlated, what its negative values show.

    :param noise: σ from row to row, ppm. :param window: rows of the running mean.
    :param background: rows already known as background, from which correlated noise is seen.
    :param share: by which runs are widened.
    """
    return widen(stands_out(enhancement, running_mean(enhancement, window), noise, window, background), share)


def stands_out(enhancement: Floats, smooth: Floats, noise: float, window: int, background: Bools | None) -> Bools:
    """The rows of :func:`find_signal` before they are widened.

    :param smooth: running mean of the enhancement over the window, ppm.
    """
    scatter = noise / float(np.sqrt(window))
    if background is not None:
        counts = (smooth < 0.0) & background
        rows = np.count_nonzero(counts)
        if rows > 10:
            below = smooth * counts
            scatter = max(scatter, float(np.sqrt(below @ below / rows)))
    return np.asarray((smooth > RUN_THRESHOLD * scatter) | (enhancement > ROW_THRESHOLD * noise))


def widen(mask: Bools, share: float) -> Bools:
    """Widen each run of True by a share of its length, plus one row, on either side."""
    padded = np.zeros(mask.size + 2, dtype=bool)
    padded[1:-1] = mask
    edges = np.flatnonzero(padded[1:] != padded[:-1]).tolist()
    widened = np.zeros(mask.size, dtype=bool)
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        more = ceil(share * (stop - start)) + 1
        widened[max(start - more, 0) : stop + more] = True
    return widened


def correlation_factor(residual: Floats, background: Bools, most: int) -> float:
    """Factor τ by which correlation of the noise widens the variance of a mean: 1 + 2Σρ(lag).

    The sum ends at the first lag whose correlation is no longer above chance.

    :param residual: ppm, of all rows. :param background: rows that count. :param most: largest lag, rows.
    """
    values = np.where(background, residual, 0.0)
    rows = float(background.sum())
    variance = float(values @ values) / rows if rows else 0.0
    factor = 1.0
    if variance <= 0.0:
        return factor
    for lag in range(1, most + 1):
        pairs = float(np.sum(background[lag:] & background[:-lag]))
        if pairs < 10.0:
            break
        correlation = float(values[lag:] @ values[:-lag]) / pairs / variance
        if correlation < 2.0 / np.sqrt(pairs):
            break
        factor += 2.0 * correlation
    return factor

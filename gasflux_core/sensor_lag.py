"""How late a sensor reads, told from transects flown in opposite directions.

A reading that comes τ seconds late seems to lie v·τ further on along the way. On transects flown one way the plume is
displaced to one side, on those flown back to the other. Neighbouring transects see about the same plume, so that τ is
the time by which the readings must be moved for the plumes of opposite courses to lie on one another: where

    C(τ) = Σ over pairs of |a|^(-1/2) |b|^(-1/2) Σ over places of a(x, τ) · b(x, τ)

is largest, with a and b the enhancements of two neighbouring transects less their means. The weight lies between that
of least squares, in which one strong pair would drown all others, and correlation, in which noise would count as
much as the plume. A parabola refines the largest value; leaving out each transect in turn gives the standard error
(jackknife: Efron and Stein 1981, *Ann. Stat.* 9, 586). What moves the plume evenly, such as a turning wind, displaces
successive pairs to opposite sides, and cancels out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

FEWEST_PAIRS = 3
"""Pairs of opposite courses without which no standard error is to be had."""

STRAIGHT = 0.97
"""Correlation of place and time from which on a transect runs straight and one way."""

LONGEST = 60.0
"""Largest lag that is sought, s …"""

LONGEST_SHARE = 1.0 / 3.0
"""… and its share of a transect's duration: beyond, plumes leave the transect."""

LEAST_ALIKE = 0.4
"""Correlation of the plumes, at best, below which there is nothing to lay on one another."""

SURE = 3.0
"""Standard errors from which on a lag is no chance."""

_NODES = 120
"""Places along the transects, and steps of the lag within a transect's duration."""


@dataclass(frozen=True, slots=True)
class SensorLag:
    """What opposite courses say of a sensor."""

    seconds: float
    """Time from the inlet to the reading, s; negative where the sensor's clock is ahead."""
    standard_error: float
    """s."""
    step: float
    """Time from one row to the next, s."""
    pairs: int
    """Neighbouring transects of opposite courses."""

    def __str__(self) -> str:
        """Such as ``3.9 ± 0.2 s``."""
        return f"{self.seconds:.1f} ± {max(self.standard_error, 0.05):.1f} s"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"seconds": self.seconds, "standard_error": self.standard_error, "significant": self.significant}

    @property
    def significant(self) -> bool:
        """Whether it is sure, and large enough to move a reading to another row."""
        return abs(self.seconds) > max(SURE * self.standard_error, 0.5 * self.step)


def estimate_sensor_lag(
    time: Floats, along: Floats, transect: npt.NDArray[np.int64], enhancement: Floats
) -> SensorLag | None:
    """Lag that lays the plumes of opposite courses on one another.

    :param time: of each row, s. :param along: place along the transects, m.
    :param transect: number of each row's transect, in order of time; 0 takes no part.
    :param enhancement: ppm, of the rows between the transects too.
    :returns: None where it can't be told: a spiral, courses one way, too few transects, or no plume to be seen.
    """
    found = _ways(time, along, transect)
    pairs = [(one, one + 1) for one in found if one + 1 in found and found[one].sign != found[one + 1].sign]
    if len(pairs) < FEWEST_PAIRS:
        return None
    members = sorted({one for pair in pairs for one in pair})
    duration = float(np.median([np.ptp(found[one].time) for one in members]))
    step = float(np.median(np.diff(time)))
    spacing = max(duration / _NODES, step / 2.0)
    steps = int(min(LONGEST, LONGEST_SHARE * duration) / spacing)
    lags = spacing * np.arange(-steps, steps + 1, dtype=float)
    low = float(np.median([found[one].along.min() for one in members]))
    high = float(np.median([found[one].along.max() for one in members]))
    places = np.linspace(low, high, _NODES)
    seen = {one: found[one].profiles(time, enhancement, lags, places) for one in members}
    products, norms = zip(*(_alike(seen[one], seen[two]) for one, two in pairs), strict=True)
    likeness, most = np.array(products), np.array(norms)
    whole = _peak(lags, likeness.sum(axis=0))
    if whole is None or not likeness.sum(axis=0).max() > LEAST_ALIKE * most.sum():
        return None
    without = [_peak(lags, likeness[[one not in pair for pair in pairs]].sum(axis=0)) for one in members]
    known = np.array([lag for lag in without if lag is not None])
    if known.size < len(members):
        # Hanging on one transect, it isn't known.
        return None
    error = float(np.sqrt((known.size - 1) / known.size * np.sum((known - known.mean()) ** 2)))
    return SensorLag(whole, error, step, len(pairs))


def move_readings(time: Floats, values: Floats, seconds: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """What the sensor showed so many seconds after each row, and the rows for which it wasn't running any more.

    Those hold its nearest reading, which was taken elsewhere.

    :param seconds: negative where readings are early.
    """
    then = time + seconds
    return np.interp(then, time, values), (then > time[-1]) | (then < time[0])


@dataclass(frozen=True, eq=False, slots=True)
class _Way:
    """One transect: where it was when."""

    time: Floats
    along: Floats
    """Rising with time where the sign is 1, falling where it is −1; m."""
    sign: int

    def profiles(self, time: Floats, values: Floats, lags: Floats, places: Floats) -> Floats:
        """Values at the places if they were read that late, shape (lags, places); NaN beyond its ends."""
        order = np.argsort(self.along)
        passed = np.interp(places, self.along[order], self.time[order], left=np.nan, right=np.nan)
        then = passed[None, :] + lags[:, None]
        return np.where(np.isfinite(then), np.interp(np.nan_to_num(then), time, values), np.nan)


def _ways(time: Floats, along: Floats, transects: npt.NDArray[np.int64]) -> dict[int, _Way]:
    """Transects, by number, that are flown straight and one way."""
    ways = {}
    for number in np.unique(transects[transects > 0]):
        rows = np.flatnonzero(transects == number)
        if rows.size < 3 or not np.ptp(along[rows]) > 0.0:
            continue
        correlation = float(np.corrcoef(time[rows], along[rows])[0, 1])
        if abs(correlation) >= STRAIGHT:
            ways[int(number)] = _Way(time[rows], along[rows], 1 if correlation > 0.0 else -1)
    return ways


def _alike(one: Floats, two: Floats) -> tuple[Floats, float]:
    """Product of two transects' profiles at each lag, weighted, and what it would be if they were the same."""
    both = np.isfinite(one[0]) & np.isfinite(two[0])
    if both.sum() < 3:
        return np.zeros(len(one)), 0.0
    a, b = (part[:, both] - part[:, both].mean(axis=1, keepdims=True) for part in (one, two))
    sizes = np.sqrt(float((a**2).sum(axis=1).max()) * float((b**2).sum(axis=1).max()))
    return (a * b).sum(axis=1) / np.sqrt(max(sizes, 1e-300)), float(np.sqrt(sizes))


def _peak(lags: Floats, likeness: Floats) -> float | None:
    """Lag of the largest value, by a parabola; None where it is at the end of the search."""
    best = int(np.argmax(likeness))
    if best in (0, lags.size - 1):
        return None
    before, at, after = likeness[best - 1 : best + 2]
    bend = before - 2.0 * at + after
    shift = 0.5 * (before - after) / bend if bend < 0.0 else 0.0
    return float(lags[best] + shift * (lags[1] - lags[0]))

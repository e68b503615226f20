"""Experimental semivariogram of samples in the flight plane, by direction and lag.

Pairs are made in blocks and binned at once, so that memory grows with the number of samples and
not with that of pairs. Matheron's and Cressie–Hawkins' estimators are sums over pairs and are
accumulated; Dowd's and Genton's need the differences themselves and come from scikit-gstat, on a
bounded sample of the pairs of each lag class. All four equal scikit-gstat's (tested).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from gasflux_core.errors import InputError

EstimatorName = Literal["matheron", "cressie", "dowd", "genton"]
BinRule = Literal["even", "uniform", "sturges", "scott", "fd", "sqrt", "doane"]

Array = NDArray[np.float64]

_ALL_PAIRS_SAMPLES = 2_000
_MOST_PAIRS = 2_000_000
"""Of more samples, so many pairs are taken, by chance (seeded)."""
_BLOCK_PAIRS = 32_768
"""Pairs worked on at a time: no more than a processor's cache holds."""
_KEPT_PAIRS = {"dowd": 20_000, "genton": 400}
"""Pairs a lag class whose differences are kept; Genton's estimator takes all pairs of these again."""
_SEED = 20_240_229


@dataclass(frozen=True, eq=False)
class LagClasses:
    """One directional experimental semivariogram; arrays hold one value a lag class with pairs."""

    direction: float
    """Degrees from the x axis towards z."""
    lag: Array
    """Mean distance of the pairs, m."""
    along_x: Array
    """Mean |Δx| of the pairs, m."""
    along_z: Array
    """Mean |Δz| of the pairs, m."""
    semivariance: Array
    """In the square of the quantity's unit."""
    pairs: NDArray[np.int64]
    edges: Array
    """Upper edges of all lag classes, also of those without pairs, m."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "direction": self.direction,
            "lag": self.lag.tolist(),
            "along_x": self.along_x.tolist(),
            "along_z": self.along_z.tolist(),
            "semivariance": self.semivariance.tolist(),
            "pairs": self.pairs.tolist(),
            "edges": self.edges.tolist(),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LagClasses:
        """The inverse of :meth:`to_dict`."""
        arrays = {name: np.array(values[name], dtype=float) for name in ("lag", "along_x", "along_z", "semivariance")}
        return cls(
            direction=float(values["direction"]),
            pairs=np.array(values["pairs"], dtype=np.int64),
            edges=np.array(values["edges"], dtype=float),
            **arrays,
        )


@dataclass(frozen=True)
class Direction:
    """Which pairs count for a directional semivariogram."""

    angle: float
    """Degrees from the x axis towards z."""
    tolerance: float
    """Full opening angle, degrees; half of it lies on each side. 180 takes all pairs."""
    bandwidth: float
    """Full width of the band around the direction, m; 0 sets none."""
    maximum_lag: float
    """m."""


def experimental_variogram(
    positions: Array,
    values: Array,
    direction: Direction,
    *,
    n_lags: int = 20,
    bin_rule: BinRule = "even",
    estimator: EstimatorName = "matheron",
    period: float | None = None,
) -> LagClasses:
    """Semivariance of pairs of samples by lag class, along one direction: see :func:`experimental_variograms`."""
    (found,) = experimental_variograms(
        positions, values, (direction,), n_lags=n_lags, bin_rule=bin_rule, estimator=estimator, period=period
    )
    return found


def experimental_variograms(
    positions: Array,
    values: Array,
    directions: Sequence[Direction],
    *,
    n_lags: int = 20,
    bin_rule: BinRule = "even",
    estimator: EstimatorName = "matheron",
    period: float | None = None,
) -> tuple[LagClasses, ...]:
    """Semivariance of pairs of samples by lag class, along each direction, from one pass over the pairs.

    Matheron: γ(h) = Σ d² / 2N. Cressie–Hawkins: γ(h) = (Σ √d / N)⁴ / 2(0.457 + 0.494/N + 0.045/N²).
    d is the absolute difference of the two values of a pair, N the number of pairs of the class.

    :param positions: (n, 2), x and z in m.
    :param values: (n,).
    :param directions: each along the first or at right angles to it.
    :param period: circumference of a spiral, m; lags along x are then chords, (L/π) sin(π Δx/L).
    :raises InputError: for a direction other than 0 and 90 on a spiral.
    """
    first = directions[0].angle
    crosswise = [round((direction.angle - first) / 90.0) % 2 for direction in directions]
    columns = _columns(positions, values, first, period)
    tallies = []
    for direction, across in zip(directions, crosswise, strict=True):
        edges = _edges(columns, direction, n_lags, bin_rule, across, period)
        tallies.append(_Tally(direction, edges, bin_rule == "even", estimator))
    for *distances, difference in _pairs(columns, first, period):
        for tally, across in zip(tallies, crosswise, strict=True):
            tally.add(distances[across], distances[1 - across], difference)
    return tuple(tally.classes() for tally in tallies)


class _Tally:
    """Sums over the pairs of one direction by lag class."""

    def __init__(self, direction: Direction, edges: Array, even: bool, estimator: EstimatorName) -> None:
        self.direction = direction
        self.edges = edges
        self.even = even
        self.estimator = estimator
        self.keep = _KEPT_PAIRS.get(estimator, 0)
        # The last one is for pairs that don't count
        self.count = np.zeros(len(edges) + 1, dtype=np.int64)
        self.sums = np.zeros((4, len(edges) + 1))
        self.kept: list[list[Array]] = [[] for _ in edges]

    def add(self, along: Array, across: Array, difference: Array) -> None:
        """Count pairs, (pairs,) each: distance along the direction and across it, difference of values; all ≥ 0."""
        chosen = _near(along, across, self.direction, self.edges[-1])
        along, across, difference = along[chosen], across[chosen], difference[chosen]
        lag = _distance(along, across)
        index = self._class_of(lag)
        self.count += np.bincount(index, minlength=len(self.count))
        power = np.sqrt(difference) if self.estimator == "cressie" else difference * difference
        for total, quantity in zip(self.sums, (lag, along, across, power), strict=True):
            total += np.bincount(index, weights=quantity, minlength=len(total))
        if self.keep:
            for number in np.unique(index[index < len(self.kept)]):
                self.kept[number].append(difference[index == number])

    def _class_of(self, lag: Array) -> NDArray[np.int64]:
        """A lag class holds its upper edge, so that samples on a raster fall where they belong."""
        classes = len(self.edges)
        if self.even:
            index: NDArray[np.int64] = np.minimum((lag * (classes / self.edges[-1])).astype(np.int64), classes)
            # Rounding may have taken a lag at an edge to either side
            index -= lag <= np.concatenate([[-1.0], self.edges])[index]
            index += lag > np.append(self.edges, np.inf)[index]
        else:
            index = np.searchsorted(self.edges, lag)
        index[lag == 0] = classes
        return index

    def classes(self) -> LagClasses:
        full = self.count[:-1] > 0
        number = self.count[:-1][full]
        lag, along, across, power = self.sums[:, :-1][:, full] / number
        if self.keep:
            differences = [np.concatenate(self.kept[i]) for i in np.flatnonzero(full)]
            semivariance = _by_order_statistics(self.estimator, differences, self.keep)
        elif self.estimator == "cressie":
            semivariance = power**4 / (2 * (0.457 + 0.494 / number + 0.045 / number.astype(float) ** 2))
        else:
            semivariance = power / 2
        angle = np.deg2rad(self.direction.angle)
        cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
        valid = np.isfinite(semivariance)
        return LagClasses(
            direction=self.direction.angle,
            lag=lag[valid],
            along_x=(along * cos + across * sin)[valid],
            along_z=(along * sin + across * cos)[valid],
            semivariance=semivariance[valid],
            pairs=number[valid],
            edges=self.edges,
        )


def _columns(positions: Array, values: Array, angle: float, period: float | None) -> Array:
    """(3, n): place along the angle, place across it, value."""
    if period is not None and angle not in (0.0, 90.0):
        raise InputError(
            f"direction: on a spiral the semivariogram runs along x (0) or z (90), got {angle:g}", "direction"
        )
    cos, sin = np.round((np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))), 15)
    return np.stack([positions @ np.array([cos, sin]), positions @ np.array([-sin, cos]), values])


def _pairs(columns: Array, angle: float, period: float | None) -> Iterator[Array]:
    """Blocks (3, pairs) of the absolute differences of the columns, each pair once.

    Row i is paired with rows i + 1, i + 2, … of the table bent to a ring. Where all pairs would be too many, the
    rows are shuffled first and each is paired with as many as there may be: so each counts the same, and no more
    than a few pairs have a row in common.
    """
    n = columns.shape[1]
    furthest = (n - 1) // 2
    sampled = n > _ALL_PAIRS_SAMPLES
    if sampled:
        columns = columns[:, np.random.default_rng(_SEED).permutation(n)]
        furthest = max(1, _MOST_PAIRS // n)
    # On a spiral one of the first two is the arc length; its sign doesn't matter for the chord.
    around = None if period is None else int(angle == 90.0)
    ring = sliding_window_view(np.concatenate([columns, columns[:, :furthest]], axis=1), n, axis=1)
    step = max(1, _BLOCK_PAIRS // n)
    blocks = [ring[:, begin : min(begin + step, furthest + 1)] for begin in range(1, furthest + 1, step)]
    for block in blocks:
        yield _apart(block, columns[:, None], around, period)
    if n % 2 == 0 and not sampled:
        half = n // 2  # so far apart on the ring, both ways are the same pair
        yield _apart(columns[:, half:], columns[:, :half], around, period)


def _apart(first: Array, second: Array, around: int | None, period: float | None) -> Array:
    found = (first - second).reshape(len(first), -1)
    np.abs(found, out=found)
    if around is not None and period is not None:
        found[around] = period / np.pi * np.abs(np.sin(np.pi / period * found[around]))
    return found


def _near(along: Array, across: Array, direction: Direction, maximum_lag: float) -> NDArray[np.intp]:
    """Indices of the pairs that may count: those in the direction's sector and band."""
    near = along <= maximum_lag
    if direction.tolerance < 180:
        near &= across <= np.tan(np.deg2rad(direction.tolerance / 2)) * along + 1e-9 * maximum_lag
    if direction.bandwidth > 0:
        near &= across <= direction.bandwidth / 2
    return np.flatnonzero(near)


def _distance(along: Array, across: Array) -> Array:
    return np.asarray(np.sqrt(along * along + across * across))


def _edges(
    columns: Array, direction: Direction, n_lags: int, bin_rule: BinRule, crosswise: int, period: float | None
) -> Array:
    if bin_rule == "even":
        return np.linspace(0, direction.maximum_lag, n_lags + 1)[1:]
    # The lags alone decide the edges
    lags = _lags(columns, direction, crosswise, period)
    if lags.size < 2 or np.ptp(lags) == 0:
        return np.array([direction.maximum_lag])
    if bin_rule == "uniform":
        edges = np.unique(np.quantile(lags, np.linspace(0, 1, n_lags + 1)[1:]))
    else:
        edges = np.histogram_bin_edges(lags, bins=bin_rule)[1:]
        if len(edges) > 10 * n_lags:
            edges = np.linspace(0, direction.maximum_lag, 10 * n_lags + 1)[1:]
    edges[-1] = direction.maximum_lag
    return edges


def _lags(columns: Array, direction: Direction, crosswise: int, period: float | None) -> Array:
    found = []
    for block in _pairs(columns, direction.angle - 90.0 * crosswise, period):
        along, across = block[crosswise], block[1 - crosswise]
        chosen = _near(along, across, direction, direction.maximum_lag)
        lag = _distance(along[chosen], across[chosen])
        found.append(lag[(lag > 0) & (lag <= direction.maximum_lag)])
    return np.concatenate(found)


def _by_order_statistics(estimator: EstimatorName, differences: list[Array], keep: int) -> Array:
    # scikit-gstat pulls in numba and pandas: loaded where one of its estimators was asked for.
    from skgstat import estimators

    function = getattr(estimators, estimator)
    function = getattr(function, "py_func", function)  # as plain Python: compiling costs more than it saves here
    random = np.random.default_rng(_SEED)
    found = []
    for difference in differences:
        sample = random.choice(difference, size=keep, replace=False) if difference.size > keep else difference
        found.append(float(function(sample)))
    return np.array(found)

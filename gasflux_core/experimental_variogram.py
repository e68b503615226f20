"""Experimental semivariogram of samples in the flight plane, by direction and lag.

Pairs are made in blocks and binned at once, so that memory grows with the number of samples and
not with that of pairs. Matheron's and Cressie–Hawkins' estimators are sums over pairs and are
accumulated; Dowd's and Genton's need the differences themselves and come from scikit-gstat, on a
bounded sample of the pairs of each lag class. All four equal scikit-gstat's (tested).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist

from gasflux_core.errors import InputError

EstimatorName = Literal["matheron", "cressie", "dowd", "genton"]
BinRule = Literal["even", "uniform", "sturges", "scott", "fd", "sqrt", "doane"]

Array = NDArray[np.float64]

_MOST_PAIRS = 4_000_000
"""Over so many pairs, each of a seeded choice of samples is paired with all others."""
_BLOCK_PAIRS = 500_000
_ALL_PAIRS_SAMPLES = 2_000
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
    """Semivariance of pairs of samples by lag class, along one direction.

    Matheron: γ(h) = Σ d² / 2N. Cressie–Hawkins: γ(h) = (Σ √d / N)⁴ / 2(0.457 + 0.494/N + 0.045/N²).
    d is the absolute difference of the two values of a pair, N the number of pairs of the class.

    :param positions: (n, 2), x and z in m.
    :param values: (n,).
    :param period: circumference of a spiral, m; lags along x are then chords, (L/π) sin(π Δx/L).
    :raises InputError: for a direction other than 0 and 90 on a spiral.
    """
    edges = _edges(positions, direction, n_lags, bin_rule, period)
    classes = len(edges)
    count = np.zeros(classes, dtype=np.int64)
    sums = np.zeros((4, classes))
    kept: list[list[Array]] = [[] for _ in range(classes)]
    keep = _KEPT_PAIRS.get(estimator, 0)
    for along, across, difference in _pairs(positions, values, direction, period):
        lag, chosen = _chosen(along, across, direction, edges[-1])
        along, across, difference = along[chosen], across[chosen], difference[chosen]
        # A lag class holds its upper edge, so that samples on a raster fall where they belong
        index = np.searchsorted(edges, lag)
        count += np.bincount(index, minlength=classes)
        power = np.sqrt(difference) if estimator == "cressie" else difference * difference
        for row, quantity in enumerate((lag, along, across, power)):
            sums[row] += np.bincount(index, weights=quantity, minlength=classes)
        if keep:
            for number in np.unique(index):
                kept[number].append(difference[index == number])
    full = count > 0
    number = count[full]
    lag, along, across, power = sums[:, full] / number
    if keep:
        semivariance = _by_order_statistics(estimator, [np.concatenate(kept[i]) for i in np.flatnonzero(full)], keep)
    elif estimator == "cressie":
        semivariance = power**4 / (2 * (0.457 + 0.494 / number + 0.045 / number.astype(float) ** 2))
    else:
        semivariance = power / 2
    angle = np.deg2rad(direction.angle)
    cos, sin = abs(np.cos(angle)), abs(np.sin(angle))
    valid = np.isfinite(semivariance)
    return LagClasses(
        direction=direction.angle,
        lag=lag[valid],
        along_x=(along * cos + across * sin)[valid],
        along_z=(along * sin + across * cos)[valid],
        semivariance=semivariance[valid],
        pairs=number[valid],
        edges=edges,
    )


def _pairs(
    positions: Array, values: Array, direction: Direction, period: float | None
) -> Iterator[tuple[Array, Array, Array]]:
    """Blocks of pairs: distance along the direction, across it, and the difference of values; all ≥ 0."""
    if period is not None and direction.angle not in (0.0, 90.0):
        raise InputError(
            f"direction: on a spiral the semivariogram runs along x (0) or z (90), got {direction.angle:g}", "direction"
        )
    angle = np.deg2rad(direction.angle)
    cos, sin = np.round((np.cos(angle), np.sin(angle)), 15)
    along = positions @ np.array([cos, sin])
    across = positions @ np.array([-sin, cos])
    # On a spiral one of the two is the arc length; its sign doesn't matter for the chord.
    around = {0.0: 0, 90.0: 1}.get(direction.angle) if period is not None else None

    def lags(distance: Callable[[Array], Array]) -> tuple[Array, Array, Array]:
        found = [distance(along), distance(across), distance(values)]
        if around is not None and period is not None:
            found[around] = period / np.pi * np.abs(np.sin(np.pi / period * found[around]))
        return found[0], found[1], found[2]

    n = len(values)
    if n <= _ALL_PAIRS_SAMPLES:
        yield lags(lambda column: pdist(column[:, None], "cityblock"))
        return
    references = max(1, min(n, _MOST_PAIRS // n))
    chosen = np.sort(np.random.default_rng(_SEED).choice(n, size=references, replace=False))
    step = max(1, _BLOCK_PAIRS // n)
    for begin in range(0, references, step):
        block = chosen[begin : begin + step]

        def distance(column: Array, block: NDArray[np.int64] = block) -> Array:
            return np.asarray(cdist(column[block, None], column[:, None], "cityblock").ravel())

        yield lags(distance)


def _chosen(along: Array, across: Array, direction: Direction, maximum_lag: float) -> tuple[Array, NDArray[np.int64]]:
    """Lags of the pairs that count, and their indices."""
    # The cheap comparisons come first: most pairs fall out before a distance is computed
    near = along <= maximum_lag
    if direction.tolerance < 180:
        near &= across <= np.tan(np.deg2rad(direction.tolerance / 2)) * along + 1e-9 * maximum_lag
    if direction.bandwidth > 0:
        near &= across <= direction.bandwidth / 2
    chosen = np.flatnonzero(near)
    along, across = along[chosen], across[chosen]
    lag = np.sqrt(along * along + across * across)
    within = (lag > 0) & (lag <= maximum_lag)
    return lag[within], chosen[within]


def _edges(
    positions: Array, direction: Direction, n_lags: int, bin_rule: BinRule, period: float | None
) -> NDArray[np.float64]:
    if bin_rule == "even":
        return np.linspace(0, direction.maximum_lag, n_lags + 1)[1:]
    # The lags alone decide the edges: the first block of pairs is sample enough.
    along, across, _ = next(_pairs(positions, np.zeros(len(positions)), direction, period))
    lags, _ = _chosen(along, across, direction, direction.maximum_lag)
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

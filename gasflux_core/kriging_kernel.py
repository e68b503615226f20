"""The covariance between places of the flight plane that kriging works with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from gasflux_core.covariance import unit_correlation, unit_semivariance
from gasflux_core.variogram_model import Variogram

Array = NDArray[np.float64]

_BLOCK = 262_144
"""Entries evaluated at a time: about what a processor's cache holds."""


@dataclass(frozen=True)
class Kernel:
    """Covariance of a variogram, on a spiral's circle and mirrored at the ground where asked.

    On a spiral of circumference L the lag along x is the chord (L/π) sin(π Δx/L): places on a
    cylinder in space, where every model is positive definite. Mirrored at the ground, the
    covariance is k(p, s) + k(p, s′), s′ being s below the ground as high as s is above it: that of
    a field which has no gradient through the ground.
    """

    variogram: Variogram
    period: float | None = None
    mirror: float | None = None
    """Height of the ground, m."""
    constant: float = 1.0
    """Covariance at lag 0 over the partial sill: 1 is the variogram's own, another one is that plus a constant."""

    def with_constant(self, constant: float) -> Kernel:
        """The kernel plus a constant, such that its value at lag 0 is ``constant`` partial sills."""
        return replace(self, constant=constant)

    @property
    def removed_constant(self) -> float:
        """What was taken off the variogram's own covariance, in its unit."""
        return self.variogram.partial_sill * (1.0 - self.constant) * (1 if self.mirror is None else 2)

    def scaled(self, places: Array, *, mirrored: bool = False) -> Array:
        """Places (…, 2) in m as coordinates in effective ranges: (…, 2), or (…, 3) on a spiral."""
        height = places[..., 1]
        if mirrored and self.mirror is not None:
            height = 2.0 * self.mirror - height
        up = height / self.variogram.range_z
        if self.period is None:
            return np.stack([places[..., 0] / self.variogram.range_x, up], axis=-1)
        radius = self.period / (2 * np.pi)
        angle = places[..., 0] / radius
        around = radius / self.variogram.range_x
        return np.stack([around * np.cos(angle), around * np.sin(angle), up], axis=-1)

    def matrix(self, first: Array, second: Array) -> Array:
        """Covariances (m, n), C-ordered, between places (m, 2) and (n, 2)."""
        left, right = self.scaled(first), self.scaled(second)
        image = self.scaled(second, mirrored=True) if self.mirror is not None else None
        found = np.empty((len(first), len(second)))
        step = max(1, _BLOCK // max(1, len(second)))
        for begin in range(0, len(first), step):
            block = left[begin : begin + step]
            part = self._of_squared(cdist(block, right, "sqeuclidean"))
            if image is not None:
                part += self._of_squared(cdist(block, image, "sqeuclidean"))
            np.multiply(part, self.variogram.partial_sill, out=found[begin : begin + step])
        return found

    def matrices(self, first: Array, second: Array) -> Array:
        """Covariances (b, m, n) between stacks of places (b, m, 2) and (b, n, 2)."""
        left, right = self.scaled(first), self.scaled(second)
        found = self._of_squared(_squared(left, right))
        if self.mirror is not None:
            found += self._of_squared(_squared(left, self.scaled(second, mirrored=True)))
        found *= self.variogram.partial_sill
        return found

    def variance(self, places: Array) -> Array:
        """Covariance of each place with itself, (m,)."""
        found = np.full(len(places), self.constant)
        if self.mirror is not None:
            lag = 2.0 * np.abs(places[:, 1] - self.mirror) / self.variogram.range_z
            found += self._of_squared(lag * lag)
        return self.variogram.partial_sill * found

    def at_lags(self, dx: Array, dz: Array) -> Array:
        """Covariance of the variogram alone, not mirrored, at lags in m; dx is an arc on a spiral."""
        if self.period is not None:
            dx = self.period / np.pi * np.sin(np.pi / self.period * dx)
        lag = (dx / self.variogram.range_x) ** 2 + (dz / self.variogram.range_z) ** 2
        return np.asarray(self.variogram.partial_sill * self._of_squared(lag))

    def constants(self, places: Array) -> Iterator[float]:
        """Constants to try with an unknown mean, from the one that keeps most digits to the variogram's own."""
        scaled = self.scaled(places)
        extent = np.ptp(scaled, axis=0)
        if self.mirror is not None:
            extent[-1] = 2.0 * np.max(np.abs(scaled[:, -1] - self.mirror / self.variogram.range_z))
        largest = np.array([float(np.hypot.reduce(extent))])
        constant = float(unit_semivariance(self.variogram.model, largest, self.variogram.smoothness)[0])
        # Near the sill nothing is gained, and the variogram's own covariance is sure to be positive definite.
        while 0 < constant < 0.5:
            yield constant
            constant *= 4.0
        yield 1.0

    def _of_squared(self, squared_lag: Array) -> Array:
        if self.constant == 1.0:
            return unit_correlation(self.variogram.model, squared_lag, self.variogram.smoothness)
        lag = np.sqrt(squared_lag)
        return np.asarray(self.constant - unit_semivariance(self.variogram.model, lag, self.variogram.smoothness))


def merge_samples(
    places: Array, values: Array, counts: Array | None = None, *, cell: tuple[float, float] = (1e-6, 1e-6)
) -> tuple[Array, Array, Array]:
    """Merge samples that share a cell: mean place, mean value, number of samples.

    :param places: (n, 2), m.
    :param counts: how many samples each already stands for.
    :param cell: size along x and z, m; the default takes samples together that lie at one place.
    """
    counts = np.ones(len(values)) if counts is None else counts
    cells = np.round(places / np.array(cell)).astype(np.int64)
    order = np.lexsort((cells[:, 1], cells[:, 0]))
    ordered = cells[order]
    new = np.ones(len(values), dtype=bool)
    new[1:] = np.any(ordered[1:] != ordered[:-1], axis=1)
    if new.all():
        return places, values, counts
    index = np.empty(len(values), dtype=np.int64)
    index[order] = np.cumsum(new) - 1
    total: Array = np.bincount(index, weights=counts).astype(float)
    merged = [np.bincount(index, weights=counts * column) / total for column in (places[:, 0], places[:, 1], values)]
    return np.column_stack(merged[:2]), merged[2], total


def _squared(left: Array, right: Array) -> Array:
    found = np.zeros((left.shape[0], left.shape[1], right.shape[1]))
    for axis in range(left.shape[-1]):
        difference = left[:, :, None, axis] - right[:, None, :, axis]
        found += difference * difference
    return found

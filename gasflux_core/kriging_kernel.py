"""The covariance between places of the flight plane that kriging works with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gasflux_core.covariance import unit_correlation, unit_semivariance
from gasflux_core.variogram_model import Variogram

Array = NDArray[np.float64]

_BLOCK = 32_768
"""Entries evaluated at a time: with their work space, what a processor's inner cache holds."""


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
        *level, up = self._axes(places)
        return np.stack([*level, self._image(places) if mirrored and self.mirror is not None else up], axis=-1)

    def matrix(self, first: Array, second: Array) -> Array:
        """Covariances (m, n), C-ordered, between places (m, 2) and (n, 2)."""
        found = np.empty((len(first), len(second)))
        for rows, block in self.blocks(first, second):
            found[rows] = block
        return found

    def blocks(self, first: Array, second: Array) -> Iterator[tuple[slice, Array]]:
        """Rows of :meth:`matrix`, some at a time and never all: the next block overwrites the one before."""
        left, right = self._axes(first), self._axes(second)
        image = self._image(second) if self.mirror is not None else None
        step = max(1, _BLOCK // max(1, len(second)))
        found = np.empty((min(step, len(first)), len(second)))
        for begin in range(0, len(first), step):
            rows = slice(begin, min(begin + step, len(first)))
            block = found[: rows.stop - begin]
            self._evaluate([axis[rows] for axis in left], right, image, block)
            yield rows, block

    def lower(self, places: Array) -> Array:
        """Covariances (n, n), Fortran-ordered, of places (n, 2) with one another; only the lower triangle is set."""
        axes = self._axes(places)
        image = self._image(places) if self.mirror is not None else None
        count = len(places)
        transposed = np.empty((count, count))
        begin = 0
        while begin < count:
            rows = slice(begin, min(count, begin + max(1, _BLOCK // (count - begin))))
            self._evaluate(
                [axis[rows] for axis in axes],
                [axis[begin:] for axis in axes],
                None if image is None else image[begin:],
                transposed[rows, begin:],
            )
            begin = rows.stop
        return transposed.T

    def matrices(self, first: Array, second: Array, *, out: Array | None = None) -> Array:
        """Covariances (b, m, n) between stacks of places (b, m, 2) and (b, n, 2), into ``out`` if given."""
        found = np.empty((*first.shape[:2], second.shape[1])) if out is None else out
        image = self._image(second) if self.mirror is not None else None
        self._evaluate(self._axes(first), self._axes(second), image, found)
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
        along, up = dx / self.variogram.range_x, dz / self.variogram.range_z
        return np.asarray(self.variogram.partial_sill * self._of_squared(along * along + up * up))

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

    def _axes(self, places: Array) -> list[Array]:
        """The coordinates of :meth:`scaled`, each of its own (…); the height is the last."""
        up = places[..., 1] / self.variogram.range_z
        if self.period is None:
            return [places[..., 0] / self.variogram.range_x, up]
        radius = self.period / (2 * np.pi)
        angle = places[..., 0] / radius
        around = radius / self.variogram.range_x
        return [around * np.cos(angle), around * np.sin(angle), up]

    def _image(self, places: Array) -> Array:
        """Height of the mirror images, in effective ranges."""
        assert self.mirror is not None
        return np.asarray((2.0 * self.mirror - places[..., 1]) / self.variogram.range_z)

    def _evaluate(self, left: list[Array], right: list[Array], image: Array | None, out: Array) -> None:
        """Covariances of places at axes (…, m) with those at axes (…, n), into ``out`` (…, m, n).

        Everything happens in place, since memory traffic, not arithmetic, is what a covariance costs.
        """
        work = np.empty(out.shape)
        np.subtract(left[0][..., :, None], right[0][..., None, :], out=out)
        np.multiply(out, out, out=out)
        for mine, other in zip(left[1:-1], right[1:-1], strict=True):
            np.subtract(mine[..., :, None], other[..., None, :], out=work)
            np.multiply(work, work, out=work)
            np.add(out, work, out=out)
        mirrored = None
        if image is not None:
            mirrored = np.subtract(left[-1][..., :, None], image[..., None, :])
            np.multiply(mirrored, mirrored, out=mirrored)
            np.add(mirrored, out, out=mirrored)
        np.subtract(left[-1][..., :, None], right[-1][..., None, :], out=work)
        np.multiply(work, work, out=work)
        np.add(out, work, out=out)
        found = self._of_squared(out)
        if mirrored is not None:
            found = np.add(found, self._of_squared(mirrored), out=out)
        np.multiply(found, self.variogram.partial_sill, out=out)

    def _of_squared(self, squared_lag: Array) -> Array:
        """Covariance over the partial sill; the array given is used as work space."""
        if self.constant == 1.0:
            return unit_correlation(self.variogram.model, squared_lag, self.variogram.smoothness)
        lag = np.sqrt(squared_lag, out=squared_lag)
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

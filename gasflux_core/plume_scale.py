"""A scale of the field that follows the plume.

A plume is strong in its core and nothing at its edges, which no stationary covariance can say: it
would doubt the clean air as much as the core, and carry noise at the edge of the plane far beyond it.
The covariance σ²·s(p)·s(s)·ρ(p − s) does say it, with s(p) the local strength of the field over its
root mean square. It stays positive definite, whatever s is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from gasflux_core.kriging_kernel import Kernel, merge_samples

Array = NDArray[np.float64]

_BANDWIDTH = 0.25
"""Standard deviation of the smoothing kernel, effective ranges."""
_CELL = 0.1
"""Samples within so many effective ranges count as one, to save time."""
_FLOOR = 0.1
"""Least scale: what may have been missed in clean air, over the root mean square."""


@dataclass(frozen=True, eq=False)
class PlumeScale:
    """Smoothed strength of the field, dimensionless, of mean square 1 over the samples."""

    kernel: Kernel
    places: Array
    strength: Array
    """(k,) mean square of merged samples less the noise."""
    counts: Array
    mean: float

    def at(self, places: Array) -> Array:
        """Scale at places (m, 2) in m; at least 0.1."""
        if self.mean <= 0:
            return np.ones(len(places))
        squared = cdist(self.kernel.scaled(places), self.kernel.scaled(self.places), "sqeuclidean")
        # The nearest sample's weight is set to 1, so that far places take it over instead of dividing 0 by 0
        squared -= squared.min(axis=1, keepdims=True)
        weight = np.exp(squared / (-2 * _BANDWIDTH**2)) * self.counts
        smooth = weight @ self.strength / weight.sum(axis=1)
        return np.asarray(np.sqrt(np.maximum(smooth / self.mean, _FLOOR**2)))


def plume_scale(samples: Array, values: Array, kernel: Kernel) -> PlumeScale:
    """Estimate the scale by kernel smoothing (Nadaraya–Watson) of the squared values less the nugget.

    Where noise is all there is, the scale is 1 everywhere.

    :param samples: (n, 2), x and height, m.
    """
    nugget = kernel.variogram.nugget
    cell = (_CELL * kernel.variogram.range_x, _CELL * kernel.variogram.range_z)
    places, strength, counts = merge_samples(samples, values**2 - nugget, cell=cell)
    return PlumeScale(kernel, places, strength, counts, float(np.mean(values**2)) - nugget)

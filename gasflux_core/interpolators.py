"""Interpolators other than kriging, behind the same result: they make the error of the model visible.

Inverse distance and linear interpolation are linear in the samples, as kriging is, so that the
variance of their error follows from the variogram exactly: with weights λ of the samples,
σ² = c − 2 λᵀk + λᵀKλ. The Gaussian process differs from kriging by how its covariance is found: by
maximum likelihood instead of the semivariogram.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay, QhullError, cKDTree

from gasflux_core.errors import NoSolution
from gasflux_core.kriging_kernel import Kernel, merge_samples
from gasflux_core.kriging_solvers import Functional, Kriged
from gasflux_core.variogram_model import Variogram

Array = NDArray[np.float64]

_POWER = 2.0
_LIKELIHOOD_SAMPLES = 300
"""Merged samples on which the likelihood is maximised; each of its evaluations takes their cube."""


@dataclass(frozen=True, eq=False)
class NodeWeights:
    """Which samples make up the estimate at each node."""

    places: Array
    """(n, 2) m, merged samples."""
    values: Array
    counts: Array
    index: NDArray[np.int64]
    """(m, k) samples of each node."""
    weight: Array
    """(m, k), summing to 1; NaN where the node has no estimate."""

    def relative_to(self, at_places: Array, at_nodes: Array) -> NodeWeights:
        """The same estimates for values over a scale, given at places (n,) and nodes (m,)."""
        return NodeWeights(
            places=self.places,
            values=self.values / at_places,
            counts=self.counts * at_places**2,
            index=self.index,
            weight=self.weight * at_places[self.index] / at_nodes[:, None],
        )


def inverse_distance_weights(
    samples: Array, values: Array, nodes: Array, kernel: Kernel, *, neighbours: int
) -> NodeWeights:
    """Weights 1/h² of the nearest samples, h in effective ranges (Shepard 1968)."""
    places, means, counts = merge_samples(samples, values)
    count = min(neighbours, len(means))
    distance, index = cKDTree(kernel.scaled(places)).query(kernel.scaled(nodes), k=count)
    distance, index = distance.reshape(len(nodes), count), index.reshape(len(nodes), count)
    at_sample = distance[:, :1] < 1e-9
    weight = np.where(at_sample, 0.0, np.maximum(distance, 1e-9) ** -_POWER)
    weight[:, 0] = np.where(at_sample[:, 0], 1.0, weight[:, 0])
    return NodeWeights(places, means, counts, index, weight / weight.sum(axis=1, keepdims=True))


def linear_weights(samples: Array, values: Array, nodes: Array, kernel: Kernel) -> NodeWeights:
    """Barycentric weights in the Delaunay triangles of the samples, in effective ranges; NaN outside their hull.

    On a spiral the samples are repeated half a turn on both sides.

    :raises NoSolution: when all samples lie on one line.
    """
    places, means, counts = merge_samples(samples, values)
    number = np.arange(len(means))
    repeated = places
    if kernel.period is not None:
        turn = np.array([kernel.period, 0.0])
        after, before = places[:, 0] < kernel.period / 2, places[:, 0] >= kernel.period / 2
        repeated = np.concatenate([places, places[after] + turn, places[before] - turn])
        number = np.concatenate([number, number[after], number[before]])
    scale = np.array([kernel.variogram.range_x, kernel.variogram.range_z])
    try:
        triangles = Delaunay(repeated / scale)
    except (QhullError, ValueError):
        raise NoSolution("linear interpolation needs samples that do not all lie on one line") from None
    points = nodes / scale
    simplex = triangles.find_simplex(points)
    transform = triangles.transform[simplex]
    partial = np.einsum("ijk,ik->ij", transform[:, :2], points - transform[:, 2])
    weight = np.column_stack([partial, 1 - partial.sum(axis=1)])
    weight[simplex < 0] = np.nan
    return NodeWeights(places, means, counts, number[triangles.simplices[simplex]], weight)


def apply_weights(found: NodeWeights, nodes: Array, kernel: Kernel, functional: Functional) -> Kriged:
    """Estimates, and the variance of their error by the variogram, at nodes and for the functional.

    Nodes without an estimate are NaN and must have no weight in the functional.
    """
    noise = kernel.variogram.nugget / found.counts
    estimate = np.einsum("ij,ij->i", found.weight, found.values[found.index])
    variance = np.empty(len(nodes))
    step = max(1, 2_000_000 // found.index.shape[1] ** 2)
    for begin in range(0, len(nodes), step):
        block = slice(begin, begin + step)
        index, weight, here = found.index[block], found.weight[block], nodes[block]
        around = found.places[index]
        between = kernel.matrices(around, around)
        towards = kernel.matrices(here[:, None, :], around)[:, 0, :]
        variance[block] = (
            kernel.variance(here)
            - 2 * np.einsum("ij,ij->i", weight, towards)
            + np.einsum("ij,ijk,ik->i", weight, between, weight)
            + np.einsum("ij,ij->i", weight * weight, noise[index])
        )
    used = functional.weights != 0
    pull = np.zeros(len(found.values))
    np.add.at(pull, found.index[used], found.weight[used] * functional.weights[used, None])
    spread = functional.prior_variance or 0.0
    step = max(1, 2_000_000 // max(len(nodes), len(pull)))
    for begin in range(0, len(pull), step):
        block = slice(begin, begin + step)
        places = found.places[block]
        towards_plane = kernel.matrix(places, nodes[used]) @ functional.weights[used]
        spread += float(pull[block] @ (kernel.matrix(places, found.places) @ pull - 2 * towards_plane))
    spread += float(pull * pull @ noise)
    total = float(functional.weights[used] @ estimate[used])
    of_pattern = None if functional.pattern is None else float(pull @ functional.pattern)
    return Kriged(estimate, np.maximum(variance, 0.0), total, max(spread, 0.0), of_pattern, "local")


def likelihood_variogram(samples: Array, values: Array, kernel: Kernel) -> Variogram:
    """Nugget, partial sill and ranges that make the samples likeliest, for a Gaussian process of mean 0.

    Matérn covariance of the variogram's smoothness if it is Matérn, else 1.5; the search starts at the
    variogram and stays within a factor of 10 of its ranges. Source: Rasmussen and Williams (2006),
    Gaussian Processes for Machine Learning, section 5.4.
    """
    # scikit-learn takes a second to load, and only this interpolator needs it
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    variogram = kernel.variogram
    scale = float(np.sqrt(np.mean(values**2)))
    if scale == 0:
        return variogram
    places, means, counts = merge_samples(samples, values)
    fraction = 0.02
    while len(means) > _LIKELIHOOD_SAMPLES:
        cell = (fraction * variogram.range_x, fraction * variogram.range_z)
        places, means, counts = merge_samples(places, means, counts, cell=cell)
        fraction *= 1.3
    scaled = kernel.scaled(places)
    smoothness = variogram.smoothness if variogram.model == "matern" else 1.5
    # Length scales of scikit-learn's Matérn: t = √(2ν) h/ℓ is 4 √ν h/range here
    to_range = 4 / np.sqrt(2)
    axes = scaled.shape[1] if kernel.period is None else 2
    start = max(variogram.partial_sill / scale**2, 1e-3)
    noise = float(np.clip(variogram.nugget / scale**2, 1e-6, 10.0))
    covariance = ConstantKernel(start, (1e-4, 1e3)) * Matern(
        np.full(axes, 1 / to_range), (0.1 / to_range, 10 / to_range), nu=smoothness
    ) + WhiteKernel(noise, (min(noise, 1e-4), 1e2))
    points = scaled if kernel.period is None else np.column_stack([places[:, 0] / variogram.range_x, scaled[:, 2]])
    with warnings.catch_warnings():
        # A parameter at its bound is a result here, not a fault
        warnings.simplefilter("ignore", ConvergenceWarning)
        process = GaussianProcessRegressor(covariance, random_state=0).fit(points, means / scale)
    amplitude, white = process.kernel_.k1, process.kernel_.k2
    stretch = np.broadcast_to(amplitude.k2.length_scale, (axes,)) * to_range
    return Variogram(
        quantity=variogram.quantity,
        model="matern",
        nugget=float(white.noise_level) * scale**2 * float(np.mean(counts)),
        partial_sill=float(amplitude.k1.constant_value) * scale**2,
        range_x=float(stretch[0]) * variogram.range_x,
        range_z=float(stretch[1]) * variogram.range_z,
        smoothness=smoothness,
        flags=variogram.flags,
    )

"""Kriging of scattered samples onto nodes: one global system, or one small system a node.

With K the covariance of the samples (nugget on its diagonal), k those between samples and a node,
m the mean and L Lᵀ = K,

    simple:    q̂ = m + kᵀK⁻¹(z − m1),          σ² = c − kᵀK⁻¹k
    ordinary:  m̂ = 1ᵀK⁻¹z / 1ᵀK⁻¹1 takes m's place,   σ² grows by (1 − 1ᵀK⁻¹k)² / 1ᵀK⁻¹1

The same holds for a linear functional Σ aᵢ q(pᵢ), with k = Σ aᵢ kᵢ, c = aᵀCa and Σ aᵢ for 1: its
variance is exact and takes one more right-hand side. The nugget is measurement noise and is filtered
out: estimates and variances are of the field without it (at any place but a sample's own they equal
those with it, the variance less the nugget). Source: Chilès and Delfiner (2012), sections 3.3–3.4 and 3.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.spatial import cKDTree

from gasflux_core.errors import NoSolution, TooLarge
from gasflux_core.kriging_kernel import Kernel, merge_samples
from gasflux_core.variogram_model import Variogram

Array = NDArray[np.float64]
Mean = float | Literal["unknown"]
Solver = Literal["auto", "global", "local"]

_GLOBAL_SAMPLES = 4_000
"""Number of samples up to which one factorisation is quick (a second or two)."""
_FUNCTIONAL_SAMPLES = 1_500
"""Merged samples from which the local solver takes the variance of a functional."""
_CACHED_NUMBERS = 400_000
"""Entries of the matrices of neighbours that are worked on at once."""

_JITTERS = (0.0, 1e-12, 1e-10, 1e-8, 1e-6)


@dataclass(frozen=True, eq=False)
class Functional:
    """A linear functional Σ aᵢ q(node i), such as the integral over a plane."""

    weights: Array
    """(m,), one a node."""
    prior_variance: float | None = None
    """aᵀCa with the covariance C between nodes, where it is known by a quick way; else it is summed."""


@dataclass(frozen=True, eq=False)
class Kriged:
    """What kriging tells of each node, and of the functional."""

    estimate: Array
    variance: Array
    functional: float | None
    functional_variance: float | None
    solver: Literal["global", "local"]


def krige(
    samples: Array,
    values: Array,
    nodes: Array,
    variogram: Variogram,
    *,
    counts: Array | None = None,
    mean: Mean = "unknown",
    solver: Solver = "auto",
    neighbours: int = 64,
    minimum_neighbours: int = 3,
    period: float | None = None,
    mirror: float | None = None,
    functional: Functional | None = None,
    memory_limit: float = 512.0,
) -> Kriged:
    """Krige samples onto nodes.

    Samples at one place (a hover) become one, with their mean and the share of the nugget due to it.

    :param samples: (n, 2), x and height in m.
    :param values: (n,).
    :param nodes: (m, 2), x and height in m.
    :param counts: (n,) readings that each sample stands for: its noise is the nugget over this; None for 1.
    :param mean: ``unknown`` for ordinary kriging, or the known mean for simple kriging.
    :param solver: ``global``: all samples for all nodes; ``local``: the nearest samples (in effective
        ranges) for each node; ``auto``: global up to 4 000 samples where memory allows. The local
        solver gives the functional's variance from a global solution on samples merged to at most
        1 500: an approximation, slightly too large where merging loses detail.
    :param neighbours: most samples a node of the local solver.
    :param minimum_neighbours: fewest samples from which an estimate is made.
    :param period: circumference of a spiral, m: lags along x are chords of the circle.
    :param mirror: height of the ground, m, at which the covariance is mirrored (no flux through it).
    :param memory_limit: MB of arrays at a time.
    :raises NoSolution: with fewer samples than ``minimum_neighbours``, or a system that can't be solved.
    :raises TooLarge: when ``global`` was asked for and the samples don't fit into the memory limit.
    """
    places, means, counts = merge_samples(samples, values, counts)
    if len(means) < max(1, minimum_neighbours):
        raise NoSolution(
            f"kriging needs samples at {max(1, minimum_neighbours)} places at least, got {len(means)}: "
            "check which rows of the flight are kept, or lower minimum_neighbours"
        )
    if variogram.partial_sill == 0 and variogram.nugget == 0:
        return _without_variance(places, means, nodes, variogram, mean, functional, period)
    kernel = Kernel(variogram, period=period, mirror=mirror)
    fits = _matrix_megabytes(len(means)) <= memory_limit
    if solver == "global" and not fits:
        raise TooLarge(
            f"the global solver needs {_matrix_megabytes(len(means)):.0f} MB for {len(means)} samples, "
            f"the limit is {memory_limit:g} MB: use the local solver or raise memory_limit",
            "memory_limit",
        )
    if solver == "global" or (solver == "auto" and fits and len(means) <= _GLOBAL_SAMPLES):
        return _krige_global(places, means, counts, nodes, kernel, mean, functional, memory_limit)
    return _krige_local(
        places, means, counts, nodes, kernel, mean, functional, memory_limit, min(neighbours, len(means))
    )


@dataclass(frozen=True, eq=False)
class Factorisation:
    """Cholesky factor of the samples' covariance and what follows from it alone."""

    kernel: Kernel
    lower: Array
    data: Array
    """L⁻¹z."""
    ones: Array
    """L⁻¹1."""


def factorise(places: Array, means: Array, counts: Array, kernel: Kernel, mean: Mean) -> Factorisation:
    """Factorise the covariance of samples.

    With an unknown mean any constant may be added to the covariance. Where the range is far beyond
    the samples (a near-linear variogram), the covariance hardly differs from a constant and its
    factor loses all digits: a smaller one, c − γ with c near the largest γ, keeps them.

    :raises NoSolution: when the matrix isn't positive definite even with 10⁻⁶ of the sill on its diagonal.
    """
    noise = kernel.variogram.nugget / counts
    for constant in kernel.constants(places) if mean == "unknown" else (1.0,):
        shifted = kernel.with_constant(constant)
        for jitter in _JITTERS:
            matrix = shifted.matrix(places, places)
            diagonal = np.einsum("ii->i", matrix)
            diagonal += noise + jitter * constant * kernel.variogram.partial_sill
            try:
                # The transpose is Fortran-ordered, so that LAPACK works in place
                lower = linalg.cholesky(matrix.T, lower=True, overwrite_a=True, check_finite=False)
            except linalg.LinAlgError:
                continue
            right = np.asfortranarray(np.column_stack([means, np.ones_like(means)]))
            solved = linalg.solve_triangular(lower, right, lower=True, overwrite_b=True, check_finite=False)
            if np.isfinite(solved).all():
                return Factorisation(shifted, lower, solved[:, 0], solved[:, 1])
    raise NoSolution(
        f"the kriging system of {len(means)} samples is singular: allow a nugget, or use a less smooth model "
        f"than {kernel.variogram.model}"
    )


def _krige_global(
    places: Array,
    means: Array,
    counts: Array,
    nodes: Array,
    kernel: Kernel,
    mean: Mean,
    functional: Functional | None,
    memory_limit: float,
) -> Kriged:
    factors = factorise(places, means, counts, kernel, mean)
    kernel = factors.kernel
    ones = factors.ones
    precision = float(ones @ ones)
    centre = float(ones @ factors.data) / precision if mean == "unknown" else float(mean)
    residual = factors.data - centre * ones
    estimate, variance = np.empty(len(nodes)), np.empty(len(nodes))
    right = np.zeros(len(means))
    step = max(1, int((memory_limit - _matrix_megabytes(len(means))) * 1e6 / (32 * len(means))), 64)
    for begin in range(0, len(nodes), step):
        block = slice(begin, begin + step)
        towards = kernel.matrix(nodes[block], places).T
        if functional is not None:
            right += towards @ functional.weights[block]
        half = linalg.solve_triangular(factors.lower, towards, lower=True, overwrite_b=True, check_finite=False)
        estimate[block] = centre + residual @ half
        variance[block] = kernel.variance(nodes[block]) - np.einsum("ij,ij->j", half, half)
        if mean == "unknown":
            variance[block] += (1.0 - ones @ half) ** 2 / precision
    total = spread = None
    if functional is not None:
        half = linalg.solve_triangular(factors.lower, right, lower=True, check_finite=False)
        total = float(functional.weights @ estimate)
        spread = _prior_variance(functional, nodes, kernel) - float(half @ half)
        if mean == "unknown":
            spread += (float(functional.weights.sum()) - float(ones @ half)) ** 2 / precision
        spread = max(spread, 0.0)
    return Kriged(estimate, np.maximum(variance, 0.0), total, spread, "global")


def _krige_local(
    places: Array,
    means: Array,
    counts: Array,
    nodes: Array,
    kernel: Kernel,
    mean: Mean,
    functional: Functional | None,
    memory_limit: float,
    neighbours: int,
) -> Kriged:
    # With an unknown mean the plain −γ serves as covariance: elimination with pivots asks for no definiteness.
    kernel = kernel.with_constant(0.0) if mean == "unknown" else kernel
    tree = cKDTree(kernel.scaled(places))
    nearest = tree.query(kernel.scaled(nodes), k=neighbours)[1].reshape(len(nodes), neighbours)
    noise = kernel.variogram.nugget / counts
    bordered = neighbours + (mean == "unknown")
    estimate, variance = np.empty(len(nodes)), np.empty(len(nodes))
    # No more at once than the processor's cache holds: a third faster than one large batch.
    step = max(1, int(min(memory_limit * 1e6 / 48, _CACHED_NUMBERS) / bordered**2))
    for begin in range(0, len(nodes), step):
        chosen = nearest[begin : begin + step]
        here = nodes[begin : begin + step]
        around = places[chosen]
        matrix = np.ones((len(chosen), bordered, bordered))
        matrix[:, neighbours:, neighbours:] = 0.0
        matrix[:, :neighbours, :neighbours] = kernel.matrices(around, around)
        diagonal = np.einsum("...ii->...i", matrix[:, :neighbours, :neighbours])
        diagonal += noise[chosen]
        right = np.ones((len(chosen), bordered))
        right[:, :neighbours] = kernel.matrices(here[:, None, :], around)[:, 0, :]
        weights = _solve(matrix, right, diagonal, kernel)
        known = means[chosen]
        if mean == "unknown":
            estimate[begin : begin + step] = np.einsum("ij,ij->i", weights[:, :neighbours], known)
        else:
            estimate[begin : begin + step] = mean + np.einsum("ij,ij->i", weights, known - mean)
        variance[begin : begin + step] = kernel.variance(here) - np.einsum("ij,ij->i", weights, right)
    total = spread = None
    if functional is not None:
        total = float(functional.weights @ estimate)
        spread = _merged_functional_variance(places, means, counts, nodes, kernel, mean, functional, memory_limit)
    return Kriged(estimate, np.maximum(variance, 0.0), total, spread, "local")


def _solve(matrix: Array, right: Array, diagonal: Array, kernel: Kernel) -> Array:
    scale = kernel.variogram.partial_sill or kernel.variogram.nugget
    for jitter in _JITTERS:
        diagonal += jitter * scale  # a view of the matrix; smaller jitters before it are negligible beside it
        try:
            solved = np.linalg.solve(matrix, right[..., None])[..., 0]
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(solved).all():
            return np.asarray(solved)
    raise NoSolution("a kriging system of neighbours is singular: allow a nugget, or use fewer neighbours")


def _merged_functional_variance(
    places: Array,
    means: Array,
    counts: Array,
    nodes: Array,
    kernel: Kernel,
    mean: Mean,
    functional: Functional,
    memory_limit: float,
) -> float:
    """Variance of a functional with samples merged until one factorisation is quick."""
    variogram = kernel.variogram
    fraction = 0.05
    while len(means) > _FUNCTIONAL_SAMPLES:
        cell = (fraction * variogram.range_x, fraction * variogram.range_z)
        places, means, counts = merge_samples(places, means, counts, cell=cell)
        fraction *= 1.5
    merged = _krige_global(places, means, counts, nodes, kernel.with_constant(1.0), mean, functional, memory_limit)
    assert merged.functional_variance is not None
    return merged.functional_variance


def _prior_variance(functional: Functional, nodes: Array, kernel: Kernel) -> float:
    weights = functional.weights
    if functional.prior_variance is None:
        step = max(1, 4_000_000 // len(nodes))
        blocks = (slice(begin, begin + step) for begin in range(0, len(nodes), step))
        return float(sum(weights[block] @ (kernel.matrix(nodes[block], nodes) @ weights) for block in blocks))
    return functional.prior_variance - kernel.removed_constant * float(weights.sum()) ** 2


def _without_variance(
    places: Array,
    means: Array,
    nodes: Array,
    variogram: Variogram,
    mean: Mean,
    functional: Functional | None,
    period: float | None,
) -> Kriged:
    """Samples that are all alike have no variance: the field takes their value, or that of the nearest."""
    kernel = Kernel(variogram, period=period, mirror=None)
    nearest = cKDTree(kernel.scaled(places)).query(kernel.scaled(nodes))[1]
    estimate = means[nearest]
    zero = np.zeros(len(nodes))
    if functional is None:
        return Kriged(estimate, zero, None, None, "global")
    return Kriged(estimate, zero, float(functional.weights @ estimate), 0.0, "global")


def _matrix_megabytes(samples: int) -> float:
    # The matrix, and the work space of its evaluation
    return 3 * 8e-6 * samples**2

"""Kriging with one system of all samples.

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

from dataclasses import dataclass, replace

import numpy as np
from scipy import linalg
from scipy.linalg import lapack

from gasflux_core.covariance_product import covariance_products
from gasflux_core.errors import NoSolution
from gasflux_core.kriging_kernel import Kernel
from gasflux_core.kriging_results import Array, Functional, Kriged, Mean

JITTERS = (0.0, 1e-12, 1e-10, 1e-8, 1e-6)
"""Shares of the sill added to the diagonal, one after the other, where a system can't be solved."""
_MOST_COLUMNS = 1_024
"""Nodes whose variances are worked on at once: more would not be quicker."""


@dataclass(frozen=True, eq=False)
class Factorisation:
    """Cholesky factor of the samples' covariance and what follows from it alone."""

    kernel: Kernel
    lower: Array
    """(n, n) the factor L; what stands above its diagonal means nothing."""
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
        for jitter in JITTERS:
            matrix = shifted.lower(places)
            diagonal = np.einsum("ii->i", matrix)
            diagonal += noise + jitter * constant * kernel.variogram.partial_sill
            # LAPACK itself, in place: the triangle above isn't set and needn't be cleared
            lower, failed = lapack.dpotrf(matrix, lower=1, clean=0, overwrite_a=1)
            if failed:
                continue
            right = np.asfortranarray(np.column_stack([means, np.ones_like(means)]))
            solved = linalg.solve_triangular(lower, right, lower=True, overwrite_b=True, check_finite=False)
            if np.isfinite(solved).all():
                return Factorisation(shifted, lower, solved[:, 0], solved[:, 1])
    raise NoSolution(
        f"the kriging system of {len(means)} samples is singular: allow a nugget, or use a less smooth model "
        f"than {kernel.variogram.model}"
    )


def krige_globally(
    places: Array,
    means: Array,
    counts: Array,
    nodes: Array,
    kernel: Kernel,
    mean: Mean,
    functional: Functional | None,
    memory_limit: float,
    standard_errors: bool,
) -> Kriged:
    """Krige all samples onto all nodes.

    The estimates are one product of the covariances with the dual weights K⁻¹(z − m1), and the
    functional's variance takes one more right-hand side: only the nodes' variances need a triangular
    solve a node, n² operations each.
    """
    factors = factorise(places, means, counts, kernel, mean)
    kernel, ones = factors.kernel, factors.ones
    precision = float(ones @ ones)
    centre = float(ones @ factors.data) / precision if mean == "unknown" else float(mean)
    residual = factors.data - centre * ones
    towards_plane = np.zeros(len(means))
    if standard_errors:
        estimate, variance = np.empty(len(nodes)), np.empty(len(nodes))
        step = int((memory_limit - matrix_megabytes(len(means))) * 1e6 / (16 * len(means)))
        step = min(max(step, 64), _MOST_COLUMNS)
        for begin in range(0, len(nodes), step):
            block = slice(begin, begin + step)
            towards = kernel.matrix(nodes[block], places).T
            if functional is not None:
                towards_plane += towards @ functional.weights[block]
            half = linalg.solve_triangular(factors.lower, towards, lower=True, overwrite_b=True, check_finite=False).T
            estimate[block] = centre + half @ residual
            variance[block] = kernel.variance(nodes[block]) - np.einsum("ij,ij->i", half, half)
            if mean == "unknown":
                variance[block] += (1.0 - half @ ones) ** 2 / precision
    else:
        dual = linalg.solve_triangular(factors.lower, residual, lower=True, trans=1, check_finite=False)
        weights = None if functional is None else functional.weights
        estimate, towards_plane = covariance_products(kernel, nodes, places, dual, weights)
        estimate += centre
        variance = np.full(len(nodes), np.nan)
    found = Kriged(estimate, np.maximum(variance, 0.0), None, None, None, "global")
    if functional is None:
        return found
    half = linalg.solve_triangular(factors.lower, towards_plane, lower=True, check_finite=False)
    spread = _prior_variance(functional, nodes, kernel) - float(half @ half)
    if mean == "unknown":
        spread += (float(functional.weights.sum()) - float(ones @ half)) ** 2 / precision
    total = float(functional.weights @ estimate)
    of_pattern = None
    if functional.pattern is not None:
        pattern = linalg.solve_triangular(factors.lower, functional.pattern, lower=True, check_finite=False)
        of_pattern = float(half @ pattern)
        if mean == "unknown":
            unseen = float(functional.weights.sum()) - float(ones @ half)
            of_pattern += unseen * float(ones @ pattern) / precision
    return replace(found, functional=total, functional_variance=max(spread, 0.0), of_pattern=of_pattern)


def matrix_megabytes(samples: int) -> float:
    """Memory of the factorisation, with the blocks that are worked on beside it."""
    return 8e-6 * samples**2 + 10.0


def _prior_variance(functional: Functional, nodes: Array, kernel: Kernel) -> float:
    weights = functional.weights
    if functional.prior_variance is None:
        step = max(1, 4_000_000 // len(nodes))
        blocks = (slice(begin, begin + step) for begin in range(0, len(nodes), step))
        return float(sum(weights[block] @ (kernel.matrix(nodes[block], nodes) @ weights) for block in blocks))
    return functional.prior_variance - kernel.removed_constant * float(weights.sum()) ** 2

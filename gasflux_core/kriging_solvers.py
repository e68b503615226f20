"""Kriging of scattered samples onto nodes: one global system, or small systems of the nearest samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from gasflux_core.errors import NoSolution, TooLarge
from gasflux_core.kriging_global import Factorisation, factorise, krige_globally, matrix_megabytes
from gasflux_core.kriging_kernel import Kernel, merge_samples
from gasflux_core.kriging_local import krige_locally
from gasflux_core.kriging_results import Array, Functional, Kriged, Mean
from gasflux_core.variogram_model import Variogram

__all__ = ["Factorisation", "Functional", "Kriged", "Mean", "Solver", "factorise", "krige"]

Solver = Literal["auto", "global", "local"]

_GLOBAL_SAMPLES = 4_000
"""Number of samples up to which one factorisation is quick (a second)."""
_NEAR_SAMPLES = 1_500
"""Number of samples from which the nearest tell standard errors more quickly than all."""
_NEAR_NEIGHBOURS = 64


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
    standard_errors: bool = True,
    shared: bool = False,
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
    :param standard_errors: whether to find the nodes' variances, which are most of the global solver's
        work; estimates, the functional and its exact variance don't need them. The local solver has
        them anyway.
    :param shared: let nodes of the local solver that lie close together share their samples: each has its
        ``neighbours`` nearest and some more, so that dense nodes take a tenth of the time and come
        nearer to the global solution. With more than 1 500 samples the global solver then takes the
        standard error of a node (not the estimate) from its 64 nearest samples or more, if the covariance
        is as rough as a Matérn one of 3/2: it is larger than that by all by 0.2 % at most (spherical: 2 %).
    :raises NoSolution: with fewer samples than ``minimum_neighbours``, or a system that can't be solved.
    :raises TooLarge: when ``global`` was asked for and the samples don't fit into the memory limit.
    """
    functional = functional.merged(samples, counts) if functional is not None else None
    places, means, counts = merge_samples(samples, values, counts)
    if len(means) < max(1, minimum_neighbours):
        raise NoSolution(
            f"kriging needs samples at {max(1, minimum_neighbours)} places at least, got {len(means)}: "
            "check which rows of the flight are kept, or lower minimum_neighbours"
        )
    if variogram.partial_sill == 0 and variogram.nugget == 0:
        return _without_variance(places, means, nodes, variogram, mean, functional, period)
    kernel = Kernel(variogram, period=period, mirror=mirror)
    fits = matrix_megabytes(len(means)) <= memory_limit
    if solver == "global" and not fits:
        raise TooLarge(
            f"the global solver needs {matrix_megabytes(len(means)):.0f} MB for {len(means)} samples, "
            f"the limit is {memory_limit:g} MB: use the local solver or raise memory_limit",
            "memory_limit",
        )
    if solver == "global" or (solver == "auto" and fits and len(means) <= _GLOBAL_SAMPLES):
        near = standard_errors and shared and len(means) > _NEAR_SAMPLES and _is_rough(variogram)
        found = krige_globally(
            places,
            means,
            counts,
            nodes,
            kernel,
            mean,
            functional,
            memory_limit,
            standard_errors=standard_errors and not near,
        )
        if not near:
            return found
        count = max(neighbours, _NEAR_NEIGHBOURS)
        local = krige_locally(places, means, counts, nodes, kernel, mean, None, memory_limit, count, shared=True)
        return replace(found, variance=local.variance)
    return krige_locally(
        places,
        means,
        counts,
        nodes,
        kernel,
        mean,
        functional,
        memory_limit,
        neighbours=min(neighbours, len(means)),
        shared=shared,
    )


def _is_rough(variogram: Variogram) -> bool:
    """Whether near samples screen the far ones; for a Gaussian covariance they leave 8 % of the standard error."""
    rough = ("spherical", "exponential")
    return variogram.model in rough or (variogram.model == "matern" and variogram.smoothness <= 1.5)


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
        return Kriged(estimate, zero, None, None, None, "global")
    return Kriged(estimate, zero, float(functional.weights @ estimate), 0.0, 0.0, "global")

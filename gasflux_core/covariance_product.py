"""Products of the covariances between many nodes and samples with vectors, without evaluating them all.

Seen from a tile of nodes, the covariance with a sample far from it is a smooth function of the place:
it is evaluated at Chebyshev points of the tile and interpolated to its nodes. With degree q − 1 and
samples at three half widths of a square tile or more, the error falls as (2 + √5)⁻q, the nearest
singularity being that of the distance at 2i half widths: 10⁻¹² for q = 20. It holds for covariances that
are analytic but at lag 0; spherical and cubic ones end at their range and are evaluated for each node.
Source: Trefethen (2013), Approximation Theory and Approximation Practice, chapter 8; Fong and Darve
(2009), The black-box fast multipole method, Journal of Computational Physics 228, 8712–8725.
"""

from __future__ import annotations

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

from gasflux_core.kriging_kernel import Kernel
from gasflux_core.node_tiles import z_order

Array = NDArray[np.float64]

_POINTS = 20
"""Chebyshev points along each side of a tile."""
_MOST_NODES = 8_192
"""Nodes of a tile."""
_FAR = 3.0
"""Half widths of a tile from its centre on which a sample is far."""
_WIDEST = 0.5
"""Half width, in effective ranges, beyond which the covariance isn't smooth over a tile."""
_ANALYTIC = ("exponential", "gaussian", "matern", "stable")


def covariance_products(
    kernel: Kernel, nodes: Array, places: Array, dual: Array, weights: Array | None
) -> tuple[Array, Array]:
    """C·dual for each node and Cᵀ·weights for each sample, C (m, n) being their covariances.

    :param nodes: (m, 2), places (n, 2), m.
    :param weights: (m,); None gives zeros.
    """
    of_nodes, of_places = np.zeros(len(nodes)), np.zeros(len(places))
    ranges = np.array([kernel.variogram.range_x, kernel.variogram.range_z])
    for tile in _tiles(nodes / ranges, kernel):
        here = nodes[tile]
        low, high = here.min(axis=0) / ranges, here.max(axis=0) / ranges
        centre, half = (low + high) / 2, float(np.max(high - low)) / 2
        far = _far(places, centre * ranges, half, kernel) & (len(here) > _POINTS**2)
        near = ~far
        pull = None if weights is None else weights[tile]
        if far.any():
            points = np.cos(np.pi * (np.arange(_POINTS) + 0.5) / _POINTS)
            along, up = (_lagrange((here[:, axis] / ranges[axis] - centre[axis]) / half, points) for axis in (0, 1))
            x, z = np.meshgrid(*((centre + half * points[:, None]) * ranges).T, indexing="ij")
            gathered = None if pull is None else ((along * pull[:, None]).T @ up).ravel()
            at_points = np.column_stack([x.ravel(), z.ravel()])
            smooth, pulled = _direct(kernel, at_points, places[far], dual[far], gathered)
            of_nodes[tile] += np.sum(along @ smooth.reshape(_POINTS, _POINTS) * up, axis=1)
            of_places[far] += pulled
        direct, pulled = _direct(kernel, here, places[near], dual[near], pull)
        of_nodes[tile] += direct
        of_places[near] += pulled
    return of_nodes, of_places


def _direct(kernel: Kernel, nodes: Array, places: Array, dual: Array, weights: Array | None) -> tuple[Array, Array]:
    of_nodes, of_places = np.zeros(len(nodes)), np.zeros(len(places))
    for rows, block in kernel.blocks(nodes, places):
        of_nodes[rows] = block @ dual
        if weights is not None:
            of_places += weights[rows] @ block
    return of_nodes, of_places


def _tiles(points: Array, kernel: Kernel) -> list[NDArray[np.int64]]:
    """Numbers of the nodes of each tile: all in one where tiles are of no use."""
    if len(points) <= _MOST_NODES or kernel.variogram.model not in _ANALYTIC:
        return [np.arange(len(points))]
    codes = z_order(points)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    for bit in range(32, 0, -1):
        cuts = np.flatnonzero(np.diff(codes >> np.uint64(bit))) + 1
        if np.max(np.diff(np.concatenate([[0], cuts, [len(codes)]]))) <= _MOST_NODES:
            break
    return np.split(order, cuts)


def _far(places: Array, centre: Array, half: float, kernel: Kernel) -> NDArray[np.bool_]:
    """Which samples, with their mirror images, are far from a tile; half its width is in effective ranges."""
    ranges = (kernel.variogram.range_x, kernel.variogram.range_z)
    along = np.abs(places[:, 0] - centre[0])
    if kernel.period is not None:
        along = np.abs((along + kernel.period / 2) % kernel.period - kernel.period / 2)
        if half * ranges[0] > kernel.period / 16:
            return np.zeros(len(places), dtype=bool)
    if not 0 < half <= _WIDEST:
        return np.zeros(len(places), dtype=bool)
    up = np.abs(places[:, 1] - centre[1])
    if kernel.mirror is not None:
        up = np.minimum(up, np.abs(2 * kernel.mirror - places[:, 1] - centre[1]))
    return np.asarray(np.maximum(along / ranges[0], up / ranges[1]) >= _FAR * half)


def _lagrange(at: Array, points: Array) -> Array:
    """Values (m, q) at places in [−1, 1] of the polynomials that are 1 at one Chebyshev point and 0 at the others."""
    factors = np.full(len(points), 2.0 / len(points))
    factors[0] /= 2
    degree = len(points) - 1
    return np.asarray(chebvander(at, degree) * factors @ chebvander(points, degree).T)

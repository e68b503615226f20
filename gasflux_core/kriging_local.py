"""Kriging with the nearest samples only, for many samples: its cost grows with the nodes, not with the samples' cube.

Each node has its own nearest samples; or nodes that lie close together share the nearest of all of
them, and with these one factorisation. A node then has more samples than it needs, never fewer, and
a node is one more column of a triangular solve instead of one more system.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import blas
from scipy.spatial import cKDTree

from gasflux_core.errors import NoSolution
from gasflux_core.kriging_global import JITTERS, krige_globally
from gasflux_core.kriging_kernel import Kernel, merge_samples
from gasflux_core.kriging_results import Array, Functional, Kriged, Mean
from gasflux_core.node_tiles import Index, Tiles, lay_tiles

_FUNCTIONAL_SAMPLES = 1_500
"""Merged samples from which the local solver takes the variance of a functional."""
_CACHED_NUMBERS = 100_000
"""Entries of the matrices of neighbours that are worked on at once: what a processor's cache holds."""


def krige_locally(
    places: Array,
    means: Array,
    counts: Array,
    nodes: Array,
    kernel: Kernel,
    mean: Mean,
    functional: Functional | None,
    memory_limit: float,
    neighbours: int,
    shared: bool,
) -> Kriged:
    """Krige the nearest samples onto each node.

    :param neighbours: samples of a node, no more than there are.
    :param shared: let nodes share their samples: each has at least its nearest ``neighbours``.
    """
    systems = _LocalSystems(places, means, counts, kernel, mean, neighbours, nodes)
    alone = np.arange(len(nodes))
    if shared:
        samples = _shared_samples(neighbours, len(nodes), len(means))
        tiles = lay_tiles(nodes, kernel, systems.tree, neighbours, samples)
        systems.krige_tiles(tiles)
        alone = tiles.alone
    systems.krige_nodes(alone)
    estimate, variance = systems.estimate, np.maximum(systems.variance, 0.0)
    if functional is None:
        return Kriged(estimate, variance, None, None, None, "local")
    total = float(functional.weights @ estimate)
    merged = _merged(places, means, counts, nodes, kernel, mean, functional, memory_limit)
    return Kriged(estimate, variance, total, merged.functional_variance, merged.of_pattern, "local")


class _LocalSystems:
    """The systems of nodes and of tiles, and what has been found so far."""

    def __init__(
        self, places: Array, means: Array, counts: Array, kernel: Kernel, mean: Mean, neighbours: int, nodes: Array
    ) -> None:
        self.places, self.means, self.kernel, self.mean = places, means, kernel, mean
        self.noise = kernel.variogram.nugget / counts
        self.neighbours, self.nodes = neighbours, nodes
        self.constants = tuple(kernel.constants(places)) if mean == "unknown" else (1.0,)
        self.tree = cKDTree(kernel.scaled(places))
        self.estimate, self.variance = np.empty(len(nodes)), np.empty(len(nodes))

    def krige_nodes(self, numbers: Index) -> None:
        """Krige nodes with the nearest samples of each."""
        step = max(1, _CACHED_NUMBERS // self.neighbours**2)
        for begin in range(0, len(numbers), step):
            block = numbers[begin : begin + step]
            chosen = self.tree.query(self.kernel.scaled(self.nodes[block]), k=self.neighbours)[1]
            self._krige(block[:, None], chosen.reshape(len(block), self.neighbours))

    def krige_tiles(self, tiles: Tiles) -> None:
        """Krige nodes that share samples."""
        by_count = np.argsort(tiles.count, kind="stable")[::-1]
        samples = tiles.nearest.shape[1]
        begin = 0
        while begin < len(by_count):
            nodes = int(tiles.count[by_count[begin]])
            batch = by_count[begin : begin + max(1, _CACHED_NUMBERS // (samples * (samples + nodes)))]
            begin += len(batch)
            # Smaller tiles of the batch are filled up with their last node
            inside = np.minimum(np.arange(nodes), tiles.count[batch, None] - 1)
            self._krige(tiles.order[tiles.first[batch, None] + inside], tiles.nearest[batch])

    def _krige(self, numbers: Index, chosen: Index) -> None:
        """Krige nodes (t, m) of tiles with samples (t, s)."""
        around, here = self.places[chosen], self.nodes[numbers]
        factored = self._factorise(around, chosen)
        if factored is None:
            self._eliminate(numbers, chosen)
            return
        kernel, lower = factored
        nodes = numbers.shape[1]
        # Rows of halves are L⁻¹k of each node, L⁻¹z and L⁻¹1; as columns they lie as BLAS wants them
        halves = np.empty((len(chosen), nodes + 2, chosen.shape[1]))
        kernel.matrices(here, around, out=halves[:, :nodes])
        halves[:, nodes] = self.means[chosen]
        halves[:, nodes + 1] = 1.0
        for factor, half in zip(lower, halves, strict=True):
            blas.dtrsm(1.0, factor.T, half.T, trans_a=1, overwrite_b=1)
        half, data, ones = halves[:, :nodes], halves[:, nodes, :, None], halves[:, nodes + 1, :, None]
        variance = kernel.variance(here.reshape(-1, 2)).reshape(numbers.shape) - np.einsum("tij,tij->ti", half, half)
        if self.mean == "unknown":
            precision = ones.transpose(0, 2, 1) @ ones
            centre = ones.transpose(0, 2, 1) @ data / precision
            variance += ((1.0 - half @ ones) ** 2 / precision)[..., 0]
        else:
            centre = np.full((len(chosen), 1, 1), float(self.mean))
        self.estimate[numbers] = (centre + half @ (data - centre * ones))[..., 0]
        self.variance[numbers] = variance

    def _eliminate(self, numbers: Index, chosen: Index) -> None:
        """Krige nodes (t, m) of tiles with samples (t, s) whose covariance isn't numerically positive definite.

        With an unknown mean the plain −γ serves as covariance: elimination with pivots asks for no
        definiteness, and no digits are lost.
        """
        kernel = self.kernel.with_constant(0.0) if self.mean == "unknown" else self.kernel
        around, here, samples = self.places[chosen], self.nodes[numbers], chosen.shape[1]
        bordered = samples + (self.mean == "unknown")
        matrix = np.ones((len(chosen), bordered, bordered))
        matrix[:, samples:, samples:] = 0.0
        kernel.matrices(around, around, out=matrix[:, :samples, :samples])
        diagonal = np.einsum("...ii->...i", matrix[:, :samples, :samples])
        diagonal += self.noise[chosen]
        right = np.ones((*numbers.shape, bordered))
        kernel.matrices(here, around, out=right[..., :samples])
        weights = _solve(matrix, right, diagonal, kernel)
        centre = 0.0 if self.mean == "unknown" else float(self.mean)
        known = self.means[chosen] - centre
        self.estimate[numbers] = centre + np.einsum("tij,tj->ti", weights[..., :samples], known)
        variance = kernel.variance(here.reshape(-1, 2)).reshape(numbers.shape)
        self.variance[numbers] = variance - np.einsum("tij,tij->ti", weights, right)

    def _factorise(self, around: Array, chosen: Index) -> tuple[Kernel, Array] | None:
        for constant in self.constants:
            kernel = self.kernel.with_constant(constant)
            matrix = kernel.matrices(around, around)
            diagonal = np.einsum("...ii->...i", matrix)
            diagonal += self.noise[chosen]
            try:
                return kernel, np.asarray(np.linalg.cholesky(matrix), dtype=float)
            except np.linalg.LinAlgError:
                continue
        return None


def _shared_samples(neighbours: int, nodes: int, samples: int) -> int:
    """How many samples a tile is to have, so that a node of it costs least.

    With s times the samples of a node, a tile's diagonal is √s − 1 radii of a node's neighbourhood. The
    costs, in µs, are those measured of a system (factor, covariances, calls) and of a node in it.
    """
    density = neighbours * nodes / samples

    def cost(share: float) -> float:
        size = share * neighbours
        inside = max(1.0, 0.11 * density * (np.sqrt(share) - 1) ** 2)
        return float((4e-5 * size**3 + 5e-3 * size**2 + 8) / inside + 1e-4 * size**2 + 6e-3 * size)

    return min(samples, round(neighbours * min((1.5, 1.75, 2.25, 3.0), key=cost)))


def _solve(matrix: Array, right: Array, diagonal: Array, kernel: Kernel) -> Array:
    """Weights (t, m, s) of right-hand sides (t, m, s) for systems (t, s, s) with the diagonal given as a view."""
    scale = kernel.variogram.partial_sill or kernel.variogram.nugget
    for jitter in JITTERS:
        diagonal += jitter * scale  # a view of the matrix; smaller jitters before it are negligible beside it
        try:
            solved = np.linalg.solve(matrix, right.transpose(0, 2, 1)).transpose(0, 2, 1)
        except np.linalg.LinAlgError:
            continue
        if np.isfinite(solved).all():
            return np.asarray(solved)
    raise NoSolution("a kriging system of neighbours is singular: allow a nugget, or use fewer neighbours")


def _merged(
    places: Array,
    means: Array,
    counts: Array,
    nodes: Array,
    kernel: Kernel,
    mean: Mean,
    functional: Functional,
    memory_limit: float,
) -> Kriged:
    """The functional with samples merged until one factorisation is quick."""
    variogram = kernel.variogram
    fraction = 0.05
    while len(means) > _FUNCTIONAL_SAMPLES:
        cell = (fraction * variogram.range_x, fraction * variogram.range_z)
        functional = functional.merged(places, counts, cell=cell)
        places, means, counts = merge_samples(places, means, counts, cell=cell)
        fraction *= 1.5
    return krige_globally(places, means, counts, nodes, kernel, mean, functional, memory_limit, standard_errors=False)

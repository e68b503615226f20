"""Tiles of nodes that lie so close together that they can share their nearest samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gasflux_core.kriging_kernel import Kernel

Array = NDArray[np.float64]
Index = NDArray[np.int64]

_BITS = 16
"""Places are told apart by so many halvings along each axis."""
_FEWEST = 3
"""Nodes of a tile from which sharing a larger system is quicker than a system for each."""
_MOST = 512
"""Nodes of a tile, so that few of them bound the memory."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """Nodes in an order in which those of a tile follow one another."""

    order: Index
    """(m,) numbers of the nodes."""
    first: Index
    """(t,) where each tile begins in that order."""
    count: Index
    """(t,) nodes of each."""
    nearest: Index
    """(t, s) the samples of each: among them the nearest of each of its nodes."""
    alone: Index
    """Numbers of the nodes in no tile."""


def lay_tiles(nodes: Array, kernel: Kernel, tree: cKDTree, neighbours: int, shared: int) -> Tiles:
    """Halve the nodes' rectangle until each part's ``shared`` nearest samples hold ``neighbours`` of each of its nodes.

    With ρ the radius of a tile, d_k and d_s the distances of its centre to the k-th and s-th nearest
    sample, every node has k samples within d_k + ρ of it, so within d_k + 2ρ of the centre: they are
    among the s nearest of the centre where d_k + 2ρ ≤ d_s. Distances are in effective ranges; an arc of a
    spiral is longer than its chord, so that the rule holds there too.

    :param nodes: (m, 2), x and height in m.
    :param tree: of the samples in effective ranges (:meth:`Kernel.scaled`).
    """
    ranges = np.array([kernel.variogram.range_x, kernel.variogram.range_z])
    codes = z_order(nodes / ranges)
    order = np.argsort(codes, kind="stable")
    codes = codes[order]
    # A last row that no tile has: reduceat asks for an index within bounds behind each tile too
    points = np.concatenate([nodes[order], nodes[:1]])
    begin, end = np.array([0]), np.array([len(nodes)])
    tiles, alone = [], []
    for bit in range(2 * _BITS, -1, -1):
        few = end - begin < _FEWEST
        alone.append(_members(begin[few], end[few]))
        begin, end = begin[~few], end[~few]
        if not len(begin):
            break
        edges = np.column_stack([begin, end]).ravel()
        low, high = np.minimum.reduceat(points, edges)[::2], np.maximum.reduceat(points, edges)[::2]
        distance, index = tree.query(kernel.scaled((low + high) / 2), k=shared)
        diameter = np.linalg.norm((high - low) / ranges, axis=1)
        fits = (diameter <= distance[:, shared - 1] - distance[:, neighbours - 1]) & (end - begin <= _MOST)
        tiles.append((begin[fits], (end - begin)[fits], index[fits]))
        begin, end = _halved(begin[~fits], end[~fits], codes >> np.uint64(bit))
    alone.append(_members(begin, end))
    return Tiles(
        order=order,
        first=np.concatenate([first for first, _, _ in tiles] or [begin]),
        count=np.concatenate([count for _, count, _ in tiles] or [begin]),
        nearest=np.concatenate([index for _, _, index in tiles] or [np.empty((0, shared), dtype=np.int64)]),
        alone=order[np.concatenate(alone)],
    )


def _halved(begin: Index, end: Index, codes: NDArray[np.uint64]) -> tuple[Index, Index]:
    """Parts between begin and end, cut wherever the code changes."""
    if not len(begin):
        return begin, end
    cuts = np.flatnonzero(np.diff(codes)) + 1
    part = np.searchsorted(begin, cuts, "right") - 1
    cuts = cuts[(cuts > begin[part]) & (cuts < end[part])]
    return np.union1d(begin, cuts), np.union1d(end, cuts)


def _members(begin: Index, end: Index) -> Index:
    """All numbers from each begin to before its end."""
    count = end - begin
    return np.repeat(begin - np.cumsum(count) + count, count) + np.arange(count.sum())


def z_order(points: Array) -> NDArray[np.uint64]:
    """Number of each point along Morton's curve, so that each halving of the rectangle is a range of numbers."""
    low = points.min(axis=0)
    extent = float(np.max(points.max(axis=0) - low))
    cell = np.minimum((points - low) / (extent or 1.0) * 2**_BITS, 2**_BITS - 1).astype(np.uint64)
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        cell = (cell | (cell << np.uint64(shift))) & np.uint64(mask)
    return np.asarray((cell[:, 0] << np.uint64(1)) | cell[:, 1])

"""Where on the curtain a plume stands out that no single run of readings shows.

A weak plume hides in the noise of each transect, but not in the mean of the patch of the curtain that it covers,
some places wide and some transects high. Two views of it, both for the background's sake: patches whose mean
stands out from a baseline, and the footprint of the bump that explains the flight best together with a smooth baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gasflux_core.baseline import Bools, Floats, Integers, Series, quick_noise

PLACES = 24
"""Places along the transects into which each is cut."""

PATCH_WIDTHS = (2, 4, 8)
PATCH_HEIGHTS = (1, 2, 4, 8)
"""Sizes of the patches whose mean is judged, in places and transects; the whole height too."""

PATCH_THRESHOLD = 4.5
"""Standard errors above which a patch's mean shows the plume: hardly ever by chance."""

MOST_PLACES = 0.7
"""Share of the curtain above which patches tell nothing: plumes fill the flight."""

BUMP_SPREADS = (0.04, 0.08, 0.16)
"""Spreads of the bumps tried along the transects, as shares of their length: of plumes that a curtain can hold."""

BUMP_LEVELS = (1.5, 3.0, 6.0)
"""Spreads tried upwards, in transects."""

BUMP_STEP = 1.5
"""Distance of the levels at which bumps are tried, in transects."""

BUMP_GAIN = 25.0
"""Twice the gain in log-likelihood from which a bump is a plume; the best of 2000 in pure noise stays under it."""

FINER = (0.7, 1.0, 1.4)
"""Factors on the spreads of the best bump, tried once more about it."""

BUMP_EDGE = 0.04
"""Largest share of its height at which a bump ends: 2.5 spreads from its centre."""

EDGE_OF_NOISE = 0.25
"""Share of the noise of a reading at which a strong bump ends: tails under the noise would lift the baseline else."""

LEAST_TOLD = 0.02
"""Share of a bump that the smooth baseline must leave, for the bump to say anything."""


@dataclass(frozen=True, eq=False, slots=True)
class Patches:
    """The curtain cut into cells, transects by places."""

    on_transect: Bools
    cell: Integers
    """Of each row on a transect."""
    rows: Floats
    """On transects in each cell, (transects, places)."""

    def sums(self, residual: Floats) -> Floats:
        """Of the residual in each cell, ppm, (transects, places)."""
        total = np.bincount(self.cell, weights=residual[self.on_transect], minlength=self.rows.size)
        return np.asarray(total.reshape(self.rows.shape), dtype=float)

    def shown(self, sums: Floats, noise: float) -> Bools | None:
        """Rows in patches that show the plume; None where there are none, or so many that they tell nothing.

        Patches are tried from small to large, each judged by what smaller ones have left, so that a strong plume's core
        doesn't take the clean air around it along.
        """
        shows = np.zeros(self.rows.shape, dtype=bool)
        transects = self.rows.shape[0]
        table = _summed_area(np.stack([self.rows, sums]))
        for high in (*(size for size in PATCH_HEIGHTS if size < transects), transects):
            for wide in PATCH_WIDTHS:
                count, total = _box_sums(table, high, wide)
                found = total > PATCH_THRESHOLD * noise * np.sqrt(np.maximum(count, 1.0))
                if found.any():
                    shows |= _covered(found, high, wide)
                    table = _summed_area(np.where(shows, 0.0, np.stack([self.rows, sums])))
        if not 0 < np.count_nonzero(shows) < MOST_PLACES * shows.size:
            return None
        marked = np.zeros(self.on_transect.shape, dtype=bool)
        marked[self.on_transect] = shows.ravel()[self.cell]
        return marked


def patches_of(part: Series) -> Patches | None:
    """None where nothing tells how far along a transect a row lies."""
    placed = _placed(part)
    if placed is None:
        return None
    on_transect, along, _ = placed
    level = np.unique(part.transect[on_transect], return_inverse=True)[1]
    place = np.clip((along[on_transect] * PLACES).astype(np.int64), 0, PLACES - 1)
    cell = level * PLACES + place
    rows = np.bincount(cell, minlength=(int(level.max()) + 1) * PLACES).reshape(-1, PLACES).astype(float)
    return Patches(on_transect, cell, rows)


def footprint(part: Series, count: Floats, design: Floats, precision: Floats) -> Bools:
    """Rows in the footprint of the bump on the curtain that explains the flight best, together with a smooth curve.

    The likelihood ratio of a Gaussian bump g of unknown strength is (g'My)²/(g'Mg σ²), with M the operator that takes
    the fitted curve off (Davison 2003, *Statistical Models*, § 8.2). As the curve and the bump are fitted
    together, a plume that the curve would swallow on its own is seen all the same.

    :param count: (rows,) readings in each row. :param design: (rows, coefficients) of the curve.
    :param precision: (coefficients, coefficients), the curve's penalised normal equations over all rows.
    """
    placed = _placed(part)
    if placed is None:
        return np.zeros(part.value.shape, dtype=bool)
    on_transect, along, level = placed
    centres, levels = (np.arange(PLACES) + 0.5) / PLACES, np.arange(0.0, level.max() + BUMP_STEP, BUMP_STEP)
    fit = _Fit(part.value, count, design, np.asarray(np.linalg.inv(precision), dtype=float))
    found = fit.best(along, centres, np.array(BUMP_SPREADS), level, levels, np.array(BUMP_LEVELS))
    if found is None or found.gain < BUMP_GAIN * quick_noise(part.value) ** 2:
        return np.zeros(part.value.shape, dtype=bool)
    near = np.array([-0.5, 0.0, 0.5])
    finer = fit.best(
        along,
        found.centre + near / PLACES,
        found.spread * np.array(FINER),
        level,
        found.level + near * BUMP_STEP,
        found.rise * np.array(FINER),
    )
    found = finer or found
    edge = min(BUMP_EDGE, EDGE_OF_NOISE * quick_noise(part.value) / found.height)
    return np.asarray(on_transect & (found.shape > edge))


@dataclass(frozen=True, eq=False, slots=True)
class _Bump:
    gain: float
    """Twice the gain in log-likelihood times σ², ppm²."""
    height: float
    """ppm."""
    shape: Floats
    """(rows,), 1 at its centre."""
    centre: float
    spread: float
    """Along the transects, shares of their length."""
    level: float
    rise: float
    """Centre and spread upwards, transects."""


@dataclass(frozen=True, eq=False, slots=True)
class _Fit:
    """A smooth curve fitted to all rows, to which bumps are added."""

    value: Floats
    count: Floats
    design: Floats
    covariance: Floats
    """Of the curve's coefficients, over σ²."""

    def best(
        self,
        along: Floats,
        centres: Floats,
        spreads: Floats,
        level: Floats,
        levels: Floats,
        rises: Floats,
    ) -> _Bump | None:
        """The bump of largest likelihood among all products of a bell along the transects and one upwards."""
        across, up = _bells(along, centres, spreads), _bells(level, levels, rises)
        curve = self.design @ (self.covariance @ (self.design.T @ (self.count * self.value)))
        lift = (across * (self.count * (self.value - curve))) @ up.T
        size = (across**2 * self.count) @ (up**2).T
        on_curve = np.stack([(across * (self.count * column)) @ up.T for column in self.design.T])
        flat = on_curve.reshape(len(on_curve), -1)
        told = size - np.einsum("ka,ka->a", flat, self.covariance @ flat).reshape(size.shape)
        seen = (lift > 0.0) & (told > LEAST_TOLD * size)
        gain = np.where(seen, lift**2 / np.where(seen, told, 1.0), 0.0)
        one, other = np.unravel_index(int(np.argmax(gain)), gain.shape)
        if not gain[one, other] > 0.0:
            return None
        return _Bump(
            gain=float(gain[one, other]),
            height=float(lift[one, other] / told[one, other]),
            shape=across[one] * up[other],
            centre=float(centres[one % len(centres)]),
            spread=float(spreads[one // len(centres)]),
            level=float(levels[other % len(levels)]),
            rise=float(rises[other // len(levels)]),
        )


def _placed(part: Series) -> tuple[Bools, Floats, Floats] | None:
    """Rows on transects, and of all rows the share of the transects' length and the level, in transects."""
    on_transect = part.transect > 0
    if not on_transect.any():
        return None
    low, length = part.across[on_transect].min(), float(np.ptp(part.across[on_transect]))
    if not length > 0.0:
        return None
    middles = np.array([part.time[rows].mean() for rows in part.transect_rows])
    level = np.interp(part.time, middles, np.arange(len(middles), dtype=float))
    return on_transect, (part.across - low) / length, level


def _bells(place: Floats, centres: Floats, spreads: Floats) -> Floats:
    """Normal curves of height 1 about each centre with each spread, (curves, rows)."""
    shift = place - np.tile(centres, len(spreads))[:, None]
    return np.asarray(np.exp(-0.5 * (shift / np.repeat(spreads, len(centres))[:, None]) ** 2))


def _summed_area(values: Floats) -> Floats:
    """Sums over all rows and columns before each, (…, rows + 1, columns + 1) (Crow 1984)."""
    table = np.zeros((*values.shape[:-2], values.shape[-2] + 1, values.shape[-1] + 1))
    np.cumsum(values, axis=-2, out=table[..., 1:, 1:])
    np.cumsum(table[..., 1:, 1:], axis=-1, out=table[..., 1:, 1:])
    return table


def _box_sums(table: Floats, high: int, wide: int) -> Floats:
    """Sums over all boxes of a size by the table of sums, (…, rows − high + 1, columns − wide + 1)."""
    return np.asarray(
        table[..., high:, wide:] - table[..., :-high, wide:] - table[..., high:, :-wide] + table[..., :-high, :-wide]
    )


def _covered(found: Bools, high: int, wide: int) -> Bools:
    """Cells that lie in a box that was found."""
    padded = np.zeros((found.shape[0] + 2 * (high - 1), found.shape[1] + 2 * (wide - 1)))
    padded[high - 1 : high - 1 + found.shape[0], wide - 1 : wide - 1 + found.shape[1]] = found
    return np.asarray(_box_sums(_summed_area(padded), high, wide) > 0.5)

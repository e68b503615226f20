"""The emission rate by a Gaussian plume fitted to the transects, after Bayes.

The strength F of transect t (kg h⁻¹ m⁻¹, :mod:`gasflux_core.crosswind`) is that of one plume with the rate Q,

    Fₜ = Q v(hₜ; H, σ) (1 + s εₜ) + nₜ,   v = [N(h − H; σ) + N(h + H; σ)] / K,   ∫ v U/U₁₀ dh = 1,

a normal curve about the source's height H with its reflection at the ground, scaled so that the logarithmic wind
carries Q (:mod:`gasflux_core.plume`). nₜ is the sensor's noise. εₜ is what a meandering, intermittent plume
has more or less at each crossing; its size s is found along with the rest, so that transects count the less the more
the plume changes from one to the next, and strong ones no more than weak ones. A plume that is strong is so for a
while: the ε of successive transects are taken to correlate by 0.4, without which a run of strong ones would pass for
the plume's shape, and the posterior for half as wide as it is.

Priors: H even between 0 and 500 m; ln σ even between 0.3 and 400 m (Pasquill's F at 20 m and A at 2000 m by Briggs,
1973); s log-normal about 0.1 with a factor of e; Q even in its logarithm, as for any scale (Jeffreys 1946).
Q and its variance given (H, σ, s) are those of weighted least squares. The rest is sampled by adaptive importance
sampling (Cappé et al. 2004, *Journal of Computational and Graphical Statistics* 13, 907–929).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gasflux_core.constants import SECONDS_PER_HOUR
from gasflux_core.crosswind import crosswind_cells, fit_crosswind_plume
from gasflux_core.errors import NoSolution
from gasflux_core.plane import Plane
from gasflux_core.transect_integrals import ALIKE
from gasflux_core.wind_profile import WindProfile

Array = NDArray[np.float64]

_FEWEST = 4
"""Transects: rate, height and spread are three unknowns."""

_HIGHEST_SOURCE = 500.0
_LEAST_SPREAD, _LARGEST_SPREAD = 0.3, 400.0
_USUAL_SCATTER, _FACTOR = 0.1, 1.0
"""Prior median of s, and its standard deviation as a logarithm."""

_EXACT = 2e-3
"""Share of the strongest transect by which no plume is a better Gaussian."""

_LEAST_SIGNAL = 4.0
"""Standard deviations of noise that the plume as a whole must stand out by."""
_LEAST_EXPLAINED = 0.8
_MOST_BESIDE = 0.15
_MOST_SCATTER = 1.0
_MOST_UNSURE = 0.6
"""Relative standard uncertainty from which on the samples don't tell the rate."""

_SCATTERS = (0.02, 0.1, 0.4)
"""Sizes of s from which the mode is looked for."""
_MOST_STEPS = 20
_DRAWS = (*4 * (400,), *6 * (1500,))
"""Draws of each round; most need one to three."""
_LEAST_EFFECTIVE = 50.0
_JITTER = (1e-10, 1e-14, 1e-14)
"""Least variance of proposals, m², 1, 1."""
_PLACES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_REACH = 6.0
_SMALLEST = -80.0
"""Logarithm of what counts as nothing."""
_FREEDOM = 6.0
"""Of the multivariate t that proposes."""


@dataclass(frozen=True, eq=False)
class PlumeInversion:
    """Posterior of one plume."""

    rate: float
    """Median, kg h⁻¹."""
    standard_uncertainty: float
    """Of the posterior, without wind, background and density, kg h⁻¹."""
    draws: Array
    """Of the rate from the posterior, kg h⁻¹."""
    centre: float
    """m along the plane."""
    height: float
    """H, m above ground."""
    spread_up: float
    spread_across: float
    """As single transects see it, m."""
    shift: float
    """Standard deviation of the centre between transects, m."""
    scatter: float
    """s, dimensionless."""
    explained: float
    """Share of the samples' variance beyond noise that the plume explains, transect by transect."""


def invert_plume(
    table: pd.DataFrame, gas: str, plane: Plane, profile: WindProfile, noise: float, offset: float = 0.0
) -> PlumeInversion:
    """Fit one Gaussian plume to the transects.

    :param table: with ``kept``, ``transect``, ``x``, ``height_above_ground`` (m) and ``<gas>_mass_enhancement``
        (kg m⁻³).
    :param noise: standard deviation of a sample's mass enhancement, kg m⁻³.
    :param offset: standard uncertainty of the baseline, kg m⁻³; more gas than that beside the plume is another one.
    :raises NoSolution: where there is not one plume to be seen: the reason in words.
    """
    cells = crosswind_cells(table, gas, plane, profile)
    seen = fit_crosswind_plume(cells, noise)
    if len(seen.strength) < _FEWEST:
        raise NoSolution(f"fewer than {_FEWEST} transects cross the plume")
    if seen.strength.sum() < _LEAST_SIGNAL * float(np.linalg.norm(seen.noise)):
        raise NoSolution("no plume stands out of the noise")
    if seen.explained < _LEAST_EXPLAINED:
        raise NoSolution(
            f"not a single plume: one normal curve across each transect explains {100 * seen.explained:.0f} % of what "
            "was seen"
        )
    beside = seen.beside / float(seen.strength.sum())
    unsure = float(np.hypot(seen.beside_noise, offset * seen.beside_width)) / float(seen.strength.sum())
    if abs(beside) > max(_MOST_BESIDE, _LEAST_SIGNAL * unsure):
        raise NoSolution(f"not a single plume: {100 * beside:.0f} % as much gas as in it passes beside it")
    per_strength = SECONDS_PER_HOUR * cells.speed
    strength = per_strength * seen.strength
    error = np.maximum(per_strength * seen.noise, _EXACT * float(np.abs(strength).max()))
    target = _Target(strength, error**2, seen.height, profile.roughness_length)
    points, weights = _sampled(target)
    rates, variances, _ = target.solve(points)
    random = np.random.default_rng(1)
    chosen = random.choice(len(points), size=2000, p=weights)
    draws = rates[chosen] + np.sqrt(variances[chosen]) * random.standard_normal(2000)
    draws *= 1 + seen.common_error * random.standard_normal(2000)
    middle, spread = float(np.median(draws)), float(draws.std())
    scatter = float(np.exp(weights @ points[:, 2]))
    if scatter > _MOST_SCATTER:
        raise NoSolution("the transects differ too much from one another for one plume")
    if not spread < _MOST_UNSURE * abs(middle):
        raise NoSolution("the transects don't tell height, spread and rate of the plume apart")
    return PlumeInversion(
        rate=middle,
        standard_uncertainty=spread,
        draws=draws,
        centre=seen.centre,
        height=float(weights @ np.abs(points[:, 0])),
        spread_up=float(np.exp(weights @ points[:, 1])),
        spread_across=seen.spread,
        shift=seen.shift,
        scatter=scatter,
        explained=seen.explained,
    )


@dataclass(frozen=True, eq=False)
class _Target:
    """Posterior density of (H, ln σ, ln s), with Q integrated out."""

    strength: Array
    variance: Array
    """By noise."""
    height: Array
    roughness_length: float

    def solve(self, points: Array) -> tuple[Array, Array, Array]:
        """Rate and its variance for each point (k, 3), and the logarithm of the density up to a constant."""
        centre = np.abs(points[:, :1])
        spread = np.clip(np.exp(np.minimum(points[:, 1:2], 9.0)), _LEAST_SPREAD, _LARGEST_SPREAD)
        scatter = np.exp(np.clip(points[:, 2:], -9.0, 9.0))
        shape = _vertical(self.height, centre, spread, self.roughness_length)
        rate = (shape @ self.strength / np.maximum((shape**2).sum(axis=1), 1e-300))[:, None]
        for _ in range(3):
            scattered = (scatter * rate * shape) ** 2
            variance = self.variance + scattered
            information = np.maximum((shape**2 / variance).sum(axis=1, keepdims=True), 1e-300)
            rate = (shape * self.strength / variance).sum(axis=1, keepdims=True) / information
        scattered = (scatter * rate * shape) ** 2
        variance = self.variance + scattered
        alike = ALIKE * np.sqrt(scattered[:, 1:] * scattered[:, :-1] / (variance[:, 1:] * variance[:, :-1]))
        # least squares of what each transect says beyond the one before it
        own = np.sqrt(1 - alike**2)
        shown, told = (_beyond(values / np.sqrt(variance), alike, own) for values in (shape, self.strength))
        information = np.maximum((shown**2).sum(axis=1), 1e-300)
        rates = (shown * told).sum(axis=1) / information
        left = ((told - rates[:, None] * shown) ** 2).sum(axis=1) + np.log(variance).sum(axis=1)
        left += 2 * np.log(own).sum(axis=1)
        by_rate = -0.5 * np.log(information) - np.log(np.abs(rates) + information**-0.5)
        return rates, 1.0 / information, by_rate - 0.5 * left + _log_prior(points)


def _beyond(values: Array, alike: Array, own: Array) -> Array:
    """Standardised values (k, n) less what the one before tells of each, standardised again."""
    return np.asarray(np.concatenate([values[:, :1], (values[:, 1:] - alike * values[:, :-1]) / own], axis=1))


def _log_prior(points: Array) -> Array:
    inside = (
        (np.abs(points[:, 0]) < _HIGHEST_SOURCE)
        & (points[:, 1] > np.log(_LEAST_SPREAD))
        & (points[:, 1] < np.log(_LARGEST_SPREAD))
    )
    scatter = -0.5 * ((points[:, 2] - np.log(_USUAL_SCATTER)) / _FACTOR) ** 2
    return np.where(inside, scatter, -np.inf)


def _vertical(height: Array, centre: Array, spread: Array, roughness_length: float) -> Array:
    """v at heights (n,) for centres and spreads (k, 1), m⁻¹: with the wind U/U₁₀ its integral is 1."""
    low = np.log(np.maximum(centre - _REACH * spread, roughness_length))
    high = np.log(np.maximum(centre + _REACH * spread, 2 * roughness_length))
    # Gauss–Legendre in ln h, in which the logarithmic wind is a straight line
    half = 0.5 * (high - low)
    at = np.exp(low + half * (_PLACES + 1.0))
    wind = np.log(at / roughness_length) / np.log(10.0 / roughness_length)
    met = half[:, 0] * ((wind * _reflected(at, centre, spread) * at) @ _WEIGHTS)
    return np.asarray(_reflected(height, centre, spread) / met[:, None])


def _reflected(height: Array, centre: Array, spread: Array) -> Array:
    below, above = (height - centre) / spread, (height + centre) / spread
    # Numbers below 1e-300 take a hundred times as long
    curve = np.exp(np.maximum(-0.5 * below**2, _SMALLEST)) + np.exp(np.maximum(-0.5 * above**2, _SMALLEST))
    return np.asarray(curve / (np.sqrt(2 * np.pi) * spread))


def _sampled(target: _Target) -> tuple[Array, Array]:
    """Points (k, 3) and their weights, which add up to 1."""
    mean, covariance = _mode(target)
    random = np.random.default_rng(1)
    for count in _DRAWS:
        root = np.linalg.cholesky(covariance + np.diag(_JITTER))
        normal = random.standard_normal((count, 3)) / np.sqrt(random.chisquare(_FREEDOM, (count, 1)) / _FREEDOM)
        points = mean + normal @ root.T
        proposed = -0.5 * (_FREEDOM + 3) * np.log1p((normal**2).sum(axis=1) / _FREEDOM)
        weights, power = _flattened(target.solve(points)[2] - proposed)
        if power == 1:
            return points, weights
        mean = weights @ points
        away = points - mean
        covariance = (away.T * weights) @ away
    raise NoSolution("the posterior of height, spread and rate is too irregular to be sampled")


def _mode(target: _Target) -> tuple[Array, Array]:
    """Where the density is largest, and the covariance of the normal distribution that bends as it does there.

    Of the modes found from the best points of a grid, one for each size of the scatter, the one that holds most.
    """
    span = max(float(np.ptp(target.height)), 1.0)
    heights = np.linspace(0.0, 1.5 * float(target.height.max()), 13)
    spreads = np.log(np.geomspace(span / 25, 2 * span, 12))
    found = []
    for scatter in _SCATTERS:
        grid = np.stack(np.meshgrid(heights, spreads, np.log(scatter), indexing="ij"), axis=-1).reshape(-1, 3)
        density = target.solve(grid)[2]
        start = int(density.argmax())
        if np.isfinite(density[start]):
            found.append(_climbed(target, grid[start], float(density[start]), np.array([0.02 * span, 0.05, 0.1])))
    if not found:
        raise NoSolution("no Gaussian plume is near what was seen")
    return max(found, key=lambda one: one[0])[1:]


def _climbed(target: _Target, best: Array, top: float, step: Array) -> tuple[float, Array, Array]:
    """The mode uphill from a point of density ``top``: logarithm of its mass, its place and its covariance.

    Newton's method, with differences for derivatives and as much damping as needed.
    """
    for _ in range(_MOST_STEPS):
        slope, bend = _derivatives(target, best, step)
        values, axes_of = np.linalg.eigh(bend)
        # Upwards wherever it bends, and no further than it is near a parabola
        sizes = np.maximum(np.abs(values), 1e-6)
        damping = np.array([0.0, 0.03, 0.3, 3.0, 30.0])[:, None]
        moves = ((slope @ axes_of) / (sizes + damping * sizes.max())) @ axes_of.T
        tried = best + moves * step
        density = target.solve(tried)[2]
        density = np.where(np.isfinite(density), density, -np.inf)
        index = int(density.argmax())
        if not density[index] > top + 1e-3:
            # as wide as the density, so that differences see its bend and not its rounding
            wide = np.sqrt(np.einsum("ij,j,ij->i", axes_of, 1.0 / np.maximum(np.abs(values), 0.05), axes_of))
            if np.all((wide > 0.3) & (wide < 3.0)):
                break
            step = step * np.clip(wide, 0.1, 3.0)
        else:
            best, top = tried[index], float(density[index])
    variances = 1.0 / np.maximum(np.abs(values), 0.1)
    mass = top + 0.5 * float(np.log(variances).sum()) + float(np.log(step).sum())
    return mass, best, np.asarray(((axes_of * variances) @ axes_of.T) * np.outer(step, step))


def _derivatives(target: _Target, point: Array, step: Array) -> tuple[Array, Array]:
    """Gradient and minus the matrix of second derivatives of the logarithm of the density, per step."""
    unit = np.eye(3)
    pairs = [(0, 1), (0, 2), (1, 2)]
    moves = [
        np.zeros(3),
        *unit,
        *-unit,
        *(unit[i] + unit[j] for i, j in pairs),
        *(-unit[i] - unit[j] for i, j in pairs),
    ]
    density = target.solve(point + np.array(moves) * step)[2]
    if not np.isfinite(density).all():
        raise NoSolution("the plume that fits best lies at the bounds of what plumes may be")
    middle, up, down, both, neither = density[0], density[1:4], density[4:7], density[7:10], density[10:13]
    bend = np.diag(2 * middle - up - down)
    for number, (i, j) in enumerate(pairs):
        mixed = (both[number] + neither[number] - up[i] - up[j] - down[i] - down[j] + 2 * middle) / 2
        bend[i, j] = bend[j, i] = -mixed
    return np.asarray(0.5 * (up - down)), np.asarray(bend)


def _flattened(logarithm: Array) -> tuple[Array, float]:
    """Normalised weights to the largest power up to 1 by which enough of the points count; and the power.

    A posterior much narrower than what was proposed falls on one point. Flattened weights move the proposals towards
    it step by step (Koblents and Míguez 2015, *Statistics and Computing* 25, 407–425).

    :param logarithm: of the weights.
    """
    if not np.isfinite(logarithm).any():
        raise NoSolution("no Gaussian plume is near what was seen")
    weights = _normalised(logarithm)
    if _effective(weights) >= _LEAST_EFFECTIVE:
        return weights, 1.0
    low, high = 0.0, 1.0
    for _ in range(20):
        power = 0.5 * (low + high)
        enough = _effective(_normalised(power * logarithm)) >= _LEAST_EFFECTIVE
        low, high = (power, high) if enough else (low, power)
    return _normalised(max(low, 1e-9) * logarithm), low


def _effective(weights: Array) -> float:
    """Number of equal weights that would say as much."""
    return 1.0 / float(weights @ weights)


def _normalised(logarithm: Array) -> Array:
    weights = np.exp(logarithm - logarithm.max())
    return np.asarray(weights / weights.sum())

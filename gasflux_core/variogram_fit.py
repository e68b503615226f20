"""Fit of a variogram model to experimental semivariograms.

Whatever the data, the fit ends: the ranges are bounded, the total sill follows in closed form from
the rest, the start is the best of a fixed grid, and a least-squares search refines it from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit, logit

from gasflux_core.covariance import ModelName, unit_semivariance
from gasflux_core.experimental_variogram import LagClasses

Array = NDArray[np.float64]
FitMethod = Literal["trf", "lm"]
FitWeights = Literal["relative", "equal", "linear", "sqrt", "sq", "exp"]

_RANGE_STEPS = 14
_NUGGET_SHARES = np.array([0.0, 1e-5, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9])
_NUGGET_FLOOR = 1e-7
_HOLE_DEPTH = 0.5
"""Share of the largest semivariance under which a class beyond it lies in a hole."""
_LARGEST_NUGGET_SHARE = 0.98
_SEMIVARIANCE_FLOOR = 1e-9
"""Of the largest experimental semivariance; lower ones (0 between equal values) count as this."""


@dataclass(frozen=True)
class FitBounds:
    """Least and largest effective ranges, m."""

    range_x: tuple[float, float]
    range_z: tuple[float, float]


@dataclass(frozen=True)
class FittedModel:
    """Parameters of the model, and how much of the scatter it explains."""

    nugget: float
    partial_sill: float
    range_x: float
    range_z: float
    misfit: float
    """Sum of squared residuals over that of a pure nugget; 1 when nothing is explained."""
    at_bound: bool
    """The range along x lies at its bound. (Along z that is usual: the plume is about as high as the flight.)"""


def fit_model(
    experimental: Sequence[LagClasses],
    model: ModelName,
    smoothness: float,
    bounds: FitBounds,
    *,
    ratio: float | None,
    nugget: bool,
    method: FitMethod,
    weights: FitWeights,
) -> FittedModel:
    """Fit nugget, partial sill and ranges by weighted least squares.

    The model is compared with each lag class at its mean lag vector; classes in which the semivariogram
    has fallen again to less than half of its largest value are left out. ``relative`` weights minimise
    Σ wᵢ ln²(γ̂ᵢ/γᵢ), wᵢ the number of pairs within its direction: the multiplicative counterpart of
    Cressie's (1985) N (γ̂/γ − 1)²; each direction weighs the same. The others minimise
    Σ ((γ̂ᵢ − γᵢ)/σᵢ)² with σ = 1, h, √h, h² or exp(−1/h), h the lag over the longest, as scikit-gstat's
    ``fit_sigma`` does.

    :param ratio: range_z over range_x; None fits both.
    :param method: ``trf`` a bounded search; ``lm`` Levenberg–Marquardt on parameters mapped into the same bounds.
    """
    used = np.concatenate([_not_in_a_hole(classes) for classes in experimental])
    lag_x = np.concatenate([classes.along_x for classes in experimental])[used]
    lag_z = np.concatenate([classes.along_z for classes in experimental])[used]
    semivariance = np.concatenate([classes.semivariance for classes in experimental])[used]
    floored = np.maximum(semivariance, _SEMIVARIANCE_FLOOR * semivariance.max())
    weight = _weights(experimental, weights)[used]
    relative = weights == "relative"

    def scaled(shape: Array) -> tuple[Array, Array]:
        """Best total sill for shapes (…, n) of unit total sill, and the residuals."""
        if relative:
            logs = np.log(floored) - np.log(np.maximum(shape, 1e-300))
            mean = logs @ weight / weight.sum()
            return np.exp(mean), np.sqrt(weight) * (logs - mean[..., None])
        sill = (shape * semivariance) @ weight / ((shape * shape) @ weight)
        return sill, np.sqrt(weight) * (semivariance - sill[..., None] * shape) / semivariance.max()

    def shape(log_x: Array, log_z: Array, share: Array) -> Array:
        lag = np.hypot(lag_x / np.exp(log_x)[..., None], lag_z / np.exp(log_z)[..., None])
        return np.asarray(share[..., None] + (1 - share[..., None]) * unit_semivariance(model, lag, smoothness))

    low = np.array([np.log(bounds.range_x[0]), np.log(bounds.range_z[0]), np.log10(_NUGGET_FLOOR)])
    high = np.array([np.log(bounds.range_x[1]), np.log(bounds.range_z[1]), np.log10(_LARGEST_NUGGET_SHARE)])
    free = np.array([True, ratio is None, nugget])

    def unpack(point: Array) -> tuple[Array, Array, Array]:
        log_x = point[..., 0]
        log_z = point[..., 1] if ratio is None else log_x + np.log(ratio)
        share = np.maximum(10.0 ** point[..., 2] - _NUGGET_FLOOR, 0.0) if nugget else np.zeros_like(log_x)
        return log_x, log_z, share

    grid = _grid(low, high, free)
    _, residuals = scaled(shape(*unpack(grid)))
    start = grid[np.argmin(np.einsum("...i,...i->...", residuals, residuals))]
    best = _refine(lambda point: scaled(shape(*unpack(point)))[1], start, low, high, free, method)
    log_x, log_z, share = unpack(best)
    sill, residual = scaled(shape(log_x, log_z, share))
    _, flat = scaled(np.ones_like(semivariance))
    scatter = float(flat @ flat)
    return FittedModel(
        nugget=float(share * sill),
        partial_sill=float((1 - share) * sill),
        range_x=float(np.exp(log_x)),
        range_z=float(np.exp(log_z)),
        misfit=float(residual @ residual) / scatter if scatter > 0 else 1.0,
        at_bound=bool(best[0] < low[0] + 1e-3 or best[0] > high[0] - 1e-3),
    )


def _not_in_a_hole(classes: LagClasses) -> NDArray[np.bool_]:
    """Lag classes that a model which never falls can fit.

    A plume in the middle of clean air makes the semivariogram fall again where only clean air lies that
    far apart from clean air; such classes would pull the sill down and hide the structure.
    """
    peak = int(np.argmax(classes.semivariance))
    fallen = classes.semivariance < _HOLE_DEPTH * classes.semivariance[peak]
    return np.asarray(~fallen | (classes.lag <= classes.lag[peak]))


def _weights(experimental: Sequence[LagClasses], weights: FitWeights) -> Array:
    if weights == "relative":
        return np.concatenate([classes.pairs / classes.pairs.sum() for classes in experimental])
    lag = np.concatenate([classes.lag / classes.edges[-1] for classes in experimental])
    sigma = {"equal": lag**0, "linear": lag, "sqrt": np.sqrt(lag), "sq": lag**2, "exp": np.exp(-1 / lag)}[weights]
    return np.asarray(1 / np.maximum(sigma, 1e-6) ** 2)


def _grid(low: Array, high: Array, free: NDArray[np.bool_]) -> Array:
    ranges = [np.linspace(low[i], high[i], _RANGE_STEPS) if free[i] else low[i : i + 1] for i in (0, 1)]
    shares = np.log10(_NUGGET_SHARES + _NUGGET_FLOOR) if free[2] else low[2:]
    return np.stack([axis.ravel() for axis in np.meshgrid(*ranges, shares, indexing="ij")], axis=-1)


def _refine(
    residuals: Callable[[Array], Array],
    start: Array,
    low: Array,
    high: Array,
    free: NDArray[np.bool_],
    method: FitMethod,
) -> Array:
    best = start.copy()
    if method == "trf":

        def of_free(values: Array) -> Array:
            best[free] = values
            return np.asarray(residuals(best))

        inside = np.clip(start[free], low[free] + 1e-9, high[free] - 1e-9)
        found = least_squares(of_free, inside, bounds=(low[free], high[free]), method="trf", max_nfev=40)
        best[free] = found.x
        return best
    width = (high - low)[free]

    def of_mapped(values: Array) -> Array:
        best[free] = low[free] + width * expit(values)
        return np.asarray(residuals(best))

    mapped = logit(np.clip((start[free] - low[free]) / width, 0.01, 0.99))
    if len(of_mapped(mapped)) < len(mapped):
        return start  # Levenberg–Marquardt wants as many residuals as parameters: the grid's best has to do
    found = least_squares(of_mapped, mapped, method="lm", max_nfev=400)
    best[free] = low[free] + width * expit(found.x)
    return best

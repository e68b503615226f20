"""Semivariogram models of unit sill, vectorised, on lags relative to the effective range.

The shapes and their effective ranges are those of :mod:`skgstat.models` (tested equal). They are
written here for whole arrays, since scikit-gstat calls its models once a lag, and evaluating
10⁶ lags is what kriging spends its time on.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

ModelName = Literal["spherical", "exponential", "gaussian", "matern", "stable", "cubic"]
MODEL_NAMES: tuple[str, ...] = get_args(ModelName)

Array = NDArray[np.float64]


def unit_semivariance(model: ModelName, lag: Array, smoothness: float) -> Array:
    """Semivariance γ of unit sill, without nugget; γ(0) = 0.

    :param lag: distance divided by the effective range (at which γ is 1, or 0.95 for models that
        only approach their sill); any shape, not negative.
    :param smoothness: Matérn's ν (0.5 exponential, ∞ Gaussian) or the exponent of ``stable`` (up to 2).

    ==============  =====================================================
    spherical       1.5 h − 0.5 h³ for h < 1, else 1
    exponential     1 − exp(−3 h)
    gaussian        1 − exp(−4 h²)
    matern          1 − 2^(1−ν)/Γ(ν) tᵛ K_ν(t), t = 4 √ν h
    stable          1 − exp(−3 hˢ)
    cubic           7h² − 35/4 h³ + 7/2 h⁵ − 3/4 h⁷ for h < 1, else 1
    ==============  =====================================================

    Small lags lose no digits (``expm1``), so that near-linear variograms stay usable.
    Source: Chilès and Delfiner (2012), Geostatistics, 2nd ed., section 2.5.
    """
    h = np.asarray(lag, dtype=float)
    if model == "spherical":
        h = np.minimum(h, 1.0)
        return np.asarray(h * (1.5 - 0.5 * h * h))
    if model == "exponential":
        return np.asarray(-np.expm1(-3.0 * h))
    if model == "gaussian":
        return np.asarray(-np.expm1(-4.0 * h * h))
    if model == "stable":
        return np.asarray(-np.expm1(-3.0 * h**smoothness))
    if model == "cubic":
        h = np.minimum(h, 1.0)
        h2 = h * h
        return np.asarray(h2 * (7.0 - h * (8.75 - h2 * (3.5 - 0.75 * h2))))
    t = 4.0 * np.sqrt(smoothness) * h
    if smoothness == 0.5:
        return np.asarray(-np.expm1(-t))
    if smoothness == 1.5:
        return np.asarray(-np.expm1(-t) - t * np.exp(-t))
    if smoothness == 2.5:
        return np.asarray(-np.expm1(-t) - (t + t * t / 3.0) * np.exp(-t))
    return 1.0 - _matern_correlation(t, smoothness)


def unit_correlation(model: ModelName, squared_lag: Array, smoothness: float) -> Array:
    """Correlation 1 − γ for squared relative lags; the array given is used as work space.

    The forms that kriging uses most are evaluated in place, since memory traffic, not arithmetic,
    is what a covariance matrix costs.
    """
    work = squared_lag
    if model == "gaussian":
        np.multiply(work, -4.0, out=work)
        return np.exp(work, out=work)
    if model == "exponential" or (model == "matern" and smoothness == 0.5):
        np.sqrt(work, out=work)
        np.multiply(work, -3.0 if model == "exponential" else -4.0 * np.sqrt(0.5), out=work)
        return np.exp(work, out=work)
    if model == "matern" and smoothness == 1.5:
        np.sqrt(work, out=work)
        np.multiply(work, -4.0 * np.sqrt(1.5), out=work)
        decay = np.exp(work)
        np.subtract(1.0, work, out=work)
        np.multiply(work, decay, out=work)
        return work
    lag = np.sqrt(work, out=work)
    if model == "spherical":
        np.minimum(lag, 1.0, out=lag)
        cubic = lag * lag
        np.multiply(cubic, 0.5, out=cubic)
        np.subtract(cubic, 1.5, out=cubic)
        np.multiply(lag, cubic, out=lag)
        return np.add(lag, 1.0, out=lag)
    return np.asarray(1.0 - unit_semivariance(model, lag, smoothness))


def _matern_correlation(t: Array, smoothness: float) -> Array:
    # K_ν overflows at 0 and underflows far out, where the correlation is 1 and 0
    correlation = np.where(t < 1e-8, 1.0, 0.0)
    inside = (t >= 1e-8) & (t < 650.0)
    s = t[inside]
    factor = 2.0 ** (1.0 - smoothness) / special.gamma(smoothness)
    correlation[inside] = factor * s**smoothness * special.kv(smoothness, s)
    return np.asarray(np.minimum(correlation, 1.0))

"""Variogram of a gas in the flight plane, estimated from the samples of a flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gasflux_core.covariance import ModelName
from gasflux_core.cross_validation import cross_validate
from gasflux_core.errors import InputError, NoSolution
from gasflux_core.experimental_variogram import (
    BinRule,
    Direction,
    EstimatorName,
    LagClasses,
    experimental_variograms,
)
from gasflux_core.parameters import Parameters, parameter
from gasflux_core.plane import Plane
from gasflux_core.variogram_fit import FitBounds, FitMethod, FittedModel, FitWeights, fit_model
from gasflux_core.variogram_model import CrossValidation, Quantity, Variogram

__all__ = [
    "CrossValidation",
    "Quantity",
    "Variogram",
    "VariogramParameters",
    "estimate_variogram",
    "plane_samples",
    "sampled_rows",
]

Array = NDArray[np.float64]

_LEAST_SAMPLES = 3
_PURE_NUGGET_MISFIT = 0.6
"""From this share of a pure nugget's misfit on, the model explains no more than chance does."""
_PURE_NUGGET_SHARE = 0.95
_PLAIN_RISE = 0.4
"""Semivariance of the shortest lags over the largest, under which there is structure."""
_LEAST_PAIRS = 100
_NEIGHBOUR_LAG = 0.2
"""Effective ranges up to which successive samples are neighbours."""
_LEAST_TRIPLES = 10
_MEDIAN_TO_DEVIATION = 1.4826
"""Standard deviation over median absolute value, of a normal distribution."""
_SECOND_DIFFERENCE_GAIN = 6.0
"""1² + 2² + 1²: variance of the second difference of white noise of variance 1."""
_UNSEEN_SHARE = 0.02
"""Partial sill over total sill where none was seen: structure this weak would be missed."""
_COARSE_SHARE = 0.9
"""Partial sill over total sill where a plume is there, but no two samples are near enough to show its structure."""
_PLUME_MEAN = 4.0
"""Standard errors above 0 from which a mean is that of a plume; the background's error is one or two."""


class VariogramParameters(Parameters):
    """How the semivariogram is estimated and which model is fitted."""

    quantity: Quantity = parameter(
        "mass_enhancement",
        title="Quantity",
        text="What is kriged: mass_enhancement (kg m-3), multiplied by the wind profile afterwards, does better on "
        "known flights; flux_density (kg m-2 h-1) is what GasFlux krigs.",
    )
    model: ModelName = parameter(
        "matern",
        title="Model",
        text="Semivariogram model. Matérn with smoothness 1.5 suits plumes: smooth, but not as stiff as Gaussian.",
    )
    smoothness: float = parameter(
        1.5,
        title="Smoothness",
        text="Matérn's smoothness (0.5 is exponential), or the exponent of the stable model (2 at most); the other "
        "models have none.",
        unit="1",
        ge=0.1,
        le=10,
    )
    estimator: EstimatorName = parameter(
        "matheron",
        title="Estimator",
        text="Estimator of the semivariance. The robust ones (cressie, dowd, genton) take a narrow plume for "
        "outliers and make its sill too small.",
    )
    n_lags: int = parameter(20, title="Lag classes", text="Number of lag classes.", unit="1", ge=3, le=200)
    bin_rule: BinRule = parameter(
        "even",
        title="Lag class rule",
        text="even: of one width; uniform: with equal numbers of pairs; the others set the number by NumPy's rule.",
    )
    maximum_lag: float = parameter(
        0.0,
        title="Maximum lag",
        text="Longest lag used; 0 takes half the plane's length along x and half the flight's height along z.",
        unit="m",
        ge=0,
        le=100_000,
    )
    direction: float = parameter(
        0.0,
        title="Direction",
        text="Direction of the semivariogram from the x axis (0) towards z (90). Where the anisotropy is fitted, "
        "both 0 and 90 are used instead.",
        unit="deg",
        ge=-180,
        le=180,
    )
    tolerance: float = parameter(
        45.0,
        title="Tolerance",
        text="Full opening angle around the direction, half on each side; 180 takes pairs of all directions.",
        unit="deg",
        gt=0,
        le=180,
    )
    bandwidth: float = parameter(
        0.0,
        title="Bandwidth",
        text="Full width of the band around the direction that pairs must lie in; 0 sets none.",
        unit="m",
        ge=0,
        le=100_000,
    )
    anisotropy: float = parameter(
        0.0,
        title="Anisotropy ratio",
        text="Range along z over range along x; 1 is isotropic, 0 fits it from semivariograms along x and along z.",
        unit="1",
        ge=0,
        le=100,
    )
    nugget: bool = parameter(
        True,
        title="Nugget",
        text="Fit a nugget, at least as large as the noise between neighbouring samples. It is taken as measurement "
        "noise, and filtered out by kriging.",
    )
    fit_method: FitMethod = parameter(
        "trf",
        title="Fit method",
        text="trf: bounded trust-region search; lm: Levenberg-Marquardt, here within the same bounds.",
    )
    fit_sigma: FitWeights = parameter(
        "relative",
        title="Fit weights",
        text="relative: by relative misfit and number of pairs; equal, linear, sqrt, sq, exp: by lag as in "
        "scikit-gstat.",
    )
    longest_range: float = parameter(
        1.0,
        title="Longest range",
        text="Upper bound of a range, as a multiple of the plane's length (along x) and of the flight's height "
        "(along z).",
        unit="1",
        ge=0.1,
        le=5,
    )
    cross_validation: Literal["leave_one_out", "transects", "none"] = parameter(
        "leave_one_out",
        title="Cross-validation",
        text="Leave out one sample at a time, or one transect at a time.",
    )


def estimate_variogram(table: pd.DataFrame, gas: str, plane: Plane, parameters: VariogramParameters) -> Variogram:
    """Estimate the experimental semivariogram of the kept rows and fit the model to it.

    Values without structure give a variogram all the same, with the flag ``no_structure`` (noise
    only) or ``no_variance`` (all values alike).

    :param table: of the flux density stage, with ``kept``, ``transect``, ``x``, ``z`` and ``<gas>_<quantity>``.
    :raises InputError: for a parameter that doesn't suit the plane or the model.
    :raises NoSolution: with fewer than three kept samples.
    """
    if parameters.model == "stable" and parameters.smoothness > 2:
        raise InputError(
            f"smoothness: the stable model asks for 2 at most, got {parameters.smoothness:g}", "smoothness"
        )
    positions, values, transects = plane_samples(table, gas, parameters.quantity)
    # The plume follows the terrain rather than the horizon, and so does kriging
    positions = positions - np.column_stack([np.zeros(len(values)), plane.ground_height(positions[:, 0])])
    extent = _extent(positions, plane)
    experimental = experimental_variograms(
        positions,
        values,
        _directions(parameters, extent),
        n_lags=parameters.n_lags,
        bin_rule=parameters.bin_rule,
        estimator=parameters.estimator,
        period=plane.period,
    )
    fitted, flags = _fit(experimental, values, positions, transects, extent, parameters)
    variogram = Variogram(
        quantity=parameters.quantity,
        model=parameters.model,
        nugget=fitted.nugget,
        partial_sill=fitted.partial_sill,
        range_x=fitted.range_x,
        range_z=fitted.range_z,
        smoothness=parameters.smoothness,
    )
    validation = None
    if parameters.cross_validation != "none":
        groups = transects if parameters.cross_validation == "transects" else None
        validation = cross_validate(positions, values, variogram, groups=groups, period=plane.period)
    return replace(variogram, experimental=experimental, cross_validation=validation, flags=flags)


def plane_samples(table: pd.DataFrame, gas: str, quantity: Quantity) -> tuple[Array, Array, NDArray[np.int64]]:
    """Positions (n, 2) in m, values (n,) and transect numbers (n,) of the kept rows with a finite value.

    :raises InputError: when a column is missing.
    :raises NoSolution: with fewer than three of them.
    """
    chosen = sampled_rows(table, gas, quantity)
    if np.count_nonzero(chosen) < _LEAST_SAMPLES:
        raise NoSolution(
            f"{np.count_nonzero(chosen)} kept samples of {gas} have a finite value, {_LEAST_SAMPLES} are needed: "
            "check the transects and the background"
        )
    return (
        table[["x", "z"]].to_numpy(dtype=float)[chosen],
        table[f"{gas}_{quantity}"].to_numpy(dtype=float)[chosen],
        table["transect"].to_numpy(dtype=np.int64)[chosen],
    )


def sampled_rows(table: pd.DataFrame, gas: str, quantity: Quantity) -> NDArray[np.bool_]:
    """Which rows are kept and have a place in the plane and a finite value.

    :raises InputError: when a column is missing.
    """
    column = f"{gas}_{quantity}"
    for name in ("kept", "transect", "x", "z", column):
        if name not in table.columns:
            raise InputError(f"column {name} is missing: the table has to come from the flux density stage", "table")
    finite = np.isfinite(table[["x", "z", column]].to_numpy(dtype=float)).all(axis=1)
    return np.asarray(table["kept"].to_numpy(dtype=bool) & finite)


def _extent(positions: Array, plane: Plane) -> tuple[float, float]:
    length, height = np.ptp(positions, axis=0)
    # A spiral's chords are as long as its diameter at most
    length = float(length) if plane.period is None else plane.period / np.pi
    longest = max(length, float(height))
    if longest <= 0:
        raise NoSolution("all kept samples lie at one place: there is no plane to krige on")
    return max(length, 1e-3 * longest), max(float(height), 1e-3 * longest)


def _directions(parameters: VariogramParameters, extent: tuple[float, float]) -> tuple[Direction, ...]:
    def towards(angle: float, rule: float) -> Direction:
        return Direction(angle, parameters.tolerance, parameters.bandwidth, parameters.maximum_lag or rule)

    length, height = extent
    if parameters.anisotropy == 0:
        return towards(0.0, length / 2), towards(90.0, height / 2)
    angle = np.deg2rad(parameters.direction)
    rule = float(np.hypot(length / 2 * np.cos(angle), height / 2 * np.sin(angle)))
    return (towards(parameters.direction % 180.0, rule),)


def _fit(
    experimental: Sequence[LagClasses],
    values: Array,
    positions: Array,
    transects: NDArray[np.int64],
    extent: tuple[float, float],
    parameters: VariogramParameters,
) -> tuple[FittedModel, tuple[str, ...]]:
    ratio = parameters.anisotropy or None
    bounds = _bounds(positions, transects, extent, parameters)
    usable = [classes for classes in experimental if classes.lag.size]
    variance = float(np.var(values))
    largest = max((float(classes.semivariance.max()) for classes in usable), default=0.0)
    middle_x = float(np.sqrt(bounds.range_x[0] * bounds.range_x[1]))
    middle_z = float(np.sqrt(bounds.range_z[0] * bounds.range_z[1])) if ratio is None else ratio * middle_x
    if not variance > 1e-24 * float(np.max(np.abs(values))) ** 2 or largest == 0:
        return FittedModel(0.0, 0.0, middle_x, middle_z, 1.0, False), ("no_variance",)
    flags = []
    if ratio is None and any(classes.lag.size < 2 for classes in experimental):
        # One transect says nothing of the vertical: its range is taken in the plane's proportions.
        ratio = middle_z / middle_x
        flags.append("anisotropy_assumed")
    fitted = fit_model(
        usable,
        parameters.model,
        parameters.smoothness,
        bounds,
        ratio=ratio,
        nugget=parameters.nugget,
        method=parameters.fit_method,
        weights=parameters.fit_sigma,
    )
    share = fitted.nugget / (fitted.nugget + fitted.partial_sill)
    unexplained = fitted.misfit > _PURE_NUGGET_MISFIT or share > _PURE_NUGGET_SHARE
    if parameters.nugget and unexplained and not _rises(usable):
        unseen = _COARSE_SHARE if _stands_out(values) else _UNSEEN_SHARE
        fitted = FittedModel((1 - unseen) * variance, unseen * variance, middle_x, middle_z, 1.0, False)
        flags.append("no_structure")
    elif parameters.nugget:
        fitted = replace(fitted, nugget=max(fitted.nugget, _noise(positions, values, transects, fitted)))
    if fitted.at_bound:
        flags.append("range_at_bound")
    return fitted, tuple(flags)


def _rises(experimental: Sequence[LagClasses]) -> bool:
    """Whether neighbours are plainly more alike than distant samples, however badly a model fits that."""
    largest = max(float(classes.semivariance.max()) for classes in experimental)
    return any(
        classes.pairs[0] >= _LEAST_PAIRS and classes.semivariance[0] < _PLAIN_RISE * largest for classes in experimental
    )


def _stands_out(values: Array) -> bool:
    """Whether the mean is more than noise about 0 would have: a plume is there that the sampling is too coarse for."""
    return bool(values.mean() > _PLUME_MEAN * values.std() / np.sqrt(len(values)))


def _noise(positions: Array, values: Array, transects: NDArray[np.int64], fitted: FittedModel) -> float:
    """Variance of the noise between neighbouring samples, from the median of their second differences.

    Smooth models fit a plume's lag classes best with no nugget at all, and would then take the noise at
    the edge of the samples for a trend. The plume itself hardly counts: it is curved little from sample
    to sample, and clean air is in the majority.
    """
    second = values[2:] - 2 * values[1:-1] + values[:-2]
    step = np.hypot(*(np.diff(positions, axis=0) / (fitted.range_x, fitted.range_z)).T)
    close = (step < _NEIGHBOUR_LAG) & (transects[1:] == transects[:-1])
    within = close[1:] & close[:-1]
    if np.count_nonzero(within) < _LEAST_TRIPLES:
        return 0.0
    return float((_MEDIAN_TO_DEVIATION * np.median(np.abs(second[within]))) ** 2 / _SECOND_DIFFERENCE_GAIN)


def _bounds(
    positions: Array, transects: NDArray[np.int64], extent: tuple[float, float], parameters: VariogramParameters
) -> FitBounds:
    """Ranges between the spacing of samples and transects, and a multiple of the plane's size."""
    length, height = extent
    steps = cKDTree(positions).query(positions, k=2)[0][:, 1]
    along = float(np.median(steps[steps > 0])) if np.any(steps > 0) else length / 100
    levels = np.sort([np.median(positions[transects == number, 1]) for number in np.unique(transects)])
    gaps = np.diff(levels)
    up = float(np.median(gaps[gaps > 0])) if np.any(gaps > 0) else height / 10
    high_x, high_z = parameters.longest_range * length, parameters.longest_range * height
    return FitBounds((min(2 * along, high_x / 4), high_x), (min(up, high_z / 4), high_z))

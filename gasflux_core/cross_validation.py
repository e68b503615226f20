"""Cross-validation of a variogram from one factorisation, without kriging again.

With P = K⁻¹ − K⁻¹1 1ᵀK⁻¹ / 1ᵀK⁻¹1 (ordinary kriging), leaving out the samples of group B gives the
residuals r = (P_BB)⁻¹ (P z)_B, whose covariance is (P_BB)⁻¹; for single samples these are
(Pz)ᵢ / Pᵢᵢ and 1 / Pᵢᵢ. Source: Dubrule (1983), Cross validation of kriging in a unique
neighborhood, Mathematical Geology 15, 687–699.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg import lapack

from gasflux_core.errors import NoSolution
from gasflux_core.kriging_kernel import Kernel, merge_samples
from gasflux_core.kriging_solvers import factorise
from gasflux_core.variogram_model import CrossValidation, Variogram

Array = NDArray[np.float64]

_MOST_SAMPLES = 1_500

_LEAST_SILL = 1e-200
"""Sill under which values carry no variance: its inverse overflows."""


def cross_validate(
    positions: Array,
    values: Array,
    variogram: Variogram,
    *,
    groups: NDArray[np.int64] | None = None,
    period: float | None = None,
) -> CrossValidation | None:
    """Predict each sample (or each group of samples) from the others by ordinary kriging.

    Standard errors include the nugget, since samples are predicted, not the field. Over 1 500
    samples, an even choice of them stands for all.

    :param positions: (n, 2), x and z in m.
    :param groups: (n,) number of the transect of each sample; None leaves out one sample at a time.
    :return: None where it can't be had: no variance, or fewer than two groups.
    """
    method = "leave_one_out" if groups is None else "transects"
    labels = np.arange(len(values)) if groups is None else groups
    if len(values) > _MOST_SAMPLES:
        chosen = np.linspace(0, len(values) - 1, _MOST_SAMPLES).astype(np.int64)
        positions, values, labels = positions[chosen], values[chosen], labels[chosen]
    if groups is None:
        positions, values, counts = merge_samples(positions, values)
        labels = np.arange(len(values))
    else:
        # Samples at one place but of two transects can't be merged; the nugget (or jitter) tells them apart.
        counts = np.ones(len(values))
    if variogram.sill < _LEAST_SILL or len(np.unique(labels)) < 2:
        return None
    try:
        factors = factorise(positions, values, counts, Kernel(variogram, period=period), "unknown")
        for column in range(1, len(positions)):
            factors.lower[:column, column] = 0.0  # the factor isn't cleared there, and its inverse has to be
        inverse, failed = lapack.dtrtri(factors.lower, lower=1, overwrite_c=1)
        if failed:
            return None
        residual, standardised = _left_out(inverse, factors.ones, factors.data, labels if groups is not None else None)
    except (NoSolution, linalg.LinAlgError):
        return None
    return CrossValidation(
        method=method,
        samples=len(residual),
        mean_standardised_error=float(np.mean(standardised)),
        rms_standardised_error=float(np.sqrt(np.mean(standardised**2))),
        rms_error=float(np.sqrt(np.mean(residual**2))),
    )


def _left_out(inverse: Array, ones: Array, data: Array, labels: NDArray[np.int64] | None) -> tuple[Array, Array]:
    precision = float(ones @ ones)
    centred = data - (ones @ data) / precision * ones
    pull = inverse.T @ centred  # P z
    unit = inverse.T @ ones / np.sqrt(precision)
    if labels is None:
        diagonal = np.einsum("ij,ij->j", inverse, inverse) - unit**2
        return pull / diagonal, pull / np.sqrt(diagonal)
    residual, standardised = np.empty_like(data), np.empty_like(data)
    for label in np.unique(labels):
        group = np.flatnonzero(labels == label)
        columns = inverse[:, group]
        block = columns.T @ columns - np.outer(unit[group], unit[group])
        covariance = linalg.inv(block, check_finite=False)
        residual[group] = covariance @ pull[group]
        standardised[group] = residual[group] / np.sqrt(np.diag(covariance))
    return residual, standardised

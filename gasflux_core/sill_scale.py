"""The likeliest sill of a field whose scale follows the plume.

The semivariogram's sill is that of the samples as they are. Divided by the plume's local strength they
vary far less: what the scale says already needs no sill to explain it. The factor m on the partial sill
is the one of largest likelihood (Mardia & Marshall 1984, *Biometrika* 71, 135–146): with K the scaled
samples' covariance and N their noise, z ~ N(0, m K + N). It decides how far the kriging standard errors
can be believed: a smooth plume is told well by few samples, a ragged one isn't.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gasflux_core.kriging_kernel import Kernel, merge_samples

Array = NDArray[np.float64]

_MOST_SAMPLES = 200
"""Merged samples on which the likelihood is maximised: the eigenvalues take their cube."""
_FACTORS = np.exp(np.linspace(np.log(1e-2), np.log(1e2), 93))
"""Factors tried, in steps of a tenth."""
_LEAST_NOISE = 1e-6
"""Noise over the partial sill that is taken where there is none, so that a division has a bound."""


def likeliest_sill_factor(samples: Array, values: Array, counts: Array, kernel: Kernel) -> float:
    """Factor on the kernel's partial sill under which the samples are likeliest, dimensionless.

    :param samples: (n, 2), x and height, m. :param values: (n,) of the scaled field, mean 0.
    :param counts: (n,) readings that each sample stands for: its noise is the nugget over this.
    """
    variogram = kernel.variogram
    if not variogram.partial_sill > 0:
        return 1.0
    # From the middle of the plane, so that a flight looked at from behind is merged alike
    middle = (samples[:, :1].min() + samples[:, :1].max()) / 2
    places, means, counts = merge_samples(samples - (middle, 0.0), values, counts)
    fraction = 0.05
    while len(means) > _MOST_SAMPLES:
        cell = (fraction * variogram.range_x, fraction * variogram.range_z)
        places, means, counts = merge_samples(places, means, counts, cell=cell)
        fraction *= 1.3
    noise = np.maximum(variogram.nugget / counts, _LEAST_NOISE * variogram.partial_sill)
    weight = 1.0 / np.sqrt(noise)
    # In units of the noise both parts of the covariance are diagonal together
    values_, vectors = np.linalg.eigh(kernel.matrix(places, places) * weight[:, None] * weight)
    spectrum = 1.0 + _FACTORS[:, None] * np.maximum(values_, 0.0)
    power = (vectors.T @ (means * weight)) ** 2
    cost = np.log(spectrum).sum(axis=1) + (power / spectrum).sum(axis=1)
    best = int(np.argmin(cost))
    if not 0 < best < len(_FACTORS) - 1:
        return float(_FACTORS[best])
    # The lowest point of the parabola through the best factor and its neighbours
    before, at, after = cost[best - 1 : best + 2]
    step = 0.5 * (before - after) / max(before - 2 * at + after, np.finfo(float).tiny)
    return float(_FACTORS[best] * (_FACTORS[1] / _FACTORS[0]) ** np.clip(step, -0.5, 0.5))

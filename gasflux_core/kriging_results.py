"""What kriging is asked for and what it tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gasflux_core.kriging_kernel import merge_samples

Array = NDArray[np.float64]
Mean = float | Literal["unknown"]


@dataclass(frozen=True, eq=False)
class Functional:
    """A linear functional Σ aᵢ q(node i), such as the integral over a plane."""

    weights: Array
    """(m,), one a node."""
    prior_variance: float | None = None
    """aᵀCa with the covariance C between nodes, where it is known by a quick way; else it is summed."""
    pattern: Array | None = None
    """(n,) other values at the samples, such as those of an error common to them all, whose functional is told too."""

    def merged(self, places: Array, counts: Array | None, **cells: tuple[float, float]) -> Functional:
        """The same with its pattern merged as the samples are."""
        if self.pattern is None:
            return self
        return replace(self, pattern=merge_samples(places, self.pattern, counts, **cells)[1])


@dataclass(frozen=True, eq=False)
class Kriged:
    """What kriging tells of each node, and of the functional."""

    estimate: Array
    variance: Array
    """(m,); NaN where only the estimate was asked for."""
    functional: float | None
    functional_variance: float | None
    of_pattern: float | None
    """The functional of its pattern, by the same weights of the samples (and a known mean of 0)."""
    solver: Literal["global", "local"]

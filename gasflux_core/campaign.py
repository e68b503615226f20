"""One emission rate out of several flights past the same source.

The flights' rates yᵢ with standard uncertainties uᵢ are taken as draws around one mean rate, from flight
to flight with the variance τ² on top of uᵢ² (random effects): the source, and what the budgets leave
out, vary. Sources:

* DerSimonian, R. & Laird, N. (1986), Meta-analysis in clinical trials, *Controlled Clinical Trials* 7,
  177-188: τ² by moments, the mean and its standard uncertainty.
* DerSimonian, R. & Kacker, R. (2007), Random-effects model for meta-analysis of clinical trials: an update,
  *Contemporary Clinical Trials* 28, 105-114: the same with any weights.
* Knapp, G. & Hartung, J. (2003), Improved tests for a random effects meta-regression with a single covariate,
  *Statistics in Medicine* 22, 2693-2710: the interval, which few flights make wide.
* Higgins, J. P. T. & Thompson, S. G. (2002), Quantifying heterogeneity in a meta-analysis, *Statistics in
  Medicine* 21, 1539-1558: I².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gasflux_core.errors import InputError, NoSolution

_UPPER = 0.975
"""Probability below the upper end of a 95 % interval."""

_ENOUGH_FLIGHTS = 5
_RARE = 0.05
"""Probability of a scatter under which it isn't taken for chance."""


@dataclass(frozen=True)
class CampaignMean:
    """The mean of several flights' rates; rates in kg h⁻¹.

    The flights' errors count as independent. What they share, such as the calibration of one
    instrument, is not made smaller by more flights and has to be added.
    """

    flights: int
    emission_rate: float
    """Mean with weights 1 / (uᵢ² + τ²)."""
    standard_uncertainty: float
    interval95: tuple[float, float]
    """By Student's t, since few flights tell little of τ; of a single flight normal."""
    between_flights: float
    """τ, standard deviation of the true rate from flight to flight."""
    fixed_rate: float
    """Mean with weights 1 / uᵢ², right where all flights saw the same rate (τ = 0)."""
    fixed_uncertainty: float
    q: float | None
    """Cochran's Q = Σ (yᵢ − fixed_rate)² / uᵢ², dimensionless; None where an uncertainty is 0."""
    p: float | None
    """Probability of such a Q, or a greater one, where τ = 0 (χ² with flights − 1 degrees of freedom)."""
    i2: float | None
    """I², share of the scatter that τ makes, from 0 to 1."""
    flags: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "emission_rate": self.emission_rate,
            "unit": "kg/h",
            "standard_uncertainty": self.standard_uncertainty,
            "interval95": list(self.interval95),
            "flights": self.flights,
            "between_flights": self.between_flights,
            "tau2": self.between_flights**2,
            "q": self.q,
            "degrees_of_freedom": self.flights - 1,
            "p": self.p,
            "i2": self.i2,
            "fixed_effect": {
                "emission_rate": self.fixed_rate,
                "standard_uncertainty": self.fixed_uncertainty,
            },
            "flags": list(self.flags),
        }


def combine_rates(rates: Sequence[float], uncertainties: Sequence[float]) -> CampaignMean:
    """The weighted mean of flights' emission rates, with their spread (random effects).

    With weights aᵢ = 1 / uᵢ², the moment estimate τ² = max(0, (Q − (n − 1)) / (Σ aᵢ − Σ aᵢ² / Σ aᵢ)) is the same as
    half the mean over all pairs, weighted by aᵢ aⱼ, of (yᵢ − yⱼ)² − uᵢ² − uⱼ²: how much more flights differ
    than they state. The mean then has the weights 1 / (uᵢ² + τ²). Where an uncertainty is 0 its weight would be
    infinite: all weights are then 1 in both means, and Q, p and I² are not told. The interval is Knapp and Hartung's,
    mean ± t(n − 1) · u · √max(1, Σ (yᵢ − mean)² / (uᵢ² + τ²) / (n − 1)): unlike ± 1.96 u it holds what it says with
    few flights too.

    :param rates: of the flights, kg h⁻¹; negative ones count as they are.
    :param uncertainties: their standard uncertainties, kg h⁻¹.
    :raises NoSolution: no flight.
    :raises InputError: values that aren't finite, a negative uncertainty, or not as many of one as of the other.
    """
    rate, uncertainty = np.asarray(rates, dtype=float), np.asarray(uncertainties, dtype=float)
    _check(rate, uncertainty)
    # In units of their largest, so that squares neither overflow nor vanish.
    unit = float(max(np.abs(rate).max(), uncertainty.max())) or 1.0
    rate, variance = rate / unit, (uncertainty / unit) ** 2
    weighted = bool((variance > 0).all())
    weights = 1 / variance if weighted else np.ones_like(rate)
    fixed_rate, fixed_variance = _mean(rate, variance, weights)
    q = float(weights @ (rate - fixed_rate) ** 2)
    spread = _between(rate, variance, weights)
    freedom = len(rate) - 1
    if weighted:
        weights = 1 / (variance + spread)
    mean, mean_variance = _mean(rate, variance + spread, weights)
    scatter = float(weights @ (rate - mean) ** 2) / freedom if weighted and freedom else 1.0
    reach = _reach(freedom) * math.sqrt(mean_variance * max(1.0, scatter))
    p = _chance(q, freedom) if weighted and freedom else None
    return CampaignMean(
        flights=len(rate),
        emission_rate=mean * unit,
        standard_uncertainty=math.sqrt(mean_variance) * unit,
        interval95=((mean - reach) * unit, (mean + reach) * unit),
        between_flights=math.sqrt(spread) * unit,
        fixed_rate=fixed_rate * unit,
        fixed_uncertainty=math.sqrt(fixed_variance) * unit,
        q=q if weighted else None,
        p=p,
        i2=(max(0.0, 1 - freedom / q) if q > 0 else 0.0) if weighted else None,
        flags=_flags(len(rate), weighted, p),
    )


def _check(rate: NDArray[np.float64], uncertainty: NDArray[np.float64]) -> None:
    if rate.shape != uncertainty.shape or rate.ndim != 1:
        raise InputError(f"expected as many uncertainties as rates, got {uncertainty.size} and {rate.size}")
    if not rate.size:
        raise NoSolution("no flight has an emission rate, so there is no mean")
    if not (np.isfinite(rate).all() and np.isfinite(uncertainty).all() and (uncertainty >= 0).all()):
        raise InputError("expected finite rates, and finite uncertainties of at least 0")


def _mean(
    rate: NDArray[np.float64], variance: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float]:
    """Weighted mean and its variance."""
    shares = weights / weights.sum()
    return float(shares @ rate), float(shares**2 @ variance)


def _between(rate: NDArray[np.float64], variance: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """τ² by moments, over pairs of flights: no difference of large sums, as in the papers' form of it."""
    if len(rate) < 2:
        return 0.0
    one, other = np.triu_indices(len(rate), 1)
    shares = weights / weights.max()
    pairs = shares[one] * shares[other]
    surplus = (rate[one] - rate[other]) ** 2 - variance[one] - variance[other]
    return max(0.0, float(pairs @ surplus / (2 * pairs.sum())))


def _reach(freedom: int) -> float:
    """Half the 95 % interval in standard uncertainties: of Student's t, or of the normal distribution without any."""
    # scipy.special takes a while to load, and most runs of the service combine nothing.
    from scipy.special import ndtri, stdtrit

    return float(stdtrit(freedom, _UPPER) if freedom else ndtri(_UPPER))


def _chance(q: float, freedom: int) -> float:
    from scipy.special import chdtrc

    return float(chdtrc(freedom, q))


def _flags(flights: int, weighted: bool, p: float | None) -> tuple[str, ...]:
    flags = []
    if flights < _ENOUGH_FLIGHTS:
        flags.append("few_flights")
    if not weighted:
        flags.append("flights_not_weighted")
    if p is not None and p < _RARE:
        flags.append("flights_differ")
    return tuple(flags)

"""Emission rates by other methods than kriging, and how far they differ from the kriged one.

All methods share the samples, the baseline and the wind. An error of these moves them alike and doesn't show
in their difference; so the difference is held against what each method adds of its own: the interpolation and
extrapolation of the kriged field, and scatter, fit and extrapolation of the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import stdtrit

from gasflux_core.background import GasBackground
from gasflux_core.errors import NoSolution
from gasflux_core.plane import Plane
from gasflux_core.plume_inversion import invert_plume
from gasflux_core.transect_estimate import estimate_by_transects
from gasflux_core.transect_integrals import TransectIntegrals
from gasflux_core.uncertainty import Budget
from gasflux_core.wind_profile import WindProfile

_PROPORTIONAL = ("wind", "wind_profile", "pressure_temperature")
"""Terms of the budget that move all methods' rates by the same share."""

_ADDED = ("background",)
"""Terms that move all methods' rates by the same amount."""

_SHARED_SCATTER = ("transects",)
"""Terms that all methods see in the same transects; each of the others has it in its own uncertainty."""

_SPREAD_LIMIT = 2.0
_LEAST_SHARE = 1e-6
"""Share of the whole uncertainty under which the own one leaves the degrees of freedom without bound."""
_LEAST_PERCENT = 10.0
"""A difference counts from so many standard uncertainties and so many percent of the kriged rate on."""


METHOD_TITLES = {"transects": "Trapezoids over the transects", "plume": "Gaussian plume after Bayes"}
"""Each of the other methods and what people call it."""


@dataclass(frozen=True)
class OtherEstimate:
    """The emission rate of one gas by another method; rates in kg h⁻¹, None where withheld."""

    name: str
    title: str
    emission_rate: float | None
    standard_uncertainty: float | None
    own_uncertainty: float | None
    """The part of the standard uncertainty that other methods don't share."""
    interval95: tuple[float, float] | None
    note: str
    """What was found, or why the estimate is withheld."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "name": self.name,
            "title": self.title,
            "emission_rate": self.emission_rate,
            "standard_uncertainty": self.standard_uncertainty,
            "own_uncertainty": self.own_uncertainty,
            "interval95": list(self.interval95) if self.interval95 is not None else None,
            "withheld": self.emission_rate is None,
            "note": self.note,
        }


@dataclass(frozen=True)
class Disagreement:
    """Largest difference of another estimate from the kriged one."""

    name: str
    """The other estimate's."""
    difference: float
    """Other less kriged rate, kg h⁻¹."""
    percent: float | None
    """Size of the difference in percent of the kriged rate's; None where that is 0."""
    standard_uncertainties: float | None
    """Size of the difference in standard uncertainties of what the methods don't share."""

    @property
    def beyond_methods(self) -> bool:
        """Whether the methods' own uncertainties don't explain it."""
        return (self.percent is None or self.percent > _LEAST_PERCENT) and (
            self.standard_uncertainties is None or self.standard_uncertainties > _SPREAD_LIMIT
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "with": self.name,
            "difference": self.difference,
            "percent": self.percent,
            "standard_uncertainties": self.standard_uncertainties,
        }


@dataclass(frozen=True)
class _Found:
    """What a method gives: rates in kg h⁻¹."""

    rate: float
    own_uncertainty: float
    degrees_of_freedom: int | None
    """Of the own uncertainty; None for a normal distribution."""
    note: str
    draws: NDArray[np.float64] | None = None
    """Of the rate, without what methods share, where it has a distribution of its own."""


def other_estimates(
    table: pd.DataFrame,
    gas: str,
    plane: Plane,
    background: GasBackground,
    profile: WindProfile,
    transects: TransectIntegrals,
    rate: float,
    budget: Budget,
) -> tuple[OtherEstimate, ...]:
    """The emission rate by each other method; one that can't give a sound rate is withheld with the reason.

    :param table: of the flux density stage.
    :param rate: the kriged one, kg h⁻¹, and :param budget: its budget, for what all methods share.
    """
    kept = table["kept"].to_numpy(dtype=bool)
    gas_density = float(table[f"{gas}_density"].to_numpy(dtype=float)[kept].mean())
    noise, offset = (1e-6 * gas_density * ppm for ppm in (background.standard_deviation, background.standard_error))

    def by_transects() -> _Found:
        found = estimate_by_transects(table, gas, plane, profile, transects, noise)
        share = 100 * (found.below + found.above) / found.rate if found.rate else 0.0
        note = f"{len(transects.transect)} transects; {share:.0f} % of the rate lies below and above them"
        return _Found(found.rate, found.standard_uncertainty, found.degrees_of_freedom, note)

    def by_plume() -> _Found:
        found = invert_plume(table, gas, plane, profile, noise, offset)
        note = (
            f"plume {found.centre:.0f} m along the plane and {found.height:.0f} m above ground, spreads "
            f"{found.spread_across:.0f} m across and {found.spread_up:.0f} m up, explains "
            f"{100 * found.explained:.0f} % of what was seen; between transects it moves by {found.shift:.0f} m and "
            f"its strength scatters by {100 * found.scatter:.0f} %"
        )
        return _Found(found.rate, found.standard_uncertainty, None, note, found.draws)

    methods: list[tuple[str, Callable[[], _Found]]] = [("transects", by_transects), ("plume", by_plume)]
    return tuple(_estimate(name, METHOD_TITLES[name], method, rate, budget) for name, method in methods)


def disagreement(rate: float, budget: Budget, others: Sequence[OtherEstimate]) -> Disagreement | None:
    """The estimate that lies furthest from the kriged rate (kg h⁻¹); None where all are withheld."""
    common = {*_PROPORTIONAL, *_ADDED, *_SHARED_SCATTER}
    own = float(np.linalg.norm([term.value for term in budget.terms if term.name not in common]))
    found = []
    for other in others:
        if other.emission_rate is None or other.own_uncertainty is None:
            continue
        difference = other.emission_rate - rate
        expected = float(np.hypot(own, other.own_uncertainty))
        found.append(
            Disagreement(
                name=other.name,
                difference=difference,
                percent=100 * abs(difference / rate) if rate else None,
                standard_uncertainties=abs(difference) / expected if expected else None,
            )
        )
    return max(found, key=lambda one: abs(one.difference), default=None)


def _estimate(name: str, title: str, method: Callable[[], _Found], rate: float, budget: Budget) -> OtherEstimate:
    try:
        found = method()
        if not np.isfinite([found.rate, found.own_uncertainty]).all():
            raise NoSolution("the numbers of this flight lead to no finite rate")
    except (NoSolution, np.linalg.LinAlgError, FloatingPointError) as error:
        return OtherEstimate(name, title, None, None, None, None, str(error))
    shared = _shared(found.rate, rate, budget)
    total = float(np.hypot(found.own_uncertainty, shared))
    low, high = _interval(found, total, shared)
    return OtherEstimate(
        name=name,
        title=title,
        emission_rate=found.rate,
        standard_uncertainty=total,
        own_uncertainty=found.own_uncertainty,
        interval95=(low, high),
        note=found.note,
    )


def _shared(rate: float, kriged_rate: float, budget: Budget) -> float:
    """Standard uncertainty by wind, density and background, which all methods share, kg h⁻¹."""
    share = abs(rate / kriged_rate) if kriged_rate else 0.0
    terms = {term.name: term.value for term in budget.terms}
    sizes = [share * terms.get(name, 0.0) for name in _PROPORTIONAL] + [terms.get(name, 0.0) for name in _ADDED]
    return float(np.linalg.norm(sizes))


def _interval(found: _Found, total: float, shared: float) -> tuple[float, float]:
    """95 % interval, kg h⁻¹."""
    if found.draws is None:
        half = total * _coverage_factor(found, total)
        return found.rate - half, found.rate + half
    random = np.random.default_rng(2)
    low, high = np.percentile(found.draws + shared * random.standard_normal(len(found.draws)), [2.5, 97.5])
    return float(low), float(high)


def _coverage_factor(found: _Found, total: float) -> float:
    """Student's t with the effective degrees of freedom of Welch and Satterthwaite (GUM, G.4.1)."""
    freedom = np.inf
    if found.degrees_of_freedom is not None and found.own_uncertainty > _LEAST_SHARE * total:
        freedom = found.degrees_of_freedom * (total / found.own_uncertainty) ** 4
    return float(stdtrit(min(freedom, 1e6), 0.975))

"""The emission rate of a source from the flux plane, and the uncertainty that can be defended.

    Q = Σ q(x, z) · Δx Δz   over all cells of the plane

with the budget of ``gasflux_core.uncertainty``. The kriged field's own integral and its exact
standard error come with the :class:`~gasflux_core.kriging.Field`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gasflux_core.background import GasBackground
from gasflux_core.errors import NoSolution
from gasflux_core.kriging import Field
from gasflux_core.other_estimates import Disagreement, OtherEstimate, disagreement, other_estimates
from gasflux_core.plane import Plane
from gasflux_core.transect_integrals import TransectIntegrals, integrate_transects
from gasflux_core.uncertainty import Budget, BudgetTerm, EmissionRateParameters, estimate_uncertainty
from gasflux_core.wind_profile import WindProfile, fit_wind_profile

_SHARE_AT_EDGE = 0.05
"""Share of the rate in an edge row or column pair from which on the plume is taken as cut there."""

_FEWEST_TRANSECTS = 2


@dataclass(frozen=True, eq=False)
class EmissionRate:
    """Emission rate of one gas with its uncertainty; rates in kg h⁻¹."""

    gas: str
    emission_rate: float
    standard_uncertainty: float
    interval95: tuple[float, float]
    detection_limit: float
    budget: tuple[BudgetTerm, ...]
    cut: float
    """Sum of the positive part of the field."""
    fill: float
    """Sum of the negative part of the field, as a negative number."""
    sampled: float
    """Part between the lowest and the highest transect."""
    below: float
    """Part below the lowest transect."""
    above: float
    """Part above the highest transect."""
    transects: TransectIntegrals
    flags: tuple[str, ...]
    other_estimates: tuple[OtherEstimate, ...] = ()
    """By methods that share the data and nothing else."""
    disagreement: Disagreement | None = None
    """Of the one that lies furthest away; None where none is to be had."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values: the figures that every face shows for a gas."""
        return {
            "emission_rate": self.emission_rate,
            "unit": "kg/h",
            "standard_uncertainty": self.standard_uncertainty,
            "interval95": list(self.interval95),
            "detection_limit": self.detection_limit,
            "flags": list(self.flags),
            "budget": {term.name: {"value": term.value, "percent": term.percent} for term in self.budget},
            "cut": self.cut,
            "fill": self.fill,
            "sampled": self.sampled,
            "below_lowest_transect": self.below,
            "above_highest_transect": self.above,
            "other_estimates": [other.to_dict() for other in self.other_estimates],
            "disagreement": self.disagreement.to_dict() if self.disagreement is not None else None,
        }


def estimate_emission_rate(
    table: pd.DataFrame,
    gas: str,
    plane: Plane,
    field: Field,
    background: GasBackground,
    parameters: EmissionRateParameters,
) -> EmissionRate:
    """Emission rate of one gas through the plane, kg h⁻¹, with its budget and flags.

    :param table: of the flux density stage.
    :param field: of the kriging stage, kg m⁻² h⁻¹.
    :param background: of the background stage, for this gas.
    :raises NoSolution: when the field holds no finite value, or fewer than two transects saw the plane.
    """
    inside = (field.region > 0) & np.isfinite(field.estimate)
    if not inside.any():
        raise NoSolution(f"the flux plane of {gas} holds no finite value: no emission rate can be given")
    profile = _profile(table, plane, field)
    transects = integrate_transects(table, gas, plane, profile)
    if len(transects.transect) < _FEWEST_TRANSECTS:
        raise NoSolution(
            f"the plane is seen from {len(transects.transect)} transect only, so nothing tells how {gas} changes with "
            "height: fly at least two levels, better ten; the flight table's column reason says why rows were left out",
            "flight",
        )
    budget = estimate_uncertainty(table, gas, plane, field, background, profile, transects, parameters)
    others = other_estimates(table, gas, plane, background, profile, transects, field.integral, budget)
    apart = disagreement(field.integral, budget, others)
    cells = np.where(inside, field.estimate, 0.0) * field.cell_width * field.cell_height
    return EmissionRate(
        gas=gas,
        emission_rate=field.integral,
        standard_uncertainty=budget.standard_uncertainty,
        interval95=budget.interval95,
        detection_limit=budget.detection_limit,
        budget=budget.terms,
        cut=float(cells[cells > 0].sum()),
        fill=float(cells[cells < 0].sum()),
        sampled=field.sampled_integral,
        below=field.below_integral,
        above=field.above_integral,
        transects=transects,
        flags=_flags(field, plane, cells, background, budget, apart),
        other_estimates=others,
        disagreement=apart,
    )


def _profile(table: pd.DataFrame, plane: Plane, field: Field) -> WindProfile:
    values: Mapping[str, Any] | None = field.profile
    if values:
        return WindProfile.from_dict(values, plane)
    # A field of the flux density itself was kriged: the profile only tells how the rate answers to the wind.
    return fit_wind_profile(table, plane, roughness_length=0.03)


def _flags(
    field: Field,
    plane: Plane,
    cells: np.ndarray,
    background: GasBackground,
    budget: Budget,
    apart: Disagreement | None,
) -> tuple[str, ...]:
    flags = [*background.flags, *field.flags]
    if apart is not None and apart.beyond_methods:
        flags.append("methods_disagree")
    low, high = budget.interval95
    if abs(field.integral) < budget.detection_limit or low <= 0 <= high:
        flags.append("below_detection_limit")
        return tuple(dict.fromkeys(flags))
    size = abs(field.integral)
    rows = np.abs(cells.sum(axis=1)) / size
    sampled = np.flatnonzero((field.region == 1).any(axis=1))
    if sampled.size:
        height = max(1, round(sampled.size * 0.1))
        if rows[sampled[-height:]].sum() + abs(field.above_integral) / size > 2 * _SHARE_AT_EDGE:
            flags.append("plume_cut_at_top")
        if abs(field.below_integral) / size > 2 * _SHARE_AT_EDGE:
            flags.append("plume_below_lowest_transect")
    if plane.period is None:
        columns = np.abs(cells.sum(axis=0)) / size
        width = max(1, round(columns.size * 0.05))
        if columns[:width].sum() > _SHARE_AT_EDGE or columns[-width:].sum() > _SHARE_AT_EDGE:
            flags.append("plume_cut_at_side")
    if field.integral < 0:
        flags.append("negative_rate")
    return tuple(dict.fromkeys(flags))

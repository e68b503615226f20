"""What many outcomes say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from validation.flights import Outcome
from validation.kinds import KINDS

STEADY = frozenset(kind.name for kind in KINDS if kind.steady)
"""Kinds with a steady wind and a plume within the transects."""

NORMAL_WIDTH = float(2 * stats.norm.ppf(0.975) / stats.norm.ppf(0.75))
"""Width of a 95 % interval over the median error, where errors are normal: 5.8."""


def by_kind(outcomes: Sequence[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Flights with a source by kind, in the order of the kinds."""
    found = [(kind.name, [one for one in outcomes if one.kind == kind.name and one.truth > 0]) for kind in KINDS]
    return [(name, of) for name, of in found if of]


@dataclass(frozen=True)
class Summary:
    """Errors and coverage of a set of flights; errors as shares of the true rate, NaN where there is none."""

    flights: int
    failures: int
    mean_ratio: float
    median_error: float
    ninetieth_error: float
    largest_error: float
    held: int
    """Intervals that hold the truth."""
    median_width: float
    """Median width of the intervals over the true rate."""
    sharpness: float
    """Width over the width that would have held 95 %, about the same middles: 1 is no wider than needed."""

    @property
    def coverage(self) -> float:
        """Share of the intervals that hold the truth."""
        given = self.flights - self.failures
        return self.held / given if given else float("nan")

    @property
    def width_over_error(self) -> float:
        """Median width over median error: :data:`NORMAL_WIDTH` where errors are normal and the width is right."""
        return self.median_width / self.median_error if self.median_error else float("nan")


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """Sum up flights with a source; a failure counts as an error of 1, and has no interval."""
    sound = [one for one in outcomes if not one.failure]
    errors = [abs(one.ratio - 1) for one in sound] + [1.0] * (len(outcomes) - len(sound))
    needed = float(np.quantile([_half_widths(one) for one in sound], 0.95)) if sound else float("nan")
    return Summary(
        flights=len(outcomes),
        failures=len(outcomes) - len(sound),
        mean_ratio=float(np.mean([one.ratio for one in sound])) if sound else float("nan"),
        median_error=float(np.median(errors)) if errors else float("nan"),
        ninetieth_error=float(np.quantile(errors, 0.9)) if errors else float("nan"),
        largest_error=max(errors, default=float("nan")),
        held=sum(one.holds for one in sound),
        median_width=float(np.median([(one.high - one.low) / one.truth for one in sound])) if sound else float("nan"),
        sharpness=1.0 / needed if needed else float("inf"),
    )


def _half_widths(one: Outcome) -> float:
    """How far the truth lies from the middle of the interval, in half-widths."""
    off, half = abs(one.truth - (one.low + one.high) / 2), (one.high - one.low) / 2
    return off / half if half else (float("inf") if off else 0.0)


@dataclass(frozen=True)
class NoSource:
    """What flights past no source gave; rates in kg h⁻¹."""

    flights: int
    failures: int
    held: int
    """Intervals that hold 0."""
    flagged: int
    """Results flagged ``below_detection_limit``."""
    limits: tuple[float, ...]
    """Detection limits, of all results that have one above 0."""
    median_size: float
    """Median size of the rates."""


def summarise_no_source(outcomes: Sequence[Outcome]) -> NoSource:
    """Sum up flights without a source."""
    sound = [one for one in outcomes if not one.failure]
    limits = [float(one.figures.get("detection_limit") or 0.0) for one in sound]
    return NoSource(
        flights=len(outcomes),
        failures=len(outcomes) - len(sound),
        held=sum(one.holds for one in sound),
        flagged=sum("below_detection_limit" in one.flags for one in sound),
        limits=tuple(limit for limit in limits if limit > 0),
        median_size=float(np.median([abs(one.rate) for one in sound])) if sound else float("nan"),
    )


def confidence(held: int, flights: int) -> tuple[float, float]:
    """95 % confidence interval of a share of which ``held`` of ``flights`` were seen (Clopper and Pearson 1934)."""
    low = stats.beta.ppf(0.025, held, flights - held + 1) if held else 0.0
    high = stats.beta.ppf(0.975, held + 1, flights - held) if held < flights else 1.0
    return float(low), float(high)


def band(flights: int, share: float = 0.95) -> tuple[float, float]:
    """Where the counted share of ``flights`` lies in 95 % of all sets, if the true one is ``share``."""
    low, high = stats.binom.ppf([0.025, 0.975], flights, share)
    return float(low / flights), float(high / flights)


def standardised(outcomes: Sequence[Outcome]) -> list[float]:
    """Truth less rate over the standard uncertainty: standard normal where the uncertainty is right."""
    return [(one.truth - one.rate) / one.figures["standard_uncertainty"] for one in outcomes if not one.failure]


def other_estimates(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The same flights by each of the other estimators, title → outcomes; what was withheld is a failure.

    Empty where the results name no other estimates.
    """
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        for other in one.figures.get("other_estimates", ()):
            rate = other.get("emission_rate")
            if rate is None:
                told = replace(one, rate=float("nan"), failure=str(other.get("note") or "withheld"))
            else:
                low, high = other["interval95"]
                told = replace(one, rate=rate, low=low, high=high)
            found.setdefault(other["title"], []).append(told)
    return found


def by_agreement(outcomes: Sequence[Outcome], within: float) -> tuple[list[Outcome], list[Outcome]]:
    """Flights whose other estimates all lie within this share of the kriged rate, and those where one doesn't.

    Flights that have none (none given, or all withheld) are in neither.
    """
    agree: list[Outcome] = []
    differ: list[Outcome] = []
    for one in outcomes:
        rates = [other.get("emission_rate") for other in one.figures.get("other_estimates", ())]
        differences = [abs(rate - one.rate) for rate in rates if rate is not None]
        if differences and not one.failure:
            (agree if max(differences) <= within * abs(one.rate) else differ).append(one)
    return agree, differ

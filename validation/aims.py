"""What the project aims at, and whether a set of outcomes reached it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from validation.flights import Outcome
from validation.summary import Summary, confidence, summarise, summarise_no_source

MEDIAN_AIM = 0.03
STEADY_LARGEST_AIM = 0.10
ALL_NINETIETH_AIM = 0.15
COVERAGE_AIM = (0.93, 0.97)
KIND_COVERAGE_AIM = (0.88, 0.99)

REACHED, NOT_REACHED, NOT_RUN = "reached", "not reached", "not run"
NO_BOUND = "reported"
"""Of an aim without a number."""


@dataclass(frozen=True)
class Judged:
    """One aim, what was found, and the verdict."""

    aim: str
    found: str
    verdict: str


def judge(outcomes: Sequence[Outcome], steady: Sequence[str]) -> list[Judged]:
    """Judge all aims.

    :param outcomes: of all flights, those past no source (true rate 0) among them.
    :param steady: names of the kinds with a steady wind and a plume within the transects.
    """
    source = [one for one in outcomes if one.truth > 0]
    return [
        *_judge_errors(source, steady),
        *_judge_intervals(source),
        *_judge_no_source([one for one in outcomes if one.truth == 0]),
        *_judge_silence(outcomes),
    ]


def _judge_errors(source: Sequence[Outcome], steady: Sequence[str]) -> list[Judged]:
    calm = summarise([one for one in source if one.kind in steady])
    every = summarise(source)
    return [
        _at_most("Steady wind: median error at most 3 %", calm, calm.median_error, MEDIAN_AIM),
        _at_most("Steady wind: largest error at most 10 %", calm, calm.largest_error, STEADY_LARGEST_AIM),
        _at_most("All kinds: median error at most 3 %", every, every.median_error, MEDIAN_AIM),
        _at_most("All kinds: 90th percentile at most 15 %", every, every.ninetieth_error, ALL_NINETIETH_AIM),
    ]


def _at_most(aim: str, summary: Summary, value: float, bound: float) -> Judged:
    if not summary.flights:
        return Judged(aim, "no flights", NOT_RUN)
    return Judged(aim, f"{100 * value:.1f} % of {summary.flights} flights", _verdict(value <= bound))


def _judge_intervals(source: Sequence[Outcome]) -> list[Judged]:
    overall = "95 % intervals hold the truth in 93–97 % of all flights"
    strict = "… in 88–99 % of each kind, as counted"
    fair = "… in 88–99 % of each kind, as far as so few flights tell"
    narrow = "Intervals no wider than needed"
    every = summarise(source)
    given = every.flights - every.failures
    if not given:
        return [Judged(aim, "no flights", NOT_RUN) for aim in (overall, strict, fair, narrow)]
    kinds = {kind: summarise([one for one in source if one.kind == kind]) for kind in {one.kind for one in source}}
    known = {kind: one for kind, one in kinds.items() if one.flights > one.failures}
    least, most = KIND_COVERAGE_AIM
    off = sorted(kind for kind, one in known.items() if not least <= one.coverage <= most)
    beyond = sorted(kind for kind, one in known.items() if _told_apart(one))
    low, high = confidence(every.held, given)
    return [
        Judged(
            overall,
            f"{100 * every.coverage:.1f} % ({every.held} of {given}; with 95 % confidence {100 * low:.1f} to "
            f"{100 * high:.1f} %)",
            _verdict(COVERAGE_AIM[0] <= every.coverage <= COVERAGE_AIM[1]),
        ),
        Judged(strict, f"{len(known) - len(off)} of {len(known)} kinds", _verdict(not off)),
        Judged(
            fair,
            f"{len(known) - len(beyond)} of {len(known)} kinds{_named(beyond)}",
            _verdict(not beyond),
        ),
        Judged(
            narrow,
            f"median width {every.width_over_error:.1f} × median error; {every.sharpness:.2f} × the width that would "
            "have held 95 %",
            NO_BOUND,
        ),
    ]


def _told_apart(summary: Summary) -> bool:
    """Whether a kind's coverage lies outside the aim beyond what the chance of so few flights explains."""
    low, high = confidence(summary.held, summary.flights - summary.failures)
    return high < KIND_COVERAGE_AIM[0] or low > KIND_COVERAGE_AIM[1]


def _judge_no_source(none: Sequence[Outcome]) -> list[Judged]:
    holds, limit = "No source: the interval holds 0", "No source: a detection limit is given"
    if not none:
        return [Judged(aim, "no flights", NOT_RUN) for aim in (holds, limit)]
    found = summarise_no_source(none)
    return [
        Judged(holds, f"{found.held} of {found.flights}", _verdict(found.held == found.flights)),
        Judged(limit, f"{len(found.limits)} of {found.flights}", _verdict(len(found.limits) == found.flights)),
    ]


def _judge_silence(outcomes: Sequence[Outcome]) -> list[Judged]:
    silent = sum(_is_silent(one) for one in outcomes)
    crashes = sum(one.crashed for one in outcomes)
    refused = sum(bool(one.failure) and not one.crashed for one in outcomes)
    return [
        Judged(
            "Never a silent 0: a rate that is no number, or 0 past a source without a flag",
            f"{silent} of {len(outcomes)}",
            _verdict(not silent),
        ),
        Judged(
            "Never a crash",
            f"{crashes} of {len(outcomes)}; {refused} without a rate, but with words why",
            _verdict(not crashes),
        ),
    ]


def _is_silent(one: Outcome) -> bool:
    if one.failure:
        return False
    return not np.isfinite([one.rate, one.low, one.high]).all() or (one.truth > 0 and one.rate == 0 and not one.flags)


def _named(kinds: Sequence[str]) -> str:
    return f"; not {', '.join(kinds)}" if kinds else ""


def _verdict(reached: bool) -> str:
    return REACHED if reached else NOT_REACHED

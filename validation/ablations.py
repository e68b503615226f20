"""The calculation with one idea left out at a time: what each is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from gasflux_core.gasflux_configuration import map_gasflux
from validation.flights import Outcome, run_flights
from validation.kinds import KINDS, Kind

Sections = Mapping[str, Mapping[str, Any]]

ABLATED_KINDS = (
    "plain",
    "oblique_60",
    "fast_sensor",
    "weak",
    "drift",
    "several",
    "meander_weak",
    "ground",
    "top_cut",
    "terrain",
    "sparse",
    "spiral_off",
)
"""Kinds by which an idea is judged: each asks something else of the method."""

ABLATED_SEEDS = 8
"""First seeds of a run that are flown without an idea."""

_GASFLUX_FILE = Path(__file__).parents[1] / "tests" / "data" / "gasflux_testconfig.yaml"
_GASFLUX_METHOD = (
    "algorithmic_baseline_settings",
    "semivariogram_settings",
    "ordinary_kriging_settings",
    "filters",
)
"""What of GasFlux's file is its method; the rest says what the flight's columns and shape are."""


@dataclass(frozen=True)
class Ablation:
    """Settings in place of the defaults."""

    name: str
    title: str
    why: str
    sections: Callable[[], Sections]


@dataclass(frozen=True)
class Ablated:
    """The same flights with the defaults and without the idea."""

    ablation: Ablation
    outcomes: Sequence[Outcome]
    before: Sequence[Outcome]

    @property
    def worse(self) -> float:
        """Share of the flights whose rate is further off than with the defaults; a failure is off by 1."""
        pairs = list(zip(self.outcomes, self.before, strict=True))
        return sum(_error(one) > _error(other) for one, other in pairs) / len(pairs)


def _error(one: Outcome) -> float:
    return 1.0 if one.failure else abs(one.ratio - 1)


def _changed(**sections: Mapping[str, Any]) -> Callable[[], Sections]:
    return lambda: sections


@cache
def gasflux_settings() -> Sections:
    """All of the method of a GasFlux configuration at once."""
    given = yaml.safe_load(_GASFLUX_FILE.read_text(encoding="utf-8"))
    return map_gasflux({key: given[key] for key in _GASFLUX_METHOD}, "configuration").sections


ABLATIONS = (
    Ablation(
        "isotropic",
        "one range for both directions",
        "plumes are wider than high, and samples far denser along transects than across",
        _changed(variogram={"anisotropy": 1.0}),
    ),
    Ablation(
        "flux_density",
        "flux density kriged, not enhancement × wind profile",
        "each sample carries the gust of its second",
        _changed(variogram={"quantity": "flux_density"}),
    ),
    Ablation(
        "no_mirror",
        "no mirror at the ground",
        "no gas goes through the ground, so the enhancement has no gradient there",
        _changed(kriging={"ground_mirror": False}),
    ),
    Ablation(
        "no_scale",
        "no scale that follows the plume",
        "clean air is doubted as much as the plume's core",
        _changed(kriging={"plume_scale": False}),
    ),
    Ablation(
        "no_extrapolation",
        "nothing below and above the transects",
        "what passes there is lost",
        _changed(kriging={"below": "none", "above": "none"}),
    ),
    Ablation(
        "ordinary",
        "ordinary mean",
        "away from a plume the enhancement is known to be 0",
        _changed(kriging={"mean": "ordinary"}),
    ),
    Ablation(
        "exponential",
        "exponential model",
        "too rough: a plume is smooth between transects",
        _changed(variogram={"model": "exponential"}),
    ),
    Ablation(
        "spherical",
        "spherical model",
        "GasFlux's; linear at the origin, as if the plume were rough",
        _changed(variogram={"model": "spherical"}),
    ),
    Ablation(
        "fastchrom",
        "background fastchrom",
        "GasFlux's; takes a broad plume for background",
        _changed(background={"algorithm": "fastchrom"}),
    ),
    Ablation(
        "asls",
        "background asls",
        "a smooth curve that knows nothing of transects",
        _changed(background={"algorithm": "asls"}),
    ),
    Ablation(
        "transect_ends",
        "background from the transects' ends",
        "takes what passes at the ends for background, and only few samples tell it",
        _changed(background={"algorithm": "transect_ends"}),
    ),
    Ablation(
        "inverse_distance",
        "inverse distance, not kriging",
        "weights know distances only; nothing above the highest transect",
        _changed(kriging={"interpolator": "inverse_distance"}),
    ),
    Ablation(
        "linear",
        "linear interpolation, not kriging",
        "goes through the noise; nothing above the highest transect",
        _changed(kriging={"interpolator": "linear"}),
    ),
    Ablation(
        "gasflux",
        "GasFlux's settings, all of them",
        "fastchrom, spherical, isotropic, ordinary kriging of the flux density between lowest and highest sample; its "
        "faults in density, cells and sign are not repeated",
        gasflux_settings,
    ),
)


def run_ablations(
    outcomes: Sequence[Outcome], ablations: Sequence[Ablation] = ABLATIONS, processes: int = 2
) -> list[Ablated]:
    """Fly a part of these flights again, each time without one idea.

    :param outcomes: with the defaults; :data:`ABLATED_KINDS` and the first :data:`ABLATED_SEEDS` of them are taken
        (all kinds with a source, where none of those is among them).
    """
    kinds, seeds = _part(outcomes)
    known = {(one.kind, one.seed): one for one in outcomes}
    before = [known[kind.name, seed] for kind in kinds for seed in seeds]
    return [
        Ablated(ablation, run_flights(seeds, kinds, ablation.sections(), processes), before) for ablation in ablations
    ]


def _part(outcomes: Sequence[Outcome]) -> tuple[list[Kind], list[int]]:
    flown = {one.kind for one in outcomes if one.truth > 0}
    names = flown & set(ABLATED_KINDS) or flown
    return [kind for kind in KINDS if kind.name in names], sorted({one.seed for one in outcomes})[:ABLATED_SEEDS]

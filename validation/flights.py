"""Run flights of known rate through the whole calculation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from gasflux_core.errors import GasFluxError
from gasflux_core.pipeline import Settings, check_settings, run_pipeline
from gasflux_core.simulate import simulate_flight
from validation.kinds import KINDS, Kind


@dataclass(frozen=True)
class Outcome:
    """What one flight gave; rates in kg h⁻¹."""

    kind: str
    seed: int
    truth: float
    rate: float
    low: float
    high: float
    inside: float
    """Share of the rate that passes between the transects."""
    flags: tuple[str, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    """All that the calculation says of the gas."""
    failure: str = ""
    """Why there is no rate, in the calculation's own words."""
    crashed: bool = False
    """Whether it failed by an error that no user is told how to mend."""

    @property
    def ratio(self) -> float:
        """Estimated over true rate."""
        return self.rate / self.truth

    @property
    def holds(self) -> bool:
        """Whether the 95 % interval holds the truth."""
        return self.low <= self.truth <= self.high


def run_flight(kind: Kind, seed: int, settings: Settings | None = None) -> Outcome:
    """Simulate one flight, and estimate its rate; a flight without a rate says why."""
    made = simulate_flight(kind.parameters(seed))
    truth, inside = made.true_rates[kind.gas], made.inside_fraction[kind.gas]
    nan = float("nan")
    try:
        figures = run_pipeline(made.table, (kind.gas,), settings).figures()["gases"][kind.gas]
    except GasFluxError as error:
        return Outcome(kind.name, seed, truth, nan, nan, nan, inside, failure=str(error))
    except Exception as error:
        # A crash is what is looked for here: it is counted, and the other flights go on.
        words = f"{type(error).__name__}: {error}"
        return Outcome(kind.name, seed, truth, nan, nan, nan, inside, failure=words, crashed=True)
    low, high = figures["interval95"]
    return Outcome(
        kind.name, seed, truth, figures["emission_rate"], low, high, inside, tuple(figures["flags"]), figures
    )


def run_flights(
    seeds: Sequence[int], kinds: Iterable[Kind] = KINDS, sections: Mapping[str, Any] | None = None, processes: int = 2
) -> list[Outcome]:
    """Run all kinds with all seeds, with these settings in place of the defaults."""
    settings = check_settings(sections or {})
    jobs = [(kind.name, seed, settings) for kind in kinds for seed in seeds]
    with ProcessPoolExecutor(processes) as pool:
        return list(pool.map(_run, jobs, chunksize=4))


def _run(job: tuple[str, int, Settings]) -> Outcome:
    name, seed, settings = job
    return run_flight(next(kind for kind in KINDS if kind.name == name), seed, settings)

"""Progress follows what the stages cost."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gasflux_core.io.tables import read_table
from gasflux_core.kriging import KrigingParameters
from gasflux_core.pipeline import Settings, run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.stage_costs import Workload, expected_nodes, stage_begins, stage_seconds
from gasflux_core.variogram import VariogramParameters

SMALL = Workload(rows=900, gases=2, nodes=700)
LARGE = Workload(rows=20_000, gases=2, nodes=30_000)
PER_FLIGHT = ("flight", "wind", "transects", "background", "plane", "flux_density")
PER_GAS = ("variogram", "kriging", "emission_rate")


def shares(work: Workload, variogram: VariogramParameters | None = None, kriging: KrigingParameters | None = None):
    seconds = stage_seconds(work, variogram or VariogramParameters(), kriging or KrigingParameters())
    whole = sum(seconds.values())
    return {stage: sum(s for (one, _), s in seconds.items() if one == stage) / whole for stage, _ in seconds}


@pytest.mark.parametrize("work", [SMALL, LARGE, replace(LARGE, gases=1, terrain=True)])
def test_begins_rise_from_nothing_by_what_each_stage_costs(work):
    seconds = stage_seconds(work, VariogramParameters(), KrigingParameters())
    begins = stage_begins(work, VariogramParameters(), KrigingParameters())
    assert list(begins) == list(seconds)
    places = [*begins.values(), 1.0]
    assert places[0] == 0
    for place, following, cost in zip(places, places[1:], seconds.values(), strict=False):
        assert following - place == pytest.approx(cost / sum(seconds.values()))
        assert following > place
    assert (("terrain", 0) in begins) == work.terrain


def test_stages_cost_as_measured_for_small_and_large_flights():
    # measured shares, one processor: of a small flight the stages are of one size, of a large one kriging is nearly all
    small, large = shares(SMALL), shares(LARGE)
    assert 0.15 < small["variogram"] < 0.5
    assert 0.2 < small["kriging"] < 0.6
    assert small["background"] > 0.05
    assert large["kriging"] > 0.9
    assert sum(large[stage] for stage in PER_FLIGHT) < 0.05
    assert shares(SMALL, VariogramParameters(cross_validation="none"))["variogram"] < 0.7 * small["variogram"]
    assert shares(SMALL, kriging=KrigingParameters(interpolator="linear"))["kriging"] < small["kriging"]


def test_one_system_of_all_samples_costs_most_where_there_are_many():
    solved = {
        solver: stage_seconds(LARGE, VariogramParameters(), KrigingParameters(solver=solver))["kriging", 0]
        for solver in ("local", "global", "auto")
    }
    assert solved["global"] > 10 * solved["local"] == 10 * solved["auto"]


@pytest.mark.parametrize(
    "kriging",
    [
        KrigingParameters(),
        KrigingParameters(resolution=500, above="none"),
        KrigingParameters(cell_size=2.0),
        KrigingParameters(cell_size=8.0),
    ],
)
def test_the_progress_told_is_that_of_the_costs_and_the_grid_is_foreseen(kriging):
    table = simulate_flight(SimulationParameters(seed=1, legs=False)).table
    told: list[tuple[float, str]] = []
    result = run_pipeline(table, ("ch4",), Settings(kriging=kriging), lambda *one: told.append(one))
    nodes = expected_nodes(result.flight.table, kriging)
    assert result.gases["ch4"].field.estimate.size == pytest.approx(nodes, rel=0.5)
    begins = stage_begins(Workload(len(table), 1, nodes), VariogramParameters(), kriging)
    assert [fraction for fraction, _ in told] == [*begins.values(), 1.0]
    assert told[-2][1] == "Estimating the emission rate of ch4"


def test_every_gas_has_its_turn(example_flight: Path):
    told: list[tuple[float, str]] = []
    settings = Settings(kriging=KrigingParameters(resolution=100))
    run_pipeline(read_table(example_flight), ("ch4", "co2"), settings, lambda *one: told.append(one))
    fractions = [fraction for fraction, _ in told]
    assert len(told) == len(PER_FLIGHT) + 2 * len(PER_GAS) + 1
    assert fractions[0] == 0 and fractions[-1] == 1
    assert all(after > before for before, after in pairwise(fractions))

"""The public GasFlux 0.2.2 on its own example flight: what it gets right is reproduced, stage by stage.

UTM and course are compared in tests/core/test_position.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasflux_core.background import BackgroundParameters, estimate_background
from gasflux_core.configuration import read_configuration
from gasflux_core.flux_density import gas_density, molar_mass
from gasflux_core.io.tables import read_table
from gasflux_core.kriging_solvers import krige
from gasflux_core.pipeline import Result, check_settings, run_pipeline
from gasflux_core.variogram_model import Variogram
from tests.conftest import ROOT

GASES = ("ch4", "co2", "c2h6")
GOLDEN: dict[str, Any] = json.loads((Path(__file__).parent / "gasflux_example.json").read_text(encoding="utf-8"))
LIBRARY = {
    "half_window": None,
    "threshold": None,
    "min_fwhm": None,
    "interp_half_window": 5,
    "smooth_half_window": None,
    "max_iter": 100,
    "min_length": 2,
}
"""pybaselines' own defaults, with which the golden run was made: its configuration names none."""


@pytest.fixture(scope="module")
def result(example_flight: Path) -> Result:
    text = (ROOT / "tests" / "data" / "gasflux_testconfig.yaml").read_text(encoding="utf-8")
    configuration = read_configuration(text)
    assert configuration.gases == GASES
    return run_pipeline(read_table(example_flight), GASES, check_settings(configuration.sections))


def test_transects_are_equal(result: Result) -> None:
    expected = GOLDEN["transects"]
    kept = result.table[result.table["kept"]]
    assert len(kept) == 1000
    assert result.transects.count == expected["n"]
    assert kept.groupby("transect").size().tolist() == list(expected["rows_per_transect"].values())
    assert kept.groupby("transect")["height_ato"].mean().tolist() == pytest.approx(
        list(expected["mean_height"].values())
    )


def test_the_plane_lies_within_a_hundredth_of_a_degree(result: Result) -> None:
    plane = result.plane_fit.plane
    assert plane.grid_azimuth == pytest.approx(GOLDEN["plane"]["grid_azimuth"], abs=0.01)
    assert plane.length == pytest.approx(GOLDEN["plane"]["x_max"], abs=0.05)
    x = result.table["x"].to_numpy()[GOLDEN["plane"]["rows"]]
    # GasFlux counts x from the other end.
    assert np.minimum(np.abs(x - GOLDEN["plane"]["x"]), np.abs(plane.length - x - GOLDEN["plane"]["x"])).max() < 0.1


@pytest.mark.parametrize("gas", GASES)
@pytest.mark.parametrize(("named", "settings"), [("library", LIBRARY), ("shipped", {})])
def test_fastchrom_gives_the_same_baseline(result: Result, gas: str, named: str, settings: dict[str, Any]) -> None:
    expected = GOLDEN["baseline"][named][gas]
    parameters = BackgroundParameters.check({"algorithm": "fastchrom", "fastchrom": settings})
    table = estimate_background(result.transects.table, [gas], parameters).table
    baseline = table[f"{gas}_background"].to_numpy()
    assert baseline[expected["rows"]] == pytest.approx(expected["fit"], rel=1e-9, abs=1e-12)
    assert table[f"{gas}_enhancement"].sum() == pytest.approx(expected["enhancement_sum"], rel=1e-9)


@pytest.mark.parametrize("gas", GASES)
def test_density_follows_the_ideal_gas_law(gas: str) -> None:
    expected = GOLDEN["density"][gas]
    assert molar_mass(gas) == pytest.approx(expected["molar_mass"], rel=1e-6)
    assert gas_density(gas, 10.0, 1000.0) == pytest.approx(expected["density"], rel=1e-6)


@pytest.mark.parametrize("gas", GASES)
def test_rates_are_within_three_percent_of_the_corrected_volumes(result: Result, gas: str) -> None:
    rate = result.figures()["gases"][gas]["emission_rate"]
    assert rate == pytest.approx(GOLDEN["rate"][gas], rel=0.03)


@pytest.mark.parametrize("gas", GASES)
def test_the_field_of_scikit_gstat_is_reproduced(result: Result, gas: str) -> None:
    """With its variogram (a range of hundreds of kilometres, no nugget) and its number of neighbours."""
    import skgstat

    given = GOLDEN["variogram"][gas]
    table = result.table
    samples = table[["x", "z"]].to_numpy()
    values = table[f"{gas}_flux_density"].to_numpy()
    x, z = np.meshgrid(np.linspace(30.0, 950.0, 25), np.linspace(-5.0, 85.0, 8))
    nodes = np.column_stack([x.ravel(), z.ravel()])

    theirs = skgstat.Variogram(
        samples, values, model="spherical", maxlag=100, n_lags=20, use_nugget=False, normalize=False
    )
    described = {**theirs.describe(), **given, "params": {}}
    kriging = skgstat.OrdinaryKriging(
        described, min_points=3, max_points=100, mode="exact", coordinates=samples, values=values
    )
    expected = kriging.transform(nodes[:, 0], nodes[:, 1])

    ours = krige(
        samples,
        values,
        nodes,
        Variogram(
            quantity="flux_density",
            model="spherical",
            nugget=given["nugget"],
            partial_sill=given["sill"],
            range_x=given["effective_range"],
            range_z=given["effective_range"],
        ),
        solver="local",
        neighbours=100,
    )
    assert ours.estimate == pytest.approx(expected, abs=1e-6 * np.nanmax(np.abs(expected)))

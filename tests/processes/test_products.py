"""The files of a whole calculation."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from gasflux_core.configuration import read_configuration
from gasflux_core.pipeline import Result, check_settings, run_pipeline
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.view import result_view
from processes.products import FILE_NAMES, Source, fields_on_one_grid, write_products


@pytest.fixture(scope="module")
def result() -> Result:
    """A plume of one gas, and a second gas without any source: their variograms, and so their grids, differ."""
    flight = {"seed": 1, "transects": 6, "width": 120, "gases": {"co2": {"background": 420, "noise": 0.5}}}
    return run_pipeline(simulate_flight(SimulationParameters.check(flight)).table, ["ch4", "co2"])


def test_gases_of_different_reach_come_on_one_grid(result: Result) -> None:
    heights = {len(gas.field.z) for gas in result.gases.values()}
    assert len(heights) == 2, "the gases no longer show what this test is about"
    fields = fields_on_one_grid(result)
    for name, field in fields.items():
        own = result.gases[name].field
        assert field.estimate.shape == field.standard_error.shape == field.region.shape == (max(heights), len(own.x))
        np.testing.assert_array_equal(field.estimate[: len(own.z)], own.estimate)
        assert not field.region[len(own.z) :].any()
        assert field.integral == own.integral


def test_the_plane_of_several_gases_holds_the_rates_of_all(result: Result, tmp_path: Path) -> None:
    paths = write_products(result, tmp_path, {"flux_plane", "footprint"})
    with rasterio.open(paths["flux_plane"]) as plane:
        assert plane.count == 4
        area = abs(plane.transform.a * plane.transform.e)
        for band, gas in ((1, "ch4"), (3, "co2")):
            total = float(np.nansum(plane.read(band).astype(float)) * area)
            field = result.gases[gas].field
            assert total == pytest.approx(field.integral, rel=1e-5, abs=1e-5 * np.nansum(np.abs(field.estimate)) * area)
    features = json.loads(paths["footprint"].read_text())["features"]
    assert sum(one["properties"]["ch4_rate"] for one in features) == pytest.approx(
        result.gases["ch4"].field.integral, rel=1e-6
    )


def test_all_products_are_written_where_none_is_named(result: Result, tmp_path: Path) -> None:
    told: list[tuple[float, str]] = []
    paths = write_products(
        result, tmp_path, source=Source(Path(__file__), "Flight <1>.csv"), progress=lambda *one: told.append(one)
    )
    assert {name: path.name for name, path in paths.items()} == FILE_NAMES
    assert {path.name for path in tmp_path.iterdir()} == set(FILE_NAMES.values())
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[0] == (0.0, "Writing flux plane")
    assert "Flight &lt;1&gt;.csv" in paths["report"].read_text(encoding="utf-8")
    assert "Flight &lt;1&gt;.csv" in paths["track_kml"].read_text(encoding="utf-8")
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    assert json.loads(paths["figures"].read_text())["input"] == {"name": "Flight <1>.csv", "sha256": digest}


def test_figures_are_those_of_the_result(result: Result, tmp_path: Path) -> None:
    path = write_products(result, tmp_path, ["figures"])["figures"]
    figures = json.loads(path.read_text())
    assert figures["gases"]["ch4"]["emission_rate"] == result.gases["ch4"].rate.emission_rate
    assert set(figures) == set(result.figures())


def test_the_settings_in_the_figures_do_the_run_again(result: Result, tmp_path: Path) -> None:
    path = write_products(result, tmp_path, ["figures"])["figures"]
    settings = json.loads(path.read_text())["settings"]
    read = read_configuration(json.dumps(settings))
    assert read.gases == tuple(result.gases)
    assert check_settings(read.sections) == result.settings


def test_the_view_is_that_of_the_result(result: Result, tmp_path: Path) -> None:
    path = write_products(result, tmp_path, ["view"])["view"]
    assert json.loads(path.read_text()) == result_view(result)

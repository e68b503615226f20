"""Terrain models by the inputs of processes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gasflux_core.errors import InputError, MissingInput
from gasflux_core.io.tables import read_table, write_table
from processes import registry
from processes.base import execute
from processes.declaration import InputValue, OutputValue
from tests.core.dems import write_dem
from tests.processes.chain import sent
from tests.processes.conftest import RecordingContext

ADDRESS = "http://example.org/coverage?request=GetCoverage"

GML = b"""<?xml version="1.0"?><wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs"
xmlns:gml="http://www.opengis.net/gml"><gml:featureMember/></wfs:FeatureCollection>"""


@pytest.fixture
def slope(small_flight: Path, tmp_path: Path) -> Path:
    """Ground that rises by 8 m over the 120 m of the flight."""
    table = read_table(small_flight)
    west, south = float(table["longitude"].min()), float(table["latitude"].min())
    width = float(table["longitude"].max()) - west
    return write_dem(
        tmp_path / "slope.tif",
        lambda x, y: 30.0 + 8.0 * (x - west) / width,
        crs="EPSG:4326",
        left=west - 0.01,
        top=south + 0.02,
        cell=2e-4,
        size=(200, 200),
    )


def run(context: RecordingContext, process: str = "gas_flux", **inputs: Any) -> dict[str, OutputValue]:
    return execute(registry()[process], sent(**inputs), context)


def figures(made: dict[str, OutputValue]) -> dict[str, Any]:
    assert made["figures"].file is not None
    found: dict[str, Any] = json.loads(made["figures"].file.read_text())
    return found


def rate(made: dict[str, OutputValue]) -> float:
    return float(made["emission_rate"].text or "")


@pytest.fixture
def asking(context: RecordingContext, slope: Path) -> RecordingContext:
    context.outputs = frozenset({"emission_rate", "figures"})
    context.addresses[ADDRESS] = slope
    return context


def test_a_terrain_model_comes_by_value_or_by_address(
    asking: RecordingContext, small_flight: Path, slope: Path
) -> None:
    level = run(asking, flight=small_flight)
    assert "terrain" not in figures(level)
    sent_in = run(asking, flight=small_flight, dem=slope)
    assert figures(sent_in)["terrain"]["highest_ground"] > 3
    fetched = run(asking, flight=small_flight, dem_url=ADDRESS)
    asking.addresses["http://example.org/flight.csv"] = small_flight
    both = run(asking, "gas_flux_from_url", flight_url="http://example.org/flight.csv", dem_url=ADDRESS)
    assert rate(sent_in) == rate(fetched) == rate(both) != rate(level)


def test_level_ground_changes_nothing(asking: RecordingContext, small_flight: Path) -> None:
    level = run(asking, flight=small_flight)
    assert rate(run(asking, flight=small_flight, dem=small_flight.with_name("dem.tif"))) == pytest.approx(rate(level))


def test_a_vector_layer_is_left_out_with_a_note(
    asking: RecordingContext, small_flight: Path, slope: Path, tmp_path: Path
) -> None:
    layer = tmp_path / "layer.gml"
    layer.write_bytes(GML)
    made = run(asking, flight=small_flight, dem=layer)
    assert any("held a vector layer" in note for note in figures(made)["notes"])
    assert rate(made) == rate(run(asking, flight=small_flight))
    # and an address is heeded all the same
    assert rate(run(asking, flight=small_flight, dem=layer, dem_url=ADDRESS)) == rate(
        run(asking, flight=small_flight, dem=slope)
    )


def test_anything_else_is_an_error_of_the_input(
    asking: RecordingContext, small_flight: Path, slope: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="no GeoTIFF") as caught:
        run(asking, flight=small_flight, dem=small_flight)
    assert caught.value.parameter == "dem"
    asking.addresses[ADDRESS] = small_flight
    with pytest.raises(InputError, match="dem_url: the file is no GeoTIFF") as caught:
        run(asking, flight=small_flight, dem_url=ADDRESS)
    assert caught.value.parameter == "dem_url"
    with pytest.raises(InputError, match="not both") as caught:
        run(asking, flight=small_flight, dem=slope, dem_url=ADDRESS)
    assert caught.value.parameter == "dem_url"


def test_the_stage_gives_what_the_whole_calculation_does(
    asking: RecordingContext, small_flight: Path, slope: Path, tmp_path: Path
) -> None:
    whole = figures(run(asking, flight=small_flight, dem=slope))["terrain"]
    asking.outputs = None
    table = run(asking, "flight_table", flight=small_flight)["table"]
    kept = tmp_path / "table.csv"
    kept.write_bytes(table.file.read_bytes())  # type: ignore[union-attr]  # the next run writes over it
    made = run(asking, "terrain", table=kept, dem_url=ADDRESS)
    assert figures(made) == whole
    assert made["table"].file is not None
    found = read_table(made["table"].file)
    np.testing.assert_allclose(found["height_ato"] - found["ground"], found["height_agl"])
    again = tmp_path / "again.csv"
    write_table(found, again)
    assert figures(run(asking, "terrain", table=again, dem=slope)) == {**whole, "replaced": True}


def test_the_stage_needs_a_terrain_model(asking: RecordingContext, small_flight: Path, tmp_path: Path) -> None:
    asking.outputs = None
    layer = tmp_path / "layer.gml"
    layer.write_bytes(GML)
    for inputs in ({}, {"dem": layer}):
        with pytest.raises(MissingInput) as caught:
            run(asking, "terrain", table=small_flight, **inputs)
        assert caught.value.parameter == "dem"


def test_a_campaign_hands_the_address_to_every_flight(asking: RecordingContext, small_flight: Path) -> None:
    asking.passed["flights"] = [InputValue(file=small_flight)] * 2
    asking.outputs = frozenset({"emission_rate"})
    run(asking, "campaign", dem_url=ADDRESS)
    assert [request.inputs["dem_url"] for _, request in asking.asked] == [[ADDRESS]] * 2

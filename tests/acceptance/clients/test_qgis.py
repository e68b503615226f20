"""QGIS without a window: the results as layers, and the calls of its WPS plugin."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.acceptance.running import Service
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "tests" / "acceptance" / "qgis"
FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"
TRUE_RATE = 60.0
"""kg/h of ch4, as examples/data/README.md states it."""


def run(python: str, script: str, *arguments: str) -> dict[str, Any]:
    """What a script for the operating system's Python printed last; OWSLib prints things of its own before."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    command = [python, str(SCRIPTS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# ---- the results as layers


@pytest.fixture(scope="module")
def opened(
    qgis_python: str, fetched_results: Path, tmp_path_factory: pytest.TempPathFactory, tried: Callable[[str], None]
) -> dict[str, Any]:
    """Layer → what QGIS says of it."""
    pictures = tmp_path_factory.mktemp("pictures")
    seen = run(qgis_python, "open_results.py", str(fetched_results), str(pictures))
    tried(f"QGIS {seen['version']}")
    layers: dict[str, Any] = seen["layers"]
    assert {file.stem for file in pictures.iterdir()} == set(layers)
    return layers


LAYERS = ["flux_plane", "flux_plane_map", "track", "footprint", "layers", "zipped_track", "table"]


@pytest.mark.parametrize("name", LAYERS)
def test_result_opens_and_is_drawn(opened: dict[str, Any], name: str) -> None:
    layer = opened[name]
    assert layer["valid"]
    assert layer["colours"] > 10, "nothing is to be seen"


def test_flux_plane_stands_upright_in_metres(opened: dict[str, Any]) -> None:
    plane = opened["flux_plane"]
    assert plane["bands"] == [
        "Band 1: ch4 flux density",
        "Band 2: ch4 standard error",
        "Band 3: co2 flux density",
        "Band 4: co2 standard error",
    ]
    assert plane["crs"].startswith("Upright flight plane")
    left, bottom, right, top = plane["extent"]
    assert left == pytest.approx(0, abs=1)
    assert right > 800
    assert bottom < 0 < 100 < top  # the example flight begins 10 m below take-off


@pytest.mark.parametrize(
    ("name", "geometry", "attribute"),
    [
        ("track", 0, "ch4_flux_density"),
        ("zipped_track", 0, "ch4_flux_density"),
        ("footprint", 1, "ch4_flux"),
        ("layers", 1, "ch4_flux"),
        ("table", 0, "ch4_flux_density"),
    ],
)
def test_layer_lies_where_the_flight_was(opened: dict[str, Any], name: str, geometry: int, attribute: str) -> None:
    layer = opened[name]
    assert layer["crs"] == "EPSG:4326"
    assert (layer["geometry"], attribute in layer["fields"]) == (geometry, True)
    assert layer["count"] > 100
    flight = pd.read_csv(ROOT / "tests" / "data" / "example_flight.csv")
    west, south, east, north = layer["extent"]
    assert (west, east) == pytest.approx((flight["longitude"].min(), flight["longitude"].max()), abs=1e-4)
    assert (south, north) == pytest.approx((flight["latitude"].min(), flight["latitude"].max()), abs=1e-4)


# ---- the calls of the plugin


def csv_layer(file: Path) -> str:
    """A table as QGIS's delimited text layer, as a user would add it."""
    return f"{file.as_uri()}?delimiter=,&xField=longitude&yField=latitude&crs=EPSG:4326"


def renamed(folder: Path) -> str:
    """The flight under the names of an instrument, which GML can't have as they are."""
    file = folder / "flight.csv"
    names = {"ch4": "CH4 (ppm)", "windspeed": "Wind speed [m/s]", "winddir": "Wind dir"}
    pd.read_csv(FLIGHT).rename(columns=names).to_csv(file, index=False)
    return csv_layer(file)


def bare_points(folder: Path) -> str:
    """The flight as points without columns of position: where it was is in the geometry alone."""
    table = pd.read_csv(FLIGHT)
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row.pop("longitude"), row.pop("latitude")]},
            "properties": row,
        }
        for row in table.to_dict("records")
    ]
    file = folder / "flight.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return str(file)


@pytest.mark.parametrize(
    ("layer", "column"),
    [(lambda _: csv_layer(FLIGHT), "<ogr:ch4>"), (renamed, "<ogr:CH4__ppm_>"), (bare_points, "<ogr:ch4>")],
    ids=["table", "renamed", "points"],
)
def test_plugin_runs_gas_flux_with_a_layer(
    service: Service, qgis_python: str, tmp_path: Path, layer: Callable[[Path], str], column: str
) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir()
    told = run(qgis_python, "plugin_run.py", service.wps, "gas_flux", layer(tmp_path), str(folder))
    # Names as GML can have them, latitude first, and into the optional terrain model too: all this is to be borne.
    assert column in told["gml"]
    assert "<gml:pos>52.09" in told["gml"]
    assert told["fields"] == ["flight", "dem"]
    assert (told["status"], told["errors"]) == ("ProcessSucceeded", [])
    outputs = told["outputs"]
    assert float(outputs["emission_rate"]["text"]) == pytest.approx(TRUE_RATE, rel=0.2)
    # The plugin gives any other file the ending of a zip, and can't load it, nor is it a layer.
    loaded = {name: output["suffix"] for name, output in outputs.items() if output.get("valid")}
    assert loaded == {"flux_plane": ".tif", "flux_plane_map": ".tif", "layers": ".zip", "table": ".csv"}


def test_plugin_shows_the_services_words(service: Service, qgis_python: str, tmp_path: Path) -> None:
    file = tmp_path / "flight.csv"
    pd.read_csv(FLIGHT).drop(columns="winddir").to_csv(file, index=False)
    told = run(qgis_python, "plugin_run.py", service.wps, "gas_flux", csv_layer(file), str(tmp_path))
    assert told["status"] == "Exception"
    assert "missing column: winddir" in " ".join(told["errors"])

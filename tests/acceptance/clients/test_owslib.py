"""OWSLib, as locked with the project and as the operating system's QGIS has it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rasterio

from processes import registry_with_diagnostics
from processes.base import declaration
from processes.declaration import InputDeclaration, OutputDeclaration
from processes.literals import read_literal
from tests.acceptance.running import Service
from tests.conftest import ROOT, skip

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("owslib_calls.py")
FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"


@pytest.fixture(scope="module", params=["locked", "of the operating system"])
def folder(
    request: pytest.FixtureRequest, service: Service, system_python: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Where the calls' script left what it saw and fetched."""
    python = sys.executable if request.param == "locked" else system_python
    if subprocess.run([python, "-c", "import owslib"], capture_output=True, check=False).returncode:
        skip("python3-owslib is not installed")
    folder = tmp_path_factory.mktemp("owslib")
    command = [python, str(SCRIPT), service.wps, str(FLIGHT), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def seen(folder: Path, tried: Callable[[str], None]) -> dict[str, Any]:
    seen = json.loads((folder / "seen.json").read_text())
    tried(f"OWSLib {seen['version']}")
    return seen


def test_capabilities_are_read(seen: dict[str, Any]) -> None:
    capabilities = seen["capabilities"]
    assert capabilities["version"] == "1.0.0"
    assert (capabilities["type"], capabilities["title"]) == ("WPS", "GasFlux WPS")
    assert capabilities["operations"] == ["GetCapabilities", "DescribeProcess", "Execute"]
    assert sorted(capabilities["processes"]) == sorted(registry_with_diagnostics())
    assert capabilities["languages"]["default"] in capabilities["languages"]["supported"]


@pytest.mark.parametrize("identifier", sorted(registry_with_diagnostics()))
def test_description_is_read_whole(seen: dict[str, Any], identifier: str) -> None:
    declared = declaration(registry_with_diagnostics()[identifier])
    described = seen["descriptions"][identifier]
    assert (described["title"], described["abstract"]) == (declared.title, declared.abstract)
    assert described["version"] == declared.version
    assert described["stored"] is described["status"] is True
    assert described["inputs"] == [as_owslib_reads_input(item) for item in declared.inputs]
    assert described["outputs"] == [as_owslib_reads(item) for item in declared.outputs]


def as_owslib_reads_input(declared: InputDeclaration) -> dict[str, Any]:
    read = as_owslib_reads(declared)
    if declared.kind == "literal":
        read["default"] = read_literal(declared, declared.default)
    return {**read, "occurs": [declared.min_occurs, declared.max_occurs], "allowed": list(declared.allowed)}


def as_owslib_reads(declared: InputDeclaration | OutputDeclaration) -> dict[str, Any]:
    supported = [each.media_type for each in declared.formats] or list(declared.crs)
    return {
        "identifier": declared.identifier,
        "title": declared.title,
        "abstract": declared.abstract,
        "type": {"literal": declared.data_type, "complex": "ComplexData", "bbox": "BoundingBoxData"}[declared.kind],
        "default": supported[0] if supported else None,
        "supported": supported,
    }


def test_literals_go_there_and_back(seen: dict[str, Any]) -> None:
    echo = seen["echo"]
    assert (echo["status"], echo["errors"]) == ("ProcessSucceeded", [])
    outputs = echo["outputs"]
    assert {name: outputs[name]["data"] for name in outputs if name not in ("all", "bounding_box")} == {
        "string": ["a & b < c"],
        "enumeration": ["red"],
        "quantity": ["2.5"],
        "repeated": ["one, two"],
        "preset": ["by default"],
        "boolean": ["true"],
        "integer": ["7"],
    }
    assert outputs["quantity"]["type"] == "float"
    assert json.loads(outputs["all"]["data"][0])["repeated"] == ["one", "two"]


def test_files_go_there_and_back(seen: dict[str, Any]) -> None:
    text = seen["files"]["outputs"]["text"]
    # OWSLib drops the line's end.
    assert (text["data"], text["media type"]) == (["tea for <two> & more"], "text/plain")


def test_bounding_box_goes_there_and_back(seen: dict[str, Any]) -> None:
    assert seen["box"] == {"corners": [-1.5, 51.0, -1.0, 51.5], "crs": "urn:ogc:def:crs:OGC:1.3:CRS84"}


def test_lineage_tells_what_was_sent(seen: dict[str, Any]) -> None:
    lineage = seen["lineage"]
    assert list(lineage["outputs"]) == ["integer"]
    assert lineage["inputs"] == [
        ["string", ["a & b < c"]],
        ["enumeration", ["red"]],
        ["quantity", ["2.5"]],
        ["repeated", ["one"]],
        ["repeated", ["two"]],
        ["boolean", ["true"]],
        ["integer", ["7"]],
    ]


def test_progress_is_told(seen: dict[str, Any]) -> None:
    told = seen["progress"]
    assert told[0][0] == "ProcessAccepted"
    assert told[-1][:2] == ["ProcessSucceeded", 100]
    percents = [percent for _, percent, _ in told]
    assert percents == sorted(percents)
    assert any(words.startswith("Step ") and 0 < percent < 100 for _, percent, words in told)


def test_refusal_is_raised_in_the_services_words(seen: dict[str, Any]) -> None:
    said = seen["refused"]["raised"]
    assert said.startswith("ServiceException")
    assert 'locator="source_rate"' in said
    assert "expected a finite number" in said


def test_failure_is_told_in_the_services_words(seen: dict[str, Any]) -> None:
    ((code, locator, text),) = seen["failed"]["errors"]
    assert (code, locator) == ("InvalidParameterValue", "flight")
    assert "missing columns: latitude, longitude" in text


def test_one_result_is_the_next_ones_input(seen: dict[str, Any]) -> None:
    found = seen["reference"]
    assert (found["status"], found["errors"]) == ("ProcessSucceeded", [])
    assert json.loads(found["outputs"]["figures"]["data"][0])["gases"] == ["ch4"]


def test_emission_rate_comes_with_its_files(service: Service, folder: Path, seen: dict[str, Any]) -> None:
    outputs = seen["gas_flux"]["outputs"]
    assert float(outputs["emission_rate"]["data"][0]) == pytest.approx(60, rel=0.2)  # examples/data/README.md
    plane = outputs["flux_plane"]
    assert plane["media type"] == "image/tiff; subtype=geotiff"
    assert plane["reference"].startswith(f"{service.url}/outputs/")
    with rasterio.open(folder / "flux_plane.tif") as raster:
        assert raster.count == 4
        assert raster.read(1, masked=True).max() > 0

"""OWSLib's client of OGC API – Processes."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from owslib.ogcapi.processes import Processes

from processes import registry_with_diagnostics
from processes.base import declaration
from tests.acceptance.running import Service
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"


@pytest.fixture(scope="module")
def api(service: Service) -> Processes:
    return Processes(f"{service.url}/ogcapi")


def test_landing_page_leads_to_what_it_conforms_to_and_to_its_definition(api: Processes) -> None:
    assert {"self", "service-desc"} <= {link["rel"] for link in api.links}
    conformance = api.conformance()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/core" in conformance
    assert api.api()["openapi"].startswith("3.0")


def test_processes_are_listed(api: Processes) -> None:
    assert [process["id"] for process in api.processes()] == sorted(registry_with_diagnostics())


def test_description_is_read(api: Processes) -> None:
    declared = declaration(registry_with_diagnostics()["gas_flux"])
    described = api.process("gas_flux")
    assert described["title"] == declared.title
    assert list(described["inputs"]) == [item.identifier for item in declared.inputs]
    assert list(described["outputs"]) == [item.identifier for item in declared.outputs]
    assert described["inputs"]["gases"]["maxOccurs"] == 20


def test_flight_becomes_a_rate_and_a_file(api: Processes, service: Service) -> None:
    inputs = {"flight": {"value": FLIGHT.read_text(), "mediaType": "text/csv"}, "gases": ["ch4", "co2"]}
    outputs: dict[str, Any] = {"emission_rate": {}, "flux_plane": {"transmissionMode": "reference"}}
    found = api.execute("gas_flux", inputs=inputs, outputs=outputs)
    assert set(found) == {"emission_rate", "flux_plane"}
    assert found["emission_rate"] == pytest.approx(60, rel=0.2)  # examples/data/README.md
    assert found["flux_plane"]["href"].startswith(f"{service.url}/outputs/")
    fetched = requests.get(found["flux_plane"]["href"], timeout=60)
    assert fetched.headers["Content-Type"] == found["flux_plane"]["type"] == "image/tiff; subtype=geotiff"


def test_job_is_followed_by_its_links(api: Processes) -> None:
    job = api.execute("slow", inputs={"seconds": 1, "steps": 4}, async_=True)
    assert job["status"] in ("accepted", "running")
    while job["status"] in ("accepted", "running"):
        time.sleep(0.2)
        job = requests.get(link(job, "self"), timeout=60).json()
    assert (job["status"], job["progress"]) == ("successful", 100)
    results = requests.get(link(job, "http://www.opengis.net/def/rel/ogc/1.0/results"), timeout=60).json()
    assert results["seconds"] >= 1
    listed = requests.get(link(job, "up"), timeout=60).json()["jobs"]
    assert job["jobID"] in [each["jobID"] for each in listed]


def link(document: dict[str, Any], relation: str) -> str:
    return next(
        str(each["href"])
        for each in document["links"]
        if each["rel"] == relation and each.get("type") in (None, "application/json")
    )


@pytest.mark.parametrize(
    ("process", "inputs", "words"),
    [
        ("none", {}, "no process 'none'"),
        ("gas_flux", {}, "Input flight (Flight table) is required"),
        ("simulate_flight", {"source_rate": "much"}, "source_rate: expected a number"),
    ],
)
def test_errors_are_in_the_services_words(api: Processes, process: str, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(RuntimeError) as caught:
        api.execute(process, inputs=inputs)
    assert words in str(caught.value)

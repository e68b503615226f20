"""birdy: processes as functions of Python."""

from __future__ import annotations

import importlib.metadata
import inspect
import io
import keyword
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from birdy import WPSClient
from owslib.util import ServiceException

from processes import registry, registry_with_diagnostics
from processes.base import declaration
from processes.literals import read_literal
from tests.acceptance.running import Service
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

FLIGHT = ROOT / "examples" / "data" / "example_flight.csv"


@pytest.fixture(scope="module")
def client(service: Service, tried: Callable[[str], None]) -> WPSClient:
    tried(f"birdy {importlib.metadata.version('birdhouse-birdy')}")
    return WPSClient(service.wps)


@pytest.mark.parametrize("identifier", sorted(registry_with_diagnostics()))
def test_process_is_a_function_with_its_own_words(client: WPSClient, identifier: str) -> None:
    declared = declaration(registry_with_diagnostics()[identifier])
    function = getattr(client, identifier)
    assert declared.abstract in function.__doc__
    parameters = inspect.signature(function).parameters
    # Inputs that must be given come first; none is renamed, as birdy does with what Python can't have as a name.
    assert set(parameters) == {item.identifier for item in declared.inputs}
    for item in declared.inputs:
        assert item.abstract in function.__doc__
        if item.kind == "literal" and item.min_occurs == 0:
            assert parameters[item.identifier].default == read_literal(item, item.default)


def test_no_name_collides_with_python_or_with_birdys_own() -> None:
    own = set(dir(WPSClient)) | {"language", "languages", "logger"}
    for identifier, process in registry_with_diagnostics().items():
        declared = declaration(process)
        assert identifier not in own
        names = [identifier, *(item.identifier for item in (*declared.inputs, *declared.outputs))]
        assert all(name.isidentifier() and not keyword.iskeyword(name) for name in names), identifier
        # Outputs become the fields of a named tuple.
        assert not {item.identifier for item in declared.outputs} & set(dir(tuple)), identifier


def test_birdy_can_send_every_input() -> None:
    """It can't execute a process that takes a bounding box, as the diagnostic one does."""
    declared = [declaration(process) for process in registry().values()]
    assert not [(process.identifier, item) for process in declared for item in process.inputs if item.kind == "bbox"]


def test_numbers_and_choices_go_there_and_come_back_as_objects(client: WPSClient) -> None:
    made = client.simulate_flight(source_rate=12.5, seed=3, pattern="spiral", legs=False).get(asobj=True)
    assert (made.emission_rate, made.truth["emission_rates"]) == (12.5, {"ch4": 12.5})
    assert "ch4" in pd.read_csv(io.BytesIO(made.flight)).columns


def test_flight_of_this_machine_becomes_a_rate_and_objects(client: WPSClient, service: Service) -> None:
    execution = client.gas_flux(flight=str(FLIGHT), gases=["ch4", "co2"])
    addresses = execution.get()
    assert addresses.flux_plane.startswith(f"{service.url}/outputs/")
    found = execution.get(asobj=True)
    assert found.emission_rate == pytest.approx(60, rel=0.2)  # examples/data/README.md
    assert set(found.figures["gases"]) == {"ch4", "co2"}
    assert found.track["type"] == found.footprint["type"] == "FeatureCollection"
    assert dict(found.flux_plane.sizes)["band"] == 4
    assert float(found.flux_plane.max()) > 0
    assert "ch4_flux_density" in pd.read_csv(io.BytesIO(found.table)).columns
    assert found.preview.data.startswith(b"\x89PNG")


def test_progress_is_told_while_the_job_runs(service: Service, caplog: pytest.LogCaptureFixture) -> None:
    client = WPSClient(service.wps, progress=True)
    caplog.set_level("INFO", "WPSClient")
    execution = client.slow(seconds=7.0, steps=7)  # it asks every 3 s
    while not execution.isComplete():
        time.sleep(0.1)
    assert execution.isSucceded()
    assert execution.get(asobj=True).seconds >= 7
    told = [record.getMessage() for record in caplog.records if record.name == "WPSClient"]
    assert any("Step " in words for words in told), told


@pytest.mark.parametrize(
    ("call", "locator", "words"),
    [
        (lambda client: client.simulate_flight(source_rate="much"), "source_rate", "expected a finite number"),
        (lambda client: client.gas_flux(), "flight", "is required"),
        (lambda client: client.gas_flux(flight=str(FLIGHT), gases="xx9"), "gases", "no column xx9 in the table"),
    ],
    ids=["not a number", "left out", "not in the table"],
)
def test_errors_are_in_the_services_words(
    client: WPSClient, call: Callable[[WPSClient], Any], locator: str, words: str
) -> None:
    with pytest.raises(ServiceException) as caught:
        call(client)
    assert f'locator="{locator}"' in str(caught.value)
    assert words in str(caught.value)

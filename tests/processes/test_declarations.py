"""What every process must say of itself, asked of each."""

from __future__ import annotations

import re

import pytest

from processes import registry, registry_with_diagnostics
from processes.base import StageProcess, declaration
from processes.declaration import InputDeclaration, ProcessDeclaration
from processes.literals import read_literal

PROCESSES = {
    "background",
    "campaign",
    "check_flight",
    "emission_rate",
    "flight_plane",
    "flight_table",
    "flux_density",
    "gas_flux",
    "gas_flux_from_url",
    "kriging",
    "report",
    "simulate_flight",
    "terrain",
    "transects",
    "variogram",
    "wind",
}

DIAGNOSTICS = {"boom", "echo", "echo_complex", "hog", "slow"}

DECLARATIONS = [declaration(process) for process in registry_with_diagnostics().values()]
LITERALS = [
    pytest.param(one, item, id=f"{one.identifier}-{item.identifier}")
    for one in DECLARATIONS
    for item in one.inputs
    if item.kind == "literal"
]


def test_the_processes_are_found() -> None:
    assert set(registry()) >= PROCESSES


def test_diagnostics_are_apart() -> None:
    assert set(registry_with_diagnostics()) - set(registry()) == DIAGNOSTICS
    assert set(registry()) < set(registry_with_diagnostics())
    assert list(registry_with_diagnostics()) == sorted(registry_with_diagnostics())


def test_the_registry_is_made_once() -> None:
    assert registry() is registry()
    assert registry_with_diagnostics() is registry_with_diagnostics()
    assert registry_with_diagnostics()["gas_flux"] is registry()["gas_flux"]


@pytest.mark.parametrize("process", registry_with_diagnostics().values(), ids=lambda process: process.identifier)
def test_what_is_passed_on_is_an_input(process: StageProcess) -> None:
    assert process.passes_on <= {item.identifier for item in process.inputs}


@pytest.mark.parametrize("said", DECLARATIONS, ids=lambda said: said.identifier)
def test_a_process_says_what_it_is(said: ProcessDeclaration) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]*", said.identifier)
    assert said.title and len(said.abstract) > 60 and len(said.keywords) >= 3 and said.version
    # QGIS can't run a process without inputs.
    assert said.inputs and said.outputs
    for names in ([item.identifier for item in said.inputs], [item.identifier for item in said.outputs]):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("said", DECLARATIONS, ids=lambda said: said.identifier)
def test_inputs_and_outputs_say_what_they_are(said: ProcessDeclaration) -> None:
    for item in (*said.inputs, *said.outputs):
        assert item.title and item.abstract.endswith((".", "]")), item.identifier
        assert "None" not in item.title + item.abstract, item.identifier
        assert (item.kind == "complex") == bool(item.formats)
        for made_as in item.formats:
            assert re.fullmatch(r"\.[a-z]+", made_as.extension)


@pytest.mark.parametrize("said", DECLARATIONS, ids=lambda said: said.identifier)
def test_names_are_safe_for_qgis(said: ProcessDeclaration) -> None:
    """Its plugin turns *date* into a date picker and *column* into a list of layer fields."""
    for item in (*said.inputs, *said.outputs):
        assert not re.search("date|column", item.identifier + item.title, re.IGNORECASE), item.identifier


@pytest.mark.parametrize("said", DECLARATIONS, ids=lambda said: said.identifier)
def test_every_quantity_has_a_unit(said: ProcessDeclaration) -> None:
    for item in (*said.inputs, *said.outputs):
        # Whole numbers are counts and seeds.
        if item.data_type == "float":
            assert item.unit, item.identifier


@pytest.mark.parametrize(("said", "item"), LITERALS)
def test_the_default_is_a_value_the_input_takes(said: ProcessDeclaration, item: InputDeclaration) -> None:
    if item.default is not None:
        assert item.min_occurs == 0
        assert read_literal(item, item.default) is not None


@pytest.mark.parametrize(("said", "item"), LITERALS)
def test_allowed_values_are_texts(said: ProcessDeclaration, item: InputDeclaration) -> None:
    assert all(isinstance(value, str) and value for value in item.allowed)
    if item.allowed:
        assert item.data_type == "string"


@pytest.mark.parametrize("identifier", ["gas_flux", "gas_flux_from_url"])
def test_outputs_come_in_the_order_that_qgis_needs(identifier: str) -> None:
    said = declaration(registry()[identifier])
    names = [item.identifier for item in said.outputs]
    layers = ["track", "footprint", "layers", "flux_plane_map"]
    maps = ["wms", "wcs", "wfs", "features"]
    texts = ["table", "report", "report_pdf", "preview", "view", "track_kml"]
    assert names == ["flux_plane", "emission_rate", "uncertainty", "figures", *layers, *maps, *texts]
    plane = said.outputs[0]
    assert plane.formats[0].media_type == "image/tiff; subtype=geotiff" and plane.by_reference
    assert all(said.output(name).by_reference for name in (*layers, *texts))  # type: ignore[union-attr]
    assert all(said.output(name).data_type == "anyURI" for name in maps)  # type: ignore[union-attr]


def test_the_flight_is_the_one_complex_input_that_a_layer_is_meant_for() -> None:
    """QGIS sends a layer for every complex input, even an optional one; as a terrain model it is left out."""
    for identifier, names in (
        ("gas_flux", ["flight", "dem"]),
        ("report", ["flight", "dem"]),
        ("flight_table", ["flight"]),
    ):
        said = declaration(registry()[identifier])
        assert [item.identifier for item in said.inputs if item.kind == "complex"] == names
        assert said.inputs[0].formats[0].media_type == "text/csv"
    assert all(item.kind == "literal" for item in declaration(registry()["gas_flux_from_url"]).inputs)


def test_gases_may_be_given_again() -> None:
    gases = declaration(registry()["gas_flux"]).input("gases")
    assert gases is not None and (gases.min_occurs, gases.max_occurs, gases.default) == (0, 20, "ch4")

"""The whole calculation: which outputs are made, how it is fed, what it says of faults."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from gasflux_core.errors import InputError, InputFaults, MissingInput
from processes import products, registry
from processes.base import declaration, execute, with_implied
from processes.declaration import InputValue
from tests.processes.conftest import RecordingContext


def test_only_what_was_asked_for_is_made(
    context: RecordingContext, small_flight: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def not_asked_for(*_: object) -> None:
        pytest.fail("a report was drawn that nobody asked for")

    monkeypatch.setitem(products._WRITERS, "report", not_asked_for)
    monkeypatch.setitem(products._WRITERS, "report_pdf", not_asked_for)
    context.outputs = frozenset({"emission_rate", "table"})
    made = execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    assert {"emission_rate", "table"} <= made.keys()
    assert {path.name for path in context.workdir.iterdir()} == {"table.csv"}


def test_the_addresses_of_the_map_are_outputs(context: RecordingContext, small_flight: Path) -> None:
    context.outputs = frozenset({"wms", "features"})
    made = execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    assert {name: made[name].text for name in context.outputs} == {
        name: context.map_services[name] for name in context.outputs
    }
    assert "wcs" not in made
    assert not list(context.workdir.iterdir())


def test_a_map_that_nobody_serves_is_left_out(context: RecordingContext, small_flight: Path) -> None:
    context.map_services = {"features": "http://example.org/features"}
    made = execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    assert made["features"].text == "http://example.org/features"
    assert not {"wms", "wcs", "wfs"} & made.keys()


def test_a_map_that_nobody_serves_is_refused_by_name(context: RecordingContext, small_flight: Path) -> None:
    context.map_services = {}
    context.outputs = frozenset({"emission_rate", "wms"})
    with pytest.raises(InputError, match="MapServer") as caught:
        execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    assert caught.value.parameter == "wms"
    # Before the flight is calculated.
    assert not context.told


@pytest.mark.parametrize("process", ["gas_flux", "gas_flux_from_url"])
def test_what_a_map_is_made_of_is_kept_with_its_address(process: str) -> None:
    said = declaration(registry()[process])
    kept = with_implied(registry()[process], ["wfs"])
    assert kept == {"wfs", "flux_plane_map", "track", "footprint"}
    assert all(said.output(name) is not None for name in kept)
    assert with_implied(registry()[process], ["table"]) == {"table"}


def test_the_upright_plane_comes_first() -> None:
    """QGIS's plugin loads the first raster."""
    names = [item.identifier for item in declaration(registry()["gas_flux"]).outputs]
    assert names[0] == "flux_plane" and names.index("flux_plane_map") > names.index("layers")


def test_a_flight_from_an_address_gives_the_same_rate(context: RecordingContext, small_flight: Path) -> None:
    context.outputs = frozenset({"emission_rate", "uncertainty"})
    sent = execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    context.addresses["http://example.org/flight.csv"] = small_flight
    address = {"flight_url": [InputValue(text="http://example.org/flight.csv")]}
    fetched = execute(registry()["gas_flux_from_url"], address, context)
    assert fetched["emission_rate"] == sent["emission_rate"] and fetched["uncertainty"] == sent["uncertainty"]


def test_a_flight_that_is_not_there_names_its_input(context: RecordingContext) -> None:
    with pytest.raises(InputError, match="404") as caught:
        execute(registry()["gas_flux_from_url"], {"flight_url": [InputValue(text="http://example.org/x")]}, context)
    assert caught.value.parameter == "flight_url"


@pytest.mark.parametrize(("process", "name"), [("gas_flux", "flight"), ("gas_flux_from_url", "flight_url")])
def test_a_missing_flight_is_named(context: RecordingContext, process: str, name: str) -> None:
    with pytest.raises(MissingInput) as caught:
        execute(registry()[process], {}, context)
    assert caught.value.parameter == name


@pytest.mark.parametrize(("process", "name"), [("gas_flux", "flight"), ("gas_flux_from_url", "flight_url")])
def test_a_faulty_flight_is_told_whole(context: RecordingContext, tmp_path: Path, process: str, name: str) -> None:
    broken = tmp_path / "broken.csv"
    broken.write_text("timestamp,latitude,ch4\n2022-01-01T00:00:00Z,51,x\n")
    context.addresses["http://example.org/flight.csv"] = broken
    flight = InputValue(file=broken) if process == "gas_flux" else InputValue(text="http://example.org/flight.csv")
    with pytest.raises(InputFaults) as caught:
        execute(registry()[process], {name: [flight]}, context)
    assert caught.value.parameter == name
    assert "longitude" in caught.value.message and "windspeed" in caught.value.message
    assert {fault.parameter for fault in caught.value.faults} == {name}


def test_a_gas_that_is_not_in_the_table_is_named(context: RecordingContext, small_flight: Path) -> None:
    values = {"flight": [InputValue(file=small_flight)], "gases": [InputValue(text="sf6")]}
    with pytest.raises(InputError, match="sf6"):
        execute(registry()["gas_flux"], values, context)


def test_the_report_process_gives_the_report_only(context: RecordingContext, small_flight: Path) -> None:
    made = execute(registry()["report"], {"flight": [InputValue(file=small_flight)]}, context)
    assert set(made) == {"report", "report_pdf", "preview"}
    assert made["report"].file is not None
    text = made["report"].file.read_text(encoding="utf-8")
    # The report says which file it is about.
    assert hashlib.sha256(small_flight.read_bytes()).hexdigest() in text


def test_gasflux_own_configuration_is_accepted(context: RecordingContext, example_flight: Path) -> None:
    text = (example_flight.parent / "gasflux_testconfig.yaml").read_text()
    context.outputs = frozenset({"emission_rate", "figures"})
    values = {"flight": [InputValue(file=example_flight)], "configuration": [InputValue(text=text)]}
    made = execute(registry()["gas_flux"], values, context)
    assert float(made["emission_rate"].text or "") > 0


def test_the_rate_is_that_of_the_source(context: RecordingContext, small_flight: Path) -> None:
    """The true rate lies within three standard uncertainties."""
    context.outputs = frozenset({"emission_rate", "uncertainty"})
    made = execute(registry()["gas_flux"], {"flight": [InputValue(file=small_flight)]}, context)
    rate, uncertainty = float(made["emission_rate"].text or ""), float(made["uncertainty"].text or "")
    assert abs(rate - 10) < 3 * uncertainty and 0 < uncertainty < 10

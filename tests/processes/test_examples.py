"""A runnable example of every process, asked of each: a new process needs one here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gasflux_core.errors import InputError
from processes import registry
from processes.base import declaration, execute
from processes.declaration import InputValue, OutputValue
from tests.processes.chain import Runner, sent
from tests.processes.conftest import RecordingContext

Made = dict[str, dict[str, OutputValue]]
Values = dict[str, list[InputValue]]

ADDRESS = "http://example.org/flight.csv"

EXAMPLES: dict[str, Callable[[Path, Made], Values]] = {
    "background": lambda flight, made: sent(table=made["transects"]["table"]),
    "campaign": lambda flight, made: sent(flight_url=(ADDRESS, ADDRESS)),
    "check_flight": lambda flight, made: sent(flight=flight),
    "emission_rate": lambda flight, made: sent(
        table=made["flux_density"]["table"],
        plane=made["flight_plane"]["plane"],
        field=made["kriging ch4"]["field"],
        background=made["background"]["figures"],
    ),
    "flight_plane": lambda flight, made: sent(table=made["background"]["table"]),
    "flight_table": lambda flight, made: sent(flight=flight),
    "flux_density": lambda flight, made: sent(table=made["flight_plane"]["table"], plane=made["flight_plane"]["plane"]),
    "gas_flux": lambda flight, made: sent(flight=flight),
    "gas_flux_from_url": lambda flight, made: sent(flight_url=ADDRESS),
    "kriging": lambda flight, made: sent(
        table=made["flux_density"]["table"],
        plane=made["flight_plane"]["plane"],
        variogram=made["variogram ch4"]["variogram"],
    ),
    "report": lambda flight, made: sent(flight=flight),
    "simulate_flight": lambda flight, made: sent(seed="1"),
    "terrain": lambda flight, made: sent(table=made["flight_table"]["table"], dem=flight.with_name("dem.tif")),
    "transects": lambda flight, made: sent(table=made["wind"]["table"]),
    "variogram": lambda flight, made: sent(table=made["flux_density"]["table"], plane=made["flight_plane"]["plane"]),
    "wind": lambda flight, made: sent(table=made["flight_table"]["table"]),
}
"""Process → inputs that are enough for it, from a flight and what the chain made of it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, small_flight: Path) -> Made:
    return Runner(tmp_path_factory.mktemp("examples"), "{}").chain(small_flight, ("ch4",))


@pytest.mark.parametrize("identifier", list(registry()))
def test_the_example_gives_every_output(
    identifier: str, context: RecordingContext, small_flight: Path, made: Made
) -> None:
    assert identifier in EXAMPLES, f"the process {identifier} has no example here"
    process = registry()[identifier]
    said = declaration(process)
    context.addresses[ADDRESS] = small_flight
    outputs = execute(process, EXAMPLES[identifier](small_flight, made), context)
    assert outputs.keys() == {item.identifier for item in said.outputs}
    for item in said.outputs:
        value = outputs[item.identifier]
        if item.kind == "literal":
            assert value.text and value.unit == item.unit
        else:
            assert value.file is not None and value.file.stat().st_size > 0
            assert value.file.parent == context.workdir
            assert value.file.name == item.identifier + item.formats[0].extension
            assert value.media_type == item.formats[0].media_type
    assert context.told and all(0 <= fraction <= 1 and text for fraction, text in context.told)


@pytest.mark.parametrize("identifier", [name for name in EXAMPLES if "table" in name or name in ("wind", "kriging")])
def test_an_example_without_its_first_input_is_refused(
    identifier: str, context: RecordingContext, small_flight: Path, made: Made
) -> None:
    values = EXAMPLES[identifier](small_flight, made)
    first = next(iter(values))
    del values[first]
    with pytest.raises(InputError) as caught:
        execute(registry()[identifier], values, context)
    assert caught.value.parameter == first


@pytest.mark.parametrize("identifier", ["wind", "transects", "background", "flight_plane", "flux_density", "variogram"])
def test_a_table_of_too_early_a_stage_says_what_is_missing(
    identifier: str, context: RecordingContext, small_flight: Path, made: Made
) -> None:
    values = EXAMPLES[identifier](small_flight, made) | sent(table=small_flight)
    with pytest.raises(InputError, match="is missing") as caught:
        execute(registry()[identifier], values, context)
    assert caught.value.parameter == "table"


@pytest.mark.parametrize("broken", ["", "[1]", "{", '{"kind": "curtain"}', '{"kind": 3}'])
def test_a_broken_plane_is_told_in_words(
    broken: str, context: RecordingContext, tmp_path: Path, small_flight: Path, made: Made
) -> None:
    path = tmp_path / "plane.json"
    path.write_text(broken)
    values = EXAMPLES["flux_density"](small_flight, made) | sent(plane=path)
    with pytest.raises(InputError) as caught:
        execute(registry()["flux_density"], values, context)
    assert caught.value.parameter == "plane"


@pytest.mark.parametrize(("identifier", "at_fault"), [("kriging", "variogram"), ("emission_rate", "field")])
def test_the_product_of_another_gas_is_refused(
    identifier: str, at_fault: str, context: RecordingContext, small_flight: Path, made: Made
) -> None:
    values = EXAMPLES[identifier](small_flight, made) | sent(gas="co2")
    with pytest.raises(InputError, match=r"ch4.*co2") as caught:
        execute(registry()[identifier], values, context)
    assert caught.value.parameter == at_fault


def test_the_background_without_the_gas_is_refused(
    context: RecordingContext, tmp_path: Path, small_flight: Path, made: Made
) -> None:
    figures = tmp_path / "figures.json"
    figures.write_text('{"gases": {"co2": {}}}')
    values = EXAMPLES["emission_rate"](small_flight, made) | sent(background=figures)
    with pytest.raises(InputError, match=r"no figures of ch4.*co2") as caught:
        execute(registry()["emission_rate"], values, context)
    assert caught.value.parameter == "background"

"""The simulator as a process."""

from __future__ import annotations

import json

import pytest

from gasflux_core.errors import InputError, InputFaults
from processes import registry
from processes.base import execute
from processes.declaration import InputValue, OutputValue
from tests.processes.conftest import RecordingContext


def simulate(context: RecordingContext, **values: str) -> dict[str, OutputValue]:
    return execute(
        registry()["simulate_flight"], {name: [InputValue(text=text)] for name, text in values.items()}, context
    )


def test_the_default_flight(context: RecordingContext) -> None:
    made = simulate(context, seed="1")
    assert made["emission_rate"] == OutputValue(text="10.0", unit="kg/h")
    assert made["flight"].file is not None and made["truth"].file is not None
    header = made["flight"].file.read_text().splitlines()[0].split(",")
    assert header[0] == "timestamp" and "ch4" in header
    truth = json.loads(made["truth"].file.read_text())
    assert truth["emission_rates"] == {"ch4": 10.0} and truth["description"]


def test_the_one_source_is_set_by_inputs(context: RecordingContext) -> None:
    made = simulate(context, gas="co2", source_rate="250", source_height="12")
    assert made["emission_rate"].text == "250.0"
    assert made["flight"].file is not None and "co2" in made["flight"].file.read_text().splitlines()[0]


def test_several_sources_come_by_settings(context: RecordingContext) -> None:
    sources = [{"rates": {"ch4": 3.0}, "offset": -30.0}, {"rates": {"ch4": 4.0}, "offset": 30.0}]
    made = simulate(context, settings=json.dumps({"sources": sources, "seed": 3}))
    assert float(made["emission_rate"].text or "") == pytest.approx(7.0)
    with pytest.raises(InputError, match="in settings") as caught:
        simulate(context, settings=json.dumps({"sources": sources}), source_rate="5")
    assert caught.value.parameter == "source_rate"


def test_the_same_seed_gives_the_same_flight(context: RecordingContext) -> None:
    flights = []
    for seed in ("5", "5", "6"):
        flight = simulate(context, seed=seed)["flight"].file
        assert flight is not None
        flights.append(flight.read_bytes())
    assert flights[0] == flights[1] != flights[2]


def test_faults_name_the_input(context: RecordingContext) -> None:
    with pytest.raises(InputFaults) as caught:
        simulate(context, settings="nonsense: 1")
    assert caught.value.parameter == "settings"
    with pytest.raises(InputError) as refused:
        simulate(context, width="-5")
    assert refused.value.parameter == "width"

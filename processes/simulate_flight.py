"""Simulate a flight through plumes of known strength."""

from __future__ import annotations

from typing import Any

from gasflux_core.errors import InputError, InputFaults
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.simulation_parameters import Source
from processes import formats
from processes.base import Inputs, Literal, StageProcess
from processes.declaration import Context, InputDeclaration, OutputValue
from processes.inputs import literal_fields, literal_input, read_mapping, text_input
from processes.outputs import complex_output, json_value, quantity_output, quantity_value, table_value

_SOURCE_FIELDS = {"source_height": "height", "source_offset": "offset", "source_upwind": "upwind"}
"""Inputs for the one source that most simulations have → its parameters."""

_RATE = InputDeclaration(
    identifier="source_rate",
    title="Emission rate of the source",
    abstract="True emission rate of the one source. Several sources or gases are given in settings.",
    kind="literal",
    min_occurs=0,
    data_type="float",
    unit="kg/h",
    default="10.0",
    minimum=0.0,
)
_GAS = InputDeclaration(
    identifier="gas",
    title="Gas of the source",
    abstract="Formula of the gas that the one source emits.",
    kind="literal",
    min_occurs=0,
    default="ch4",
)


class SimulateFlight(StageProcess):
    identifier = "simulate_flight"
    title = "Simulate a flight"
    abstract = (
        "Flies a plan through Gaussian plumes of known strength, with wind profile, meander, sensor noise, drift and "
        "position noise, and gives the flight table with the true emission rate: to try the service and to judge it. "
        "The same seed gives the same flight."
    )
    keywords = ("simulation", "Gaussian plume", "drone", "demonstration")

    def declare_inputs(self) -> list[Any]:
        return [
            Literal(_RATE),
            Literal(_GAS),
            *(literal_input(Source, field, identifier) for identifier, field in _SOURCE_FIELDS.items()),
            *(literal_input(SimulationParameters, name, name) for name in literal_fields(SimulationParameters)),
            text_input(
                "settings",
                "Settings",
                "YAML or JSON text for what can't be given as an input of its own: sources (a list of rates, upwind, "
                "offset and height) and gases (gas: background, noise, drift, gradient). Inputs that are given win "
                "over it.",
            ),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(
                "flight", "Flight table", "The simulated flight; gas_flux and flight_table read it.", formats.CSV
            ),
            quantity_output("emission_rate", "True emission rate", "Of all sources of the first gas together.", "kg/h"),
            complex_output(
                "truth",
                "Truth",
                "True rate of every gas, the share of it that passes the sampled window, and a description.",
                formats.JSON,
                by_reference=False,
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        parameters = _parameters(inputs)
        context.progress(0.1, "Simulating the flight")
        simulation = simulate_flight(parameters)
        context.progress(0.9, "Writing the flight table")
        truth = {
            "emission_rates": simulation.true_rates,
            "unit": "kg/h",
            "inside_fraction": simulation.inside_fraction,
            "description": simulation.description,
        }
        return {
            "flight": table_value(context, "flight", simulation.table),
            "emission_rate": quantity_value(next(iter(simulation.true_rates.values())), "kg/h"),
            "truth": json_value(context, "truth", truth),
        }


def _parameters(inputs: Inputs) -> SimulationParameters:
    values = read_mapping(inputs, "settings")
    sent = {name for name in ("source_rate", "gas", *_SOURCE_FIELDS) if inputs.value(name) is not None}
    if sent and "sources" in values:
        name = min(sent)
        raise InputError(f"{name}: the sources are given in settings; give this one there too", name)
    if sent:
        gas, rate = (inputs.text("gas") or "ch4").strip().lower(), inputs.value("source_rate")
        source = {field: inputs.value(name) for name, field in _SOURCE_FIELDS.items() if name in sent}
        values["sources"] = [{"rates": {gas: 10.0 if rate is None else rate}, **source}]
    given = {name: inputs.value(name) for name in literal_fields(SimulationParameters)}
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return SimulationParameters.check(values)
    except InputFaults as error:
        raise InputFaults([InputError(fault.message, _input_of(fault, given)) for fault in error.faults]) from None


def _input_of(fault: InputError, given: dict[str, Any]) -> str:
    """The input that a faulty parameter came by."""
    return fault.parameter if fault.parameter and given.get(fault.parameter) is not None else "settings"

"""A flight table looked at before anything is calculated."""

from __future__ import annotations

from typing import Any

from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.flight_preview import preview_flight
from gasflux_core.io.content import kind_of
from gasflux_core.io.tables import read_table
from processes import formats
from processes.base import Inputs, Literal, StageProcess
from processes.declaration import Context, InputDeclaration, OutputValue
from processes.inputs import (
    MAX_GASES,
    configuration_input,
    flight_input,
    read_configuration_input,
    read_named_gases,
    read_stage_parameters,
)
from processes.outputs import complex_output, json_value

_FORMAT_NAMES = {"json": "geojson", "xml": "gml"}
"""Kind of content that is called otherwise as a flight's format."""


class CheckFlight(StageProcess):
    identifier = "check_flight"
    title = "Look at a flight table"
    abstract = (
        "Reads a flight as gas_flux does and calculates nothing: tells which of its columns are taken for what, in "
        "which units, which gases it has, when and where it was flown, and everything that is wrong with it, with "
        "column and row. A table with faults is a result, not an error; a file that is no table is an error."
    )
    keywords = ("drone", "flight table", "check", "preview")

    def declare_inputs(self) -> list[Any]:
        return [flight_input(), _gases_input(), configuration_input()]

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(
                "check",
                "Check",
                "Format, rows, ready (whether gas_flux would take the table with these gases), columns with their role "
                "and unit, missing ones, gases, time, extent, wind, faults, notes, the first rows and the track.",
                formats.JSON,
                by_reference=False,
            )
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "flight", FlightParameters, configuration)
        gases = read_named_gases(inputs, configuration)
        context.progress(0.1, "Reading the flight table")
        file = inputs.file("flight")
        kind = kind_of(file, "flight")
        raw = read_table(file, inputs.media_type("flight"))
        context.progress(0.5, "Checking the flight table")
        seen = preview_flight(raw, gases, parameters)
        return {"check": json_value(context, "check", {"format": _FORMAT_NAMES.get(kind, kind), **seen})}


def _gases_input() -> Literal:
    return Literal(
        InputDeclaration(
            identifier="gases",
            title="Gases",
            abstract="Formula of each gas, such as ch4, co2, c2h6, n2o or sf6, as for gas_flux. Left empty: those of "
            "the configuration, else all gases that the table has.",
            kind="literal",
            min_occurs=0,
            max_occurs=MAX_GASES,
        )
    )

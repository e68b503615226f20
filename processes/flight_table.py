"""Check a flight table and give it positions and courses."""

from __future__ import annotations

from typing import Any

from gasflux_core.flight import check_flight
from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.io.tables import read_table
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    configuration_input,
    flight_input,
    gases_input,
    read_configuration_input,
    read_gases,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
)
from processes.outputs import stage_outputs, stage_values


class FlightTable(StageProcess):
    identifier = "flight_table"
    title = "Check a flight table"
    abstract = (
        "Reads a flight in any format the service knows, brings names and units into the service's own, checks every "
        "value against its allowed range and tells all faults at once; adds easting and northing in the UTM zone of "
        "the flight, course and ground speed. First stage of the chain; next: wind."
    )
    keywords = ("drone", "flight table", "check", "units")

    def declare_inputs(self) -> list[Any]:
        return [flight_input(), gases_input(), *setting_inputs(stage_settings("flight")), configuration_input("flight")]

    def declare_outputs(self) -> list[Any]:
        return stage_outputs("time, easting, northing, course_azimuth, course_elevation and ground_speed")

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "flight", FlightParameters, configuration)
        gases = read_gases(inputs, configuration)
        context.progress(0.1, "Reading the flight table")
        raw = read_table(inputs.file("flight"), inputs.media_type("flight"))
        context.progress(0.4, "Checking the flight table")
        flight = check_flight(raw, gases, parameters)
        context.progress(0.8, "Writing the table")
        return stage_values(context, flight)

"""Estimate the wind of each row."""

from __future__ import annotations

from typing import Any

from gasflux_core.io.tables import read_stage_table
from gasflux_core.wind import WindParameters, estimate_wind
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    configuration_input,
    read_configuration_input,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import stage_outputs, stage_values


class Wind(StageProcess):
    identifier = "wind"
    title = "Estimate the wind"
    abstract = (
        "Sets the wind of each row, from the table's wind speed and direction or from an anemometer carried by the "
        "drone, and replaces outliers if asked to; tells mean, spread and turn over the flight. "
        "After flight_table; next: transects."
    )
    keywords = ("drone", "wind", "anemometer", "outliers")

    def declare_inputs(self) -> list[Any]:
        return [table_input("flight_table"), *setting_inputs(stage_settings("wind")), configuration_input("wind")]

    def declare_outputs(self) -> list[Any]:
        return stage_outputs("windspeed, winddir (cleaned), wind_east and wind_north")

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        parameters = read_stage_parameters(inputs, "wind", WindParameters, read_configuration_input(inputs))
        context.progress(0.1, "Reading the table")
        table = read_stage_table(inputs.file("table"), ["time", "latitude", "longitude"])
        context.progress(0.4, "Estimating the wind")
        wind = estimate_wind(table, parameters)
        context.progress(0.8, "Writing the table")
        return stage_values(context, wind)

"""Find the transects of a flight."""

from __future__ import annotations

from typing import Any

from gasflux_core.io.tables import read_stage_table
from gasflux_core.transects import TransectParameters, find_transects
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


class Transects(StageProcess):
    identifier = "transects"
    title = "Find the transects"
    abstract = (
        "Numbers the transects of a flight and takes out climb-out, return, turns and hover, with the reason row by "
        "row. After wind; next: background."
    )
    keywords = ("drone", "transect", "course", "curtain", "spiral")

    def declare_inputs(self) -> list[Any]:
        return [table_input("wind"), *setting_inputs(stage_settings("transects")), configuration_input("transects")]

    def declare_outputs(self) -> list[Any]:
        return stage_outputs("transect (0: none), kept and reason")

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        parameters = read_stage_parameters(inputs, "transects", TransectParameters, read_configuration_input(inputs))
        context.progress(0.1, "Reading the table")
        needs = ["timestamp", "time", "easting", "northing", "height_ato", "course_azimuth", "course_elevation"]
        table = read_stage_table(inputs.file("table"), needs)
        context.progress(0.4, "Finding the transects")
        transects = find_transects(table, parameters)
        context.progress(0.8, "Writing the table")
        return stage_values(context, transects)

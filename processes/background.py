"""Estimate the background mole fraction of each gas."""

from __future__ import annotations

from typing import Any

from gasflux_core.background import BackgroundParameters, estimate_background
from gasflux_core.io.tables import read_stage_table
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    configuration_input,
    gases_input,
    read_configuration_input,
    read_gases,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import stage_outputs, stage_values


class Background(StageProcess):
    identifier = "background"
    title = "Estimate the background"
    abstract = (
        "Fits a baseline under the plume for each gas and gives background, enhancement and a mask of the signal; "
        "tells the background's standard deviation, the standard error of the baseline and its drift. "
        "After transects; next: flight_plane."
    )
    keywords = ("drone", "background", "baseline", "mole fraction", "enhancement")

    def declare_inputs(self) -> list[Any]:
        settings = setting_inputs(stage_settings("background"))
        return [table_input("transects"), gases_input(), *settings, configuration_input("background")]

    def declare_outputs(self) -> list[Any]:
        return stage_outputs("<gas>_background, <gas>_enhancement and <gas>_signal")

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "background", BackgroundParameters, configuration)
        gases = read_gases(inputs, configuration)
        context.progress(0.1, "Reading the table")
        table = read_stage_table(inputs.file("table"), ["time", "transect", "kept", *gases])
        context.progress(0.4, "Estimating the background")
        background = estimate_background(table, gases, parameters)
        context.progress(0.8, "Writing the table")
        return stage_values(context, background)

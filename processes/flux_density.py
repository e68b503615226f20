"""Turn enhancement and wind into flux density."""

from __future__ import annotations

from typing import Any

from gasflux_core.flux_density import FluxDensityParameters, calculate_flux_density
from gasflux_core.io.tables import read_stage_table
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    configuration_input,
    gases_input,
    plane_input,
    read_configuration_input,
    read_gases,
    read_plane,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import stage_outputs, stage_values


class FluxDensity(StageProcess):
    identifier = "flux_density"
    title = "Calculate the flux density"
    abstract = (
        "Multiplies the mass enhancement of each gas, by the ideal gas law from pressure and temperature, with the "
        "wind through the plane, signed. After flight_plane; next: variogram."
    )
    keywords = ("drone", "flux density", "mass concentration", "ideal gas law", "wind")

    def declare_inputs(self) -> list[Any]:
        settings = setting_inputs(stage_settings("flux_density"))
        return [
            table_input("flight_plane"),
            plane_input(),
            gases_input(),
            *settings,
            configuration_input("flux_density"),
        ]

    def declare_outputs(self) -> list[Any]:
        return stage_outputs("wind_normal, <gas>_density, <gas>_mass_enhancement and <gas>_flux_density")

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "flux_density", FluxDensityParameters, configuration)
        gases = read_gases(inputs, configuration)
        plane = read_plane(inputs)
        context.progress(0.1, "Reading the table")
        enhancements = [f"{gas}_enhancement" for gas in gases]
        needs = ["x", "wind_east", "wind_north", "temperature", "pressure", "kept", *enhancements]
        table = read_stage_table(inputs.file("table"), needs)
        context.progress(0.4, "Calculating the flux density")
        flux = calculate_flux_density(table, plane, gases, parameters)
        context.progress(0.8, "Writing the table")
        return stage_values(context, flux)

"""Fit the plane that the flight sampled."""

from __future__ import annotations

from typing import Any

from gasflux_core.flight_parameters import FlightParameters
from gasflux_core.io.tables import read_stage_table
from gasflux_core.plane import PlaneParameters, fit_plane
from processes import formats
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    Setting,
    configuration_input,
    read_configuration_input,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import complex_output, json_value, stage_outputs, stage_values


class FlightPlane(StageProcess):
    identifier = "flight_plane"
    title = "Fit the flight plane"
    abstract = (
        "Fits a vertical plane through the transects by total least squares, or a cylinder for a spiral; places each "
        "row in it. The azimuth is from true north. After background; next: flux_density."
    )
    keywords = ("drone", "flight plane", "curtain", "cylinder", "total least squares")

    def declare_inputs(self) -> list[Any]:
        settings = (*stage_settings("plane"), Setting("crs", "flight", "crs"))
        return [table_input("background"), *setting_inputs(settings), configuration_input("plane")]

    def declare_outputs(self) -> list[Any]:
        abstract = "Place, azimuth and extent of the plane; flux_density, variogram, kriging and emission_rate read it."
        return [
            *stage_outputs("x, z, height_above_ground and distance_from_plane"),
            complex_output("plane", "Flight plane", abstract, formats.JSON),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "plane", PlaneParameters, configuration)
        crs = read_stage_parameters(inputs, "flight", FlightParameters, configuration).crs
        context.progress(0.1, "Reading the table")
        positions = ["latitude", "longitude", "easting", "northing", "height_ato"]
        table = read_stage_table(inputs.file("table"), [*positions, "transect", "kept", "wind_east", "wind_north"])
        context.progress(0.4, "Fitting the flight plane")
        fit = fit_plane(table, parameters, crs)
        context.progress(0.8, "Writing the table")
        return {**stage_values(context, fit), "plane": json_value(context, "plane", fit.plane)}

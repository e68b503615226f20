"""Heights above ground from a terrain model."""

from __future__ import annotations

from typing import Any

from gasflux_core.io.tables import read_stage_table
from gasflux_core.terrain import TerrainParameters, add_terrain, places_of
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.elevation import dem_inputs, read_dem
from processes.inputs import (
    configuration_input,
    read_configuration_input,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import stage_outputs, stage_values


class TerrainHeights(StageProcess):
    identifier = "terrain"
    title = "Heights above ground from a terrain model"
    abstract = (
        "Gives every row of a flight table its height above ground: the height above take-off, less what the ground "
        "there is above the ground at take-off by a terrain model (GeoTIFF or WCS). Only differences of the model "
        "count, so that its vertical datum does not matter. For flights without height_agl; between flight_table and "
        "wind."
    )
    keywords = ("terrain", "elevation", "DEM", "height above ground", "WCS")

    def declare_inputs(self) -> list[Any]:
        settings = setting_inputs(stage_settings("terrain"))
        return [table_input("flight_table"), *dem_inputs(), *settings, configuration_input("terrain")]

    def declare_outputs(self) -> list[Any]:
        return stage_outputs("height_agl and ground (above take-off)")

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "terrain", TerrainParameters, configuration)
        context.progress(0.1, "Reading the table")
        table = read_stage_table(inputs.file("table"), ["latitude", "longitude", "height_ato"])
        context.progress(0.3, "Reading the terrain model")
        elevation = read_dem(inputs, context).read(*places_of(table, parameters))
        context.progress(0.6, "Interpolating the ground")
        terrain = add_terrain(table, elevation, parameters)
        context.progress(0.8, "Writing the table")
        return stage_values(context, terrain)

"""Krige the flux plane of one gas."""

from __future__ import annotations

from typing import Any

from gasflux_core.errors import InputError
from gasflux_core.io.geotiff import write_flux_plane
from gasflux_core.io.tables import read_stage_table
from gasflux_core.kriging import KrigingParameters, krige_flux_plane
from gasflux_core.pipeline import versions
from gasflux_core.variogram import Variogram
from processes import formats
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    configuration_input,
    gas_input,
    json_input,
    plane_input,
    read_configuration_input,
    read_gas,
    read_json,
    read_plane,
    read_stage_parameters,
    rebuilt,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import complex_output, file_value, json_value, wants


class Kriging(StageProcess):
    identifier = "kriging"
    title = "Krige the flux plane"
    abstract = (
        "Interpolates the flux density of one gas onto a grid in the plane with its standard error, down to the ground "
        "and up as asked, and integrates it with the exact standard error of the integral. "
        "After variogram; next: emission_rate."
    )
    keywords = ("geostatistics", "kriging", "interpolation", "flux plane", "GeoTIFF")

    def declare_inputs(self) -> list[Any]:
        return [
            table_input("flux_density"),
            plane_input(),
            json_input("variogram", "Variogram", "The output variogram of the process variogram."),
            gas_input(),
            *setting_inputs(stage_settings("kriging")),
            configuration_input("kriging"),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(
                "flux_plane",
                "Flux plane",
                "GeoTIFF in metres along the plane and above take-off: flux density and its standard error, kg m-2 "
                "h-1.",
                formats.GEOTIFF,
            ),
            complex_output(
                "field",
                "Field",
                "The grid with its values, integral and standard error of the integral; emission_rate reads it.",
                formats.JSON,
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "kriging", KrigingParameters, configuration)
        gas, plane = read_gas(inputs), read_plane(inputs)
        variogram = _variogram_of(gas, read_json(inputs, "variogram"))
        context.progress(0.1, "Reading the table")
        needs = ["x", "z", "kept", "transect", "height_above_ground", f"{gas}_{variogram.quantity}"]
        table = read_stage_table(inputs.file("table"), needs)
        context.progress(0.2, f"Kriging the flux plane of {gas}")
        field = krige_flux_plane(table, gas, plane, variogram, parameters)
        context.progress(0.9, "Writing the flux plane")
        made = {"field": json_value(context, "field", field)}
        if wants(context, "flux_plane"):
            path = context.workdir / "flux_plane.tif"
            write_flux_plane(path, {gas: field}, plane, versions())
            made["flux_plane"] = file_value(path, formats.GEOTIFF)
        return made


def _variogram_of(gas: str, values: dict[str, Any]) -> Variogram:
    fitted_to = values.pop("gas", None)
    if fitted_to != gas:
        raise InputError(f"variogram: was fitted to {fitted_to}, the gas here is {gas}", "variogram")
    variogram: Variogram = rebuilt("variogram", Variogram.from_dict, values)
    return variogram

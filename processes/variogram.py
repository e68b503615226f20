"""Fit the variogram of one gas in the flight plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from gasflux_core.experimental_variogram import LagClasses
from gasflux_core.io.tables import read_stage_table
from gasflux_core.variogram import VariogramParameters, estimate_variogram
from processes import formats
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.inputs import (
    configuration_input,
    gas_input,
    plane_input,
    read_configuration_input,
    read_gas,
    read_plane,
    read_stage_parameters,
    setting_inputs,
    stage_settings,
    table_input,
)
from processes.outputs import complex_output, json_value, table_value


class Variogram(StageProcess):
    identifier = "variogram"
    title = "Fit the variogram"
    abstract = (
        "Experimental semivariogram of one gas in the plane, along it and upwards, and the model fitted to it, with "
        "its cross-validation. After flux_density; next: kriging."
    )
    keywords = ("geostatistics", "semivariogram", "kriging", "anisotropy")

    def declare_inputs(self) -> list[Any]:
        settings = setting_inputs(stage_settings("variogram"))
        return [table_input("flux_density"), plane_input(), gas_input(), *settings, configuration_input("variogram")]

    def declare_outputs(self) -> list[Any]:
        return [
            complex_output(
                "variogram",
                "Variogram",
                "Model, nugget, partial sill and ranges, the experimental points and the cross-validation; "
                "kriging reads it.",
                formats.JSON,
            ),
            complex_output(
                "experimental",
                "Experimental semivariogram",
                "One row a direction (degrees from x towards z) and lag class: mean lag and its parts along x and z "
                "(m), semivariance, number of pairs.",
                formats.CSV,
            ),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "variogram", VariogramParameters, configuration)
        gas, plane = read_gas(inputs), read_plane(inputs)
        context.progress(0.1, "Reading the table")
        needs = ["x", "z", "kept", "transect", f"{gas}_{parameters.quantity}"]
        table = read_stage_table(inputs.file("table"), needs)
        context.progress(0.3, f"Fitting the variogram of {gas}")
        variogram = estimate_variogram(table, gas, plane, parameters)
        context.progress(0.9, "Writing the variogram")
        return {
            "variogram": json_value(context, "variogram", {"gas": gas, **variogram.to_dict()}),
            "experimental": table_value(context, "experimental", _experimental_table(variogram.experimental)),
        }


def _experimental_table(directions: Sequence[LagClasses]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "direction": one.direction,
                    "lag": one.lag,
                    "along_x": one.along_x,
                    "along_z": one.along_z,
                    "semivariance": one.semivariance,
                    "pairs": one.pairs,
                }
            )
            for one in directions
        ],
        ignore_index=True,
    )

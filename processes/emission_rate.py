"""Estimate the emission rate of one gas with its uncertainty."""

from __future__ import annotations

import math
from typing import Any

from gasflux_core.background import GasBackground
from gasflux_core.emission_rate import estimate_emission_rate
from gasflux_core.errors import InputError
from gasflux_core.io.tables import read_stage_table
from gasflux_core.kriging import Field
from gasflux_core.pipeline import versions
from gasflux_core.uncertainty import EmissionRateParameters
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
from processes.outputs import complex_output, json_value, quantity_value, rate_outputs


class EmissionRate(StageProcess):
    identifier = "emission_rate"
    title = "Estimate the emission rate"
    abstract = (
        "Emission rate of one gas from its flux plane, with the budget of its uncertainty term by term, a 95 % "
        "interval and flags that say what to be careful about. After kriging; last stage of the chain."
    )
    keywords = ("emission rate", "uncertainty", "Monte Carlo", "greenhouse gas")

    def declare_inputs(self) -> list[Any]:
        return [
            table_input("flux_density"),
            plane_input(),
            json_input("field", "Field", "The output field of the process kriging."),
            json_input("background", "Figures of the background", "The output figures of the process background."),
            gas_input(),
            *setting_inputs(stage_settings("emission_rate")),
            configuration_input("emission_rate"),
        ]

    def declare_outputs(self) -> list[Any]:
        figures = "Rate, uncertainty, 95 % interval, budget and flags of the gas, the plane and versions."
        return [
            *rate_outputs(),
            complex_output("figures", "Figures", figures, formats.JSON, by_reference=False),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        configuration = read_configuration_input(inputs)
        parameters = read_stage_parameters(inputs, "emission_rate", EmissionRateParameters, configuration)
        gas, plane = read_gas(inputs), read_plane(inputs)
        field = _field_of(gas, read_json(inputs, "field"))
        background = _background_of(gas, read_json(inputs, "background"))
        context.progress(0.1, "Reading the table")
        needs = ["x", "z", "kept", "transect", "height_above_ground", f"{gas}_mass_enhancement", f"{gas}_flux_density"]
        table = read_stage_table(inputs.file("table"), needs)
        context.progress(0.3, f"Estimating the emission rate of {gas}")
        rate = estimate_emission_rate(table, gas, plane, field, background, parameters)
        figures = {"gases": {gas: rate.to_dict()}, "plane": plane.to_dict(), "versions": versions()}
        return {
            "emission_rate": quantity_value(rate.emission_rate, "kg/h"),
            "uncertainty": quantity_value(rate.standard_uncertainty, "kg/h"),
            "figures": json_value(context, "figures", figures),
        }


def _field_of(gas: str, values: dict[str, Any]) -> Field:
    field: Field = rebuilt("field", Field.from_dict, values)
    if field.gas != gas:
        raise InputError(f"field: was kriged for {field.gas}, the gas here is {gas}", "field")
    return field


def _background_of(gas: str, figures: dict[str, Any]) -> GasBackground:
    found = figures.get("gases")
    if not isinstance(found, dict) or gas not in found:
        known = ", ".join(found) if isinstance(found, dict) else "none"
        raise InputError(f"background: holds no figures of {gas} (gases there: {known})", "background")
    background: GasBackground = rebuilt("background", _background, found[gas])
    return background


def _background(values: dict[str, Any]) -> GasBackground:
    # What isn't known is NaN in the stage's result and null in JSON.
    known: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    return GasBackground(**known)

"""The whole calculation on a flight that is fetched from an address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gasflux_core.errors import MissingInput
from processes import formats
from processes.base import Inputs
from processes.declaration import Context
from processes.elevation import dem_url_input
from processes.file_names import file_name_of_address
from processes.gas_flux import GasFlux
from processes.inputs import flight_url_input


class GasFluxFromUrl(GasFlux):
    identifier = "gas_flux_from_url"
    title = "Emission rate from a flight at an address"
    abstract = (
        "As gas_flux, for clients that can't send a table themselves: the flight is fetched from an address, for "
        "instance a WFS. Gives the same outputs."
    )

    flight_identifier = "flight_url"

    def declare_flight(self) -> Any:
        return flight_url_input()

    def declare_terrain(self) -> list[Any]:
        # A literal, as all inputs here, for clients that can send no others.
        return [dem_url_input()]

    def flight_file(self, inputs: Inputs, context: Context) -> Path:
        url = inputs.text("flight_url")
        if url is None:
            raise MissingInput("flight_url: an address is required", "flight_url")
        return context.fetch(url, "flight_url", [form.mime_type for form in formats.FLIGHT_FORMATS])

    def flight_name(self, inputs: Inputs) -> str | None:
        return file_name_of_address(inputs.text("flight_url") or "")

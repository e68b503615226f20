"""The report of a flight, and nothing else."""

from __future__ import annotations

from typing import Any

from processes.base import Inputs
from processes.declaration import Context, OutputValue
from processes.gas_flux import GasFlux, report_outputs


class Report(GasFlux):
    identifier = "report"
    title = "Report on a flight"
    abstract = (
        "Runs the whole calculation on a flight, with the inputs of gas_flux, and gives the report: an HTML page that "
        "needs no other file, the same as PDF, and a picture of the flux plane."
    )
    keywords = ("report", "emission rate", "drone", "HTML", "PDF")

    def declare_outputs(self) -> list[Any]:
        return report_outputs()

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        flight = self.flight_file(inputs, context)
        return self.write(self.calculate(flight, inputs, context), flight, inputs, context)

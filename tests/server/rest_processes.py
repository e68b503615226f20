"""A quick stand-in for gas_flux, and what the tests of the REST face share."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

from flask.testing import FlaskClient
from pywps import ComplexInput, ComplexOutput, Format, LiteralInput, LiteralOutput
from werkzeug.test import TestResponse

from gasflux_core.errors import InputError
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue

PRELOAD = ("server.jobs.child", "processes.base", "tests.server.rest_processes")
FLIGHT = b"timestamp,ch4\n2024-05-03T10:11:12Z,2.1\n"
FIGURES = {
    "gases": {
        "ch4": {"emission_rate": 25.5, "standard_uncertainty": 3.0, "interval95": [19.5, 31.5], "flags": ["weak"]}
    }
}


class QuickGasFlux(StageProcess):
    """Has the names of gas_flux and finds the same rate in every flight."""

    identifier = "gas_flux"
    title = "A quick stand-in"
    abstract = "Finds the same rate in every flight."
    keywords = ("test",)
    version = "1.2.3"

    def declare_inputs(self) -> list[Any]:
        return [
            ComplexInput("flight", "Flight", supported_formats=[Format("text/csv")], abstract="Any file."),
            LiteralInput("configuration", "Configuration", data_type="string", abstract="YAML.", min_occurs=0),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            LiteralOutput("emission_rate", "Rate", data_type="float", abstract="Of the first gas.", uoms=["kg/h"]),
            LiteralOutput("uncertainty", "Uncertainty", data_type="float", abstract="Of that.", uoms=["kg/h"]),
            ComplexOutput("figures", "Figures", [Format("application/json", extension=".json")], abstract="All."),
            ComplexOutput("report", "Report", [Format("text/html", extension=".html")], abstract="A page."),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        context.progress(0.5, "Looking")
        content = inputs.file("flight").read_bytes()
        if b"sleep" in content:
            time.sleep(60)
        if b"refuse" in content:
            raise InputError("flight: column ch4 has text in row 3", "flight", column="ch4", row=3)
        figures, report = context.workdir / "figures.json", context.workdir / "report.html"
        figures.write_text(json.dumps(FIGURES), encoding="utf-8")
        report.write_text(
            f"<!doctype html><p>{inputs.text('configuration') or 'no'} configuration</p>", encoding="utf-8"
        )
        return {
            "emission_rate": OutputValue(text="25.5", unit="kg/h"),
            "uncertainty": OutputValue(text="3.0", unit="kg/h"),
            "figures": OutputValue(file=figures, media_type="application/json"),
            "report": OutputValue(file=report, media_type="text/html"),
        }


@cache
def registry() -> Mapping[str, StageProcess]:
    """The processes of these tests."""
    return {"gas_flux": QuickGasFlux()}


def send(
    client: FlaskClient, content: bytes = FLIGHT, name: str = "flight.csv", path: str = "/upload", **more: Any
) -> TestResponse:
    """Upload a flight; further parts of the form by their names."""
    headers = more.pop("headers", None)
    return client.post(path, data={"file": (io.BytesIO(content), name), **more}, headers=headers)


def begin(client: FlaskClient, content: bytes = FLIGHT, name: str = "flight.csv", **more: Any) -> str:
    """Id of a task that was accepted."""
    answer = send(client, content, name, **more)
    assert answer.status_code == 202, answer.text
    return str(answer.json["data"]["task_id"])

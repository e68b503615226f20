"""The web page's application for tests, with small processes in the place of the long ones."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from pywps import ComplexOutput, Format, LiteralOutput

from gasflux_core.errors import InputError, InputFaults
from processes.base import Inputs, StageProcess
from processes.declaration import Context, OutputValue
from processes.gas_flux import SETTINGS
from processes.inputs import configuration_input, flight_input, gases_input, setting_inputs
from server.app import create_app, service_of
from tests.server.fakes import end_supervisor, settings_in

PRELOAD = ("server.jobs.child", "processes.base", "tests.server.web_app")
OWN = {"Sec-Fetch-Site": "same-origin"}
"""What a browser says of a change that a page of the service itself asks for."""

SCRIPT = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://evil.example")'


class SmallGasFlux(StageProcess):
    """Declared as the true one, and done at once; refuses a flight that says so."""

    identifier = "gas_flux"
    title = "Emission rate from a flight"
    abstract = "For tests."
    keywords = ("test",)

    def declare_inputs(self) -> list[Any]:
        return [flight_input(), gases_input(), *setting_inputs(SETTINGS), configuration_input()]

    def declare_outputs(self) -> list[Any]:
        return [LiteralOutput("emission_rate", "Emission rate", data_type="float", abstract="As it is.")]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        text = inputs.file("flight").read_text(encoding="utf-8")
        if "bad" in text:
            raise InputFaults([InputError("pressure: is a joke", "flight"), InputError("latitude: is none", "flight")])
        return {"emission_rate": OutputValue(text="1.5")}


class SmallCheck(StageProcess):
    """Finds what the flight's file says that it is to find."""

    identifier = "check_flight"
    title = "Look at a flight table"
    abstract = "For tests."
    keywords = ("test",)

    def declare_inputs(self) -> list[Any]:
        return [flight_input(), gases_input(), configuration_input()]

    def declare_outputs(self) -> list[Any]:
        return [ComplexOutput("check", "Check", supported_formats=[Format("application/json", extension=".json")])]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        text = inputs.file("flight").read_text(encoding="utf-8")
        if "unreadable" in text:
            raise InputError("flight: expected a table, got a poem", "flight")
        path = context.workdir / "check.json"
        path.write_text(json.dumps(FOUND), encoding="utf-8")
        return {"check": OutputValue(file=path, media_type="application/json")}


FOUND = {
    "format": "csv",
    "rows": 3,
    "kept": 2,
    "ready": False,
    "columns": [{"header": SCRIPT, "role": None, "unit": None, "note": "", "first": [FORMULA]}],
    "missing": ["pressure"],
    "gases": ["ch4", "co2"],
    "time": None,
    "extent": None,
    "wind": {"speed": None, "direction": 90.0},
    "faults": [{"input": "flight", "column": "winddir", "row": 17, "message": f"no number ({SCRIPT})"}],
    "more_faults": 4,
    "notes": ["timestamp carries no zone; it was taken as UTC"],
    "preview": {"header": [SCRIPT], "rows": [[FORMULA]]},
    "track": {"longitude": [8.0, 8.001, None], "latitude": [50.0, 50.001, 50.0], "mole_fraction": [2.0, 3.0, None]},
}


@cache
def registry() -> Mapping[str, StageProcess]:
    """The processes of these tests."""
    return {kind.identifier: kind() for kind in (SmallGasFlux, SmallCheck)}


@contextmanager
def web_app(folder: Path, **environ: str) -> Iterator[Flask]:
    """The application; its engine ends with the block."""
    settings = settings_in(folder, **environ)
    app = create_app(settings, registry, PRELOAD)
    try:
        yield app
    finally:
        service_of(app).engine.stop()
        end_supervisor(settings)
        service_of(app).jobs.close()

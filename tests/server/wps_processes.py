"""A process with every kind of input and output, and what the tests of the WPS face share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from lxml import etree
from pywps import ComplexInput, ComplexOutput, Format, LiteralOutput

from gasflux_core.errors import InputError, NoSolution
from processes.base import Inputs, Literal, StageProcess, declaration
from processes.declaration import Context, InputDeclaration, OutputValue, ProcessDeclaration
from server.app import create_app, service_of
from server.jobs.database import migrate
from tests.server.fakes import end_supervisor, settings_in

PRELOAD = ("server.jobs.child", "processes.base", "tests.server.wps_processes")
CSV = Format("text/csv", extension=".csv")
TIFF = Format("image/tiff; subtype=geotiff", extension=".tif", encoding="base64")
FLIGHT = [
    CSV,
    Format("application/gml+xml", extension=".gml"),
    Format("application/vnd.ms-excel", extension=".xls", encoding="base64"),
]
PIXELS = b"II*\x00\x00\xff\xfe binary"


def _literal(identifier: str, data_type: Any = "string", **more: Any) -> Literal:
    return Literal(InputDeclaration(identifier, identifier.title(), "Any.", "literal", 0, data_type=data_type, **more))


class Everything(StageProcess):
    """Tells what it was given."""

    identifier = "everything"
    title = "Every kind of input & output"
    abstract = "Tells what it was given: <all> of it."
    keywords = ("test",)
    version = "1.2.3"

    def declare_inputs(self) -> list[Any]:
        return [
            ComplexInput("flight", "Flight table", abstract="Any file.", supported_formats=FLIGHT),
            _literal("text"),
            _literal("words", max_occurs=3),
            _literal("height", "float", unit="m", minimum=0.0, maximum=100.0, minimum_excluded=True, default="2.5"),
            _literal("count", "integer", minimum=1.0),
            _literal("model", allowed=("spherical", "cubic"), default="spherical"),
            _literal("flag", "boolean", default="false"),
        ]

    def declare_outputs(self) -> list[Any]:
        return [
            ComplexOutput("raster", "Raster", abstract="Some bytes.", supported_formats=[TIFF], as_reference=True),
            ComplexOutput("copy", "Copy", abstract="What came.", supported_formats=[CSV], as_reference=False),
            LiteralOutput("told", "Told", abstract="All literals.", data_type="string"),
            LiteralOutput("size", "Size", abstract="Bytes.", data_type="float", uoms=["MB"]),
        ]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        context.progress(0.5, "Reading")
        text = inputs.text("text")
        if text == "refuse":
            raise InputError("flight: column ch4 has text in row 3", "flight", column="ch4", row=3)
        if text == "nothing":
            raise NoSolution("There is no plume in this flight.")
        if text == "break":
            raise ZeroDivisionError("secret of the house")
        content = inputs.file("flight").read_bytes()
        raster, copy = context.workdir / "same.dat", context.workdir / "copy.csv"
        raster.write_bytes(PIXELS)
        copy.write_bytes(content)
        names = ("text", "height", "count", "model", "flag")
        told = [f"{name}={inputs.value(name)}" for name in names if inputs.value(name) is not None]
        told += [f"words={word}" for word in inputs.values("words")]
        return {
            "raster": OutputValue(file=raster, media_type=TIFF.mime_type),
            "copy": OutputValue(file=copy, media_type="text/csv"),
            "told": OutputValue(text=";".join(told)),
            "size": OutputValue(text=str(float(len(content))), unit="MB"),
        }


class Small(StageProcess):
    """The least there can be."""

    identifier = "small"
    title = "Small"
    abstract = "The least there can be."
    keywords = ("test",)

    def declare_inputs(self) -> list[Any]:
        return [_literal("text")]

    def declare_outputs(self) -> list[Any]:
        return [LiteralOutput("told", "Told", abstract="The text.", data_type="string")]

    def run(self, inputs: Inputs, context: Context) -> dict[str, OutputValue]:
        return {"told": OutputValue(text=inputs.text("text") or "")}


@cache
def registry() -> Mapping[str, StageProcess]:
    """The processes of these tests."""
    return {kind.identifier: kind() for kind in (Everything, Small)}


def everything() -> ProcessDeclaration:
    """What the large one says of itself."""
    return declaration(registry()["everything"])


@contextmanager
def running_app(
    folder: Path,
    offered: Callable[[], Mapping[str, Any]] = registry,
    preload: tuple[str, ...] = PRELOAD,
    **environ: str,
) -> Iterator[Flask]:
    """The whole application over these processes, or those offered, its engine at work."""
    settings = settings_in(folder, **environ)
    folder.mkdir(parents=True, exist_ok=True)
    migrate(settings.jobs.database)
    app = create_app(settings, offered, preload)
    service = service_of(app)
    service.engine.start()
    try:
        yield app
    finally:
        service.engine.stop()
        end_supervisor(settings)
        service.jobs.close()


# --- the official schemas -------------------------------------------------------------------------


@cache
def official_schema(name: str) -> etree.XMLSchema | None:
    """A schema by its path below schemas.opengis.net; None where there are none."""
    beside = Path(__file__).resolve().parents[3] / "shared" / "schemas"
    folder = Path(os.environ.get("GASFLUX_TEST_SCHEMAS") or beside) / "schemas.opengis.net"
    return etree.XMLSchema(etree.parse(str(folder / name))) if folder.is_dir() else None


def _schema(name: str) -> etree.XMLSchema:
    found = official_schema(name)
    if found is None:
        pytest.skip("needs a folder of the OGC schemas beside the checkout or GASFLUX_TEST_SCHEMAS")
    return found


def assert_valid(content: bytes, schema: str) -> etree._Element:
    """Check a document against an official schema of WPS 1.0.0 or OWS 1.1, and give its root."""
    root = etree.fromstring(content)
    _schema(schema).assertValid(root)
    return root


CAPABILITIES = "wps/1.0.0/wpsGetCapabilities_response.xsd"
DESCRIPTIONS = "wps/1.0.0/wpsDescribeProcess_response.xsd"
RESPONSE = "wps/1.0.0/wpsExecute_response.xsd"
EXCEPTIONS = "ows/1.1.0/owsExceptionReport.xsd"
EXECUTE = "wps/1.0.0/wpsExecute_request.xsd"

SPACES = {
    "wps": "http://www.opengis.net/wps/1.0.0",
    "ows": "http://www.opengis.net/ows/1.1",
    "xlink": "http://www.w3.org/1999/xlink",
}


def texts(root: etree._Element, path: str) -> list[str]:
    """What an XPath with the usual prefixes finds, as text."""
    found = root.xpath(path, namespaces=SPACES)
    return [item if isinstance(item, str) else "".join(item.itertext()) for item in found]


def faults(content: bytes) -> list[tuple[str, str | None]]:
    """Code and locator of every exception in a report."""
    root = assert_valid(content, EXCEPTIONS)
    return [(item.get("exceptionCode"), item.get("locator")) for item in root]

"""Requests against declarations: what passes, what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gasflux_core.errors import InputError, InputFaults, MissingInput, TooLarge
from processes.declaration import FormatDeclaration, InputDeclaration, OutputDeclaration, ProcessDeclaration
from server.formats import match_format
from server.jobs.request import InputItem, JobRequest, OutputRequest, Upload
from server.validate import plain_unit, validate

CSV = FormatDeclaration("text/csv", ".csv")
TIFF = FormatDeclaration("image/tiff; subtype=geotiff", ".tif", "base64")
GML = FormatDeclaration("application/gml+xml", ".gml")
GEOJSON = FormatDeclaration("application/geo+json", ".geojson")
FLIGHT_FORMATS = (CSV, GML, GEOJSON)


def literal(identifier: str, data_type: Any = "string", **more: Any) -> InputDeclaration:
    return InputDeclaration(identifier, identifier.title(), "", "literal", 0, data_type=data_type, **more)


PROCESS = ProcessDeclaration(
    "krige",
    "Krige",
    "",
    "1",
    (),
    (
        InputDeclaration("flight", "Flight", "", "complex", formats=FLIGHT_FORMATS),
        literal("speed", "float", unit="m/s", minimum=0.0, maximum=50.0, maximum_excluded=True),
        literal("ratio", "float"),
        literal("cells", "integer", minimum=1.0, minimum_excluded=True),
        literal("model", allowed=("spherical", "cubic")),
        literal("mirror", "boolean"),
        literal("gases", max_occurs=2),
        literal("needed_with_default", "float", default="1"),
    ),
    (
        OutputDeclaration("raster", "Raster", "", "complex", formats=(TIFF,), by_reference=True),
        OutputDeclaration("rate", "Rate", "", "literal", "float", "kg/h"),
    ),
)
FLIGHT = [InputItem(upload="input-1", media_type="text/csv")]


def ask(outputs: list[OutputRequest] | None = None, response: Any = "document", **inputs: Any) -> JobRequest:
    items = {name: value if isinstance(value, list) else [InputItem(text=value)] for name, value in inputs.items()}
    return JobRequest("krige", {"flight": FLIGHT, **items}, outputs or [], response=response)


def fault(request: JobRequest, **more: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        validate(PROCESS, request, **more)
    return caught.value


def test_a_good_request_passes_unchanged() -> None:
    request = ask(speed="1.5e1", ratio=" -.5 ", cells="+7", model="cubic", mirror="TRUE", gases="ch4")
    checked = validate(PROCESS, request)
    assert {name: [item.text for item in items] for name, items in checked.inputs.items()} == {
        name: [item.text for item in items] for name, items in request.inputs.items()
    }


@pytest.mark.parametrize("text", ["", " ", "None"])
def test_an_empty_literal_is_an_absent_one(text: str) -> None:
    assert "speed" not in validate(PROCESS, ask(speed=text)).inputs
    twice = [InputItem(text=text), InputItem(text="ch4"), InputItem(text="co2")]
    assert [item.text for item in validate(PROCESS, ask(gases=twice)).inputs["gases"]] == ["ch4", "co2"]


@pytest.mark.parametrize("text", ["nan", "inf", "-INF", "1_000", "1,5", "0x10", "1e999", "1.5.2", "ten", "١", "1 2"])
def test_numbers_are_finite_doubles_of_xml_schema(text: str) -> None:
    error = fault(ask(ratio=text))
    assert error.parameter == "ratio"
    assert text in error.message


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("speed", "-0.1"),
        ("speed", "50"),
        ("cells", "1"),
        ("cells", "2.0"),
        ("cells", "1e3"),
        ("model", "Cubic"),
        ("mirror", "yes"),
        ("gases", "a\0b"),
    ],
)
def test_what_is_out_of_its_bounds_is_refused_by_name(name: str, text: str) -> None:
    assert fault(ask(**{name: text})).parameter == name


def test_bounds_that_are_included_are_allowed() -> None:
    assert validate(PROCESS, ask(speed="0")).inputs["speed"][0].text == "0"


@pytest.mark.parametrize("unit", ["m/s", "m s-1", "metres per second", "urn:ogc:def:uom:UCUM::m.s-1", None, ""])
def test_the_declared_unit_goes_by_many_names(unit: str | None) -> None:
    checked = validate(PROCESS, ask(speed=[InputItem(text="1", unit=unit)]))
    assert checked.inputs["speed"][0].unit == "m/s"


def test_another_unit_is_refused_in_words() -> None:
    known = fault(ask(speed=[InputItem(text="1", unit="knots")]))
    assert known.parameter == "speed"
    assert "convert the value from kn to m/s" in known.message
    unknown = fault(ask(speed=[InputItem(text="1", unit="furlongs")]))
    assert "'furlongs'" in unknown.message
    assert "send it in m/s" in unknown.message
    none = fault(ask(ratio=[InputItem(text="1", unit="m")]))
    assert "has no unit" in none.message


def test_units_are_known_by_symbol_name_and_urn() -> None:
    assert [plain_unit(name) for name in ("°", "Metre", "http://example.org/unit#kg/h", "parsec")][:2] == ["deg", "m"]
    assert plain_unit("parsec") is None


def test_unknown_inputs_and_outputs_are_told_with_the_nearest_name() -> None:
    assert "Did you mean speed?" in fault(ask(sped="1")).message
    assert fault(ask(SPEED="1")).parameter == "SPEED"
    assert "Did you mean speed?" in fault(ask(SPEED="1")).message
    error = fault(ask([OutputRequest("rastr")]))
    assert error.parameter == "rastr"
    assert "Did you mean raster?" in error.message


def test_counts_of_values() -> None:
    missing = fault(JobRequest("krige", {}))
    assert (type(missing), missing.parameter) == (MissingInput, "flight")
    many = fault(ask(gases=[InputItem(text=name) for name in ("ch4", "co2", "n2o")]))
    assert "at most 2 values, 3 came" in many.message
    assert fault(ask(flight=FLIGHT * 2)).parameter == "flight"


def test_an_empty_complex_value_is_missing_too() -> None:
    assert isinstance(fault(ask(flight=[InputItem(text="")])), MissingInput)


def test_all_faults_come_together() -> None:
    error = fault(ask([OutputRequest("nothing")], speed="fast", cells="many"))
    assert isinstance(error, InputFaults)
    assert [item.parameter for item in error.faults] == ["speed", "cells", "nothing"]


def test_forms_that_do_not_fit_the_kind() -> None:
    assert "by reference" in fault(ask(speed=[InputItem(href="http://example.org")])).message
    assert "as complex data" in fault(ask(speed=[InputItem(upload="input-2")])).message
    assert fault(ask(flight=[InputItem(upload="input-1", encoding="rot13")])).parameter == "flight"
    error = fault(ask(flight=[InputItem(upload="input-1", media_type="image/png")]))
    assert "'image/png'" in error.message
    assert "text/csv" in error.message


@pytest.mark.parametrize("media_type", [None, "", "application/octet-stream", "text/plain", "text/xml"])
def test_a_media_type_that_says_little_leaves_it_to_the_content(media_type: str | None) -> None:
    request = ask(flight=[InputItem(upload="input-1", media_type=media_type)])
    assert validate(PROCESS, request).inputs["flight"] == request.inputs["flight"]


def test_sizes_are_limited(tmp_path: Path) -> None:
    file = tmp_path / "big"
    file.write_bytes(b"x" * 11)
    for content in (b"x" * 11, file):
        error = fault(ask(), uploads=[Upload("input-1", content)], max_input_bytes=10)
        assert (type(error), error.parameter) == (TooLarge, "flight")
    assert validate(PROCESS, ask(), uploads=[Upload("input-1", b"x" * 10)], max_input_bytes=10)
    long = fault(ask(gases="é" * 6), max_literal_bytes=10)
    assert (type(long), long.parameter) == (TooLarge, "gases")


def test_outputs() -> None:
    wanted = [OutputRequest("raster", media_type="image/geotiff"), OutputRequest("rate", unit="kg h-1")]
    checked = validate(PROCESS, ask(wanted))
    assert checked.outputs[0].media_type == "image/tiff; subtype=geotiff"
    assert "raster" in fault(ask([OutputRequest("raster", media_type="image/png")])).message
    assert fault(ask([OutputRequest("raster", encoding="zip")])).parameter == "raster"
    assert fault(ask([OutputRequest("rate", unit="g/s")])).parameter == "rate"
    assert fault(ask([OutputRequest("rate"), OutputRequest("rate")])).parameter == "rate"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("TEXT/CSV", CSV),
        ("text/csv; charset=UTF-8", CSV),
        ("application/csv", CSV),
        ("text/xml; subtype=gml/3.1.1", GML),
        ("text/xml;subtype=gml/2.1.2;charset=utf-8", GML),
        ("application/gml+xml; version=3.2", GML),
        ("application/xml", GML),
        ("application/json", GEOJSON),
        ("application/vnd.geo+json", GEOJSON),
        (None, CSV),
        ("image/png", None),
        ("text/csvx", None),
        (";", None),
    ],
)
def test_formats_are_found_under_their_other_names(asked: str | None, found: FormatDeclaration | None) -> None:
    assert match_format(FLIGHT_FORMATS, asked) == found


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("image/tiff;subtype=geotiff", True),
        ("image/tiff", True),
        ('image/tiff; subtype="GeoTIFF"', True),
        ("image/tiff; subtype=other", False),
    ],
)
def test_parameters_of_a_media_type_count(asked: str, fits: bool) -> None:
    assert (match_format((TIFF,), asked) is not None) == fits

"""Execute requests of WPS 2.0.2 that are refused, over HTTP."""

from __future__ import annotations

import pytest

from tests.acceptance.running import Service
from tests.conformance.wps2.asking import (
    EXCEPTIONS,
    PREFIXES,
    SCHEMA,
    data,
    execute,
    faults,
    get,
    operation,
    output,
    post,
    reference,
    result,
    string,
    value,
)
from tests.server.wps_processes import assert_valid

BOTH = '<wps:Input id="string"><wps:Data>a</wps:Data><wps:Reference/></wps:Input>'
THREE = [("WrongInputData", "quantity"), ("NoSuchInput", "x"), ("MissingParameterValue", "string")]
BROKEN = f"<wps:Execute {PREFIXES}><wps:Input></wps:Execute>"


@pytest.mark.requirement("wps-2.0/A.5.1", "wps-2.0/req/service/model/handling/service")
@pytest.mark.parametrize(
    "attributes", ['service="WFS" version="2.0.0"', 'version="2.0.0"', 'service="" version="2.0.0"']
)
def test_the_service_is_asked_for_by_its_name(service: Service, attributes: str) -> None:
    code = "InvalidParameterValue" if "WFS" in attributes else "MissingParameterValue"
    for name in ("GetCapabilities", "DescribeProcess", "Execute", "GetStatus", "GetResult", "Dismiss"):
        assert faults(post(service, operation(name, attributes=attributes))) == [(code, "service")]
    said = "WFS" if "WFS" in attributes else ""
    for name in ("DescribeProcess", "GetStatus", "GetResult", "Dismiss"):
        assert faults(get(service, name, service=said)) == [(code, "service")]


@pytest.mark.requirement(
    "wps-2.0/A.5.2", "wps-2.0/req/service/model/handling/version", "wps-2.0/req/service/model/handling/request-base"
)
@pytest.mark.parametrize(("version", "code"), [("2.0.1", "InvalidParameterValue"), ("", "MissingParameterValue")])
def test_the_version_is_said(service: Service, version: str, code: str) -> None:
    for name in ("DescribeProcess", "Execute", "GetStatus", "GetResult", "Dismiss"):
        asked = operation(name, attributes=f'service="WPS" version="{version}"')
        assert faults(post(service, asked)) == [(code, "version")]
    for name in ("GetStatus", "GetResult", "Dismiss"):
        assert faults(get(service, name, version=version)) == [(code, "version")]


@pytest.mark.requirement("wps-2.0/req/service/model/handling/request-base-type")
def test_extensions_do_no_harm(service: Service) -> None:
    asked = execute("echo", string("a") + output("string"))
    extended = asked.replace("<ows:Identifier>", "<wps:Extension><x/></wps:Extension><ows:Identifier>", 1)
    assert_valid(extended.encode(), SCHEMA)
    assert value(result(service, extended), "string") == "a"


@pytest.mark.requirement("wps-2.0/req/service/binding/get-kvp/execute")
def test_there_is_no_execute_in_key_value_pairs(service: Service) -> None:
    answer = get(service, "Execute", identifier="echo", DataInputs="string=a")
    assert faults(answer, 501) == [("OperationNotSupported", "Execute")]


@pytest.mark.requirement(
    "wps-2.0/req/service/model/execute/exception/common",
    "wps-2.0/req/service/model/execute/exception/specific",
    "wps-2.0/req/service/model/execute/request/raw-for-single-output",
    "wps-2.0/req/conceptual-model/process-execution/process-unavailable-exception",
    "wps-2.0/req/conceptual-model/process-execution/mode-unavailable-exception",
    "wps-2.0/req/conceptual-model/process-execution/input-data-exception",
    "wps-2.0/req/conceptual-model/process-execution/output-data-format-exception",
    "wps-2.0/req/conceptual-model/data-transmission/output-mode-unavailable-exception",
    "wps-2.0/req/conceptual-model/process/nested-input",
    "wps-2.0/req/conceptual-model/process/nested-output",
)
@pytest.mark.parametrize("mode", ["sync", "async", "auto"])
@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("", [("MissingParameterValue", "string")]),
        (string("a") + data("strong", "b") + data("x", "c"), [("NoSuchInput", "strong,x")]),
        (string("a") + output("strong"), [("NoSuchOutput", "strong")]),
        (string("a") + data("boolean", "true") * 2, [("TooManyInputs", "boolean")]),
        (string("a") + data("quantity", "many"), [("WrongInputData", "quantity")]),
        (string("a") + data("quantity", "1001"), [("WrongInputData", "quantity")]),
        (string("a") + data("quantity", "1@uom=ft"), [("WrongInputData", "quantity")]),
        (string("a") + data("enumeration", "mauve"), [("WrongInputData", "enumeration")]),
        (string("a") + data("integer", "<x/>"), [("WrongInputData", "integer")]),
        (string("a") + data("bounding_box", "1,2,3"), [("WrongInputData", "bounding_box")]),
        (string("a") + data("bounding_box", "1,2,3,4,EPSG:1"), [("WrongInputData", "bounding_box")]),
        (string("a") + reference("quantity", "http://192.0.2.1/"), [("WrongInputData", "quantity")]),
        (string("a" * 1_000_001), [("SizeExceeded", "string")]),
        (string("a") + output("all", 'mimeType="image/png"'), [("NoSuchFormat", "all")]),
        (string("a") + output("string", 'mimeType="image/png"'), [("NoSuchFormat", "string")]),
        (string("a") + output("all", 'encoding="zip"'), [("NoSuchFormat", "all")]),
        (string("a") + output("all", 'transmission="pigeon"'), [("InvalidParameterValue", "transmission")]),
        (string("a") + output(""), [("MissingParameterValue", "id")]),
        ('<wps:Input id="string"><wps:Input id="a"/></wps:Input>', [("NoSuchInput", "string")]),
        ('<wps:Input id="string"/>', [("MissingParameterValue", "string")]),
        (BOTH, [("InvalidParameterValue", "string")]),
        ('<wps:Input id="string"><wps:Reference/></wps:Input>', [("MissingParameterValue", "string")]),
        (string("a") + '<wps:Output id="all"><wps:Output id="b"/></wps:Output>', [("NoSuchOutput", "all")]),
        (data("quantity", "0") + data("x", "1"), THREE),
    ],
)  # fmt: skip
def test_wrong_executions_are_refused(
    service: Service, mode: str, inside: str, expected: list[tuple[str, str]]
) -> None:
    assert faults(post(service, execute("echo", inside, mode))) == expected


@pytest.mark.requirement(
    "wps-2.0/req/service/model/execute/exception/specific",
    "wps-2.0/req/service/model/execute/request/raw-for-single-output",
)
def test_wrong_ways_of_answering_are_refused(service: Service) -> None:
    assert faults(post(service, execute("eco", string("a")))) == [("NoSuchProcess", "eco")]
    assert faults(post(service, execute("echo", string("a"), mode="soon"))) == [("NoSuchMode", "soon")]
    assert faults(post(service, execute("echo", string("a"), response="both"))) == [
        ("InvalidParameterValue", "response")
    ]
    two = execute("echo", string("a") + output("string") + output("all"), response="raw")
    assert faults(post(service, two)) == [("TooManyOutputs", "string,all")]
    ((code, locator),) = faults(post(service, execute("echo", string("a"), response="raw")))
    assert code == "TooManyOutputs"
    assert locator is not None and "string" in locator.split(",")
    assert faults(post(service, operation("Execute"))) == [("MissingParameterValue", "Identifier")]
    asked = execute("echo", "<ows:Identifier>slow</ows:Identifier>")
    assert faults(post(service, asked)) == [("InvalidParameterValue", "Identifier")]


@pytest.mark.requirement(
    "wps-2.0/req/service/model/execute/exception/specific",
    "wps-2.0/req/conceptual-model/process-execution/failed-exception",
)
def test_a_failed_execution_is_answered_by_an_exception(service: Service) -> None:
    answer = post(service, execute("boom", data("how", "raise")))
    assert faults(answer, 500) == [("InternalServerError", None)]
    assert b"swordfish" not in answer.content
    unread = execute("gas_flux", data("flight", "no,flight&#10;1,2", 'mimeType="text/csv"'))
    assert {code for code, _ in faults(post(service, unread))} == {"WrongInputData"}


@pytest.mark.requirement("wps-2.0/req/service/model/execute/exception/common")
@pytest.mark.parametrize(
    "content",
    [f"<wps:Nothing {PREFIXES}/>", f"<wps:Execute {PREFIXES}><wps:Input></wps:Execute>", "<!DOCTYPE a><a/>", ""],
)
def test_what_can_not_be_read_is_refused(service: Service, content: str) -> None:
    answer = post(service, content)
    assert answer.status in (400, 501)
    schema = EXCEPTIONS if "Nothing" in content else "ows/1.1.0/owsExceptionReport.xsd"
    assert assert_valid(answer.content, schema) is not None

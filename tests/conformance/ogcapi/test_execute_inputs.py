"""Execute requests: their inputs, and what is refused (18-062r2, clause 7.11.2)."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.acceptance.running import Service
from tests.conformance.ogcapi.asking import CRS84, assert_problem, assert_valid, execute
from tests.conformance.ogcapi.conftest import Neighbour

EPSG = "http://www.opengis.net/def/crs/EPSG/0/4326"
BYTES = b"II*\x00\xff\xfe"


def document(service: Service, process: str, inputs: dict[str, Any], **more: Any) -> Any:
    """The results of a synchronous execution as a document."""
    body = {"inputs": inputs, "response": "document", **more}
    assert_valid(body, "execute")
    response = execute(service, process, body)
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-op",
    "ogcapi-processes-1/conf/core/process-execute-request",
    "ogcapi-processes-1/conf/core/process-execute-input-inline",
)
def test_literals_of_every_kind(service: Service) -> None:
    sent = {"string": "Grüße, 你好", "enumeration": "blue", "quantity": 2.5, "boolean": True, "integer": -3}
    results = document(service, "echo", sent)
    assert {name: results[name] for name in sent} == sent
    assert isinstance(results["integer"], int)


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-array")
@pytest.mark.parametrize("values", [["a"], ["a", "b", "c"]])
def test_arrays_where_several_values_may_come(service: Service, values: list[str]) -> None:
    results = document(service, "echo", {"string": "x", "repeated": values})
    assert results["all"]["value"]["repeated"] == values


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-inline-bbox")
def test_bounding_boxes(service: Service) -> None:
    box = {"bbox": [7.5, 50.25, 8.0, 51.0]}
    assert_valid(box, "bbox")
    outputs = {"bounding_box": {}}
    for sent in (box, {**box, "crs": CRS84}, {"value": {**box, "crs": CRS84}}):
        results = document(service, "echo", {"string": "x", "bounding_box": sent}, outputs=outputs)
        assert results == {"bounding_box": {**box, "crs": CRS84}}
        assert_valid(results["bounding_box"], "bbox")
    # A box in another system stands within a value: bbox.yaml alone has no other.
    other = {"value": {**box, "crs": EPSG}}
    results = document(service, "echo", {"string": "x", "bounding_box": other}, outputs=outputs)
    assert results == {"bounding_box": other}
    assert_valid(results, "results")


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-inline-binary")
@pytest.mark.parametrize(
    "value",
    [
        base64.b64encode(BYTES).decode(),
        {"value": base64.b64encode(BYTES).decode()},
        {"value": base64.b64encode(BYTES).decode(), "mediaType": "application/octet-stream"},
        {"value": base64.b64encode(BYTES).decode(), "encoding": "base64"},
    ],
)
def test_binary_values(service: Service, value: Any) -> None:
    results = document(service, "echo_complex", {"binary": value})
    assert base64.b64decode(results["binary"]["value"]) == BYTES
    assert results["binary"]["encoding"] == "base64"


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-inline-object")
@pytest.mark.parametrize("wrapped", [True, False])
def test_objects(service: Service, wrapped: bool) -> None:
    # The process says what is wrong with the object itself, so it was read.
    plane = {"no": "plane"}
    sent = {"value": plane} if wrapped else plane
    problem = assert_problem(
        execute(service, "flux_density", {"inputs": {"table": "a,b\n1,2\n", "plane": sent}}),
        400,
        "InvalidParameterValue",
    )
    assert {fault["locator"] for fault in problem["faults"]} <= {"plane", "table"}
    assert "JSON" not in problem["detail"]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-inline-mixed")
def test_values_of_one_of_several_media_types(service: Service, example_flight: Any) -> None:
    flight = example_flight.read_text()
    outputs = {"emission_rate": {}}
    results = document(service, "gas_flux", {"flight": {"value": flight, "mediaType": "text/csv"}}, outputs=outputs)
    nested = {"value": flight, "format": {"mediaType": "text/csv"}}
    body = {"inputs": {"flight": nested}, "outputs": outputs, "response": "document"}
    assert execute(service, "gas_flux", body).json() == results
    assert results["emission_rate"] > 0


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-input-ref", "ogcapi-processes-1/conf/core/process-execute-inputs"
)
def test_values_by_reference_and_inline_in_one_request(service: Service, neighbour: Neighbour) -> None:
    neighbour.files["/text.txt"] = "Grüße".encode()
    neighbour.files["/bytes.bin"] = BYTES
    inputs = {
        "text": {"href": f"{neighbour.url}/text.txt", "type": "text/plain"},
        "binary": {"href": f"{neighbour.url}/bytes.bin"},
        "xml": "<a>inline</a>",
    }
    results = document(service, "echo_complex", inputs)
    assert results["text"]["value"] == "Grüße"
    assert base64.b64decode(results["binary"]["value"]) == BYTES
    assert results["xml"]["value"] == "<a>inline</a>"


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-ref")
def test_a_reference_that_leads_nowhere_is_told(service: Service, neighbour: Neighbour) -> None:
    body = {"inputs": {"text": {"href": f"{neighbour.url}/nothing"}}}
    response = execute(service, "echo_complex", body)
    assert 400 <= response.status_code < 500
    problem = assert_problem(response, response.status_code, response.json()["type"])
    assert f"{neighbour.url}/nothing" in problem["detail"]
    assert problem["faults"][0]["locator"] == "text"


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-validation")
@pytest.mark.parametrize(
    ("inputs", "locator"),
    [
        ({"string": 3}, "string"),
        ({"string": None}, "string"),
        ({"string": ["a"]}, "string"),
        ({"string": "x", "quantity": "2.5"}, "quantity"),
        ({"string": "x", "quantity": 0}, "quantity"),
        ({"string": "x", "quantity": 1000.5}, "quantity"),
        ({"string": "x", "quantity": True}, "quantity"),
        ({"string": "x", "integer": 1.5}, "integer"),
        ({"string": "x", "boolean": "true"}, "boolean"),
        ({"string": "x", "boolean": 1}, "boolean"),
        ({"string": "x", "enumeration": "purple"}, "enumeration"),
        ({"string": "x", "repeated": ["a"] * 6}, "repeated"),
        ({"string": "x", "nothing": 1}, "nothing"),
        ({"string": "x", "bounding_box": [1, 2, 3, 4]}, "bounding_box"),
        ({"string": "x", "bounding_box": {"bbox": [1, 2, 3]}}, "bounding_box"),
        ({"string": "x", "bounding_box": {"bbox": [3, 2, 1, 4]}}, "bounding_box"),
        ({"string": "x", "bounding_box": {"bbox": [1, 2, "3", 4]}}, "bounding_box"),
        ({"string": "x", "bounding_box": {"bbox": [1, 2, 3, 4], "crs": "EPSG:9999"}}, "bounding_box"),
        ({"string": {"value": "x", "valu": "y"}}, "string"),
    ],
)
def test_wrong_inputs_are_refused_by_name(service: Service, inputs: Any, locator: str) -> None:
    problem = assert_problem(execute(service, "echo", {"inputs": inputs}), 400, "InvalidParameterValue")
    assert [fault["locator"] for fault in problem["faults"]] == [locator]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-input-validation")
def test_every_fault_is_told_at_once(service: Service) -> None:
    body = {"inputs": {"quantity": -1, "nothing": 2}, "outputs": {"nowhere": {}}}
    problem = assert_problem(execute(service, "echo", body), 400, "InvalidParameterValue")
    found = {fault["locator"]: fault["code"] for fault in problem["faults"]}
    assert found == {
        "quantity": "InvalidParameterValue",
        "nothing": "InvalidParameterValue",
        "nowhere": "InvalidParameterValue",
        "string": "MissingParameterValue",
    }


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-request")
@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        {"inputs": []},
        {"input": {}},
        {"inputs": {"string": "x"}, "outputs": ["all"]},
        {"inputs": {"string": "x"}, "outputs": {"all": None}},
        {"inputs": {"string": "x"}, "outputs": {"all": {"transmissionMode": "both"}}},
        {"inputs": {"string": "x"}, "outputs": {"all": {"format": {"mediaType": "image/png"}}}},
        {"inputs": {"string": "x"}, "response": "html"},
        {"inputs": {"string": "x"}, "subscriber": "http://example.org"},
    ],
)
def test_wrong_requests_are_refused(service: Service, body: Any) -> None:
    response = execute(service, "echo", body)
    assert response.status_code == 400
    assert_problem(response, 400, response.json()["type"])

"""The list of processes and their descriptions (18-062r2, clauses 7.9, 7.10 and 8)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.running import Service
from tests.conformance.ogcapi.asking import (
    RELATIONS,
    TYPES,
    assert_problem,
    assert_valid,
    execute,
    finished,
    get,
    links,
    page,
)


@pytest.fixture(scope="module")
def descriptions(service: Service) -> dict[str, Any]:
    listed = page(service, "/processes?limit=1000")["processes"]
    return {item["id"]: page(service, f"/processes/{item['id']}") for item in listed}


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-list",
    "ogcapi-processes-1/conf/core/process-list-success",
    "ogcapi-processes-1/conf/core/pl-links",
)
def test_process_list(service: Service) -> None:
    document = page(service, "/processes")
    assert_valid(document, "processList")
    assert {"gas_flux", "echo", "simulate_flight"} <= {item["id"] for item in document["processes"]}
    (own,) = links(document, "self")
    assert get(service, own["href"]).json() == document
    (other,) = links(document, "alternate")
    assert get(service, other["href"]).headers["Content-Type"].startswith(other["type"])
    for item in document["processes"]:
        assert get(service, links(item, "self")[0]["href"]).json()["id"] == item["id"]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/pl-limit-definition")
def test_limit_is_defined(service: Service) -> None:
    document = page(service, "/api?f=json")
    names = [one["$ref"].rpartition("/")[2] for one in document["paths"]["/processes"]["get"]["parameters"]]
    parameters = [document["components"]["parameters"][name] for name in names]
    (limit,) = [one for one in parameters if one["name"] == "limit"]
    assert limit["in"] == "query"
    assert not limit.get("required")
    assert limit["schema"]["type"] == "integer"
    assert limit["schema"]["minimum"] == 1
    assert limit["schema"]["default"] <= limit["schema"]["maximum"]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/pl-limit-response")
def test_limit_and_paging(service: Service) -> None:
    every = [item["id"] for item in page(service, "/processes?limit=1000")["processes"]]
    found: list[str] = []
    address = "/processes?limit=3"
    while address:
        document = page(service, address)
        assert len(document["processes"]) <= 3
        found += [item["id"] for item in document["processes"]]
        following = links(document, "next")
        address = following[0]["href"] if following else ""
    assert found == every
    assert links(document, "prev")
    assert not links(page(service, "/processes?limit=100000"), "next")
    for wrong in ("0", "-1", "x", "1.5", ""):
        assert_problem(get(service, f"/processes?limit={wrong}"), 400, "InvalidParameterValue")


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-description",
    "ogcapi-processes-1/conf/core/process-description-success",
    "ogcapi-processes-1/conf/ogc-process-description/json-encoding",
    "ogcapi-processes-1/conf/ogc-process-description/inputs-def",
    "ogcapi-processes-1/conf/ogc-process-description/outputs-def",
)
def test_descriptions(service: Service, descriptions: dict[str, Any]) -> None:
    for name, document in descriptions.items():
        assert_valid(document, "process")
        assert document["id"] == name
        assert document["jobControlOptions"] == ["sync-execute", "async-execute", "dismiss"]
        assert document["outputTransmission"] == ["value", "reference"]
        assert document["outputs"]
        (run,) = links(document, f"{RELATIONS}execute")
        assert run["href"] == f"{service.url}/ogcapi/processes/{name}/execution"


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-exception-no-such-process")
def test_no_such_process(service: Service) -> None:
    kind = f"{TYPES}no-such-process"
    problem = assert_problem(get(service, "/processes/gas_flix"), 404, kind)
    assert "gas_flux" in problem["detail"]
    assert_problem(execute(service, "nothing", {"inputs": {}}), 404, kind)


@pytest.mark.requirement("ogcapi-processes-1/conf/ogc-process-description/input-def")
def test_input_definitions(descriptions: dict[str, Any]) -> None:
    for document in descriptions.values():
        for item in document["inputs"].values():
            assert item["title"]
            assert item["description"]
            assert item["minOccurs"] <= item["maxOccurs"]
    inputs = descriptions["echo"]["inputs"]
    assert inputs["string"]["schema"] == {"type": "string"}
    assert inputs["string"]["minOccurs"] == 1
    assert inputs["enumeration"]["schema"] == {
        "type": "string",
        "enum": ["red", "green", "blue"],
        "default": "green",
    }
    assert inputs["quantity"]["schema"] == {
        "type": "number",
        "format": "double",
        "minimum": 0.0,
        "exclusiveMinimum": True,
        "maximum": 1000.0,
        "default": 1.0,
    }
    assert inputs["quantity"]["additionalParameters"]["parameters"] == [{"name": "uom", "value": ["m"]}]
    assert inputs["repeated"]["maxOccurs"] == 5
    assert inputs["bounding_box"]["schema"]["format"] == "ogc-bbox"
    assert descriptions["echo_complex"]["inputs"]["binary"]["schema"] == {
        "type": "string",
        "format": "byte",
        "contentEncoding": "base64",
        "contentMediaType": "application/octet-stream",
    }


@pytest.mark.requirement("ogcapi-processes-1/conf/ogc-process-description/input-mixed-type")
def test_inputs_of_several_media_types(descriptions: dict[str, Any]) -> None:
    kinds = descriptions["gas_flux"]["inputs"]["flight"]["schema"]["oneOf"]
    media_types = [kind["contentMediaType"] for kind in kinds]
    assert media_types[0] == "text/csv"
    assert len(set(media_types)) == len(media_types) > 3
    for kind in kinds:
        binary = "sheet" in kind["contentMediaType"] or "zip" in kind["contentMediaType"]
        assert ("contentEncoding" in kind) >= binary


@pytest.mark.requirement("ogcapi-processes-1/conf/ogc-process-description/output-def")
def test_output_definitions(descriptions: dict[str, Any]) -> None:
    for document in descriptions.values():
        for item in document["outputs"].values():
            assert item["title"]
            assert item["schema"]
    outputs = descriptions["gas_flux"]["outputs"]
    assert outputs["emission_rate"]["schema"]["type"] == "number"
    assert outputs["emission_rate"]["additionalParameters"]["parameters"][0]["value"] == ["kg/h"]
    assert outputs["flux_plane"]["schema"]["contentMediaType"] == "image/tiff; subtype=geotiff"


@pytest.mark.requirement("ogcapi-processes-1/conf/ogc-process-description/output-mixed-type")
def test_outputs_come_in_one_of_the_media_types_described(service: Service, descriptions: dict[str, Any]) -> None:
    results = finished(service, "simulate_flight", {"inputs": {"transects": 3}, "response": "document"}).json()
    described = descriptions["simulate_flight"]["outputs"]
    assert results.keys() == described.keys()
    for name, value in results.items():
        schema = described[name]["schema"]
        kinds = [kind.get("contentMediaType") for kind in schema.get("oneOf", [schema])]
        assert (value["mediaType"] if isinstance(value, dict) else None) in kinds

"""Landing page, conformance, definition of the API, HTML and JSON (18-062r2, clauses 7.2 to 7.5, 10 and 11)."""

from __future__ import annotations

import re
from typing import Any

import pytest
import requests
from openapi_spec_validator import validate

from tests.acceptance.running import Service
from tests.conformance.ogcapi.asking import (
    RELATIONS,
    assert_problem,
    assert_valid,
    execute,
    get,
    links,
    page,
)

CLASSES = {"core", "ogc-process-description", "json", "html", "oas30", "job-list", "callback", "dismiss"}
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
PAGES = ("", "/conformance", "/api", "/processes", "/processes/echo", "/jobs")


@pytest.fixture(scope="module")
def definition(service: Service) -> Any:
    response = get(service, "/api", Accept=OPENAPI)
    assert response.status_code == 200
    return response.json()


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/landingpage-op", "ogcapi-processes-1/conf/core/landingpage-success"
)
def test_landing_page(service: Service) -> None:
    document = page(service)
    assert_valid(document, "landingPage")
    assert links(document, "self")
    assert links(document, "alternate")[0]["type"] == "text/html"
    for relation in ("service-desc", "service-doc", f"{RELATIONS}conformance", f"{RELATIONS}processes"):
        (link,) = links(document, relation)
        response = get(service, link["href"])
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith(link["type"].partition(";")[0])
    assert links(document, f"{RELATIONS}job-list")


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/conformance-op", "ogcapi-processes-1/conf/core/conformance-success"
)
def test_conformance(service: Service) -> None:
    document = page(service, "/conformance")
    assert_valid(document, "confClasses")
    base = "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/"
    assert set(document["conformsTo"]) == {base + name for name in CLASSES}


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/api-definition-op",
    "ogcapi-processes-1/conf/core/api-definition-success",
    "ogcapi-processes-1/conf/oas30/oas-definition-1",
    "ogcapi-processes-1/conf/oas30/oas-definition-2",
)
def test_definition_of_the_api_is_valid(service: Service) -> None:
    landing = page(service)
    (described,) = links(landing, "service-desc")
    assert described["type"] == OPENAPI
    response = get(service, described["href"])
    assert response.headers["Content-Type"] == OPENAPI
    document = response.json()
    assert document["openapi"].startswith("3.0.")
    validate(document)
    (documented,) = links(landing, "service-doc")
    assert get(service, documented["href"]).headers["Content-Type"].startswith("text/html")


@pytest.mark.requirement("ogcapi-processes-1/conf/oas30/completeness")
def test_definition_has_every_path_and_every_process(service: Service, definition: Any) -> None:
    paths = definition["paths"]
    wanted = {
        "/": {"get"},
        "/conformance": {"get"},
        "/api": {"get"},
        "/processes": {"get"},
        "/processes/{processID}": {"get"},
        "/processes/{processID}/execution": {"post"},
        "/jobs": {"get"},
        "/jobs/{jobID}": {"get", "delete"},
        "/jobs/{jobID}/results": {"get"},
    }
    for path, methods in wanted.items():
        assert methods == paths[path].keys() - {"parameters"}, path
    for process in page(service, "/processes")["processes"]:
        body = paths[f"/processes/{process['id']}/execution"]["post"]["requestBody"]["content"]["application/json"]
        schema = definition["components"]["schemas"][body["schema"]["$ref"].rpartition("/")[2]]
        description = page(service, f"/processes/{process['id']}")
        assert schema["properties"]["inputs"]["properties"].keys() == description["inputs"].keys()
        assert schema["properties"]["outputs"]["properties"].keys() == description["outputs"].keys()
    callbacks = paths["/processes/{processID}/execution"]["post"]["callbacks"]
    assert "{$request.body#/subscriber/successUri}" in str(callbacks)


@pytest.mark.requirement("ogcapi-processes-1/conf/oas30/exceptions-codes")
def test_definition_tells_the_errors_of_every_operation(definition: Any) -> None:
    answers = definition["components"]["responses"]
    for path, operations in definition["paths"].items():
        for method, operation in operations.items():
            if method == "parameters":
                continue
            codes = operation["responses"]
            assert {"400", "500"} <= codes.keys(), (path, method)
            assert ("404" in codes) == ("{" in path or path.endswith("/execution"))
            for code, answer in codes.items():
                if code >= "400":
                    known = answers[answer["$ref"].rpartition("/")[2]]
                    assert list(known["content"]) == ["application/problem+json"]
    assert {"413", "415", "422", "503"} <= definition["paths"]["/processes/{processID}/execution"]["post"][
        "responses"
    ].keys()


@pytest.mark.requirement("ogcapi-processes-1/conf/oas30/oas-impl")
def test_what_the_definition_says_is_there(service: Service, definition: Any) -> None:
    assert definition["servers"][0]["url"] == f"{service.url}/ogcapi"
    for path, operations in definition["paths"].items():
        address = definition["servers"][0]["url"] + path.replace("{processID}", "echo").replace("{jobID}", "none")
        allowed = requests.options(address.replace("{outputID}", "none"), timeout=30).headers["Allow"]
        wanted = {method.upper() for method in operations if method != "parameters"}
        assert wanted <= set(allowed.replace(" ", "").split(",")), path


@pytest.mark.requirement("ogcapi-processes-1/conf/oas30/security")
def test_definition_tells_how_a_key_is_sent(definition: Any) -> None:
    assert definition["components"]["securitySchemes"]["apiKey"] | {"description": ""} == {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "",
    }
    # Where keys are open a request goes without one, too.
    assert definition["paths"]["/jobs"]["get"]["security"] == [{}, {"apiKey": []}]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/http")
def test_methods_and_status_codes_are_those_of_http(service: Service) -> None:
    head = requests.head(f"{service.url}/ogcapi/processes", timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    refused = requests.put(f"{service.url}/ogcapi/processes", timeout=30)
    assert_problem(refused, 405, "about:blank")
    assert {"GET", "HEAD", "OPTIONS"} == set(refused.headers["Allow"].replace(" ", "").split(","))
    assert_problem(get(service, "/nothing"), 404, "about:blank")
    assert_problem(get(service, "", Accept="image/png"), 406, "about:blank")
    assert_problem(get(service, "?f=xml"), 400, "InvalidParameterValue")
    form = requests.post(f"{service.url}/ogcapi/processes/echo/execution", data={"a": "b"}, timeout=30)
    assert_problem(form, 415, "about:blank")
    preflight = {"Origin": "https://maps.example.org", "Access-Control-Request-Method": "DELETE"}
    allowed = requests.options(f"{service.url}/ogcapi/jobs/none", headers=preflight, timeout=30)
    assert "DELETE" in allowed.headers["Access-Control-Allow-Methods"]


@pytest.mark.requirement("ogcapi-processes-1/conf/json/definition")
@pytest.mark.parametrize("path", PAGES)
def test_every_page_comes_as_json(service: Service, path: str) -> None:
    for response in (get(service, path), get(service, path, Accept="application/json"), get(service, f"{path}?f=json")):
        assert response.status_code == 200
        assert response.headers["Content-Type"] in ("application/json", OPENAPI)
        assert isinstance(response.json(), dict)


@pytest.mark.requirement("ogcapi-processes-1/conf/html/definition", "ogcapi-processes-1/conf/html/content")
@pytest.mark.parametrize("path", PAGES)
def test_every_page_comes_as_html(service: Service, path: str) -> None:
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    response = get(service, path, Accept=browser)
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert response.content == get(service, f"{path}?f=html").content
    assert response.text.startswith("<!doctype html>")
    assert "<h1>" in response.text
    # Nothing is fetched from elsewhere.
    assert not re.search(r'(src|<link rel="stylesheet")', response.text)


@pytest.mark.requirement("ogcapi-processes-1/conf/html/content")
def test_html_says_what_the_document_says(service: Service) -> None:
    document = page(service, "/processes/echo")
    text = get(service, "/processes/echo?f=html").text
    for part in (document["inputs"], document["outputs"]):
        assert all(f"<code>{name}</code>" in text for name in part)
    assert document["title"] in text
    job = execute(service, "echo", {"inputs": {"string": "<b>bold</b>"}, "response": "document"})
    address = job.links["monitor"]["url"]
    assert "100 %" in get(service, f"{address}?f=html").text
    results = get(service, f"{address}/results?f=html").text
    assert "&lt;b&gt;bold&lt;/b&gt;" in results
    assert "<b>bold" not in results

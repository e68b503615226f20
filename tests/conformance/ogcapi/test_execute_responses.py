"""Answers to execute requests, and results of jobs (18-062r2, clauses 7.11.4 and 7.13)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from tests.acceptance.running import Service
from tests.conformance.ogcapi.asking import (
    assert_problem,
    assert_valid,
    ended,
    execute,
    finished,
    get,
    page,
    parts,
    start,
)

INPUTS = {"inputs": {"string": "word", "quantity": 2.5, "repeated": ["a", "b"]}}
BY_VALUE: dict[str, Any] = {}
BY_REFERENCE = {"transmissionMode": "reference"}


def asked(outputs: Any = None, response: str | None = None) -> Any:
    """An execute request for ``echo``."""
    body: dict[str, Any] = dict(INPUTS)
    if outputs is not None:
        body["outputs"] = outputs
    if response is not None:
        body["response"] = response
    return body


def fetched(service: Service, response: requests.Response) -> dict[str, str]:
    """What the ``Link`` headers of an answer refer to: title → text."""
    links = [one for one in requests.utils.parse_header_links(response.headers["Link"]) if one["rel"] != "monitor"]
    return {one["title"]: get(service, one["url"]).text for one in links}


def ways(service: Service, body: Any) -> list[requests.Response]:
    """The results in the answer, and those read when the job has ended."""
    return [execute(service, "echo", body), finished(service, "echo", body)]


# --- the way of executing -------------------------------------------------------------------------


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-default-execution-mode",
    "ogcapi-processes-1/conf/core/process-execute-success",
)
def test_without_preference_the_answer_has_the_results(service: Service) -> None:
    response = execute(service, "echo", asked({"string": {}}))
    assert response.status_code == 200
    assert response.text == "word"
    assert "Preference-Applied" not in response.headers


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-auto-execution-mode",
    "ogcapi-processes-1/conf/core/process-execute-success-async",
)
def test_with_respond_async_the_answer_is_the_jobs_status(service: Service) -> None:
    response = execute(service, "slow", {"inputs": {"seconds": 0.5}}, Prefer="respond-async")
    assert response.status_code == 201
    assert response.headers["Preference-Applied"] == "respond-async"
    told = response.json()
    assert_valid(told, "statusInfo")
    assert told["status"] in ("accepted", "running")
    assert response.headers["Location"] == f"{service.url}/ogcapi/jobs/{told['jobID']}"
    assert page(service, response.headers["Location"])["jobID"] == told["jobID"]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-auto-execution-mode")
def test_with_wait_the_answer_is_what_there_is_by_then(service: Service) -> None:
    quick = execute(service, "echo", asked({"string": {}}), Prefer="respond-async, wait=30")
    assert (quick.status_code, quick.text) == (200, "word")
    assert quick.headers["Preference-Applied"] == "wait=30"
    slow = execute(service, "slow", {"inputs": {"seconds": 60}}, Prefer="respond-async, wait=1")
    assert slow.status_code == 201
    assert slow.json()["status"] in ("accepted", "running")
    requests.delete(slow.headers["Location"], timeout=30)


@pytest.mark.requirement("ogcapi-processes-1/conf/core/process-execute-default-outputs")
@pytest.mark.parametrize("outputs", [None, {}])
def test_without_outputs_all_come(service: Service, outputs: Any) -> None:
    described = page(service, "/processes/echo")["outputs"]
    assert execute(service, "echo", asked(outputs, "document")).json().keys() == described.keys()
    assert parts(execute(service, "echo", asked(outputs))).keys() == described.keys()


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-results-sync")
def test_a_synchronous_execution_has_a_job_too(service: Service) -> None:
    response = execute(service, "echo", asked(response="document"))
    address = response.links["monitor"]["url"]
    told = get(service, address)
    assert told.headers["Content-Type"] == "application/json"
    assert_valid(told.json(), "statusInfo")
    assert told.json()["status"] == "successful"
    again = get(service, f"{address}/results")
    assert again.json() == response.json()


# --- forms of results -----------------------------------------------------------------------------


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-sync-document",
    "ogcapi-processes-1/conf/core/job-results-async-document",
    "ogcapi-processes-1/conf/core/job-results-success",
)
def test_document(service: Service) -> None:
    outputs = {"string": BY_VALUE, "quantity": BY_VALUE, "all": BY_VALUE, "repeated": BY_REFERENCE}
    for response in ways(service, asked(outputs, "document")):
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        results = response.json()
        assert_valid(results, "results")
        assert list(results) == list(outputs)
        assert results["string"] == "word"
        assert results["quantity"] == 2.5
        assert results["all"]["mediaType"] == "application/json"
        assert results["all"]["value"]["quantity"] == [2.5]
        assert get(service, results["repeated"]["href"]).text == "a, b"


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-sync-raw-value-one",
    "ogcapi-processes-1/conf/core/job-results-async-raw-value-one",
)
def test_one_raw_value(service: Service) -> None:
    for response in ways(service, asked({"all": BY_VALUE}, "raw")):
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        assert response.json()["string"] == ["word"]
    for response in ways(service, asked({"quantity": BY_VALUE})):
        assert (response.status_code, response.text) == (200, "2.5")


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-sync-raw-value-multi",
    "ogcapi-processes-1/conf/core/job-results-async-raw-value-multi",
)
def test_several_raw_values(service: Service) -> None:
    for response in ways(service, asked({"string": BY_VALUE, "all": BY_VALUE})):
        assert response.status_code == 200
        found = parts(response)
        assert list(found) == ["string", "all"]
        assert found["string"][1] == b"word"
        assert found["all"][0]["Content-Type"] == "application/json"
        assert json.loads(found["all"][1])["string"] == ["word"]


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-sync-raw-ref",
    "ogcapi-processes-1/conf/core/job-results-async-raw-ref",
)
@pytest.mark.parametrize("names", [("All",), ("All", "String")])
def test_raw_references(service: Service, names: tuple[str, ...]) -> None:
    for response in ways(service, asked({name.lower(): BY_REFERENCE for name in names})):
        assert response.status_code == 204
        assert response.content == b""
        found = fetched(service, response)
        assert tuple(found) == names
        assert json.loads(found["All"])["string"] == ["word"]
        assert found.get("String", "word") == "word"


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/core/process-execute-sync-raw-mixed-multi",
    "ogcapi-processes-1/conf/core/job-results-async-raw-mixed-multi",
)
def test_raw_values_and_references(service: Service) -> None:
    for response in ways(service, asked({"string": BY_VALUE, "all": BY_REFERENCE})):
        assert response.status_code == 200
        found = parts(response)
        assert found["string"][1] == b"word"
        headers, body = found["all"]
        assert body == b""
        assert get(service, headers["Content-Location"]).json()["string"] == ["word"]


# --- results that are not there -------------------------------------------------------------------


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-results")
def test_results_of_a_job(service: Service) -> None:
    job = ended(service, start(service, "echo", asked(response="document")))
    address = next(link["href"] for link in job["links"] if link["rel"].endswith("/results"))
    assert address == f"{service.url}/ogcapi/jobs/{job['jobID']}/results"
    assert get(service, address).json()["string"] == "word"
    assert get(service, f"{address}/quantity").text == "2.5"
    problem = assert_problem(get(service, f"{address}/nothing"), 404, "InvalidParameterValue")
    assert "quantity" in problem["detail"]


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-results-failed")
@pytest.mark.parametrize(
    ("process", "inputs", "status", "kind"),
    [
        ("echo_complex", {"text": "x"}, 400, "MissingParameterValue"),
        ("gas_flux", {"flight": "a,b\n1,2\n"}, 400, "InvalidParameterValue"),
        ("boom", {}, 500, "NoApplicableCode"),
    ],
)
def test_results_of_a_failed_job_are_why_it_failed(
    service: Service, process: str, inputs: Any, status: int, kind: str
) -> None:
    outputs = {"outputs": {"xml": {}}} if process == "echo_complex" else {}
    body = {"inputs": inputs, **outputs}
    job = ended(service, start(service, process, body))
    assert job["status"] == "failed"
    told = assert_problem(get(service, f"/jobs/{job['jobID']}/results"), status, kind)
    assert job["exception"]["detail"] == told["detail"]
    assert_problem(execute(service, process, body), status, kind)
    assert "swordfish" not in told["detail"]

"""Jobs: their status, the list of them, callbacks, dismissal (18-062r2, clauses 7.12, 12, 13 and 14)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests

from tests.acceptance.running import Service
from tests.conformance.ogcapi.asking import (
    TYPES,
    assert_problem,
    assert_valid,
    ended,
    execute,
    get,
    links,
    page,
    start,
)
from tests.conformance.ogcapi.conftest import Neighbour

UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def jobs(service: Service) -> dict[str, Any]:
    """One job of every kind, ended but for the last; the oldest first."""
    made = {
        "echo": start(service, "echo", {"inputs": {"string": "x"}}),
        "boom": start(service, "boom", {"inputs": {}}),
        "slow": start(service, "slow", {"inputs": {"seconds": 2.2}}),
    }
    return {name: ended(service, job) for name, job in made.items()}


@pytest.fixture
def running(service: Service) -> Iterator[Any]:
    job = start(service, "slow", {"inputs": {"seconds": 60}})
    while page(service, f"/jobs/{job['jobID']}")["status"] != "running":
        time.sleep(0.05)
    yield job
    requests.delete(f"{service.url}/ogcapi/jobs/{job['jobID']}", timeout=30)


def listed(service: Service, query: str) -> list[Any]:
    """The jobs on a page of the list."""
    document = page(service, f"/jobs?{query}")
    assert_valid(document, "jobList")
    return list(document["jobs"])


def ids(service: Service, query: str) -> set[str]:
    return {job["jobID"] for job in listed(service, f"limit=1000&{query}")}


def parameter(service: Service, name: str) -> Any:
    """A query parameter of the list as the API defines it."""
    document = page(service, "/api?f=json")
    known = document["components"]["parameters"]
    names = [one["$ref"].rpartition("/")[2] for one in document["paths"]["/jobs"]["get"]["parameters"]]
    (found,) = [known[one] for one in names if known[one]["name"] == name]
    assert found["in"] == "query"
    assert not found.get("required")
    return found["schema"]


# --- status ---------------------------------------------------------------------------------------


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-op", "ogcapi-processes-1/conf/core/job-success")
def test_status(service: Service, jobs: dict[str, Any]) -> None:
    for name, status in (("echo", "successful"), ("boom", "failed"), ("slow", "successful")):
        job = page(service, f"/jobs/{jobs[name]['jobID']}")
        assert_valid(job, "statusInfo")
        assert (job["status"], job["type"], job["processID"]) == (status, "process", name)
        assert job["created"] <= job["started"] <= job["finished"]
        assert links(job, "self")[0]["href"].startswith(f"{service.url}/ogcapi/jobs/{job['jobID']}")
    assert jobs["echo"]["progress"] == 100


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-success")
def test_status_of_a_running_job(service: Service, running: Any) -> None:
    job = page(service, f"/jobs/{running['jobID']}")
    assert_valid(job, "statusInfo")
    assert 0 <= job["progress"] < 100
    assert "finished" not in job


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-exception-no-such-job")
@pytest.mark.parametrize("name", [UNKNOWN, "none", "..%2f..", "%00"])
def test_no_such_job(service: Service, name: str) -> None:
    for path in (f"/jobs/{name}", f"/jobs/{name}/results", f"/jobs/{name}/results/all"):
        response = get(service, path)
        # What has a slash in it, however spelt, is no address of a job at all.
        assert_problem(response, 404, "about:blank" if "%2f" in name else f"{TYPES}no-such-job")
    if "%2f" not in name:
        deleted = requests.delete(f"{service.url}/ogcapi/jobs/{name}", timeout=30)
        assert_problem(deleted, 404, f"{TYPES}no-such-job")


@pytest.mark.requirement("ogcapi-processes-1/conf/core/job-results-exception-results-not-ready")
def test_results_of_a_running_job_are_not_ready(service: Service, running: Any) -> None:
    assert_problem(get(service, f"/jobs/{running['jobID']}/results"), 404, f"{TYPES}result-not-ready")


# --- the list -------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/job-list/job-list-op",
    "ogcapi-processes-1/conf/job-list/job-list-success",
    "ogcapi-processes-1/conf/job-list/processID-mandatory",
    "ogcapi-processes-1/conf/job-list/links",
)
def test_job_list(service: Service, jobs: dict[str, Any]) -> None:
    document = page(service, "/jobs?limit=1000")
    assert_valid(document, "jobList")
    assert {job["jobID"] for job in jobs.values()} <= {job["jobID"] for job in document["jobs"]}
    assert all(job["processID"] for job in document["jobs"])
    created = [job["created"] for job in document["jobs"]]
    assert created == sorted(created, reverse=True)
    (own,) = links(document, "self")
    assert [job["jobID"] for job in page(service, own["href"])["jobs"]] == [job["jobID"] for job in document["jobs"]]
    (other,) = links(document, "alternate")
    assert get(service, other["href"]).headers["Content-Type"].startswith("text/html")


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/job-list-op")
def test_jobs_of_the_other_faces_are_listed_too(service: Service) -> None:
    query = "service=WPS&version=1.0.0&request=Execute&identifier=echo&DataInputs=string=x"
    answer = requests.get(f"{service.wps}?{query}&storeExecuteResponse=true&status=true", timeout=30)
    job_id = answer.text.split('statusLocation="')[1].split('"')[0].rpartition("/")[2]
    assert job_id in ids(service, "processID=echo")
    ended(service, {"jobID": job_id})
    assert get(service, f"/jobs/{job_id}/results").json()["string"] == "x"


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/limit-definition")
def test_limit_is_defined(service: Service) -> None:
    schema = parameter(service, "limit")
    assert (schema["type"], schema["minimum"], schema["default"]) == ("integer", 1, 10)


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/limit-response")
def test_limit_and_paging(service: Service, jobs: dict[str, Any]) -> None:
    every = ids(service, "processID=echo,boom,slow")
    assert len(every) > 2
    found: list[str] = []
    address = "/jobs?limit=2&processID=echo,boom,slow"
    while address:
        document = page(service, address)
        assert len(document["jobs"]) <= 2
        found += [job["jobID"] for job in document["jobs"]]
        following = links(document, "next")
        address = following[0]["href"] if following else ""
    assert len(found) == len(set(found))
    assert set(found) == every
    assert links(document, "prev")
    assert len(listed(service, "")) <= 10
    for wrong in ("0", "x", "-3", "1&limit=2"):
        assert_problem(get(service, f"/jobs?limit={wrong}"), 400, "InvalidParameterValue")


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/job-list/type-definition", "ogcapi-processes-1/conf/job-list/type-response"
)
def test_type(service: Service, jobs: dict[str, Any]) -> None:
    assert parameter(service, "type") == {"type": "array", "items": {"type": "string"}}
    assert jobs["echo"]["jobID"] in ids(service, "type=process")
    assert jobs["echo"]["jobID"] in ids(service, "type=other&type=process")
    assert ids(service, "type=other") == set()


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/job-list/processID-definition", "ogcapi-processes-1/conf/job-list/processID-response"
)
def test_process(service: Service, jobs: dict[str, Any]) -> None:
    assert parameter(service, "processID") == {"type": "array", "items": {"type": "string"}}
    assert {job["processID"] for job in listed(service, "processID=boom")} == {"boom"}
    for query in ("processID=boom,slow", "processID=boom&processID=slow"):
        found = ids(service, query)
        assert {jobs["boom"]["jobID"], jobs["slow"]["jobID"]} <= found
        assert jobs["echo"]["jobID"] not in found
    assert ids(service, "processID=nothing") == set()


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/job-list/status-definition", "ogcapi-processes-1/conf/job-list/status-response"
)
def test_status_filter(service: Service, jobs: dict[str, Any], running: Any) -> None:
    schema = parameter(service, "status")
    assert schema["type"] == "array"
    assert {job["status"] for job in listed(service, "status=failed")} == {"failed"}
    found = ids(service, "status=running,failed")
    assert {running["jobID"], jobs["boom"]["jobID"]} <= found
    assert jobs["echo"]["jobID"] not in found
    assert_problem(get(service, "/jobs?status=finished"), 400, "InvalidParameterValue")
    assert_problem(get(service, "/jobs?status="), 400, "InvalidParameterValue")


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/datetime-definition")
def test_datetime_is_defined(service: Service) -> None:
    assert parameter(service, "datetime") == {"type": "string"}
    for wrong in (
        "yesterday",
        "2026-01-01",
        "../..",
        "2026-13-01T00:00:00Z",
        "2027-01-01T00:00:00Z/2026-01-01T00:00:00Z",
    ):
        assert_problem(get(service, f"/jobs?datetime={wrong}"), 400, "InvalidParameterValue")


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/datetime-response")
def test_datetime(service: Service, jobs: dict[str, Any]) -> None:
    first, second = jobs["echo"], jobs["boom"]
    assert first["created"] < second["created"]
    assert ids(service, f"datetime={first['created']}") == {first["jobID"]}
    until = ids(service, f"datetime=../{first['created']}")
    assert first["jobID"] in until
    assert second["jobID"] not in until
    since = ids(service, f"datetime={second['created']}/..")
    assert second["jobID"] in since
    assert first["jobID"] not in since
    between = ids(service, f"datetime={first['created']}/{second['created']}")
    assert {first["jobID"], second["jobID"]} <= between
    assert jobs["slow"]["jobID"] not in between
    # The same time on another clock, and with an open end spelt in the other way.
    there = (datetime.fromisoformat(second["created"]) + timedelta(hours=2)).replace(tzinfo=None).isoformat()
    assert ids(service, f"datetime={there}%2B02:00/") == since


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/duration-definition")
def test_durations_are_defined(service: Service) -> None:
    for name in ("minDuration", "maxDuration"):
        assert parameter(service, name)["type"] == "integer"
        for wrong in ("-1", "x", "1.5"):
            assert_problem(get(service, f"/jobs?{name}={wrong}"), 400, "InvalidParameterValue")
    assert_problem(get(service, "/jobs?minDuration=3&maxDuration=2"), 400, "InvalidParameterValue")


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/duration-response")
def test_durations(service: Service, jobs: dict[str, Any], running: Any) -> None:
    quick, slow = jobs["echo"]["jobID"], jobs["slow"]["jobID"]
    least, most = ids(service, "minDuration=2"), ids(service, "maxDuration=1")
    assert slow in least
    assert quick not in least
    assert quick in most
    assert slow not in most
    assert ids(service, "minDuration=2&maxDuration=1000") == ids(service, "minDuration=2")
    # Of a running job it is the time up to now.
    time.sleep(2.1)
    assert running["jobID"] in ids(service, "minDuration=2&status=running")


@pytest.mark.requirement("ogcapi-processes-1/conf/job-list/job-list-op")
def test_unknown_parameters_are_refused(service: Service) -> None:
    problem = assert_problem(get(service, "/jobs?process=echo"), 400, "InvalidParameterValue")
    assert "processID" in problem["detail"]


# --- callback -------------------------------------------------------------------------------------


@pytest.mark.requirement("ogcapi-processes-1/conf/callback/job-callback")
def test_subscribers_are_told(service: Service, neighbour: Neighbour) -> None:
    subscriber = {
        "successUri": f"{neighbour.url}/success",
        "inProgressUri": f"{neighbour.url}/progress",
        "failedUri": f"{neighbour.url}/failed",
    }
    start(service, "echo", {"inputs": {"string": "x", "quantity": 2.5}, "subscriber": subscriber})
    results = neighbour.wait_for("/success")
    assert_valid(results, "results")
    assert results["quantity"] == 2.5
    failed = start(service, "boom", {"inputs": {}, "subscriber": subscriber})
    told = neighbour.wait_for("/failed")
    assert_valid(told, "statusInfo")
    assert (told["jobID"], told["status"]) == (failed["jobID"], "failed")
    slow = start(service, "slow", {"inputs": {"seconds": 1.5}, "subscriber": subscriber})
    neighbour.told["/progress"] = []
    while neighbour.wait_for("/progress")["jobID"] != slow["jobID"]:
        neighbour.told["/progress"].pop(0)
    assert_valid(neighbour.wait_for("/progress"), "statusInfo")


@pytest.mark.requirement("ogcapi-processes-1/conf/callback/job-callback")
@pytest.mark.parametrize(
    "subscriber",
    [
        {"successUri": "ftp://example.org/"},
        {"successUri": "http://10.0.0.1/"},
        {"successUri": 3},
        {"failedUri": "http://127.0.0.1/"},
        {"successUri": "http://127.0.0.1/", "success": "x"},
    ],
)
def test_subscribers_that_may_not_be_told_are_refused(service: Service, subscriber: Any) -> None:
    response = execute(service, "echo", {"inputs": {"string": "x"}, "subscriber": subscriber}, Prefer="respond-async")
    problem = assert_problem(response, 400, response.json()["type"])
    assert problem["faults"][0]["locator"].startswith("su")


# --- dismissal ------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "ogcapi-processes-1/conf/dismiss/job-dismiss-op", "ogcapi-processes-1/conf/dismiss/job-dismiss-success"
)
def test_a_running_job_is_cancelled(service: Service, running: Any) -> None:
    address = f"{service.url}/ogcapi/jobs/{running['jobID']}"
    response = requests.delete(address, timeout=30)
    assert response.status_code == 200
    assert_valid(response.json(), "statusInfo")
    assert (response.json()["jobID"], response.json()["status"]) == (running["jobID"], "dismissed")
    assert page(service, address)["status"] == "dismissed"
    assert_problem(get(service, f"{address}/results"), 410, "about:blank")


@pytest.mark.requirement("ogcapi-processes-1/conf/dismiss/job-dismiss-op")
def test_a_job_that_has_ended_is_removed_with_its_results(service: Service) -> None:
    response = execute(
        service, "echo", {"inputs": {"string": "x"}, "outputs": {"all": {"transmissionMode": "reference"}}}
    )
    address, file = response.links["monitor"]["url"], response.links["item"]["url"]
    assert get(service, file).status_code == 200
    dismissed = requests.delete(address, timeout=30)
    assert dismissed.status_code == 200
    assert_valid(dismissed.json(), "statusInfo")
    assert dismissed.json()["status"] == "dismissed"
    assert get(service, file).status_code == 404
    assert_problem(get(service, address), 404, f"{TYPES}no-such-job")
    assert_problem(requests.delete(address, timeout=30), 404, f"{TYPES}no-such-job")

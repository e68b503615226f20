"""GetStatus, GetResult and Dismiss (OGC 14-065r2, 9.5, 9.6, 9.10, 9.11, 10 and 12)."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import ask
from tests.conformance.wps2.asking import (
    data,
    document,
    execute,
    faults,
    get,
    of_job,
    operation,
    output,
    post,
    started,
    status,
    status_of,
    string,
    text,
    texts,
    until,
    value,
)

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SLOW = execute("slow", data("seconds", "120") + data("steps", "1000"), "async")
QUICK = execute("echo", string("a") + output("string"), "async")
OTHER_OPERATIONS = ("GetStatus", "GetResult", "Dismiss")
UNKNOWN = str(uuid.UUID(int=1))


def moment(root: etree._Element, name: str) -> datetime:
    told = text(root, f"wps:{name}")
    assert TIME.fullmatch(told)
    return datetime.fromisoformat(told)


def done(service: Service, asked: str = QUICK) -> str:
    """The id of a job that was successful."""
    job_id = started(service, asked)
    until(service, job_id, "Succeeded")
    return job_id


# --- GetStatus ------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.14",
    "wps-2.0/req/service/binding/post-xml/get-status/request",
    "wps-2.0/req/service/binding/post-xml/get-status/response",
    "wps-2.0/req/service/model/get-status/request/structure",
    "wps-2.0/req/service/model/get-status/response/status-info",
)
def test_the_status_is_had_by_xml(service: Service) -> None:
    job_id = done(service)
    root = document(post(service, of_job("GetStatus", job_id)), "StatusInfo")
    assert (text(root, "wps:JobID"), status_of(root)) == (job_id, "Succeeded")


@pytest.mark.requirement(
    "wps-2.0/A.5.18",
    "wps-2.0/req/service/binding/get-kvp/get-status/request",
    "wps-2.0/req/service/binding/get-kvp/get-status/response-xml",
    "wps-2.0/req/service/binding/get-kvp/case-sensitivity",
)
@pytest.mark.parametrize("key", ["jobid", "JobID", "JOBID"])
@pytest.mark.parametrize("name", ["GetStatus", "getstatus"])
def test_the_status_is_had_by_key_value_pairs(service: Service, key: str, name: str) -> None:
    job_id = done(service)
    query = urlencode({"SERVICE": "WPS", "Version": "2.0.0", "rEQUEST": name, key: job_id})
    root = document(ask(f"{service.wps}?{query}"), "StatusInfo")
    assert (text(root, "wps:JobID"), status_of(root)) == (job_id, "Succeeded")


@pytest.mark.requirement(
    "wps-2.0/req/service/model/status-info/document",
    "wps-2.0/req/service/model/status-info/document-status",
    "wps-2.0/req/conceptual-model/job-monitoring/status",
    "wps-2.0/req/conceptual-model/job-monitoring/status-set",
    "wps-2.0/req/conceptual-model/job-monitoring/progress",
    "wps-2.0/req/conceptual-model/job-monitoring/estimated-completion",
    "wps-2.0/req/conceptual-model/job-monitoring/next-poll",
    "wps-2.0/req/conceptual-model/job-monitoring/job-expiry",
)
def test_the_status_tells_how_a_job_is_doing(service: Service) -> None:
    job_id = started(service, execute("slow", data("seconds", "4") + data("steps", "100"), "async"))
    seen = []
    while not texts(root := until(service, job_id, "Running", "Succeeded"), "wps:EstimatedCompletion"):
        assert status_of(root) == "Running"
    now = datetime.now(UTC)
    assert moment(root, "NextPoll") > now
    assert moment(root, "EstimatedCompletion") > now
    seen.append(int(text(root, "wps:PercentCompleted")))
    assert not texts(root, "wps:ExpirationDate")
    root = until(service, job_id, "Succeeded")
    seen.append(int(text(root, "wps:PercentCompleted")))
    assert 0 < seen[0] < seen[1] == 100
    assert moment(root, "ExpirationDate") > datetime.now(UTC)
    assert not texts(root, "wps:NextPoll | wps:EstimatedCompletion")


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-status/exception/common",
    "wps-2.0/req/service/model/get-status/exception/job-id",
    "wps-2.0/req/service/model/get-result/exception/common",
    "wps-2.0/req/service/model/get-result/exception/job-id",
    "wps-2.0/req/service/model/dismiss/exception/job-id",
    "wps-2.0/req/conceptual-model/job/identifier-unavailable-exception",
)
@pytest.mark.parametrize("name", OTHER_OPERATIONS)
@pytest.mark.parametrize("job_id", [UNKNOWN, "no such job", "../../etc/passwd", "ä", "a" * 300])
def test_a_job_that_is_not_there_is_told(service: Service, name: str, job_id: str) -> None:
    expected = [("NoSuchJob", job_id[:100])]
    assert faults(get(service, name, jobid=job_id)) == expected
    assert faults(post(service, of_job(name, job_id))) == expected


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-status/exception/common",
    "wps-2.0/req/service/model/get-result/exception/common",
    "wps-2.0/req/service/model/handling/request-base",
)
@pytest.mark.parametrize("name", OTHER_OPERATIONS)
def test_a_job_is_asked_for(service: Service, name: str) -> None:
    assert faults(get(service, name)) == [("MissingParameterValue", "JobID")]
    assert faults(post(service, operation(name))) == [("MissingParameterValue", "JobID")]


# --- GetResult ------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.15",
    "wps-2.0/A.5.19",
    "wps-2.0/req/service/binding/post-xml/get-result/request",
    "wps-2.0/req/service/binding/post-xml/get-result/response",
    "wps-2.0/req/service/binding/get-kvp/get-result/request",
    "wps-2.0/req/service/binding/get-kvp/get-result/response-xml",
    "wps-2.0/req/service/model/get-result/request/structure",
    "wps-2.0/req/service/model/get-result/response/result",
    "wps-2.0/req/service/model/asynchronous-wps/result-jobid",
    "wps-2.0/req/service/model/result/document",
)
def test_the_result_is_had_by_both_bindings(service: Service) -> None:
    job_id = done(service)
    for answer in (get(service, "GetResult", JOBID=job_id), post(service, of_job("GetResult", job_id))):
        root = document(answer, "Result")
        assert (text(root, "wps:JobID"), value(root, "string")) == (job_id, "a")
        assert moment(root, "ExpirationDate") > datetime.now(UTC)


@pytest.mark.requirement("wps-2.0/A.5.19", "wps-2.0/A.5.15")
def test_the_result_may_be_raw_data(service: Service) -> None:
    job_id = done(service, execute("echo", string("a") + output("string"), "async", "raw"))
    for answer in (get(service, "GetResult", jobid=job_id), post(service, of_job("GetResult", job_id))):
        assert (answer.status, answer.content) == (200, b"a")


@pytest.mark.requirement("wps-2.0/req/service/model/get-result/response/result")
def test_one_output_can_be_had_by_itself(service: Service) -> None:
    job_id = done(service)
    assert get(service, "GetResult", jobid=job_id, output="string").content == b"a"
    assert faults(get(service, "GetResult", jobid=job_id, output="all")) == [("NoSuchOutput", "all")]


@pytest.mark.requirement("wps-2.0/req/service/model/get-result/exception/result-not-ready")
def test_a_result_that_is_not_ready_is_told(service: Service) -> None:
    job_id = started(service, SLOW)
    assert faults(get(service, "GetResult", jobid=job_id)) == [("ResultNotReady", job_id)]
    until(service, job_id, "Running")
    assert faults(post(service, of_job("GetResult", job_id))) == [("ResultNotReady", job_id)]
    document(get(service, "Dismiss", jobid=job_id), "StatusInfo")


@pytest.mark.requirement(
    "wps-2.0/req/service/model/execute/exception/accepted-job",
    "wps-2.0/req/service/model/get-result/exception/execution-exception",
)
def test_the_result_of_a_failed_job_is_its_exception(service: Service) -> None:
    job_id = started(service, execute("boom", data("how", "raise"), "async"))
    until(service, job_id, "Failed")
    assert faults(get(service, "GetResult", jobid=job_id), 500) == [("InternalServerError", None)]
    lost = started(service, execute("echo_complex", data("text", "a") + output("binary"), "async"))
    until(service, lost, "Failed")
    assert faults(post(service, of_job("GetResult", lost))) == [("MissingParameterValue", "binary")]


@pytest.mark.requirement("wps-2.0/req/conceptual-model/job-monitoring/status")
def test_jobs_of_the_other_version_can_be_asked_for(service: Service) -> None:
    query = "service=WPS&version=1.0.0&request=Execute&identifier=echo&DataInputs=string=a&storeExecuteResponse=true"
    stored = etree.fromstring(ask(f"{service.wps}?{query}&status=true&ResponseDocument=string").content)
    job_id = stored.get("statusLocation", "").rpartition("/")[2]
    until(service, job_id, "Succeeded")
    assert value(document(get(service, "GetResult", jobid=job_id), "Result"), "string") == "a"


# --- Dismiss --------------------------------------------------------------------------------------


def dismissed(service: Service, job_id: str, *, by_xml: bool) -> etree._Element:
    answer = post(service, of_job("Dismiss", job_id)) if by_xml else get(service, "dismiss", JobId=job_id)
    return document(answer, "StatusInfo")


@pytest.mark.requirement(
    "wps-2.0/A.6.1",
    "wps-2.0/A.6.2",
    "wps-2.0/req/service/model/dismiss/request/structure",
    "wps-2.0/req/service/model/dismiss/response/structure",
    "wps-2.0/req/service/model/dismiss/status-dismissed",
    "wps-2.0/req/service/model/dismiss/status-transient",
    "wps-2.0/req/service/model/dismiss/response/release-job-id",
    "wps-2.0/req/service/binding/post-xml/dismiss/request",
    "wps-2.0/req/service/binding/post-xml/dismiss/response",
    "wps-2.0/req/service/binding/get-kvp/dismiss/request",
    "wps-2.0/req/service/binding/get-kvp/dismiss/response-xml",
    "wps-2.0/req/conceptual-model/job-control/dismiss",
)
@pytest.mark.parametrize("by_xml", [True, False])
def test_a_running_job_can_be_dismissed(service: Service, by_xml: bool) -> None:
    job_id = started(service, SLOW)
    until(service, job_id, "Running")
    root = dismissed(service, job_id, by_xml=by_xml)
    assert (text(root, "wps:JobID"), status_of(root)) == (job_id, "Dismissed")
    for name in OTHER_OPERATIONS:
        assert faults(get(service, name, jobid=job_id)) == [("NoSuchJob", job_id)]


@pytest.mark.requirement(
    "wps-2.0/req/service/model/dismiss/response/release-job-id",
    "wps-2.0/req/service/model/dismiss/status-transient",
    "wps-2.0/req/service/model/dismiss/execute-response-jobid",
)
@pytest.mark.parametrize("mode", ["sync", "async"])
def test_a_job_that_has_ended_goes_with_its_results(service: Service, mode: str) -> None:
    asked = execute("echo", string("a") + output("all", 'transmission="reference"'), mode)
    if mode == "sync":
        root = document(post(service, asked), "Result")
    else:
        root = document(get(service, "GetResult", jobid=done(service, asked)), "Result")
    job_id, href = text(root, "wps:JobID"), text(root, "wps:Output/wps:Reference/@xlink:href")
    assert ask(href).status == 200
    assert status_of(dismissed(service, job_id, by_xml=True)) == "Dismissed"
    assert ask(href).status == 404
    assert faults(get(service, "GetResult", jobid=job_id)) == [("NoSuchJob", job_id)]
    assert faults(post(service, of_job("Dismiss", job_id))) == [("NoSuchJob", job_id)]


@pytest.mark.requirement("wps-2.0/req/service/model/dismiss/response/release-job-id")
def test_a_failed_job_can_be_dismissed(service: Service) -> None:
    job_id = started(service, execute("boom", data("how", "raise"), "async"))
    until(service, job_id, "Failed")
    assert status_of(dismissed(service, job_id, by_xml=False)) == "Dismissed"
    assert faults(get(service, "GetStatus", jobid=job_id)) == [("NoSuchJob", job_id)]


@pytest.mark.requirement("wps-2.0/req/service/binding/get-kvp/dismiss/request")
def test_a_look_at_the_head_dismisses_nothing(service: Service) -> None:
    job_id = done(service)
    query = f"service=WPS&version=2.0.0&request=Dismiss&jobid={job_id}"
    assert ask(f"{service.wps}?{query}", "HEAD").status == 405
    assert status_of(status(service, job_id)) == "Succeeded"

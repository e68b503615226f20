"""Stored responses and how their jobs are doing (OGC 05-007r7, clauses 10.2 and 10.3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import ECHO, EXECUTE, LANG, ask, complex_input, ended, get, literal_of, post
from tests.server.wps_processes import assert_valid, faults, texts
from tests.server.wps_requests import document, execute_xml, literal, output

SLOW = f"{EXECUTE}&identifier=slow"
ASYNC = "storeExecuteResponse=true&status=true"


@pytest.mark.requirement(
    "wps-1.0.0/A.4.4/UpdatingResponseDocumentExecuteValidation",
    "wps-1.0.0/10.2/status",
    "wps-1.0.0/10.3/status-location",
    "wps-1.0.0/10.3/status-updated",
)
def test_an_asynchronous_job_is_followed_from_acceptance_to_its_end(service: Service) -> None:
    first = get(service, f"{SLOW}&DataInputs=seconds=2;steps=20&ResponseDocument=seconds&{ASYNC}").response
    assert texts(first, "//wps:ProcessAccepted | //wps:ProcessStarted")
    assert texts(first, "//wps:ProcessOutputs") == []
    location = first.get("statusLocation")
    percents = []
    while texts(root := ask(location).response, "//wps:ProcessAccepted | //wps:ProcessStarted"):
        assert root.get("statusLocation") == location
        percents += [int(text) for text in texts(root, "//wps:ProcessStarted/@percentCompleted")]
    assert texts(root, "//wps:ProcessSucceeded")
    assert float(literal_of(root, "seconds")) >= 2
    assert percents == sorted(percents) and len(set(percents)) > 3 and percents[-1] <= 99


@pytest.mark.requirement("wps-1.0.0/10.3/accepted", "wps-1.0.0/10.3/started")
def test_waiting_and_running_jobs_say_so_in_words(service: Service) -> None:
    root = get(service, f"{SLOW}&DataInputs=seconds=1;steps=5&{ASYNC}").response
    seen: dict[str, str] = {}
    while not texts(root, "//wps:ProcessSucceeded"):
        (status,) = root.find("{*}Status")
        seen[etree.QName(status).localname] = status.text
        assert set(status.attrib) <= {"percentCompleted"}
        root = ask(root.get("statusLocation")).response
    assert "ProcessStarted" in seen
    assert all(seen.values())


@pytest.mark.requirement("wps-1.0.0/10.3/succeeded", "wps-1.0.0/10.3/creation-time")
def test_a_job_that_succeeded_says_when_in_utc(service: Service) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    root = get(service, f"{ECHO}&DataInputs=string=a").response
    assert texts(root, "wps:Status/wps:ProcessSucceeded")
    (moment,) = texts(root, "wps:Status/@creationTime")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment)
    assert before <= datetime.fromisoformat(moment) <= datetime.now(UTC)


@pytest.mark.requirement("wps-1.0.0/10.3/failed")
@pytest.mark.parametrize(
    ("query", "code", "locator"),
    [
        (f"{EXECUTE}&identifier=echo_complex&DataInputs=text=@xlink:href=http%3A%2F%2F127.0.0.1%3A1%2F",
         "InvalidParameterValue", "text"),
        (f"{EXECUTE}&identifier=echo_complex", "MissingParameterValue", "text"),
        (f"{EXECUTE}&identifier=boom", "NoApplicableCode", None),
        (f"{EXECUTE}&identifier=boom&DataInputs=how=kill", "NoApplicableCode", None),
    ],
)  # fmt: skip
def test_a_job_that_failed_holds_a_report(service: Service, query: str, code: str, locator: str | None) -> None:
    root = ended(get(service, f"{query}&{ASYNC}").response.get("statusLocation"))
    (report,) = root.find("{*}Status/{*}ProcessFailed")
    assert report.tag == "{http://www.opengis.net/ows/1.1}ExceptionReport"
    assert faults(etree.tostring(report)) == [(code, locator)]
    assert "".join(report.itertext()).strip() != ""
    assert b"swordfish" not in etree.tostring(root)
    assert texts(root, "//wps:ProcessOutputs") == []


@pytest.mark.requirement("wps-1.0.0/10.2/store", "wps-1.0.0/10.3/status-location", "wps-1.0.0/10.3/stored")
def test_a_stored_response_stays_where_it_says(service: Service) -> None:
    in_xml = execute_xml(literal("string", "kept"), document(output("string"), storeExecuteResponse="true"), "echo")
    query = f"{ECHO}&DataInputs=string=kept&ResponseDocument=string&storeExecuteResponse=true"
    for answer in (post(service, in_xml), get(service, query)):
        root = answer.response
        for _ in range(2):
            stored = ask(root.get("statusLocation"))
            assert stored.content == answer.content
            assert literal_of(stored.response, "string") == "kept"


@pytest.mark.requirement("wps-1.0.0/10.2/store")
def test_a_response_that_is_not_stored_has_no_location(service: Service) -> None:
    for store in ("", "&storeExecuteResponse=false"):
        assert get(service, f"{ECHO}&DataInputs=string=a{store}").response.get("statusLocation") is None


@pytest.mark.requirement("wps-1.0.0/10.2/store")
def test_a_stored_response_of_a_job_that_failed_says_so(service: Service) -> None:
    root = get(service, f"{EXECUTE}&identifier=boom&storeExecuteResponse=true").response
    assert texts(root, "//wps:ProcessFailed/ows:ExceptionReport/ows:Exception/@exceptionCode") == ["NoApplicableCode"]
    assert texts(ask(root.get("statusLocation")).response, "//wps:ProcessFailed")


@pytest.mark.requirement("wps-1.0.0/10.2/status-needs-store")
def test_status_without_a_stored_response_is_refused(service: Service) -> None:
    for answer in (
        get(service, f"{ECHO}&DataInputs=string=a&status=true"),
        get(service, f"{ECHO}&DataInputs=string=a&status=true&storeExecuteResponse=false"),
        post(service, execute_xml(literal("string", "a"), document(output("string"), status="true"), "echo")),
    ):
        assert (answer.status, answer.faults) == (400, [("InvalidParameterValue", "status")])


@pytest.mark.requirement("wps-1.0.0/10.2/booleans")
@pytest.mark.parametrize("yes", ["true", "1", "TRUE"])
def test_switches_are_xml_booleans(service: Service, yes: str) -> None:
    query = f"{ECHO}&DataInputs=string=a&storeExecuteResponse={yes}&lineage={yes}"
    root = get(service, query).response
    assert root.get("statusLocation") and texts(root, "wps:DataInputs")
    for name in ("storeExecuteResponse", "status", "lineage"):
        assert get(service, f"{ECHO}&DataInputs=string=a&{name}=yes").faults == [("InvalidParameterValue", name)]


@pytest.mark.requirement("wps-1.0.0/10.3/job-identifiers")
def test_no_two_jobs_have_one_location_and_none_can_be_guessed(service: Service) -> None:
    query = f"{ECHO}&DataInputs=string=a&storeExecuteResponse=true"
    found = [get(service, query).response.get("statusLocation") for _ in range(3)]
    assert len(set(found)) == 3
    for location in found:
        assert re.search(r"/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$", location)


@pytest.mark.requirement("wps-1.0.0/10.3/stored")
def test_a_location_without_a_job_is_not_found(service: Service) -> None:
    for name in ("00000000-0000-4000-8000-000000000000", "x", "..%2f..%2fjobs.sqlite"):
        answer = ask(f"{service.wps}/status/{name}")
        assert answer.status == 404


@pytest.mark.requirement("wps-1.0.0/10.3/status-updated", "wps-1.0.0/10.3/lineage-inputs")
def test_lineage_is_told_all_along_the_way(service: Service) -> None:
    form = document(output("text"), storeExecuteResponse="true", status="true", lineage="true")
    content = execute_xml(complex_input("text", "sent"), form, "echo_complex")
    first = post(service, content).response
    last = ended(first.get("statusLocation"))
    for root in (first, last):
        assert texts(root, "wps:DataInputs//wps:ComplexData") == ["sent"]
        assert texts(root, "wps:OutputDefinitions/wps:Output/ows:Identifier") == ["text"]


@pytest.mark.requirement("wps-1.0.0/10.3/status-language")
def test_the_stored_response_keeps_the_language_of_the_request(service: Service) -> None:
    root = get(service, f"{ECHO}&DataInputs=string=a&storeExecuteResponse=true&status=true&language=zh-CN").response
    for found in (root, ended(root.get("statusLocation"))):
        assert found.get(LANG) == "zh-CN"
        assert re.search("[\u4e00-\u9fff]", texts(found, "wps:Process/ows:Title")[0])
    failed = get(service, f"{EXECUTE}&identifier=boom&{ASYNC}&language=zh-CN").response
    report = ended(failed.get("statusLocation")).find(".//{*}ExceptionReport")
    # The one language in which errors are told.
    assert_valid(etree.tostring(report), "ows/1.1.0/owsExceptionReport.xsd")
    assert report.get(LANG) == "en-US"

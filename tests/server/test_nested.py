"""References that lead back to this service: which do, what becomes of them, and that there is an end to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from processes import registry
from processes.base import declaration
from server.fetching.choice import Wanted
from server.fetching.refusal import Refused
from server.jobs.model import Job, JobError, JobStatus, ResultItem
from server.jobs.nested import chosen_result, is_own_wps, marked, nested_request, own_job
from server.jobs.references import Reference, References
from server.jobs.request import InputItem, JobRequest, OutputRequest
from server.settings import Settings
from tests.server.fakes import settings_in
from tests.server.wps_requests import execute_xml, one_input, raw

WPS = "http://gas.example.org/flux/wps"
JOB = "12345678-1234-4234-8234-123456789abc"
DECLARATIONS = {name: declaration(process) for name, process in registry().items()}
SIMULATE = f"{WPS}?service=WPS&version=1.0.0&request=Execute&identifier=simulate_flight&DataInputs=seed=3"
FLIGHT = Wanted.by("flight", DECLARATIONS["gas_flux"].input("flight").formats)  # type: ignore[union-attr]
ANY = JobRequest("gas_flux", {})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return settings_in(tmp_path, GASFLUX_SERVER_URL=WPS, GASFLUX_SERVER_OUTPUTURL="http://gas.example.org/flux/outputs")


def nested(settings: Settings, url: str, wanted: Wanted = FLIGHT, body: bytes | None = None) -> JobRequest | None:
    item = InputItem(href=url, method="GET" if body is None else "POST", body=(body or b"").decode())
    return nested_request(item, body, wanted, settings, DECLARATIONS)


@pytest.mark.parametrize(
    ("url", "own"),
    [
        (WPS, True),
        (f"{WPS}/?x", True),
        ("HTTP://GAS.example.org:80/flux/wps?service=WPS", True),
        ("https://gas.example.org/flux/wps", False),
        ("http://gas.example.org:5000/flux/wps", False),
        ("http://gas.example.org/flux/wps2", False),
        ("http://gas.example.org/wps", False),
        ("http://me@gas.example.org/flux/wps", False),
        ("http://gas.example.org@evil.example.org/flux/wps", False),
        ("http://[gas", False),
        ("file:///flux/wps", False),
    ],
)
def test_which_addresses_are_this_services_wps(settings: Settings, url: str, own: bool) -> None:
    assert is_own_wps(url, settings) is own


def test_a_request_in_the_query_becomes_one_of_the_output_that_fits(settings: Settings) -> None:
    asked = nested(settings, SIMULATE)
    assert asked is not None
    assert (asked.process, asked.inputs, asked.mode) == ("simulate_flight", {"seed": [InputItem(text="3")]}, "async")
    assert asked.outputs == [OutputRequest("flight")]
    plane = Wanted.by("plane", DECLARATIONS["flux_density"].input("plane").formats)  # type: ignore[union-attr]
    table = quote("http://example.org/t.csv", safe="")
    url = f"{WPS}?service=WPS&version=1.0.0&request=Execute&identifier=flight_plane&DataInputs=table=@href={table}"
    for form in ("", "&ResponseDocument=table;figures;plane", "&RawDataOutput=plane"):
        chosen = nested(settings, url + form, plane)
        assert chosen is not None and chosen.outputs == [OutputRequest("plane")]


def test_a_request_in_the_body_carries_its_data_in_itself(settings: Settings) -> None:
    data = one_input("flight", '<wps:Data><wps:ComplexData mimeType="text/csv">a,b</wps:ComplexData></wps:Data>')
    asked = nested(settings, WPS, body=execute_xml(data, raw("table"), "flight_table"))
    assert asked is not None
    (item,) = asked.inputs["flight"]
    assert (item.upload, item.text, item.encoding, item.media_type) == (None, "YSxi", "base64", "text/csv")
    assert JobRequest.from_dict(asked.to_dict()) == asked


def test_a_request_of_wps_2_is_one_too(settings: Settings) -> None:
    body = b"""<wps:Execute xmlns:wps="http://www.opengis.net/wps/2.0" xmlns:ows="http://www.opengis.net/ows/2.0"
      service="WPS" version="2.0.0" mode="sync" response="raw"><ows:Identifier>simulate_flight</ows:Identifier>
      <wps:Input id="seed"><wps:Data><wps:LiteralValue>3</wps:LiteralValue></wps:Data></wps:Input>
      <wps:Output id="flight" transmission="value"/></wps:Execute>"""
    asked = nested(settings, WPS, body=body)
    assert asked is not None
    assert (asked.process, asked.outputs, asked.response) == ("simulate_flight", [OutputRequest("flight")], "document")
    assert asked.inputs["seed"][0].text == "3"


@pytest.mark.parametrize(
    "url", ["http://example.org/wps?request=Execute", f"{WPS}?service=WPS&request=GetCapabilities", f"{WPS}?x=1"]
)
def test_other_addresses_are_no_requests(settings: Settings, url: str) -> None:
    assert nested(settings, url) is None


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (SIMULATE.replace("simulate_flight", "nowhere"), "no process 'nowhere'"),
        (SIMULATE.replace("seed=3", "seed=x"), "is refused: seed"),
        (SIMULATE.replace("seed=3", "sed=3"), "Did you mean seed"),
        (SIMULATE + "&RawDataOutput=emission_rate", "holds no output that is data"),
        (SIMULATE.replace("version=1.0.0", "version=3"), "is refused: "),
        (f"{WPS}?service=WPS&version=1.0.0&request=Execute&identifier=gas_flux", "is refused: Input flight"),
    ],
)
def test_what_is_wrong_with_a_request_is_told(settings: Settings, url: str, words: str) -> None:
    with pytest.raises(Refused, match=words):
        nested(settings, url)


def test_a_body_that_may_change_from_one_try_to_the_next_is_refused(settings: Settings) -> None:
    item = InputItem(href=WPS, method="POST", body_href="http://example.org/x")
    with pytest.raises(Refused, match="send the body itself"):
        nested_request(item, b"", FLIGHT, settings, DECLARATIONS)


# --- an end to it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("breadth", [1, 2, 3, 10, 100])
def test_all_requests_within_one_are_not_more_than_it_may_have(settings: Settings, breadth: int) -> None:
    inner = nested(settings, SIMULATE)
    assert inner is not None

    def jobs_below(parent: JobRequest) -> int:
        try:
            child = marked(inner, parent, "flight", breadth)
        except Refused:
            return 0
        return breadth * (1 + jobs_below(child))

    assert breadth <= jobs_below(ANY) <= JobRequest.may_nest
    with pytest.raises(Refused, match="one request to this service too many"):
        marked(inner, ANY, "flight", JobRequest.may_nest + 1)


def references(settings: Settings, request: JobRequest, tmp_path: Path, subjobs: Any = ()) -> References:
    return References(settings, None, registry(), request, subjobs, tmp_path / "fetched")  # type: ignore[arg-type]


def test_requests_side_by_side_share_what_is_left_and_are_asked_for_once(settings: Settings, tmp_path: Path) -> None:
    inputs = {
        "flight": [InputItem(href=SIMULATE)] * 2,
        "dem_url": [InputItem(text=SIMULATE)],
        "gases": [InputItem("x")],
    }
    parent = JobRequest("gas_flux", inputs, language="zh-CN", face="wps-2.0.0")
    asked = Reference(InputItem(href=SIMULATE), "flight", FLIGHT.formats)
    (wanted,) = references(settings, parent, tmp_path).missing([asked, asked])
    assert wanted.label == "input flight" and wanted.version
    assert (wanted.request.may_nest, wanted.request.for_input) == ((JobRequest.may_nest - 3) // 3, "flight")
    # as the row of the sub-job has it, so that the next attempt knows it again
    assert (wanted.request.language, wanted.request.face, wanted.request.mode) == ("zh-CN", "wps-2.0.0", "async")
    done = job(request=JobRequest.from_dict(wanted.to_dict()["request"]))
    assert references(settings, parent, tmp_path, [done]).missing([asked]) == []


# --- jobs there are already -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (f"/wps/status/{JOB}", (JOB, None)),
        (f"/wps?service=WPS&version=2.0.0&request=GetResult&jobId={JOB}", (JOB, None)),
        (f"/wps?service=WPS&version=2.0.0&request=GetStatus&jobid={JOB}", (JOB, None)),
        (f"/wps?service=WPS&version=2.0.0&request=GetResult&jobid={JOB}&output=table", (JOB, "table")),
        (f"/ogcapi/jobs/{JOB}", (JOB, None)),
        (f"/ogcapi/jobs/{JOB}/results?f=json", (JOB, None)),
        (f"/ogcapi/jobs/{JOB}/results/table", (JOB, "table")),
        ("/wps/status/none", None),
        ("/ogcapi/jobs", None),
        (f"/other/{JOB}", None),
        ("/wps?service=WPS&request=GetCapabilities", None),
    ],
)
def test_which_addresses_are_of_a_job(settings: Settings, path: str, found: Any) -> None:
    assert own_job(f"http://gas.example.org/flux{path}", settings) == found
    assert own_job(f"http://example.org/flux{path}", settings) is None


def job(status: JobStatus = JobStatus.SUCCESSFUL, request: JobRequest = ANY, **more: Any) -> Job:
    named = dict.fromkeys(Job.__dataclass_fields__, None) | {"id": JOB, "attempt": 1, "results": {}}
    return Job(**named | {"status": status, "request": request, **more})  # type: ignore[arg-type]


def test_of_an_ended_job_the_output_that_fits_is_taken() -> None:
    results = {
        "rate": ResultItem("literal", text="1"),
        "report": ResultItem("complex", file="report.html", media_type="text/html"),
        "table": ResultItem("complex", file="table.csv", media_type="text/csv"),
    }
    assert chosen_result(job(results=results), None, FLIGHT) == "table"
    assert chosen_result(job(results=results), "report", FLIGHT) == "report"
    with pytest.raises(Refused, match="no output that is data"):
        chosen_result(job(results=results), "rate", FLIGHT)


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (JobStatus.RUNNING, None, "has not ended; send it when it has"),
        (JobStatus.FAILED, JobError("no_solution", "No plume."), "no results: No plume$"),
        (JobStatus.DISMISSED, None, "has no results$"),
    ],
)
def test_a_job_without_results_says_why(status: JobStatus, error: JobError | None, words: str) -> None:
    with pytest.raises(Refused, match=words):
        chosen_result(job(status, error=error), None, FLIGHT)

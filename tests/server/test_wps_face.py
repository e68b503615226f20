"""The WPS 1.0.0 face over HTTP, with real jobs behind it."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from lxml import etree
from werkzeug.test import TestResponse

from gasflux_core.errors import Busy
from server.app import service_of
from server.jobs.request import JobRequest, OutputRequest
from tests.server.fakes import until
from tests.server.wps_processes import (
    CAPABILITIES,
    DESCRIPTIONS,
    EXECUTE,
    PIXELS,
    RESPONSE,
    assert_valid,
    faults,
    running_app,
    texts,
)
from tests.server.wps_requests import document, execute_xml, inline, literal, one_input, output, raw

KVP = "/wps?service=WPS&version=1.0.0&request=Execute&identifier=everything"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    with running_app(tmp_path_factory.mktemp("data"), GASFLUX_SERVER_MAXREQUESTSIZE="20mb") as app:
        yield app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def post(client: FlaskClient, content: bytes) -> TestResponse:
    return client.post("/wps", data=content, content_type="text/xml")


def path_of(url: str) -> str:
    return url.removeprefix("http://127.0.0.1:5000")


# --- GetCapabilities and DescribeProcess ----------------------------------------------------------


def test_the_capabilities_are_valid_and_name_each_process(client: FlaskClient) -> None:
    response = client.get("/wps?SERVICE=WPS&Request=GetCapabilities&Version=1.0.0")
    root = assert_valid(response.data, CAPABILITIES)
    assert (response.status_code, response.content_type) == (200, "text/xml; charset=utf-8")
    assert texts(root, "//wps:Process/ows:Identifier") == ["everything", "small"]
    assert texts(root, "//ows:Operation/@name") == ["GetCapabilities", "DescribeProcess", "Execute"]
    assert texts(root, "//ows:Post/@xlink:href") == ["http://127.0.0.1:5000/wps"] * 3


def test_the_descriptions_are_valid(client: FlaskClient) -> None:
    base = "/wps?service=WPS&version=1.0.0&request=DescribeProcess&identifier="
    for asked, names in (
        ("everything", ["everything"]),
        ("small,everything", ["small", "everything"]),
        ("ALL", ["everything", "small"]),
    ):
        root = assert_valid(client.get(base + asked).data, DESCRIPTIONS)
        assert texts(root, "//ProcessDescription/ows:Identifier") == names
    assert root.find("ProcessDescription").get("storeSupported") == "true"


def test_post_and_get_give_the_same_documents(client: FlaskClient) -> None:
    spaces = 'xmlns:wps="http://www.opengis.net/wps/1.0.0" xmlns:ows="http://www.opengis.net/ows/1.1"'
    asked = f'<wps:GetCapabilities {spaces} service="WPS"/>'.encode()
    assert post(client, asked).data == client.get("/wps?service=WPS&request=GetCapabilities&AcceptVersions=1.0.0").data
    described = (
        f'<wps:DescribeProcess {spaces} service="WPS" version="1.0.0"><ows:Identifier>small</ows:Identifier>'
        "</wps:DescribeProcess>"
    ).encode()
    query = "/wps?service=WPS&version=1.0.0&request=DescribeProcess&identifier=small"
    assert post(client, described).data == client.get(query).data


@pytest.mark.parametrize(
    ("query", "code", "locator"),
    [
        ("", "MissingParameterValue", "service"),
        ("service=WFS&request=GetCapabilities&version=1.0.0", "InvalidParameterValue", "service"),
        ("service=WPS", "MissingParameterValue", "request"),
        ("service=WPS&request=GetMap", "OperationNotSupported", "GetMap"),
        (
            "service=WPS&request=GetCapabilities&AcceptVersions=0.4.0,9.9.9",
            "VersionNegotiationFailed",
            "AcceptVersions",
        ),
        ("service=WPS&request=GetCapabilities&version=1.0.0&language=fr", "InvalidParameterValue", "language"),
        ("service=WPS&request=DescribeProcess&identifier=small", "MissingParameterValue", "version"),
        ("service=WPS&request=DescribeProcess&version=0.4.0&identifier=small", "InvalidParameterValue", "version"),
        ("service=WPS&request=DescribeProcess&version=1.0.0", "MissingParameterValue", "Identifier"),
        ("service=WPS&request=DescribeProcess&version=1.0.0&identifier=smal", "InvalidParameterValue", "Identifier"),
        ("service=WPS&request=Execute&version=1.0.0", "MissingParameterValue", "Identifier"),
        ("service=WPS&request=Execute&version=1.0.0&identifier=none", "InvalidParameterValue", "Identifier"),
        ("service=WPS&request=Execute&version=1.0.0&identifier=small&status=true", "InvalidParameterValue", "status"),
        ("service=WPS&service=WFS&request=GetCapabilities", "InvalidParameterValue", "service"),
    ],
)
def test_faults_of_a_query_have_code_locator_and_status(
    client: FlaskClient, query: str, code: str, locator: str
) -> None:
    response = client.get(f"/wps?{query}")
    assert faults(response.data) == [(code, locator)]
    assert response.status_code == (501 if code == "OperationNotSupported" else 400)


def test_a_version_among_others_is_negotiated(client: FlaskClient) -> None:
    response = client.get("/wps?service=WPS&request=GetCapabilities&acceptVersions=0.4.0,1.0.0,2.0.0")
    assert assert_valid(response.data, CAPABILITIES).get("version") == "1.0.0"


def test_faults_of_a_posted_document(client: FlaskClient) -> None:
    for content, expected in (
        (b"", ("NoApplicableCode", None)),
        (b"<wps:Execute", ("NoApplicableCode", None)),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", ("NoApplicableCode", None)),
        (b"<Other/>", ("OperationNotSupported", "Other")),
        (b'<Execute service="WPS"/>', ("MissingParameterValue", "version")),
        (b'<Execute version="1.0.0"/>', ("MissingParameterValue", "service")),
        (b'<Execute service="WPS" version="1.0.0"/>', ("NoApplicableCode", None)),
        (execute_xml("", identifier=" "), ("MissingParameterValue", "Identifier")),
    ):
        response = post(client, content)
        assert faults(response.data) == [expected]
        assert response.status_code == (501 if expected[0] == "OperationNotSupported" else 400)


# --- Execute --------------------------------------------------------------------------------------


def test_a_query_executes(client: FlaskClient) -> None:
    values = "flight=a%2Cb%3B1;height=12.5@uom=metre;words=one;words=two%3Dtwo;flag=1;text="
    root = assert_valid(client.get(f"{KVP}&DataInputs={values}").data, RESPONSE)
    assert texts(root, "//wps:ProcessSucceeded") != []
    assert texts(root, "//wps:Output[ows:Identifier='told']//wps:LiteralData") == [
        "height=12.5;flag=True;words=one;words=two=two"
    ]
    assert texts(root, "//wps:Output[ows:Identifier='copy']//wps:ComplexData") == ["a,b;1"]
    assert texts(root, "//wps:Output[ows:Identifier='size']//wps:LiteralData/@uom") == ["MB"]
    assert texts(root, "//wps:Status/@creationTime")[0].endswith("Z")
    assert "statusLocation" not in root.attrib


def test_a_query_that_was_encoded_as_a_whole_executes(client: FlaskClient) -> None:
    values = quote("flight=a b;words=x@uom=1;height=3", safe="")
    root = assert_valid(client.get(f"{KVP}&DataInputs={values}&ResponseDocument=told").data, RESPONSE)
    assert texts(root, "//wps:Output/ows:Identifier") == ["told"]
    assert texts(root, "//wps:LiteralData") == ["height=3.0;words=x"]


def test_references_in_the_response_lead_to_the_files(client: FlaskClient) -> None:
    root = assert_valid(client.get(f"{KVP}&DataInputs=flight=x").data, RESPONSE)
    (href,) = texts(root, "//wps:Output[ows:Identifier='raster']/wps:Reference/@href")
    assert texts(root, "//wps:Reference/@mimeType") == ["image/tiff; subtype=geotiff"]
    response = client.get(path_of(href))
    assert (response.data, response.content_type) == (PIXELS, "image/tiff; subtype=geotiff")


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (inline("a,b &lt;c>"), "a,b <c>"),
        (inline("<![CDATA[a<b]]>"), "a<b"),
        (inline(base64.b64encode(b"a,b").decode(), 'mimeType="text/csv" encoding="base64"'), "a,b"),
        (inline(base64.b64encode(b"a,b").decode(), 'mimeType="application/vnd.ms-excel"'), "a,b"),
        (inline("a", 'mimeType="Application/CSV; charset=utf-8"'), "a"),
        (inline("a", ""), "a"),
        (literal("flight", "a,b"), "a,b"),
    ],
)
def test_complex_values_come_in_many_ways(client: FlaskClient, sent: str, received: str) -> None:
    root = assert_valid(post(client, execute_xml(sent)).data, RESPONSE)
    assert texts(root, "//wps:Output[ows:Identifier='copy']//wps:ComplexData") == [received]


def test_xml_sent_inline_reaches_the_process_whole(client: FlaskClient) -> None:
    gml = '<g:C xmlns:g="http://www.opengis.net/gml" g:id="x"><!-- c --><g:pos>1 2</g:pos></g:C>'
    content = execute_xml(inline(f"\n  {gml}\n", 'mimeType="text/xml; subtype=gml/3.1.1"'), raw("copy"))
    arrived = etree.fromstring(post(client, content).data)
    assert arrived.tag == "{http://www.opengis.net/gml}C"
    assert "".join(arrived.itertext()) == "1 2"


def test_outputs_are_given_as_they_are_asked_for(client: FlaskClient) -> None:
    wanted = output("raster", 'asReference="false"') + output("copy", 'asReference="true" mimeType="application/csv"')
    content = execute_xml(inline("a"), document(wanted))
    root = assert_valid(post(client, content).data, RESPONSE)
    assert texts(root, "//wps:Output/ows:Identifier") == ["raster", "copy"]
    assert base64.b64decode(texts(root, "//wps:ComplexData[@encoding='base64']")[0]) == PIXELS
    assert client.get(path_of(texts(root, "//wps:Reference/@href")[0])).data == b"a"


def test_raw_data_is_the_output_alone(client: FlaskClient) -> None:
    raster = post(client, execute_xml(inline("a"), raw("raster")))
    assert (raster.data, raster.content_type) == (PIXELS, "image/tiff; subtype=geotiff")
    told = client.get(f"{KVP}&DataInputs=flight=x;count=3&RawDataOutput=told")
    assert (told.data, told.content_type) == (b"count=3", "text/plain; charset=utf-8")
    encoded = client.get(f"{KVP}&DataInputs=flight=x&RawDataOutput=raster@encoding=base64")
    assert base64.b64decode(encoded.data) == PIXELS


@pytest.mark.parametrize(
    ("inputs", "form", "expected"),
    [
        ("", "", ("MissingParameterValue", "flight")),
        (inline("a") + inline("b"), "", ("InvalidParameterValue", "flight")),
        (inline("a") + literal("heigth", "1"), "", ("InvalidParameterValue", "heigth")),
        (inline("a") + literal("height", "nan"), "", ("InvalidParameterValue", "height")),
        (inline("a") + literal("height", "0"), "", ("InvalidParameterValue", "height")),
        (inline("a") + literal("height", "1", 'uom="ft"'), "", ("InvalidParameterValue", "height")),
        (inline("a") + literal("count", "1.5"), "", ("InvalidParameterValue", "count")),
        (inline("a") + literal("model", "round"), "", ("InvalidParameterValue", "model")),
        (inline("a") + literal("flag", "yes"), "", ("InvalidParameterValue", "flag")),
        (inline("!", 'encoding="base64"'), "", ("InvalidParameterValue", "flight")),
        (inline("a", 'mimeType="image/png"'), "", ("InvalidParameterValue", "flight")),
        (inline("a"), document(output("rastre")), ("InvalidParameterValue", "rastre")),
        (inline("a"), raw("rastre"), ("InvalidParameterValue", "rastre")),
        (inline("a"), document(output("raster", 'mimeType="image/png"')), ("InvalidParameterValue", "raster")),
        (inline("a"), document(status="true"), ("InvalidParameterValue", "status")),
        (inline("a"), document(storeExecuteResponse="yes"), ("InvalidParameterValue", "storeExecuteResponse")),
        (one_input("flight", "<wps:Reference/>"), "", ("MissingParameterValue", "flight")),
        (one_input("flight", ""), "", ("MissingParameterValue", "flight")),
    ],
)
def test_a_request_that_can_not_be_run_is_refused_before_it_is_accepted(
    app: Flask, client: FlaskClient, inputs: str, form: str, expected: tuple[str, str]
) -> None:
    before = sum(1 for _ in service_of(app).store.outputs.iterdir())
    response = post(client, execute_xml(inputs, form))
    assert faults(response.data) == [expected]
    assert response.status_code == 400
    assert sum(1 for _ in service_of(app).store.outputs.iterdir()) == before


def test_all_faults_of_a_request_are_told_at_once(client: FlaskClient) -> None:
    response = client.get(f"{KVP}&DataInputs=height=abc;modle=x&ResponseDocument=other")
    assert sorted(faults(response.data), key=str) == [
        ("InvalidParameterValue", "height"),
        ("InvalidParameterValue", "modle"),
        ("InvalidParameterValue", "other"),
        ("MissingParameterValue", "flight"),
    ]
    assert b"Did you mean model?" in response.data


def test_what_a_process_refuses_reaches_a_waiting_client_in_words(client: FlaskClient) -> None:
    for text, code, locator, status, words in (
        ("refuse", "InvalidParameterValue", "flight", 400, b"column ch4 has text in row 3"),
        ("nothing", "NoApplicableCode", None, 422, b"There is no plume in this flight."),
        ("break", "NoApplicableCode", None, 500, b"The service failed"),
    ):
        for form in ("", "&RawDataOutput=raster"):
            response = client.get(f"{KVP}&DataInputs=flight=a;text={text}{form}")
            assert faults(response.data) == [(code, locator)]
            assert response.status_code == status
            assert words in response.data
            assert b"secret" not in response.data


# --- store and status -----------------------------------------------------------------------------


def test_an_asynchronous_job_is_followed_to_its_end(client: FlaskClient) -> None:
    content = execute_xml(inline("a"), document(storeExecuteResponse="true", status="true", lineage="true"))
    root = assert_valid(post(client, content).data, RESPONSE)
    assert len(texts(root, "//wps:ProcessAccepted")) == 1
    location = path_of(root.get("statusLocation"))

    def ended() -> Any:
        now = assert_valid(client.get(location).data, RESPONSE)
        return texts(now, "//wps:ProcessSucceeded")

    until(ended)
    root = assert_valid(client.get(location).data, RESPONSE)
    assert path_of(root.get("statusLocation")) == location
    assert texts(root, "//wps:ProcessOutputs/wps:Output/ows:Identifier") == ["raster", "copy", "told", "size"]
    assert texts(root, "//wps:OutputDefinitions/wps:Output/@asReference") == ["true", "false", "false", "false"]


def test_a_failed_job_says_why_in_its_status_document(client: FlaskClient) -> None:
    query = f"{KVP}&DataInputs=flight=a;text=refuse&storeExecuteResponse=true&status=true"
    location = path_of(assert_valid(client.get(query).data, RESPONSE).get("statusLocation"))

    def failed() -> Any:
        now = assert_valid(client.get(location).data, RESPONSE)
        return texts(now, "//wps:ProcessFailed")

    until(failed)
    root = assert_valid(client.get(location).data, RESPONSE)
    assert texts(root, "//wps:ProcessFailed/ows:ExceptionReport/ows:Exception/@locator") == ["flight"]
    assert texts(root, "//wps:ProcessFailed//ows:ExceptionText") == ["flight: column ch4 has text in row 3"]


def test_a_stored_response_of_a_synchronous_job_stays(client: FlaskClient) -> None:
    root = assert_valid(client.get(f"{KVP}&DataInputs=flight=a&storeExecuteResponse=true").data, RESPONSE)
    stored = assert_valid(client.get(path_of(root.get("statusLocation"))).data, RESPONSE)
    assert texts(stored, "//wps:Reference/@href") == texts(root, "//wps:Reference/@href") != []


def test_no_job_is_no_status(client: FlaskClient) -> None:
    for job_id in ("00000000-0000-4000-8000-000000000000", "x", "a%0bb"):
        response = client.get(f"/wps/status/{job_id}")
        assert response.status_code == 404
        assert faults(response.data)[0][0] == "InvalidParameterValue"


def test_a_client_that_waits_too_long_is_told_where_its_job_is(tmp_path: Path) -> None:
    with running_app(tmp_path, GASFLUX_JOBS_SYNC_WAIT="0.001") as app:
        response = app.test_client().get(f"{KVP}&DataInputs=flight=a")
    assert response.status_code == 503
    assert faults(response.data) == [("NoApplicableCode", None)]
    assert b"http://127.0.0.1:5000/wps/status/" in response.data


# --- HTTP -----------------------------------------------------------------------------------------


def test_a_full_queue_is_said_at_once(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise Busy("100 jobs wait already; send the request again later", retry_after=30)

    monkeypatch.setattr(service_of(app).jobs, "submit", busy)
    response = client.get(f"{KVP}&DataInputs=flight=a")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "30")
    assert faults(response.data) == [("ServerBusy", None)]


def test_an_unknown_error_shows_nothing_but_the_id_of_the_request(
    app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(service_of(app).jobs, "submit", broken)
    response = client.get(f"{KVP}&DataInputs=flight=a")
    assert response.status_code == 500
    assert faults(response.data) == [("NoApplicableCode", None)]
    assert b"secret" not in response.data
    assert response.headers["X-Request-ID"].encode() in response.data
    assert response.headers["X-Request-ID"] in caplog.text


def test_methods_are_those_of_good_http(client: FlaskClient) -> None:
    head = client.head("/wps?service=WPS&request=GetCapabilities&version=1.0.0")
    assert (head.status_code, head.data) == (200, b"")
    assert client.head(f"{KVP}&DataInputs=flight=a").status_code == 405
    refused = client.put("/wps")
    assert refused.status_code == 405
    assert {"GET", "POST"} <= set(refused.headers["Allow"].split(", "))


def test_a_body_over_the_limit_is_refused(client: FlaskClient) -> None:
    response = post(client, b" " * (20 * 1024 * 1024 + 1))
    assert response.status_code == 413
    assert faults(response.data) == [("FileSizeExceeded", None)]


def test_a_large_inline_value_passes_the_parser(client: FlaskClient) -> None:
    size = 11_000_000  # libxml2 refuses a text of 10 MB unless it is told not to
    response = post(client, execute_xml(inline("x" * size), raw("size")))
    assert float(response.data) == size


def test_the_requests_of_these_tests_are_valid() -> None:
    content = execute_xml(inline("a") + literal("height", "1", 'uom="m"'), document(output("raster")))
    assert_valid(content, EXECUTE)


def test_a_job_whose_process_is_gone_is_told_so(app: Flask, client: FlaskClient) -> None:
    jobs = service_of(app).jobs
    wanted = [OutputRequest("told")]
    job = jobs.wait(jobs.submit(JobRequest("gone", {}, wanted, mode="async")).id, 30)
    assert (
        job.error is not None and job.error.message == "The process gone is not offered any more; its job can't be run."
    )
    answer = client.get(f"/wps/status/{job.id}")
    assert answer.status_code == 200
    assert job.error.message in answer.text

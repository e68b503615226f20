"""Execute (OGC 14-065r2, 9.2, 9.9 and 10.1.3): values and references, documents and raw data, and all its errors."""

from __future__ import annotations

import base64
import json

import pytest

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import Answer, ask
from tests.conformance.wps2.asking import (
    SCHEMA,
    XML_SCHEMA,
    data,
    document,
    execute,
    faults,
    get,
    output,
    post,
    reference,
    result,
    status_of,
    string,
    text,
    texts,
    until,
    value,
)
from tests.server.wps_processes import assert_valid

BYTES = bytes(range(256))


# --- inputs by value ------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.3",
    "wps-2.0/req/conceptual-model/data-transmission/input-by-value",
    "wps-2.0/req/conceptual-model/process-execution/input-data",
    "wps-2.0/req/conceptual-model/process-execution/select-process",
    "wps-2.0/req/conceptual-model/job-control/execution",
    "wps-2.0/req/native-process/plain-text-encoding/datatypes/schema",
    "wps-2.0/req/native-process/model/datatypes/literal-data/value/structure",
    "wps-2.0/req/service/model/data-transmission/data",
)
@pytest.mark.parametrize(
    ("came", "attributes"),
    [
        ("12.5", ""),
        (" 12.5\n", 'mimeType="text/plain"'),
        ("<![CDATA[12.5]]>", 'mimeType="text/plain" encoding="UTF-8"'),
        ("12.5@uom=m", 'mimeType="text/plain"'),
        (f"12.5@datatype={XML_SCHEMA}double@uom=metre", 'mimeType="text/plain"'),
        ("MTIuNQ==", 'encoding="base64"'),
        ("<wps:LiteralValue>12.5</wps:LiteralValue>", 'mimeType="text/xml"'),
        (
            f'<wps:LiteralValue dataType="{XML_SCHEMA}double" uom="m">\n 12.5\n</wps:LiteralValue>',
            'mimeType="text/xml"',
        ),
    ],
)
def test_a_literal_may_come_in_many_ways(service: Service, came: str, attributes: str) -> None:
    root = result(service, execute("echo", string("a") + data("quantity", came, attributes) + output("quantity")))
    assert value(root, "quantity") == "12.5"


@pytest.mark.requirement("wps-2.0/A.5.3", "wps-2.0/req/service/model/execute/request/structure")
def test_an_input_may_have_several_values_and_be_left_out(service: Service) -> None:
    words = data("repeated", "one") + data("repeated", "<wps:LiteralValue>two</wps:LiteralValue>")
    root = result(service, execute("echo", string("a") + words + output("all")))
    told = json.loads(value(root, "all"))
    assert told["repeated"] == ["one", "two"]
    assert told["preset"] == ["by default"]


@pytest.mark.requirement(
    "wps-2.0/A.4.3",
    "wps-2.0/req/native-process/model/datatypes/bounding-box-data/values/structure",
    "wps-2.0/req/native-process/model/datatypes/bounding-box-data/values/crs",
    "wps-2.0/req/native-process/plain-text-encoding/datatypes/schema",
)
@pytest.mark.parametrize(
    ("came", "attributes"),
    [
        ("51.9,7.0,53.0,8.0,EPSG:4326", 'mimeType="text/plain"'),
        ("51.9,7.0,53.0,8.0,http://www.opengis.net/def/crs/EPSG/0/4326,2", ""),
        (
            '<ows:BoundingBox crs="EPSG:4326"><ows:LowerCorner>51.9 7.0</ows:LowerCorner>'
            "<ows:UpperCorner>53.0 8.0</ows:UpperCorner></ows:BoundingBox>",
            'mimeType="text/xml"',
        ),
    ],
)
def test_a_box_may_come_in_many_ways(service: Service, came: str, attributes: str) -> None:
    asked = output("bounding_box")
    root = result(service, execute("echo", string("a") + data("bounding_box", came, attributes) + asked))
    box = "wps:Output/wps:Data[@mimeType='text/xml']/ows:BoundingBox"
    assert text(root, f"{box}/@crs") == "urn:ogc:def:crs:EPSG::4326"
    assert texts(root, f"{box}/*") == ["51.9 7.0", "53.0 8.0"]
    asked = output("bounding_box", 'mimeType="text/plain"')
    root = result(service, execute("echo", string("a") + data("bounding_box", came, attributes) + asked))
    assert value(root, "bounding_box") == "51.9,7.0,53.0,8.0,urn:ogc:def:crs:EPSG::4326"


@pytest.mark.requirement(
    "wps-2.0/A.5.3",
    "wps-2.0/A.5.5",
    "wps-2.0/req/conceptual-model/data-transmission/output-mode",
    "wps-2.0/req/native-process/model/datatypes/complex-data/value/encoding",
    "wps-2.0/req/service/model/data-transmission/data",
    "wps-2.0/req/service/model/result/document",
)
def test_complex_values_come_back_as_they_came(service: Service) -> None:
    inputs = (
        data("text", "<![CDATA[a < b & c]]>", 'mimeType="text/plain"')
        + data("xml", '<a:b xmlns:a="urn:a" c="d">e</a:b>', 'mimeType="text/xml"')
        + data("binary", base64.b64encode(BYTES).decode(), 'mimeType="application/octet-stream" encoding="base64"')
    )
    root = result(service, execute("echo_complex", inputs))
    assert value(root, "text") == "a < b & c"
    assert text(root, "wps:Output[@id='xml']/wps:Data/*[namespace-uri()='urn:a'][@c='d']") == "e"
    assert texts(root, "wps:Output[@id='binary']/wps:Data/@encoding") == ["base64"]
    assert base64.b64decode(value(root, "binary")) == BYTES
    assert set(texts(root, "wps:Output/wps:Data/@mimeType")) == {"text/plain", "text/xml", "application/octet-stream"}


# --- inputs by reference --------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.4",
    "wps-2.0/req/conceptual-model/data-transmission/input-by-reference",
    "wps-2.0/req/service/model/data-transmission/data",
)
def test_a_reference_is_fetched(service: Service, address: str) -> None:
    came = reference("text", f"{address}/data", attributes='mimeType="text/plain" encoding="UTF-8"')
    assert value(result(service, execute("echo_complex", came)), "text") == "a,b\n1,2\n"


@pytest.mark.requirement("wps-2.0/A.5.4", "wps-2.0/req/service/model/data-transmission/data")
@pytest.mark.parametrize("inside", ["<wps:Body><ask>me</ask></wps:Body>", "<wps:Body>me</wps:Body>", None])
def test_a_reference_may_be_a_post(service: Service, address: str, inside: str | None) -> None:
    body = inside or f'<wps:BodyReference xlink:href="{address}/data"/>'
    came = reference("text", f"{address}/body", body)
    told = value(result(service, execute("echo_complex", came)), "text")
    assert told.startswith("<got/>")
    assert "me" in told if inside else told.endswith("a,b\n1,2\n")


@pytest.mark.requirement(
    "wps-2.0/req/conceptual-model/data-transmission/input-by-reference-unavailable-exception",
    "wps-2.0/req/service/model/execute/exception/specific",
)
@pytest.mark.parametrize("path", ["status/404", "status/500", "exception", "short"])
def test_a_reference_out_of_reach_is_told(service: Service, address: str, path: str) -> None:
    answer = post(service, execute("echo_complex", reference("text", f"{address}/{path}")))
    assert faults(answer) == [("DataNotAccessible", "text")]


# --- outputs --------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.5",
    "wps-2.0/A.5.11",
    "wps-2.0/req/service/binding/post-xml/execute/request",
    "wps-2.0/req/service/binding/post-xml/execute/response",
    "wps-2.0/req/service/model/execute/response/document",
    "wps-2.0/req/service/model/execute/response/type",
    "wps-2.0/req/service/model/synchronous-wps/sync-execute",
    "wps-2.0/req/service/model/dismiss/execute-response-jobid",
    "wps-2.0/req/conceptual-model/process-execution/result",
    "wps-2.0/req/conceptual-model/process-execution/result-expiry",
    "wps-2.0/req/conceptual-model/process/output-value-cardinality",
)
def test_a_document_has_all_outputs_or_those_asked_for(service: Service) -> None:
    assert_valid(asked := execute("echo", string("a") + output("string") + output("integer")).encode(), SCHEMA)
    root = document(post(service, asked), "Result")
    assert texts(root, "wps:Output/@id") == ["string", "integer"]
    assert (value(root, "string"), value(root, "integer")) == ("a", "0")
    assert text(root, "wps:JobID")
    assert text(root, "wps:ExpirationDate").endswith("Z")
    described = document(get(service, "DescribeProcess", identifier="echo"), "ProcessOfferings")
    everything = result(service, execute("echo", string("a")))
    names = texts(described, "//wps:Process/wps:Output/ows:Identifier")
    assert sorted(texts(everything, "wps:Output/@id")) == sorted(names)


@pytest.mark.requirement(
    "wps-2.0/A.5.6",
    "wps-2.0/req/conceptual-model/data-transmission/output-mode",
    "wps-2.0/req/conceptual-model/data-transmission/output-mode-select",
)
def test_each_output_may_come_by_reference(service: Service) -> None:
    asked = "".join(
        output(name, 'transmission="reference"') for name in ("string", "quantity", "all", "bounding_box")
    ) + output("integer", 'transmission="value"')
    root = result(service, execute("echo", string("a & b".replace("&", "&amp;")) + asked))
    assert texts(root, "wps:Output[wps:Data]/@id") == ["integer"]
    given = {
        name: ask(text(root, f"wps:Output[@id='{name}']/wps:Reference/@xlink:href"))
        for name in ("string", "quantity", "all", "bounding_box")
    }
    for name, answer in given.items():
        assert answer.status == 200
        kind = text(root, f"wps:Output[@id='{name}']/wps:Reference/@mimeType")
        assert answer.headers["content-type"].startswith(kind)
    assert given["string"].content == b"a & b"
    assert given["quantity"].content == b"1.0"
    assert json.loads(given["all"].content)["string"] == ["a & b"]
    box = assert_valid(given["bounding_box"].content, "ows/2.0/owsAll.xsd")
    assert texts(box, "ows:LowerCorner") == ["-90.0 -180.0"]


@pytest.mark.requirement(
    "wps-2.0/A.4.3",
    "wps-2.0/req/conceptual-model/process-execution/output-data-format",
    "wps-2.0/req/native-process/xml-encoding/datatypes/schema",
    "wps-2.0/req/native-process/xml-encoding/datatypes/mimetype",
    "wps-2.0/req/native-process/plain-text-encoding/datatypes/mimetype",
    "wps-2.0/req/native-process/model/datatypes/literal-data/value/structure",
)
def test_the_form_of_an_output_can_be_chosen(service: Service) -> None:
    inputs = string("a") + data("quantity", "2.5")
    plain = result(service, execute("echo", inputs + output("quantity", 'mimeType="text/plain"')))
    assert (value(plain, "quantity"), texts(plain, "//wps:Data/@mimeType")) == ("2.5", ["text/plain"])
    written = result(service, execute("echo", inputs + output("quantity", 'mimeType="text/xml"')))
    literal = "wps:Output/wps:Data[@mimeType='text/xml']/wps:LiteralValue"
    assert text(written, literal) == "2.5"
    assert texts(written, f"{literal}/@dataType | {literal}/@uom") == [f"{XML_SCHEMA}double", "m"]
    encoded = result(service, execute("echo", inputs + output("all", 'encoding="base64"')))
    assert texts(encoded, "//wps:Data/@encoding") == ["base64"]
    assert json.loads(base64.b64decode(value(encoded, "all")))["quantity"] == [2.5]


@pytest.mark.requirement(
    "wps-2.0/A.5.11",
    "wps-2.0/req/service/model/execute/response/raw-data",
    "wps-2.0/req/service/model/execute/response/type",
    "wps-2.0/req/service/binding/post-xml/execute/response",
)
def test_raw_data_is_the_output_and_nothing_else(service: Service) -> None:
    binary = data("binary", base64.b64encode(BYTES).decode(), 'encoding="base64"')
    answer = post(service, execute("echo_complex", binary + output("binary", 'encoding="raw"'), response="raw"))
    assert (answer.status, answer.content) == (200, BYTES)
    assert answer.headers["content-type"] == "application/octet-stream"
    plain = post(service, execute("echo", string("ä") + output("string"), response="raw"))
    assert (plain.content.decode(), plain.headers["content-type"]) == ("ä", "text/plain; charset=utf-8")
    written = post(service, execute("echo", string("ä") + output("string", 'mimeType="text/xml"'), response="raw"))
    assert written.headers["content-type"] == "text/xml; charset=utf-8"
    assert assert_valid(written.content, SCHEMA).text == "ä"
    # Of a process with one output it needs no name.
    assert faults(post(service, execute("boom", data("how", "raise"), response="raw")), 500)


# --- modes ----------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.12",
    "wps-2.0/req/service/model/execute/response/status-info",
    "wps-2.0/req/service/model/execute/response/status-info-status",
    "wps-2.0/req/service/model/execute/response/type",
    "wps-2.0/req/service/model/asynchronous-wps/async-execute",
    "wps-2.0/req/conceptual-model/process-execution/mode",
    "wps-2.0/req/conceptual-model/process-execution/mode-select",
)
@pytest.mark.parametrize("response", ["document", "raw"])
def test_an_asynchronous_execution_is_accepted(service: Service, response: str) -> None:
    asked = execute("echo", string("a") + output("string"), "async", response)
    root = document(post(service, asked), "StatusInfo")
    assert status_of(root) == "Accepted"
    assert text(root, "wps:JobID")


@pytest.mark.requirement(
    "wps-2.0/A.5.8", "wps-2.0/req/conceptual-model/job/identifier", "wps-2.0/req/service/model/status-info/document"
)
def test_each_job_has_an_identifier_of_its_own(service: Service) -> None:
    asked = execute("echo", string("a"), "async")
    ids = {text(document(post(service, asked), "StatusInfo"), "wps:JobID") for _ in range(5)}
    assert len(ids) == 5


@pytest.mark.requirement(
    "wps-2.0/A.5.13",
    "wps-2.0/req/conceptual-model/process-execution/mode-auto",
    "wps-2.0/req/service/model/execute/response/type",
)
def test_the_service_chooses_where_the_client_does_not(service: Service) -> None:
    quick = execute("echo", string("a") + output("string"), "auto")
    for asked in (quick, quick.replace(' mode="auto"', ""), quick.replace(' response="document"', "")):
        answer = post(service, asked)
        if b"StatusInfo" in answer.content:
            answer = result_of(service, answer)
        assert value(document(answer, "Result"), "string") == "a"
    answer = post(service, execute("echo", string("a") + output("string"), "auto", "raw"))
    if b"StatusInfo" in answer.content:
        answer = result_of(service, answer)
    assert answer.content == b"a"
    slow = execute("slow", data("seconds", "120") + data("steps", "100"), "auto")
    root = document(post(service, slow), "StatusInfo")
    assert status_of(root) == "Accepted"
    document(get(service, "Dismiss", jobid=text(root, "wps:JobID")), "StatusInfo")


def result_of(service: Service, accepted: Answer) -> Answer:
    """What a job made for which the service preferred not to wait."""
    job_id = text(document(accepted, "StatusInfo"), "wps:JobID")
    until(service, job_id, "Succeeded")
    return get(service, "GetResult", jobid=job_id)

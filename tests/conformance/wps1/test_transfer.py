"""How requests and answers travel: HTTP, key-value pairs, XML (OGC 05-007r7, clause 7; OGC 06-121r3, clause 11)."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import (
    DESCRIBE,
    ECHO,
    ONLY_1_0_0,
    ask,
    describe,
    get,
    get_capabilities,
    inputs,
    literal_of,
    post,
)
from tests.server.wps_processes import CAPABILITIES, DESCRIPTIONS, RESPONSE
from tests.server.wps_requests import execute_xml, literal

REQUESTS = {
    "GetCapabilities": (ONLY_1_0_0, get_capabilities(), CAPABILITIES),
    "DescribeProcess": (f"{DESCRIBE}&identifier=echo", describe("echo"), DESCRIPTIONS),
    "Execute": (
        f"{ECHO}&DataInputs=string=a",
        execute_xml(literal("string", "a"), identifier="echo").decode(),
        RESPONSE,
    ),
}
"""Operation → the same request in both encodings, and the schema of its answer."""


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(
            "GetCapabilities",
            marks=pytest.mark.requirement(
                "wps-1.0.0/A.4.1/GetCapabilitiesHttpProtocolUsageValidation",
                "wps-1.0.0/A.4.2/HTTPGETTransferredKVPGetCapabilitiesValidation",
                "wps-1.0.0/A.4.2/HTTPPOSTTransferredXMLGetCapabilitiesValidation",
                "wps-1.0.0/8.2/get-and-post",
            ),
        ),
        pytest.param(
            "DescribeProcess",
            marks=pytest.mark.requirement(
                "wps-1.0.0/A.4.1/DescribeProcessHttpProtocolUsageValidation",
                "wps-1.0.0/A.4.3/HTTPGETTransferredKVPDescribeProcessValidation",
                "wps-1.0.0/A.4.3/HTTPPOSTTransferredXMLDescribeProcessValidation",
                "wps-1.0.0/9.2/get-and-post",
            ),
        ),
        pytest.param(
            "Execute",
            marks=pytest.mark.requirement(
                "wps-1.0.0/A.4.1/ExecuteHttpProtocolUsageValidation",
                "wps-1.0.0/A.4.4/HTTPGETTransferredExecuteValidation",
                "wps-1.0.0/A.4.4/HTTPPOSTTransferredExecuteValidation",
                "wps-1.0.0/10.2/get-and-post",
            ),
        ),
    ],
)
@pytest.mark.requirement("wps-1.0.0/7/answer-is-xml")
def test_each_operation_is_asked_for_by_get_and_by_post(service: Service, operation: str) -> None:
    query, document, schema = REQUESTS[operation]
    by_get, by_post = get(service, query), post(service, document)
    assert by_get.document(schema).tag == by_post.document(schema).tag
    if operation != "Execute":
        assert by_get.content == by_post.content
    else:
        assert literal_of(by_get.response, "string") == literal_of(by_post.response, "string") == "a"


@pytest.mark.requirement("wps-1.0.0/7/names-any-case")
def test_names_of_parameters_have_no_case(service: Service) -> None:
    get(service, "SERVICE=WPS&ReQuEsT=GetCapabilities&ACCEPTVERSIONS=1.0.0").document(CAPABILITIES)
    get(service, "sErViCe=WPS&VERSION=1.0.0&REQUEST=DescribeProcess&IDENTIFIER=echo").document(DESCRIPTIONS)
    query = "SERVICE=WPS&VERSION=1.0.0&REQUEST=Execute&IDENTIFIER=echo&datainputs=string=a&RESPONSEDOCUMENT=string"
    assert literal_of(get(service, query).response, "string") == "a"


@pytest.mark.requirement("wps-1.0.0/7/values-have-case")
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("service=wps&request=GetCapabilities&AcceptVersions=1.0.0", ("InvalidParameterValue", "service")),
        ("service=WPS&version=1.0.0&request=describeprocess&identifier=echo", ("OperationNotSupported", None)),
        (f"{DESCRIBE}&identifier=Echo", ("InvalidParameterValue", "Identifier")),
        (f"{ECHO}&DataInputs=String=a", ("InvalidParameterValue", "String")),
    ],
)
def test_values_of_parameters_have_a_case(service: Service, query: str, fault: tuple[str, str | None]) -> None:
    code, locator = get(service, query).faults[0]
    assert code == fault[0]
    assert locator == fault[1] or fault[1] is None


@pytest.mark.requirement("wps-1.0.0/7/any-order", "wps-1.0.0/7/unknown-ignored", "wps-1.0.0/7/empty-is-absent")
def test_parameters_come_in_any_order_among_unknown_and_empty_ones(service: Service) -> None:
    query = "foo=bar&identifier=echo&language=&request=DescribeProcess&x&version=1.0.0&&service=WPS"
    assert get(service, query).content == get(service, f"{DESCRIBE}&identifier=echo").content


@pytest.mark.requirement("wps-1.0.0/7/percent-encoding")
@pytest.mark.parametrize("text", ["a;b=c@d&e#f%g+h i/j?k", "é 中 \U0001f600", "<a>&amp;\"'", "100 %"])
def test_values_are_percent_encoded(service: Service, text: str) -> None:
    query = f"{ECHO}&{inputs(string=text)}&ResponseDocument=string"
    assert literal_of(get(service, query).response, "string") == text


@pytest.mark.requirement("wps-1.0.0/7/one-value-each")
def test_a_parameter_with_two_values_is_refused(service: Service) -> None:
    answer = get(service, "service=WPS&request=GetCapabilities&service=WFS&AcceptVersions=1.0.0")
    assert answer.faults == [("InvalidParameterValue", "service")]


@pytest.mark.requirement("wps-1.0.0/7/status-of-errors")
@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param(
            "service=WFS&request=GetCapabilities&AcceptVersions=1.0.0",
            400,
            marks=pytest.mark.requirement("wps-1.0.0/A.4.1/GetCapabilitiesHttpResponseStatusCodeValidation"),
        ),
        pytest.param(
            f"{DESCRIBE}&identifier=none",
            400,
            marks=pytest.mark.requirement("wps-1.0.0/A.4.1/DescribeProcessHttpResponseStatusCodeValidation"),
        ),
        pytest.param(
            ECHO,
            400,
            marks=pytest.mark.requirement("wps-1.0.0/A.4.1/ExecuteHttpResponseStatusCodeValidation"),
        ),
        ("service=WPS&version=1.0.0&request=GetMap", 501),
    ],
)
def test_an_error_is_a_report_with_a_status_that_says_so(service: Service, query: str, status: int) -> None:
    answer = get(service, query)
    assert len(answer.faults) == 1
    assert answer.status == status


@pytest.mark.requirement("wps-1.0.0/7/head")
def test_head_gives_the_headers_of_get(service: Service) -> None:
    whole, head = get(service, ONLY_1_0_0), ask(f"{service.wps}?{ONLY_1_0_0}", "HEAD")
    assert (head.status, head.content) == (200, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]


@pytest.mark.requirement("wps-1.0.0/7/other-methods")
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_refused_with_those_that_may_be_used(service: Service, method: str) -> None:
    answer = ask(f"{service.wps}?{ONLY_1_0_0}", method)
    assert answer.status == 405
    assert {"GET", "HEAD", "POST", "OPTIONS"} == {name.strip() for name in answer.headers["allow"].split(",")}


@pytest.mark.requirement("wps-1.0.0/7/other-methods")
def test_head_runs_nothing(service: Service) -> None:
    answer = ask(f"{service.wps}?{ECHO}&DataInputs=string=a", "HEAD")
    assert answer.status == 405
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["allow"].split(",")}


@pytest.mark.requirement("wps-1.0.0/7/other-methods")
def test_options_tells_the_methods(service: Service) -> None:
    answer = ask(service.wps, "OPTIONS")
    assert answer.status == 200
    assert {"GET", "POST"} <= {name.strip() for name in answer.headers["allow"].split(",")}


def _pieces(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


@pytest.mark.requirement("wps-1.0.0/7/body")
def test_a_body_may_come_in_chunks(service: Service) -> None:
    content = describe("echo").encode()
    answer = ask(service.wps, "POST", _pieces(content), {"Content-Type": "text/xml"})
    assert answer.content == post(service, content).content


@pytest.mark.requirement("wps-1.0.0/7/body")
@pytest.mark.parametrize(
    "content_type",
    ["application/xml", "text/xml; charset=UTF-8", "application/x-www-form-urlencoded", "text/plain", "nonsense", ""],
)
def test_a_body_is_read_whatever_its_content_type(service: Service, content_type: str) -> None:
    answer = ask(service.wps, "POST", describe("echo").encode(), {"Content-Type": content_type})
    assert answer.content == post(service, describe("echo")).content


@pytest.mark.requirement("wps-1.0.0/7/body")
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_a_body_is_read_in_the_encoding_that_it_declares(service: Service, encoding: str) -> None:
    text = execute_xml(literal("string", "é"), identifier="echo").decode().replace("UTF-8", encoding)
    assert literal_of(post(service, text.encode(encoding)).response, "string") == "é"


@pytest.mark.requirement("wps-1.0.0/7/body")
def test_a_body_may_be_packed_by_gzip_and_in_no_other_way(service: Service) -> None:
    content = describe("echo").encode()
    packed = post(service, gzip.compress(content, mtime=0), **{"Content-Encoding": "gzip"})
    assert packed.content == post(service, content).content
    refused = post(service, content, **{"Content-Encoding": "br"})
    assert (refused.status, refused.faults) == (415, [("NoApplicableCode", None)])
    assert "gzip" in refused.headers["accept-encoding"]


@pytest.mark.requirement("wps-1.0.0/7/body")
@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"", {}),
        (b"  ", {}),
        (b"service=WPS&request=GetCapabilities", {}),
        (b"<wps:Execute", {}),
        (b"\xff\xfe\x00", {}),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/hostname">]><a>&b;</a>', {}),
        (b"<a>" * 5000 + b"</a>" * 5000, {}),
        (b"no gzip", {"Content-Encoding": "gzip"}),
        (gzip.compress(b"<a/>", mtime=0)[:-5], {"Content-Encoding": "gzip"}),
    ],
)
def test_a_body_that_can_not_be_read_is_told(service: Service, content: bytes, headers: dict[str, str]) -> None:
    answer = post(service, content, **headers)
    assert (answer.status, answer.faults) == (400, [("NoApplicableCode", None)])


@pytest.mark.requirement("wps-1.0.0/7/xml-names")
def test_documents_need_the_namespace_of_the_version(service: Service) -> None:
    bare = b'<Execute service="WPS" version="1.0.0"/>'
    assert post(service, bare).faults == [("NoApplicableCode", None)]
    # Any prefix will do.
    other = describe("echo").replace("wps:", "w:").replace("ows:", "o:").replace(":wps=", ":w=").replace(":ows=", ":o=")
    assert post(service, other).content == post(service, describe("echo")).content


@pytest.mark.requirement("wps-1.0.0/7/cross-origin")
def test_web_pages_of_other_origins_may_ask(service: Service) -> None:
    assert get(service, ONLY_1_0_0).headers["access-control-allow-origin"] == "*"
    headers = {"Origin": "http://example.org", "Access-Control-Request-Method": "POST"}
    preflight = ask(service.wps, "OPTIONS", headers={**headers, "Access-Control-Request-Headers": "content-type"})
    assert preflight.status == 200
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "content-type" in preflight.headers["access-control-allow-headers"].lower()

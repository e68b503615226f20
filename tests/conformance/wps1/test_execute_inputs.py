"""The inputs of Execute (OGC 05-007r7, clause 10.2)."""

from __future__ import annotations

import base64
import json
from http.server import ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import ECHO, EXECUTE, box_input, complex_input, get, literal_of, one, post
from tests.server.answers import address, server
from tests.server.wps_processes import EXECUTE as REQUEST
from tests.server.wps_processes import RESPONSE, assert_valid, texts
from tests.server.wps_requests import document, execute_xml, literal, one_input, output, raw

__all__ = ["address", "server"]

GIVEN = literal("string", "a")
COMPLEX = f"{EXECUTE}&identifier=echo_complex"
CRS84 = "urn:ogc:def:crs:OGC:1.3:CRS84"


def echoed(service: Service, inputs: str) -> dict[str, list[Any]]:
    """All literals as the process got them."""
    content = execute_xml(inputs, raw("all"), "echo")
    assert_valid(content, REQUEST)
    return dict(json.loads(post(service, content).content))


def copied(service: Service, inputs: str, identifier: str) -> bytes:
    """A file as the process got it."""
    content = execute_xml(inputs, raw(identifier), "echo_complex")
    assert_valid(content, REQUEST)
    answer = post(service, content)
    assert answer.status == 200, answer.content
    return answer.content


def copied_by_get(service: Service, inputs: str, identifier: str) -> bytes:
    answer = get(service, f"{COMPLEX}&DataInputs={inputs}&RawDataOutput={identifier}")
    assert answer.status == 200, answer.content
    return answer.content


def reference(identifier: str, attributes: str, inside: str = "") -> str:
    return one_input(identifier, f"<wps:Reference {attributes}>{inside}</wps:Reference>")


# --- the request itself ---------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.2/service-request-version")
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("version=1.0.0&request=Execute&identifier=echo", ("MissingParameterValue", "service")),
        ("service=W&version=1.0.0&request=Execute&identifier=echo", ("InvalidParameterValue", "service")),
        ("service=WPS&request=Execute&identifier=echo", ("MissingParameterValue", "version")),
        ("service=WPS&version=3.0.0&request=Execute&identifier=echo", ("InvalidParameterValue", "version")),
    ],
)
def test_service_request_and_version_are_asked_for(service: Service, query: str, fault: tuple[str, str]) -> None:
    assert get(service, query).faults == [fault]
    content = execute_xml(GIVEN, identifier="echo").decode()
    for part in ('service="WPS"', 'version="1.0.0"'):
        attribute = part.partition("=")[0]
        assert post(service, content.replace(f" {part}", "", 1)).faults == [("MissingParameterValue", attribute)]


@pytest.mark.requirement("wps-1.0.0/10.2/identifier")
def test_one_process_is_asked_for(service: Service) -> None:
    for answer in (get(service, EXECUTE), post(service, execute_xml(GIVEN, identifier=""))):
        assert answer.faults == [("MissingParameterValue", "Identifier")]
    for answer in (get(service, f"{EXECUTE}&identifier=ecko"), post(service, execute_xml(GIVEN, identifier="ecko"))):
        assert answer.faults == [("InvalidParameterValue", "Identifier")]
    assert get(service, f"{EXECUTE}&identifier=echo,slow").faults == [("InvalidParameterValue", "Identifier")]


@pytest.mark.requirement("wps-1.0.0/10.2/inputs-optional")
def test_a_process_without_mandatory_inputs_needs_no_inputs(service: Service) -> None:
    query = f"{EXECUTE}&identifier=slow&DataInputs=seconds=0;steps=1"
    assert float(literal_of(get(service, f"{query}&ResponseDocument=seconds").response, "seconds")) >= 0
    bare = execute_xml("", identifier="slow").decode().replace("<wps:DataInputs></wps:DataInputs>", "")
    assert_valid(bare.encode(), REQUEST)
    assert texts(post(service, bare).response, "//wps:ProcessSucceeded")


# --- literals -------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.2/literal", "wps-1.0.0/10.2.2/literal")
def test_literals_come_either_way(service: Service) -> None:
    values = {"string": "a", "quantity": "2.5", "integer": "-3", "boolean": "true", "enumeration": "blue"}
    query = ";".join(f"{name}={value}" for name, value in values.items())
    by_get = json.loads(get(service, f"{ECHO}&DataInputs={query}&RawDataOutput=all").content)
    by_post = echoed(service, "".join(literal(name, value) for name, value in values.items()))
    assert by_get == by_post
    assert by_post == {
        "string": ["a"], "quantity": [2.5], "integer": [-3], "boolean": [True], "enumeration": ["blue"],
        "repeated": [], "preset": ["by default"],
    }  # fmt: skip


@pytest.mark.requirement("wps-1.0.0/10.2/literal-unit")
@pytest.mark.parametrize("unit", ["m", "metre", "urn:ogc:def:uom:UCUM::m"])
def test_the_unit_of_a_literal_may_be_said(service: Service, unit: str) -> None:
    attributes = f'uom="{unit}" dataType="xs:double"'
    assert echoed(service, GIVEN + literal("quantity", "2", attributes))["quantity"] == [2.0]
    query = f"{ECHO}&DataInputs=string=a;quantity=2@uom={quote(unit)}@dataType=xs:double&RawDataOutput=quantity"
    assert float(get(service, query).content) == 2.0


@pytest.mark.requirement("wps-1.0.0/10.2/literal-unit")
def test_another_unit_is_refused(service: Service) -> None:
    content = execute_xml(GIVEN + literal("quantity", "2", 'uom="ft"'), identifier="echo")
    query = f"{ECHO}&DataInputs=string=a;quantity=2@uom=ft"
    for answer in (post(service, content), get(service, query)):
        assert answer.faults == [("InvalidParameterValue", "quantity")]


@pytest.mark.requirement("wps-1.0.0/10.2/default-value")
def test_what_does_not_come_has_its_default(service: Service) -> None:
    assert echoed(service, GIVEN)["preset"] == ["by default"]
    assert echoed(service, GIVEN + literal("preset", ""))["preset"] == ["by default"]
    assert echoed(service, GIVEN + literal("preset", "own"))["preset"] == ["own"]


@pytest.mark.requirement("wps-1.0.0/10.2/several-values")
def test_an_input_may_come_several_times(service: Service) -> None:
    words = ["one", "two", "one"]
    assert echoed(service, GIVEN + "".join(literal("repeated", word) for word in words))["repeated"] == words
    query = f"{ECHO}&DataInputs=string=a;{';'.join(f'repeated={word}' for word in words)}&RawDataOutput=all"
    assert json.loads(get(service, query).content)["repeated"] == words


@pytest.mark.requirement("wps-1.0.0/10.2/literal")
@pytest.mark.parametrize("text", ["a < b & c > \"d\" 'e'", "é 中 \U0001f600", "two\nlines", "<![CDATA["])
def test_a_literal_may_hold_any_text(service: Service, text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert echoed(service, literal("string", escaped))["string"] == [text]


# --- bounding boxes -------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.2/bounding-box", "wps-1.0.0/10.2.2/bounding-box")
@pytest.mark.parametrize(
    ("attributes", "pairs", "crs"),
    [
        ("", "46,102,47.5,103", "urn:ogc:def:crs:EPSG::4326"),
        (f'crs="{CRS84}" dimensions="2"', f"46,102,47.5,103,{CRS84},2", CRS84),
        ('crs="EPSG:4326"', "46,102,47.5,103,urn:ogc:def:crs:EPSG:6.6:4326", "urn:ogc:def:crs:EPSG::4326"),
    ],
)
def test_a_bounding_box_comes_either_way(service: Service, attributes: str, pairs: str, crs: str) -> None:
    content = execute_xml(GIVEN + box_input("46 102", "47.5 103", attributes), identifier="echo")
    assert_valid(content, REQUEST)
    for answer in (post(service, content), get(service, f"{ECHO}&DataInputs=string=a;bounding_box={quote(pairs)}")):
        (box,) = answer.response.iter("{*}BoundingBoxData")
        assert (box.get("crs"), box.get("dimensions")) == (crs, "2")
        assert texts(box, "ows:LowerCorner") == ["46.0 102.0"]
        assert texts(box, "ows:UpperCorner") == ["47.5 103.0"]


@pytest.mark.requirement("wps-1.0.0/10.2/bounding-box-faults")
@pytest.mark.parametrize(
    ("lower", "upper", "attributes"),
    [
        ("46 102", "47", ""),
        ("46", "47 102 103", ""),
        ("", "", ""),
        ("46 102", "45 103", ""),
        ("46 x", "47 103", ""),
        ("46 102", "47 103", 'dimensions="3"'),
        ("46 102", "47 103", 'crs="urn:ogc:def:crs:EPSG::99999"'),
    ],
)
def test_a_bounding_box_that_is_none_is_refused(service: Service, lower: str, upper: str, attributes: str) -> None:
    answer = post(service, execute_xml(GIVEN + box_input(lower, upper, attributes), identifier="echo"))
    assert answer.faults == [("InvalidParameterValue", "bounding_box")]


@pytest.mark.requirement("wps-1.0.0/10.2/bounding-box-faults")
@pytest.mark.parametrize("pairs", ["1,2,3", "1,2,3,4,5", "a,b,c,d", "1,2,3,4,EPSG:99999", "3,4,1,2"])
def test_a_bounding_box_in_pairs_that_is_none_is_refused(service: Service, pairs: str) -> None:
    answer = get(service, f"{ECHO}&DataInputs=string=a;bounding_box={pairs}")
    assert answer.faults == [("InvalidParameterValue", "bounding_box")]


# --- complex data in the request ------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.2/complex-inline")
@pytest.mark.parametrize(
    ("content", "came"),
    [
        ("a,b &lt; &amp; é", "a,b < & é"),
        ("<![CDATA[a <b> & c]]>", "a <b> & c"),
        ("one\ntwo\n", "one\ntwo\n"),
    ],
)
def test_text_comes_inline(service: Service, content: str, came: str) -> None:
    inline = complex_input("text", content, 'mimeType="text/plain"')
    assert copied(service, inline, "text").decode() == came


@pytest.mark.requirement("wps-1.0.0/10.2/complex-xml")
def test_xml_comes_inline_with_its_namespaces(service: Service) -> None:
    inside = '<g:C xmlns:g="urn:g" xmlns:h="urn:h" g:id="x" type="h:T"><g:pos>1 &lt; 2</g:pos>tail</g:C>'
    for content in (inside, f"\n  {inside}\n", f"<![CDATA[{inside}]]>"):
        root = etree.fromstring(copied(service, complex_input("xml", content, 'mimeType="text/xml"'), "xml"))
        assert (root.tag, root.get("{urn:g}id"), root.nsmap["h"]) == ("{urn:g}C", "x", "urn:h")
        assert (root[0].text, root[0].tail) == ("1 < 2", "tail")


@pytest.mark.requirement("wps-1.0.0/10.2/complex-base64")
def test_bytes_come_inline_in_base64(service: Service) -> None:
    sent = bytes(range(256))
    encoded = base64.encodebytes(sent).decode()
    for attributes in ('mimeType="application/octet-stream" encoding="base64"', 'encoding="base64"'):
        assert copied(service, complex_input("binary", encoded, attributes), "binary") == sent
    as_text = complex_input("text", base64.b64encode(b"a,b").decode(), 'mimeType="text/plain" encoding="base64"')
    assert copied(service, as_text, "text") == b"a,b"
    pairs = f"binary={quote(base64.b64encode(sent), safe='')}@mimeType=application/octet-stream@encoding=base64"
    assert copied_by_get(service, pairs, "binary") == sent


@pytest.mark.requirement("wps-1.0.0/10.2.2/complex")
def test_complex_data_come_in_pairs(service: Service) -> None:
    assert copied_by_get(service, f"text={quote('a;b=c@d', safe='')}@mimeType=text/plain", "text") == b"a;b=c@d"
    xml = quote("<a><b/></a>", safe="")
    assert copied_by_get(service, f"xml={xml}@mimeType=text/xml@schema=http%3A%2F%2Fexample.org", "xml") == (
        b"<a><b/></a>"
    )


@pytest.mark.requirement("wps-1.0.0/10.2/format")
def test_a_format_that_is_not_offered_is_refused(service: Service) -> None:
    for attributes in ('mimeType="image/png"', 'mimeType="text/plain" encoding="rot13"'):
        answer = post(service, execute_xml(complex_input("text", "a", attributes), identifier="echo_complex"))
        assert answer.faults == [("InvalidParameterValue", "text")]
    assert get(service, f"{COMPLEX}&DataInputs=text=a@mimeType=image/png").faults == [("InvalidParameterValue", "text")]


@pytest.mark.requirement("wps-1.0.0/10.2/complex-base64")
def test_broken_base64_is_refused(service: Service) -> None:
    inline = complex_input("binary", "!!!", 'encoding="base64"')
    answer = post(service, execute_xml(inline, identifier="echo_complex"))
    assert answer.faults == [("InvalidParameterValue", "binary")]


# --- references -----------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.2/reference", "wps-1.0.0/10.2.2/reference")
def test_a_reference_is_fetched(service: Service, address: str) -> None:
    wanted = b"a,b\n1,2\n"
    for attributes in ("", 'method="GET"', 'mimeType="text/plain"'):
        assert copied(service, reference("text", f'xlink:href="{address}/data" {attributes}'), "text") == wanted
    href = quote(f"{address}/data?a=1&b=2;c", safe="")
    for form in ("text=@xlink:href={}", "text=@href={}", "text=@xlink:href={}@method=GET@mimeType=text/plain"):
        assert copied_by_get(service, form.format(href), "text") == wanted


@pytest.mark.requirement("wps-1.0.0/10.2/reference-encoding")
def test_a_reference_may_lead_to_base64(service: Service, address: str) -> None:
    href = reference("text", f'xlink:href="{address}/encoded" encoding="base64"')
    assert copied(service, href, "text") == b"a,b"


@pytest.mark.requirement("wps-1.0.0/10.2/reference-body")
def test_a_reference_may_be_posted_to_with_a_body(service: Service, address: str, server: ThreadingHTTPServer) -> None:
    for inside, body in (
        ('<wps:Body><q:GetFeature xmlns:q="urn:q">1 &lt; 2</q:GetFeature></wps:Body>', b"<q:GetFeature"),
        ("<wps:Body>a=1&amp;b=2</wps:Body>", b"a=1&b=2"),
        (f'<wps:BodyReference xlink:href="{address}/data"/>', b"a,b\n1,2\n"),
    ):
        came = copied(service, reference("text", f'xlink:href="{address}/body" method="POST"', inside), "text")
        assert came.startswith(b"<got/>") and body in came
    assert [command for command, path, _, _ in _asked(server) if path == "/body"] == ["POST"] * 3


@pytest.mark.requirement("wps-1.0.0/10.2/reference-header")
def test_a_reference_is_asked_with_its_headers(service: Service, address: str, server: ThreadingHTTPServer) -> None:
    headers = '<wps:Header key="X-Token" value="secret"/><wps:Header key="Accept" value="text/csv"/>'
    copied(service, reference("text", f'xlink:href="{address}/data"', headers), "text")
    href = quote(f"{address}/data", safe="")
    copied_by_get(service, f"text=@xlink:href={href}@header=X-Token:secret@header=Accept:text/csv", "text")
    for _, _, sent, _ in _asked(server):
        assert (sent["x-token"], sent["accept"]) == ("secret", "text/csv")
    assert len(_asked(server)) == 2


@pytest.mark.requirement("wps-1.0.0/10.2.2/reference")
def test_a_reference_in_pairs_may_have_a_body(service: Service, address: str) -> None:
    href = quote(f"{address}/body", safe="")
    body = quote('<q a="1;2@x=3"/>', safe="")
    assert copied_by_get(service, f"text=@xlink:href={href}@method=POST@body={body}", "text").endswith(
        b'<q a="1;2@x=3"/>'
    )
    data = quote(f"{address}/data", safe="")
    came = copied_by_get(service, f"text=@xlink:href={href}@method=POST@bodyReference={data}", "text")
    assert came == b"<got/>a,b\n1,2\n"


@pytest.mark.requirement("wps-1.0.0/10.2/reference-result")
def test_a_reference_may_be_a_result_of_this_service(service: Service) -> None:
    wanted = document(output("text", 'asReference="true"'))
    content = execute_xml(complex_input("text", "again", 'mimeType="text/plain"'), wanted, "echo_complex")
    (href,) = texts(post(service, content).response, "//wps:Reference/@href")
    assert copied(service, reference("text", f'xlink:href="{href}"'), "text") == b"again"


@pytest.mark.requirement("wps-1.0.0/10.2/reference-nested")
def test_a_reference_may_be_another_execute(service: Service) -> None:
    inner = f"{service.wps}?{COMPLEX}&DataInputs=text=inner&RawDataOutput=text"
    assert copied_by_get(service, f"text=@xlink:href={quote(inner, safe='')}", "text") == b"inner"


@pytest.mark.requirement("wps-1.0.0/10.2/reference-faults")
@pytest.mark.parametrize(
    ("attributes", "inside", "code"),
    [
        ("", "", "MissingParameterValue"),
        ('xlink:href=""', "", "MissingParameterValue"),
        ('xlink:href="{address}/data" method="PUT"', "", "InvalidParameterValue"),
        ('xlink:href="{address}/data" method="POST"', "<wps:BodyReference/>", "MissingParameterValue"),
        ('xlink:href="{address}/data"', '<wps:Header value="x"/>', "InvalidParameterValue"),
        ('xlink:href="{address}/status/404"', "", "InvalidParameterValue"),
        ('xlink:href="{address}/status/500"', "", "InvalidParameterValue"),
        ('xlink:href="{address}/exception"', "", "InvalidParameterValue"),
        ('xlink:href="{address}/html"', "", "InvalidParameterValue"),
        ('xlink:href="{address}/empty"', "", "InvalidParameterValue"),
        ('xlink:href="http://127.0.0.1:1/"', "", "InvalidParameterValue"),
        ('xlink:href="http://169.254.169.254/"', "", "InvalidParameterValue"),
        ('xlink:href="file:///etc/hostname"', "", "InvalidParameterValue"),
        ('xlink:href="ftp://example.org/"', "", "InvalidParameterValue"),
        ('xlink:href="no address"', "", "InvalidParameterValue"),
    ],
)
def test_a_reference_that_gives_nothing_is_told(
    service: Service, address: str, attributes: str, inside: str, code: str
) -> None:
    content = execute_xml(reference("text", attributes.replace("{address}", address), inside), "", "echo_complex")
    answer = post(service, content)
    assert (answer.status, answer.faults) == (400, [(code, "text")])


@pytest.mark.requirement("wps-1.0.0/10.2/inputs-mixed")
def test_inputs_of_all_kinds_come_together(service: Service, address: str) -> None:
    mixed = (
        complex_input("xml", "<a/>", 'mimeType="text/xml"')
        + complex_input("binary", "AAE=", 'encoding="base64"')
        + reference("text", f'xlink:href="{address}/data"')
    )
    root = post(service, execute_xml(mixed, identifier="echo_complex")).document(RESPONSE)
    assert texts(root, "//wps:Output/ows:Identifier") == ["text", "xml", "binary"]
    assert one(texts(root, "//wps:Output[ows:Identifier='text']//wps:ComplexData")) == "a,b\n1,2\n"


def _asked(server: ThreadingHTTPServer) -> list[tuple[str, str, dict[str, str], bytes]]:
    handler: Any = server.RequestHandlerClass
    return list(handler.asked)

"""The outputs of Execute (OGC 05-007r7, clauses 10.2 and 10.3)."""

from __future__ import annotations

import base64
import json
import re
from urllib.parse import quote

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import (
    ECHO,
    EXECUTE,
    LANG,
    ONLY_1_0_0,
    ask,
    box_input,
    complex_input,
    get,
    literal_of,
    one,
    post,
)
from tests.server.wps_processes import CAPABILITIES, RESPONSE, texts
from tests.server.wps_processes import EXECUTE as REQUEST
from tests.server.wps_processes import assert_valid as valid
from tests.server.wps_requests import document, execute_xml, literal, one_input, output, raw

GIVEN = literal("string", "a")
COMPLEX = f"{EXECUTE}&identifier=echo_complex"
TEXT = complex_input("text", "one &lt; two", 'mimeType="text/plain"')
XML = complex_input("xml", '<g:a xmlns:g="urn:g"><!-- c --><g:b>1 &amp; 2</g:b></g:a>', 'mimeType="text/xml"')
BINARY = complex_input("binary", base64.b64encode(b"\x00\xff\xfe").decode(), 'encoding="base64"')
FILES = TEXT + XML + BINARY


def run(service: Service, inputs: str, form: str = "", process: str = "echo") -> etree._Element:
    content = execute_xml(inputs, form, process)
    valid(content, REQUEST)
    return post(service, content).document(RESPONSE)


# --- the document ---------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-1.0.0/A.4.4/ResponseDocumentExecuteValidation", "wps-1.0.0/10.3/valid", "wps-1.0.0/10.3/service-and-version"
)
def test_the_response_is_valid_and_names_service_and_version(service: Service) -> None:
    root = run(service, GIVEN)
    assert etree.QName(root).localname == "ExecuteResponse"
    assert (root.get("service"), root.get("version")) == ("WPS", "1.0.0")


@pytest.mark.requirement("wps-1.0.0/10.3/service-instance")
def test_the_response_names_the_capabilities_of_its_service(service: Service) -> None:
    instance = run(service, GIVEN).get("serviceInstance")
    assert ask(instance).content == get(service, ONLY_1_0_0).content


@pytest.mark.requirement("wps-1.0.0/10.3/process")
def test_the_response_names_the_process_as_the_capabilities_do(service: Service) -> None:
    root, offered = run(service, GIVEN), get(service, ONLY_1_0_0).document(CAPABILITIES)
    for path in ("ows:Title", "ows:Abstract", "@wps:processVersion"):
        wanted = texts(offered, f"//wps:Process[ows:Identifier='echo']/{path}")
        assert texts(root, f"wps:Process/{path}") == wanted != []
    assert texts(root, "wps:Process/ows:Identifier") == ["echo"]


@pytest.mark.requirement("wps-1.0.0/10.2/response-form-absent")
def test_without_a_response_form_all_outputs_come_in_a_document(service: Service) -> None:
    by_get = get(service, f"{ECHO}&DataInputs=string=a").response
    for root in (run(service, GIVEN), by_get):
        names = texts(root, "//wps:Output/ows:Identifier")
        assert names[:2] == ["string", "enumeration"] and "bounding_box" in names
        assert texts(root, "//wps:Reference") == []
        assert root.get("statusLocation") is None


@pytest.mark.requirement("wps-1.0.0/10.2/outputs-chosen", "wps-1.0.0/10.2.2/response-document")
def test_only_the_outputs_asked_for_come_in_their_order(service: Service) -> None:
    names = ["quantity", "string"]
    by_post = run(service, GIVEN, document("".join(output(name) for name in names)))
    by_get = get(service, f"{ECHO}&DataInputs=string=a&ResponseDocument={';'.join(names)}").response
    for root in (by_post, by_get):
        assert texts(root, "//wps:Output/ows:Identifier") == names


@pytest.mark.requirement("wps-1.0.0/10.2/output-unknown")
def test_an_output_that_the_process_has_not_is_refused(service: Service) -> None:
    for form in (document(output("stirng")), raw("stirng")):
        answer = post(service, execute_xml(GIVEN, form, "echo"))
        assert (answer.status, answer.faults) == (400, [("InvalidParameterValue", "stirng")])
    for form in ("ResponseDocument", "RawDataOutput"):
        answer = get(service, f"{ECHO}&DataInputs=string=a&{form}=stirng")
        assert answer.faults == [("InvalidParameterValue", "stirng")]


@pytest.mark.requirement("wps-1.0.0/10.2/output-unknown")
def test_an_output_asked_for_twice_is_refused(service: Service) -> None:
    answer = get(service, f"{ECHO}&DataInputs=string=a&ResponseDocument=string;string")
    assert answer.faults == [("InvalidParameterValue", "string")]


@pytest.mark.requirement("wps-1.0.0/10.3/output-description", "wps-1.0.0/10.2/output-title")
def test_outputs_have_the_title_of_the_process_or_the_clients_own(service: Service) -> None:
    own = (
        "<wps:Output><ows:Identifier>string</ows:Identifier><ows:Title>My &lt;own&gt;</ows:Title>"
        "<ows:Abstract>For me.</ows:Abstract></wps:Output>"
    )
    root = run(service, GIVEN, document(own + output("quantity"), lineage="true"))
    for holder in ("wps:ProcessOutputs", "wps:OutputDefinitions"):
        assert texts(root, f"{holder}/wps:Output/ows:Title") == ["My <own>", "Quantity"]
        assert texts(root, f"{holder}/wps:Output/ows:Abstract")[0] == "For me."


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.3/literal")
def test_literals_come_with_type_and_unit(service: Service) -> None:
    root = run(service, GIVEN + literal("quantity", "2.5"))
    (quantity,) = root.xpath("//*[local-name()='Output'][*='quantity']//*[local-name()='LiteralData']")
    assert (quantity.text, quantity.get("uom"), quantity.get("dataType")) == ("2.5", "m", "float")
    assert literal_of(root, "string") == "a"
    assert literal_of(root, "boolean") == "false"


@pytest.mark.requirement("wps-1.0.0/10.2/output-unit")
def test_the_unit_of_an_output_may_be_asked_for(service: Service) -> None:
    root = run(service, GIVEN, document(output("quantity", 'uom="metre"')))
    assert texts(root, "//wps:LiteralData/@uom") == ["m"]
    answer = post(service, execute_xml(GIVEN, document(output("quantity", 'uom="ft"')), "echo"))
    assert answer.faults == [("InvalidParameterValue", "quantity")]
    answer = get(service, f"{ECHO}&DataInputs=string=a&ResponseDocument=quantity@uom=ft")
    assert answer.faults == [("InvalidParameterValue", "quantity")]


@pytest.mark.requirement("wps-1.0.0/10.3/bounding-box")
def test_bounding_boxes_come_with_their_system(service: Service) -> None:
    root = run(service, GIVEN + box_input("1 2", "3 4"), document(output("bounding_box")))
    (box,) = root.iter("{*}BoundingBoxData")
    assert dict(box.attrib) == {"crs": "urn:ogc:def:crs:EPSG::4326", "dimensions": "2"}
    assert [etree.QName(item).localname for item in box] == ["LowerCorner", "UpperCorner"]


@pytest.mark.requirement("wps-1.0.0/10.3/complex-inline")
def test_complex_outputs_come_as_text_as_xml_and_as_base64(service: Service) -> None:
    root = run(service, FILES, process="echo_complex")
    (text,) = root.xpath("//*[local-name()='Output'][*='text']//*[local-name()='ComplexData']")
    assert (text.get("mimeType"), text.get("encoding"), text.text) == ("text/plain", None, "one < two")
    (xml,) = root.xpath("//*[local-name()='Output'][*='xml']//*[local-name()='ComplexData']")
    assert (xml.get("mimeType"), [item.tag for item in xml]) == ("text/xml", ["{urn:g}a"])
    assert "".join(xml[0].itertext("{urn:g}b")) == "1 & 2"
    (binary,) = root.xpath("//*[local-name()='Output'][*='binary']//*[local-name()='ComplexData']")
    assert (binary.get("mimeType"), binary.get("encoding")) == ("application/octet-stream", "base64")
    assert base64.b64decode(binary.text) == b"\x00\xff\xfe"


@pytest.mark.requirement("wps-1.0.0/10.3/complex-inline")
@pytest.mark.parametrize("content", ["a\x00b", "\x1b", "\ufffe"])
def test_what_xml_can_not_hold_comes_in_base64(service: Service, content: str) -> None:
    sent = content.encode()
    inputs = complex_input("text", base64.b64encode(sent).decode(), 'mimeType="text/plain" encoding="base64"')
    (data,) = run(service, inputs, process="echo_complex").iter("{*}ComplexData")
    assert data.get("encoding") == "base64"
    assert base64.b64decode(data.text) == sent


@pytest.mark.requirement("wps-1.0.0/10.2/as-reference", "wps-1.0.0/10.3/reference")
def test_outputs_come_by_reference_where_asked_for(service: Service) -> None:
    wanted = output("text", 'asReference="true"') + output("xml", 'asReference="false"')
    by_post = run(service, FILES, document(wanted), "echo_complex")
    pairs = "text=one%20%3C%20two;xml=<a/>&ResponseDocument=text@asReference=true;xml@asReference=false"
    by_get = get(service, f"{COMPLEX}&DataInputs={pairs.replace('<a/>', quote('<a/>'))}").response
    for root in (by_post, by_get):
        (reference,) = root.iter("{*}Reference")
        assert reference.get("mimeType") == "text/plain"
        file = ask(reference.get("href"))
        assert (file.status, file.content) == (200, b"one < two")
        assert file.headers["content-type"].startswith("text/plain")
        assert len(list(root.iter("{*}ComplexData"))) == 1


@pytest.mark.requirement("wps-1.0.0/10.2/as-reference")
def test_literals_are_given_as_they_are_whatever_is_asked(service: Service) -> None:
    root = run(service, GIVEN, document(output("string", 'asReference="true"')))
    assert literal_of(root, "string") == "a"
    answer = post(service, execute_xml(GIVEN, document(output("string", 'asReference="maybe"')), "echo"))
    assert answer.faults == [("InvalidParameterValue", "asReference")]


@pytest.mark.requirement("wps-1.0.0/10.3/reference")
def test_files_of_two_outputs_and_of_two_jobs_have_addresses_of_their_own(service: Service) -> None:
    wanted = document("".join(output(name, 'asReference="true"') for name in ("text", "xml", "binary")))
    found = [
        href for _ in range(2) for href in texts(run(service, FILES, wanted, "echo_complex"), "//wps:Reference/@href")
    ]
    assert len(set(found)) == 6
    assert {ask(href).status for href in found} == {200}


@pytest.mark.requirement("wps-1.0.0/10.2/output-format")
def test_the_format_of_an_output_may_be_asked_for(service: Service) -> None:
    wanted = output("text", 'mimeType="text/plain" encoding="base64"')
    (data,) = run(service, TEXT, document(wanted), "echo_complex").iter("{*}ComplexData")
    assert (data.get("encoding"), base64.b64decode(data.text)) == ("base64", b"one < two")
    query = f"{COMPLEX}&DataInputs=text=a&ResponseDocument=text@mimeType=text/plain@encoding=base64"
    assert one(texts(get(service, query).response, "//wps:ComplexData")) == "YQ=="


@pytest.mark.requirement("wps-1.0.0/10.2/output-format")
@pytest.mark.parametrize(
    "attributes", ['mimeType="image/png"', 'encoding="rot13"', 'mimeType="text/plain" schema="http://example.org/x"']
)
def test_a_format_that_is_not_offered_is_refused(service: Service, attributes: str) -> None:
    for form in (document(output("text", attributes)), raw("text", attributes)):
        answer = post(service, execute_xml(TEXT, form, "echo_complex"))
        assert answer.faults == [("InvalidParameterValue", "text")]


# --- raw data -------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/A.4.4/RawDataOutputExecuteValidation", "wps-1.0.0/10.2/raw", "wps-1.0.0/10.2.2/raw")
@pytest.mark.parametrize(
    ("name", "content", "content_type"),
    [
        ("text", b"one < two", "text/plain"),
        ("binary", b"\x00\xff\xfe", "application/octet-stream"),
    ],
)
def test_raw_data_is_the_output_alone(service: Service, name: str, content: bytes, content_type: str) -> None:
    by_post = post(service, execute_xml(FILES, raw(name), "echo_complex"))
    sent = quote(base64.b64encode(content), safe="")
    by_get = get(service, f"{COMPLEX}&DataInputs={name}={sent}@encoding=base64&RawDataOutput={name}")
    for answer in (by_post, by_get):
        assert (answer.status, answer.content) == (200, content)
        assert answer.headers["content-type"].startswith(content_type)
        assert int(answer.headers["content-length"]) == len(content)


@pytest.mark.requirement("wps-1.0.0/10.2/raw")
def test_raw_xml_is_a_document(service: Service) -> None:
    answer = post(service, execute_xml(FILES, raw("xml"), "echo_complex"))
    assert answer.headers["content-type"].startswith("text/xml")
    assert etree.fromstring(answer.content).tag == "{urn:g}a"


@pytest.mark.requirement("wps-1.0.0/10.2/raw-literal")
def test_raw_literals_are_plain_text_and_boxes_are_xml(service: Service) -> None:
    answer = get(service, f"{ECHO}&DataInputs=string=%C3%A9&RawDataOutput=string")
    assert (answer.content, answer.headers["content-type"]) == ("é".encode(), "text/plain; charset=utf-8")
    answer = get(service, f"{ECHO}&DataInputs=string=a;bounding_box=1,2,3,4&RawDataOutput=bounding_box")
    box = answer.document("ows/1.1.0/owsCommon.xsd")
    assert (box.tag, texts(box, "ows:LowerCorner")) == ("{http://www.opengis.net/ows/1.1}BoundingBox", ["1.0 2.0"])


@pytest.mark.requirement("wps-1.0.0/10.2/raw-format")
def test_raw_data_come_in_the_format_asked_for(service: Service) -> None:
    for answer in (
        post(service, execute_xml(BINARY, raw("binary", 'encoding="base64"'), "echo_complex")),
        get(service, f"{COMPLEX}&DataInputs=binary=AP%2F%2B@encoding=base64&RawDataOutput=binary@encoding=base64"),
    ):
        assert base64.b64decode(answer.content) == b"\x00\xff\xfe"
    answer = get(service, f"{ECHO}&DataInputs=string=a&RawDataOutput=all@mimeType=application/json")
    assert json.loads(answer.content)["string"] == ["a"]


@pytest.mark.requirement("wps-1.0.0/10.2/raw-alone")
def test_raw_data_are_one_output_and_nothing_else(service: Service) -> None:
    query = f"{ECHO}&DataInputs=string=a"
    for form, locator in (
        ("RawDataOutput=string;quantity", "RawDataOutput"),
        ("RawDataOutput=string&ResponseDocument=quantity", "RawDataOutput"),
        ("RawDataOutput=string&storeExecuteResponse=true", "storeExecuteResponse"),
        ("RawDataOutput=string&storeExecuteResponse=true&status=true", "storeExecuteResponse"),
    ):
        assert get(service, f"{query}&{form}").faults == [("InvalidParameterValue", locator)]
    both = raw("string").replace("</wps:ResponseForm>", "") + document(output("quantity")).replace(
        "<wps:ResponseForm>", ""
    )
    assert post(service, execute_xml(GIVEN, both, "echo")).faults == [("InvalidParameterValue", "ResponseForm")]


# --- lineage --------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/10.2/lineage", "wps-1.0.0/10.3/lineage-inputs")
def test_lineage_tells_all_inputs_as_they_came(service: Service) -> None:
    values = GIVEN + literal("repeated", "&lt;b&gt;") + literal("repeated", '{"a": "&amp;"}')
    values += literal("quantity", "2", 'uom="m"') + box_input("1 2", "3 4", 'crs="urn:ogc:def:crs:OGC:1.3:CRS84"')
    root = run(service, values, document(output("string"), lineage="true"))
    names = texts(root, "wps:DataInputs/wps:Input/ows:Identifier")
    assert names == ["string", "repeated", "repeated", "quantity", "bounding_box"]
    assert texts(root, "wps:DataInputs//wps:LiteralData") == ["a", "<b>", '{"a": "&"}', "2"]
    assert texts(root, "wps:DataInputs//wps:LiteralData/@uom") == ["m"]
    assert texts(root, "wps:DataInputs//wps:BoundingBoxData/@crs") == ["urn:ogc:def:crs:OGC:1.3:CRS84"]


@pytest.mark.requirement("wps-1.0.0/10.3/lineage-inputs")
def test_lineage_tells_complex_inputs_and_references(service: Service) -> None:
    first = run(service, FILES, document(output("text", 'asReference="true"'), lineage="true"), "echo_complex")
    assert texts(first, "wps:DataInputs//wps:ComplexData")[0] == "one < two"
    assert [item.tag for item in first.find(".//{*}DataInputs").findall(".//{*}ComplexData")[1]] == ["{urn:g}a"]
    (href,) = texts(first, "//wps:ProcessOutputs//wps:Reference/@href")
    header = '<wps:Header key="A" value="b"/>'
    reference = f'<wps:Reference xlink:href="{href}" mimeType="text/plain">{header}</wps:Reference>'
    inputs = one_input("text", reference)
    second = run(service, inputs, document(output("text"), lineage="true"), "echo_complex")
    (told,) = second.find("{*}DataInputs").iter("{*}Reference")
    assert sorted(texts(told, "@xlink:href | @mimeType | wps:Header/@key")) == ["A", href, "text/plain"]


@pytest.mark.requirement("wps-1.0.0/10.3/lineage-outputs")
def test_lineage_tells_the_outputs_as_they_were_asked_for(service: Service) -> None:
    wanted = output("text", 'asReference="true" mimeType="text/plain"') + output("xml")
    root = run(service, FILES, document(wanted, lineage="true"), "echo_complex")
    assert texts(root, "wps:OutputDefinitions/wps:Output/ows:Identifier") == ["text", "xml"]
    assert texts(root, "wps:OutputDefinitions/wps:Output/@asReference") == ["true", "false"]
    assert texts(root, "wps:OutputDefinitions/wps:Output/@mimeType") == ["text/plain"]


@pytest.mark.requirement("wps-1.0.0/10.2/lineage")
@pytest.mark.parametrize("lineage", ["false", "0", ""])
def test_no_lineage_where_none_is_asked_for(service: Service, lineage: str) -> None:
    root = get(service, f"{ECHO}&DataInputs=string=a&lineage={lineage}").response
    assert texts(root, "wps:DataInputs | wps:OutputDefinitions") == []
    assert texts(get(service, f"{ECHO}&DataInputs=string=a&lineage=true").response, "wps:DataInputs")
    assert get(service, f"{ECHO}&DataInputs=string=a&lineage=x").faults == [("InvalidParameterValue", "lineage")]


# --- language -------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-1.0.0/A.4.4/LanguageSelectionExecuteValidation", "wps-1.0.0/10.2/language", "wps-1.0.0/10.3/language"
)
def test_texts_are_in_the_language_that_is_asked_for(service: Service) -> None:
    in_xml = execute_xml(GIVEN, document(output("string")), "echo").decode()
    in_xml = in_xml.replace('service="WPS"', 'service="WPS" language="zh-CN"', 1)
    query = f"{ECHO}&DataInputs=string=a&ResponseDocument=string"
    for answer in (post(service, in_xml), get(service, f"{query}&language=zh-CN")):
        root = answer.response
        assert root.get(LANG) == "zh-CN"
        for text in texts(root, "//ows:Title | //ows:Abstract"):
            assert re.search("[\u4e00-\u9fff]", text), text
        assert literal_of(root, "string") == "a"
    assert get(service, query).response.get(LANG) == "en-US"
    for answer in (post(service, in_xml.replace("zh-CN", "fr")), get(service, f"{query}&language=fr")):
        assert answer.faults == [("InvalidParameterValue", "language")]

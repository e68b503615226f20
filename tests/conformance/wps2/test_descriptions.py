"""DescribeProcess and the native process model (OGC 14-065r2, clauses 7 and 8, 9.8, 10.1.2 and 10.2.2)."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import ask
from tests.conformance.wps2.asking import XML_SCHEMA, describe, document, faults, get, post, text, texts

DOCUMENTATION = "http://www.opengis.net/spec/wps/2.0/def/process/description/documentation"


@cache
def everything(service: Service) -> etree._Element:
    return document(get(service, "DescribeProcess", identifier="ALL"), "ProcessOfferings")


def process(service: Service, name: str) -> etree._Element:
    (found,) = [item for item in everything(service).iterfind("{*}ProcessOffering/{*}Process") if name_of(item) == name]
    return found


def name_of(element: etree._Element) -> str:
    return text(element, "ows:Identifier")


def put(element: etree._Element, kind: str, name: str) -> etree._Element:
    """The input or output of a name."""
    (found,) = [item for item in element.iterfind(f"{{*}}{kind}") if name_of(item) == name]
    return found


# --- how it is asked for --------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.17",
    "wps-2.0/req/service/binding/get-kvp/describe-process/request",
    "wps-2.0/req/service/binding/get-kvp/describe-process/response-xml",
    "wps-2.0/req/service/binding/get-kvp/case-sensitivity",
)
@pytest.mark.parametrize(
    "query",
    [
        "service=WPS&version=2.0.0&request=DescribeProcess&identifier=echo,slow",
        "SERVICE=WPS&VERSION=2.0.0&REQUEST=DescribeProcess&IDENTIFIER=echo%2Cslow",
        "service=WPS&version=2.0.0&request=describeprocess&Identifier=echo,slow,echo",
    ],
)
def test_processes_are_described_by_key_value_pairs(service: Service, query: str) -> None:
    root = document(ask(f"{service.wps}?{query}"), "ProcessOfferings")
    assert texts(root, "wps:ProcessOffering/wps:Process/ows:Identifier") == ["echo", "slow"]


@pytest.mark.requirement(
    "wps-2.0/A.5.10",
    "wps-2.0/req/service/binding/post-xml/describe-process/request",
    "wps-2.0/req/service/binding/post-xml/describe-process/response",
    "wps-2.0/req/service/model/describe-process/request/structure",
)
def test_processes_are_described_by_xml(service: Service) -> None:
    root = document(post(service, describe("slow", "echo")), "ProcessOfferings")
    assert texts(root, "wps:ProcessOffering/wps:Process/ows:Identifier") == ["slow", "echo"]
    assert etree.tostring(root[1]) == etree.tostring(process(service, "echo").getparent())


@pytest.mark.requirement("wps-2.0/req/service/model/describe-process/request/all-identifiers")
def test_all_means_every_process(service: Service) -> None:
    summaries = document(get(service, "GetCapabilities"), "Capabilities")
    names = texts(summaries, "wps:Contents/wps:ProcessSummary/ows:Identifier")
    assert texts(everything(service), "wps:ProcessOffering/wps:Process/ows:Identifier") == names
    for asked in (get(service, "DescribeProcess", identifier="all"), post(service, describe("ALL"))):
        assert etree.tostring(document(asked, "ProcessOfferings")) == etree.tostring(everything(service))


@pytest.mark.requirement(
    "wps-2.0/req/service/model/describe-process/response/offerings-language",
    "wps-2.0/req/native-process/model/description/language",
)
def test_descriptions_come_in_the_language_asked_for(service: Service) -> None:
    english = process(service, "gas_flux")
    assert texts(english, "@xml:lang") == ["en-US"]
    asked = get(service, "DescribeProcess", identifier="gas_flux", lang="zh-CN")
    chinese = document(asked, "ProcessOfferings")
    assert texts(chinese, "wps:ProcessOffering/wps:Process/@xml:lang") == ["zh-CN"]
    for path in ("ows:Title", "ows:Abstract", "wps:Input[1]/ows:Title", "wps:Output[1]/ows:Title"):
        assert text(chinese[0][0], path) != text(english, path)
    for same in (
        get(service, "DescribeProcess", identifier="gas_flux", lang="fr,zh"),
        post(service, describe("gas_flux", attributes='xml:lang="zh-CN"')),
    ):
        assert etree.tostring(document(same, "ProcessOfferings")) == etree.tostring(chinese)


@pytest.mark.requirement(
    "wps-2.0/req/service/model/describe-process/exception/common",
    "wps-2.0/req/service/model/describe-process/exception/specific",
)
def test_what_can_not_be_described_is_refused(service: Service) -> None:
    unknown = [("NoSuchProcess", "eco,slo")]
    assert faults(get(service, "DescribeProcess", identifier="echo,eco,slo")) == unknown
    assert faults(post(service, describe("echo", "eco", "slo"))) == unknown
    assert faults(get(service, "DescribeProcess")) == [("MissingParameterValue", "Identifier")]
    assert faults(post(service, describe())) == [("MissingParameterValue", "Identifier")]
    assert faults(get(service, "DescribeProcess", identifier="echo", lang="fr")) == [("InvalidParameterValue", "lang")]


# --- what is in it --------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.4.1",
    "wps-2.0/req/native-process/xml-encoding/process/schema",
    "wps-2.0/req/service/model/describe-process/response/structure",
    "wps-2.0/req/native-process/model/description/structure",
    "wps-2.0/req/native-process/model/description-type/structure",
    "wps-2.0/req/service/model/process-offering-properties/attributes",
    "wps-2.0/req/service/profile/basic-wps/process-model",
)
def test_each_process_is_described_whole(service: Service) -> None:
    for offering in everything(service):
        assert offering.get("jobControlOptions") == "sync-execute async-execute dismiss"
        assert offering.get("outputTransmission") == "value reference"
        assert (offering.get("processModel"), bool(offering.get("processVersion"))) == ("native", True)
        (described,) = offering
        assert texts(described, "ows:Keywords/ows:Keyword")
        for element in (described, *described.iterfind("{*}Input"), *described.iterfind("{*}Output")):
            assert text(element, "ows:Title")
            assert text(element, "ows:Abstract")
            assert name_of(element)


@pytest.mark.requirement(
    "wps-2.0/req/native-process/model/description-type/metadata-simple-xlink",
    "wps-2.0/req/native-process/model/description-type/metadata-documentation-role",
)
def test_each_process_has_a_page_for_people(service: Service) -> None:
    for offering in everything(service):
        (metadata,) = offering[0].findall("{*}Metadata")
        assert texts(metadata, "@xlink:type | @xlink:role") == ["simple", DOCUMENTATION]
        assert text(metadata, "@xlink:title")
        page = ask(text(metadata, "@xlink:href"))
        assert (page.status, page.headers["content-type"].partition(";")[0]) == (200, "text/html")


@pytest.mark.requirement(
    "wps-2.0/req/conceptual-model/process/input-identifier",
    "wps-2.0/req/conceptual-model/process/output",
    "wps-2.0/req/conceptual-model/process/output-identifier",
)
def test_inputs_and_outputs_have_identifiers_of_their_own(service: Service) -> None:
    for offering in everything(service):
        for kind in ("Input", "Output"):
            names = [name_of(item) for item in offering[0].iterfind(f"{{*}}{kind}")]
            assert len(set(names)) == len(names)
            assert names or kind == "Input"


@pytest.mark.requirement("wps-2.0/req/conceptual-model/process/input-value-cardinality")
def test_inputs_say_how_many_values_they_take(service: Service) -> None:
    echo = process(service, "echo")
    counts = {name_of(item): (item.get("minOccurs"), item.get("maxOccurs")) for item in echo.iterfind("{*}Input")}
    assert counts["string"] == ("1", "1")
    assert counts["repeated"] == ("0", "5")


@pytest.mark.requirement(
    "wps-2.0/A.4.3",
    "wps-2.0/req/conceptual-model/process/io-format",
    "wps-2.0/req/conceptual-model/process/io-format-properties",
    "wps-2.0/req/native-process/model/io-format/structure",
    "wps-2.0/req/native-process/model/io-format/default",
    "wps-2.0/req/native-process/xml-encoding/datatypes/schema",
)
def test_each_input_and_output_has_formats_and_one_of_them_is_the_default(service: Service) -> None:
    for item in everything(service).iterfind("{*}ProcessOffering/{*}Process/*/{*}Format/.."):
        formats = item.findall("{*}Format")
        assert [form.get("default") for form in formats].count("true") == 1
        assert all(
            set(form.keys()) <= {"mimeType", "encoding", "schema", "maximumMegabytes", "default"} for form in formats
        )
    described = everything(service).xpath("//*[local-name()='Input' or local-name()='Output']")
    assert all(len(item.findall("*/{*}Format")) > 0 for item in described)


@pytest.mark.requirement("wps-2.0/req/native-process/model/datatypes/complex-data/description/structure")
def test_complex_data_are_described_by_formats(service: Service) -> None:
    echo = process(service, "echo_complex")
    formats = put(echo, "Input", "binary").findall("{*}ComplexData/{*}Format")
    assert [form.get("encoding") for form in formats] == ["base64", "raw"]
    assert {form.get("mimeType") for form in formats} == {"application/octet-stream"}
    assert all(int(form.get("maximumMegabytes", "0")) > 0 for form in formats)
    (form,) = put(echo, "Output", "xml").findall("{*}ComplexData/{*}Format")
    assert (form.get("mimeType"), form.get("encoding")) == ("text/xml", "UTF-8")


@pytest.mark.requirement(
    "wps-2.0/req/native-process/model/datatypes/literal-data/description/structure",
    "wps-2.0/req/native-process/xml-encoding/datatypes/mimetype",
    "wps-2.0/req/native-process/plain-text-encoding/datatypes/mimetype",
)
def test_literals_are_described_by_domains(service: Service) -> None:
    echo = process(service, "echo")
    quantity = put(echo, "Input", "quantity")
    assert texts(quantity, "wps:LiteralData/wps:Format/@mimeType") == ["text/plain", "text/xml"]
    domain = "wps:LiteralData/LiteralDataDomain[@default='true']"
    range_ = f"{domain}/ows:AllowedValues/ows:Range[@ows:rangeClosure='open-closed']"
    assert texts(quantity, f"{range_}/*") == ["0.0", "1000.0"]
    assert texts(quantity, f"{domain}/ows:DataType/@ows:reference") == [f"{XML_SCHEMA}double"]
    assert texts(quantity, f"{domain}/ows:UOM | {domain}/ows:DefaultValue") == ["m", "1.0"]
    words = put(echo, "Input", "enumeration")
    assert texts(words, f"{domain}/ows:AllowedValues/ows:Value") == ["red", "green", "blue"]
    whole = put(echo, "Output", "integer")
    assert len(whole.findall("{*}LiteralData/LiteralDataDomain/{*}AnyValue")) == 1
    assert texts(whole, f"{domain}/ows:DataType/@ows:reference") == [f"{XML_SCHEMA}integer"]


@pytest.mark.requirement("wps-2.0/req/native-process/model/datatypes/bounding-box-data/description/structure")
def test_boxes_are_described_by_reference_systems(service: Service) -> None:
    for kind in ("Input", "Output"):
        box = put(process(service, "echo"), kind, "bounding_box")
        systems = texts(box, "wps:BoundingBoxData/wps:SupportedCRS")
        assert texts(box, "wps:BoundingBoxData/wps:SupportedCRS[@default='true']") == systems[:1]
        assert systems == ["urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84"]

"""DescribeProcess (OGC 05-007r7, clause 9)."""

from __future__ import annotations

import re
from functools import cache

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import DESCRIBE, LANG, ONLY_1_0_0, describe, get, one, post
from tests.server.wps_processes import CAPABILITIES, DESCRIPTIONS, texts


@cache
def everything(service: Service) -> etree._Element:
    return get(service, f"{DESCRIBE}&identifier=ALL").document(DESCRIPTIONS)


def described(service: Service, process: str, item: str, path: str) -> list[str]:
    """What the description of an input or an output holds at a path."""
    holder = f"//ProcessDescription[ows:Identifier='{process}']/*/*[ows:Identifier='{item}']"
    return texts(everything(service), f"{holder}/{path}")


# --- request --------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/9.2/service-request-version")
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("version=1.0.0&request=DescribeProcess&identifier=echo", ("MissingParameterValue", "service")),
        ("service=WFS&version=1.0.0&request=DescribeProcess&identifier=echo", ("InvalidParameterValue", "service")),
        ("service=WPS&request=DescribeProcess&identifier=echo", ("MissingParameterValue", "version")),
        ("service=WPS&version=&request=DescribeProcess&identifier=echo", ("MissingParameterValue", "version")),
        ("service=WPS&version=0.4.0&request=DescribeProcess&identifier=echo", ("InvalidParameterValue", "version")),
        ("service=WPS&version=1.0.0&identifier=echo", ("MissingParameterValue", "request")),
    ],
)
def test_service_request_and_version_are_asked_for(service: Service, query: str, fault: tuple[str, str]) -> None:
    assert get(service, query).faults == [fault]


@pytest.mark.requirement("wps-1.0.0/9.2/service-request-version")
@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ('version="1.0.0"', ("MissingParameterValue", "service")),
        ('service="WFS" version="1.0.0"', ("InvalidParameterValue", "service")),
        ('service="WPS"', ("MissingParameterValue", "version")),
        ('service="WPS" version="2.0.0"', ("InvalidParameterValue", "version")),
    ],
)
def test_service_and_version_are_asked_for_in_xml_too(
    service: Service, attributes: str, fault: tuple[str, str]
) -> None:
    assert post(service, describe("echo", attributes=attributes)).faults == [fault]


@pytest.mark.requirement("wps-1.0.0/9.2/identifier")
def test_an_identifier_is_asked_for(service: Service) -> None:
    for answer in (get(service, DESCRIBE), get(service, f"{DESCRIBE}&identifier="), post(service, describe())):
        assert answer.faults == [("MissingParameterValue", "Identifier")]


@pytest.mark.requirement("wps-1.0.0/9.2/identifier-unknown")
def test_a_process_that_is_not_offered_is_refused(service: Service) -> None:
    for names in (["nothing"], ["echo", "nothing"]):
        for answer in (get(service, f"{DESCRIBE}&identifier={','.join(names)}"), post(service, describe(*names))):
            assert answer.faults == [("InvalidParameterValue", "Identifier")]
            assert b"nothing" in answer.content


@pytest.mark.requirement("wps-1.0.0/9.2/several", "wps-1.0.0/9.3/order")
@pytest.mark.parametrize("names", [["slow"], ["slow", "echo"], ["echo_complex", "echo", "slow"]])
def test_processes_are_described_in_the_order_asked_for(service: Service, names: list[str]) -> None:
    for answer in (get(service, f"{DESCRIBE}&identifier={','.join(names)}"), post(service, describe(*names))):
        root = answer.document(DESCRIPTIONS)
        assert texts(root, "ProcessDescription/ows:Identifier") == names


@pytest.mark.requirement("wps-1.0.0/9.2/all")
def test_all_processes_are_described_at_once(service: Service) -> None:
    offered = texts(get(service, ONLY_1_0_0).document(CAPABILITIES), "//wps:Process/ows:Identifier")
    assert texts(everything(service), "ProcessDescription/ows:Identifier") == offered
    assert post(service, describe("ALL")).content == get(service, f"{DESCRIBE}&identifier=all").content


# --- language -------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-1.0.0/A.4.3/LanguageSelectionGetCapabilitiesValidation", "wps-1.0.0/9.2/language", "wps-1.0.0/9.3/language"
)
def test_texts_are_in_the_language_that_is_asked_for(service: Service) -> None:
    document = describe("echo", attributes='service="WPS" version="1.0.0" language="zh-CN"')
    for answer in (get(service, f"{DESCRIBE}&identifier=echo&language=zh-CN"), post(service, document)):
        root = answer.document(DESCRIPTIONS)
        assert root.get(LANG) == "zh-CN"
        for text in texts(root, "//ows:Title | //ows:Abstract"):
            assert re.search("[\u4e00-\u9fff]", text), text
    plain = get(service, f"{DESCRIBE}&identifier=echo").document(DESCRIPTIONS)
    assert plain.get(LANG) == "en-US"
    assert texts(plain, "//ows:Identifier") == texts(root, "//ows:Identifier")


@pytest.mark.requirement("wps-1.0.0/A.4.3/LanguageSelectionGetCapabilitiesValidation", "wps-1.0.0/9.2/language")
def test_a_language_that_is_not_offered_is_refused(service: Service) -> None:
    document = describe("echo", attributes='service="WPS" version="1.0.0" language="fr-FR"')
    for answer in (get(service, f"{DESCRIBE}&identifier=echo&language=fr-FR"), post(service, document)):
        assert answer.faults == [("InvalidParameterValue", "language")]


# --- response -------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-1.0.0/A.4.3/DescribeProcessResponseValidation", "wps-1.0.0/9.3/valid", "wps-1.0.0/9.3/service-and-version"
)
def test_descriptions_are_valid_and_name_service_and_version(service: Service) -> None:
    root = everything(service)
    assert (etree.QName(root).localname, root.get("service"), root.get("version")) == (
        "ProcessDescriptions",
        "WPS",
        "1.0.0",
    )


@pytest.mark.requirement("wps-1.0.0/9.3/brief", "wps-1.0.0/9.3/store-and-status")
def test_each_process_says_what_it_is_and_how_it_may_be_run(service: Service) -> None:
    offered = get(service, ONLY_1_0_0).document(CAPABILITIES)
    for process in everything(service).findall("ProcessDescription"):
        name = one(texts(process, "ows:Identifier"))
        for path in ("ows:Title", "ows:Abstract", "@wps:processVersion"):
            in_capabilities = one(texts(offered, f"//wps:Process[ows:Identifier='{name}']/{path}"))
            assert one(texts(process, path)) == in_capabilities != ""
        assert (process.get("storeSupported"), process.get("statusSupported")) == ("true", "true")


@pytest.mark.requirement("wps-1.0.0/9.3/inputs", "wps-1.0.0/9.3/outputs", "wps-1.0.0/9.3/unique-identifiers")
def test_each_process_names_its_inputs_and_outputs_once(service: Service) -> None:
    for process in everything(service).findall("ProcessDescription"):
        for path in ("DataInputs/Input", "ProcessOutputs/Output"):
            items = process.findall(path)
            names = [one(texts(item, "ows:Identifier")) for item in items]
            assert len(set(names)) == len(names) >= 1
            assert all(one(texts(item, "ows:Title")) for item in items)


@pytest.mark.requirement("wps-1.0.0/9.3/occurrences")
def test_each_input_says_how_often_it_may_come(service: Service) -> None:
    for element in everything(service).findall(".//Input"):
        assert 0 <= int(element.get("minOccurs")) <= int(element.get("maxOccurs")) >= 1
    assert described(service, "echo", "string", "@minOccurs") == ["1"]
    assert described(service, "echo", "repeated", "@maxOccurs") == ["5"]


@pytest.mark.requirement("wps-1.0.0/9.3/complex", "wps-1.0.0/9.3/complex-output")
def test_complex_data_say_their_formats_with_the_default_among_them(service: Service) -> None:
    found = everything(service).findall(".//ComplexData") + everything(service).findall(".//ComplexOutput")
    assert found
    for element in found:
        default = one(element.findall("Default/Format"))
        supported = [etree.tostring(item, with_tail=False) for item in element.findall("Supported/Format")]
        assert etree.tostring(default, with_tail=False) in supported
        assert re.fullmatch(r"[\w.+-]+/[\w.+-]+(; ?[\w=./-]+)*", one(texts(default, "MimeType")))
    assert described(service, "echo_complex", "binary", "ComplexData/Default/Format/Encoding") == ["base64"]
    assert described(service, "echo_complex", "binary", "ComplexOutput/Default/Format/Encoding") == ["base64"]
    assert described(service, "echo_complex", "text", "ComplexData/Default/Format/Encoding") == []


@pytest.mark.requirement("wps-1.0.0/9.3/maximum-megabytes")
def test_complex_inputs_say_how_large_they_may_be(service: Service) -> None:
    assert described(service, "echo_complex", "text", "ComplexData/@maximumMegabytes") == ["100"]


@pytest.mark.requirement("wps-1.0.0/9.3/data-type")
@pytest.mark.parametrize(
    ("name", "data_type"),
    [("string", "string"), ("quantity", "float"), ("boolean", "boolean"), ("integer", "integer")],
)
def test_literals_say_their_type(service: Service, name: str, data_type: str) -> None:
    for kind in ("LiteralData", "LiteralOutput"):
        assert described(service, "echo", name, f"{kind}/ows:DataType") == [data_type]
        (reference,) = described(service, "echo", name, f"{kind}/ows:DataType/@ows:reference")
        assert reference == f"http://www.w3.org/TR/xmlschema-2/#{'double' if data_type == 'float' else data_type}"


@pytest.mark.requirement("wps-1.0.0/9.3/units")
def test_literals_say_their_units(service: Service) -> None:
    for kind in ("LiteralData", "LiteralOutput"):
        assert described(service, "echo", "quantity", f"{kind}/UOMs/Default/ows:UOM") == ["m"]
        assert described(service, "echo", "quantity", f"{kind}/UOMs/Supported/ows:UOM") == ["m"]
        assert described(service, "echo", "string", f"{kind}/UOMs") == []


@pytest.mark.requirement("wps-1.0.0/9.3/allowed-values", "wps-1.0.0/9.3/default-value")
def test_literal_inputs_say_what_they_may_be_and_are_otherwise(service: Service) -> None:
    for element in everything(service).findall(".//LiteralData"):
        assert len(texts(element, "ows:AllowedValues | ows:AnyValue | ValuesReference")) == 1
    assert described(service, "echo", "enumeration", "LiteralData//ows:Value") == ["red", "green", "blue"]
    assert described(service, "echo", "quantity", "LiteralData//ows:Range/ows:MinimumValue") == ["0.0"]
    assert described(service, "echo", "quantity", "LiteralData//ows:Range/ows:MaximumValue") == ["1000.0"]
    assert described(service, "echo", "quantity", "LiteralData//ows:Range/@ows:rangeClosure") == ["open-closed"]
    assert described(service, "echo", "preset", "LiteralData/DefaultValue") == ["by default"]
    assert described(service, "echo", "string", "LiteralData/DefaultValue") == []


@pytest.mark.requirement("wps-1.0.0/9.3/bounding-box")
def test_bounding_boxes_say_their_reference_systems(service: Service) -> None:
    for kind in ("BoundingBoxData", "BoundingBoxOutput"):
        (default,) = described(service, "echo", "bounding_box", f"{kind}/Default/CRS")
        supported = described(service, "echo", "bounding_box", f"{kind}/Supported/CRS")
        assert supported == ["urn:ogc:def:crs:EPSG::4326", "urn:ogc:def:crs:OGC:1.3:CRS84"]
        assert default == supported[0]

"""GetCapabilities (OGC 05-007r7, clause 8; OGC 06-121r3, clause 7)."""

from __future__ import annotations

import re
from functools import cache

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import LANG, ONLY_1_0_0, PREFIXES, get, get_capabilities, one, post
from tests.server.wps_processes import CAPABILITIES, texts

BARE = "service=WPS&request=GetCapabilities"
WPS_2_0 = "{http://www.opengis.net/wps/2.0}Capabilities"


@cache
def capabilities(service: Service) -> etree._Element:
    return get(service, ONLY_1_0_0).document(CAPABILITIES)


# --- request --------------------------------------------------------------------------------------


@pytest.mark.requirement("wps-1.0.0/8.2/service-and-request")
@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("request=GetCapabilities&AcceptVersions=1.0.0", ("MissingParameterValue", "service")),
        ("service=&request=GetCapabilities&AcceptVersions=1.0.0", ("MissingParameterValue", "service")),
        ("service=WFS&request=GetCapabilities&AcceptVersions=1.0.0", ("InvalidParameterValue", "service")),
        ("service=WPS", ("MissingParameterValue", "request")),
        ("service=WPS&request=", ("MissingParameterValue", "request")),
        ("service=WPS&request=GetFeature", ("OperationNotSupported", "GetFeature")),
        ("", ("MissingParameterValue", "service")),
    ],
)
def test_service_and_request_are_asked_for(service: Service, query: str, fault: tuple[str, str]) -> None:
    assert get(service, query).faults == [fault]


@pytest.mark.requirement("wps-1.0.0/8.2/service-and-request")
def test_service_is_asked_for_in_xml_too(service: Service) -> None:
    assert post(service, get_capabilities("")).faults == [("MissingParameterValue", "service")]
    assert post(service, get_capabilities('service="WFS"')).faults == [("InvalidParameterValue", "service")]
    unknown = get_capabilities().replace("GetCapabilities", "GetFeature")
    assert post(service, unknown).faults == [("OperationNotSupported", "GetFeature")]


@pytest.mark.requirement(
    "wps-1.0.0/A.4.2/VersionNegotiationGetCapabilitiesValidation", "wps-1.0.0/8.2/version-negotiation"
)
@pytest.mark.parametrize(
    ("accepted", "version"),
    [
        (["1.0.0"], "1.0.0"),
        (["1.0.0", "2.0.0"], "1.0.0"),
        (["2.0.0", "1.0.0"], "2.0.0"),
        (["0.4.0", "9.9.9", "1.0.0"], "1.0.0"),
        (["1.0.0", "1.0.0"], "1.0.0"),
    ],
)
def test_the_first_accepted_version_that_is_offered_is_given(
    service: Service, accepted: list[str], version: str
) -> None:
    inside = "".join(f"<ows:Version>{item}</ows:Version>" for item in accepted)
    document = get_capabilities(inside=f"<wps:AcceptVersions>{inside}</wps:AcceptVersions>")
    for answer in (get(service, f"{BARE}&AcceptVersions={','.join(accepted)}"), post(service, document)):
        assert etree.fromstring(answer.content).get("version") == version


@pytest.mark.requirement("wps-1.0.0/8.2/no-version-in-common")
def test_no_version_in_common_is_an_error(service: Service) -> None:
    assert get(service, f"{BARE}&AcceptVersions=0.4.0,9.9.9").faults == [("VersionNegotiationFailed", "AcceptVersions")]
    inside = "<wps:AcceptVersions><ows:Version>0.4.0</ows:Version></wps:AcceptVersions>"
    assert post(service, get_capabilities(inside=inside)).faults == [("VersionNegotiationFailed", "AcceptVersions")]


@pytest.mark.requirement("wps-1.0.0/8.2/version-not-said")
def test_without_accepted_versions_the_highest_is_given(service: Service) -> None:
    assert etree.fromstring(get(service, BARE).content).tag == WPS_2_0
    # The namespace of a document says its version, and old clients say it in their own way.
    assert post(service, get_capabilities()).document(CAPABILITIES).get("version") == "1.0.0"
    assert get(service, f"{BARE}&version=1.0.0").document(CAPABILITIES).get("version") == "1.0.0"


@pytest.mark.requirement("wps-1.0.0/8.2/parameters-not-implemented")
def test_parameters_that_are_left_to_the_service_change_nothing(service: Service) -> None:
    assert get(service, f"{ONLY_1_0_0}&Sections=All&AcceptFormats=text/xml").document(CAPABILITIES) is not None


@pytest.mark.requirement("wps-1.0.0/A.4.2/HandlingUpdateSequenceValidation", "wps-1.0.0/8.2/update-sequence")
def test_a_client_with_the_current_capabilities_gets_the_root_alone(service: Service) -> None:
    current = capabilities(service).get("updateSequence")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", current)
    document = get_capabilities(f'service="WPS" updateSequence="{current}"')
    for answer in (get(service, ONLY_1_0_0, updateSequence=current), post(service, document)):
        root = etree.fromstring(answer.content)
        assert (answer.status, root.tag, len(root)) == (200, capabilities(service).tag, 0)
        assert (root.get("version"), root.get("updateSequence")) == ("1.0.0", current)


@pytest.mark.requirement("wps-1.0.0/A.4.2/HandlingUpdateSequenceValidation", "wps-1.0.0/8.2/update-sequence")
@pytest.mark.parametrize("sequence", ["2000-01-01T00:00:00.000000Z", "0", "1", ""])
def test_a_client_with_older_capabilities_gets_them_whole(service: Service, sequence: str) -> None:
    root = get(service, ONLY_1_0_0, updateSequence=sequence).document(CAPABILITIES)
    assert etree.tostring(root) == etree.tostring(capabilities(service))


@pytest.mark.requirement("wps-1.0.0/A.4.2/HandlingUpdateSequenceValidation", "wps-1.0.0/8.2/update-sequence")
@pytest.mark.parametrize("sequence", ["9999-01-01T00:00:00.000000Z", "99999999", "zzz"])
def test_a_client_can_not_have_newer_capabilities(service: Service, sequence: str) -> None:
    answer = get(service, ONLY_1_0_0, updateSequence=sequence)
    assert (answer.status, answer.faults) == (400, [("InvalidUpdateSequence", "updateSequence")])


# --- language -------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-1.0.0/A.4.2/LanguageSelectionGetCapabilitiesValidation", "wps-1.0.0/8.2/language", "wps-1.0.0/8.3/language"
)
@pytest.mark.parametrize("asked", ["zh-CN", "zh-cn", "zh"])
def test_texts_are_in_the_language_that_is_asked_for(service: Service, asked: str) -> None:
    document = get_capabilities(f'service="WPS" language="{asked}"')
    for answer in (get(service, ONLY_1_0_0, language=asked), post(service, document)):
        root = answer.document(CAPABILITIES)
        assert root.get(LANG) == "zh-CN"
        titles = texts(root, "//wps:Process/ows:Title")
        assert all(re.search("[\u4e00-\u9fff]", title) for title in titles) and titles
        assert texts(root, "//ows:Identifier") == texts(capabilities(service), "//ows:Identifier")


@pytest.mark.requirement("wps-1.0.0/A.4.2/LanguageSelectionGetCapabilitiesValidation", "wps-1.0.0/8.2/language")
def test_without_a_language_texts_are_in_the_default_one(service: Service) -> None:
    root = capabilities(service)
    assert root.get(LANG) == one(texts(root, "//wps:Languages/wps:Default/ows:Language")) == "en-US"
    assert get(service, ONLY_1_0_0, language="en-US").document(CAPABILITIES).get(LANG) == "en-US"


@pytest.mark.requirement("wps-1.0.0/A.4.2/LanguageSelectionGetCapabilitiesValidation", "wps-1.0.0/8.2/language")
@pytest.mark.parametrize("asked", ["fr", "xx-YY", "english please"])
def test_a_language_that_is_not_offered_is_refused(service: Service, asked: str) -> None:
    document = get_capabilities(f'service="WPS" language="{asked}"')
    for answer in (get(service, ONLY_1_0_0, language=asked), post(service, document)):
        assert answer.faults == [("InvalidParameterValue", "language")]


# --- response -------------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-1.0.0/A.4.2/GetCapabilitiesResponseValidation",
    "wps-1.0.0/8.3/valid",
    "wps-1.0.0/8.3/service-and-version",
)
def test_capabilities_are_valid_and_name_service_and_version(service: Service) -> None:
    root = capabilities(service)
    assert (root.get("service"), root.get("version")) == ("WPS", "1.0.0")
    assert etree.QName(root).localname == "Capabilities"


@pytest.mark.requirement("wps-1.0.0/8.3/service-identification")
def test_capabilities_say_what_the_service_is(service: Service) -> None:
    root = capabilities(service)
    assert one(texts(root, "ows:ServiceIdentification/ows:Title")) != ""
    assert texts(root, "ows:ServiceIdentification/ows:ServiceType") == ["WPS"]
    assert texts(root, "ows:ServiceIdentification/ows:ServiceTypeVersion") == ["1.0.0", "2.0.0"]


@pytest.mark.requirement("wps-1.0.0/8.3/service-provider")
def test_capabilities_say_who_provides_the_service(service: Service) -> None:
    root = capabilities(service)
    assert one(texts(root, "ows:ServiceProvider/ows:ProviderName")) != ""
    assert len(texts(root, "ows:ServiceProvider/ows:ServiceContact")) == 1


@pytest.mark.requirement("wps-1.0.0/8.3/operations-metadata", "wps-1.0.0/8.3/addresses")
def test_capabilities_name_the_operations_and_their_addresses(service: Service) -> None:
    root = capabilities(service)
    assert texts(root, "//ows:Operation/@name") == ["GetCapabilities", "DescribeProcess", "Execute"]
    for operation in root.findall(".//{*}Operation"):
        by_get = one(texts(operation, "ows:DCP/ows:HTTP/ows:Get/@xlink:href"))
        by_post = one(texts(operation, "ows:DCP/ows:HTTP/ows:Post/@xlink:href"))
        assert by_get.startswith(service.wps) and by_get.endswith(("?", "&"))
        assert by_post == service.wps


@pytest.mark.requirement("wps-1.0.0/8.3/process-offerings", "wps-1.0.0/8.3/process-brief")
def test_capabilities_list_each_process_once_with_title_and_version(service: Service) -> None:
    root = capabilities(service)
    names = texts(root, "wps:ProcessOfferings/wps:Process/ows:Identifier")
    assert {"echo", "echo_complex", "slow", "gas_flux"} <= set(names)
    assert len(set(names)) == len(names)
    for process in root.findall(".//{*}Process"):
        assert one(texts(process, "ows:Title")) != ""
        assert one(texts(process, "@wps:processVersion")) != ""


@pytest.mark.requirement("wps-1.0.0/8.3/languages")
def test_capabilities_list_the_languages_with_the_default_among_them(service: Service) -> None:
    root = capabilities(service)
    default = one(texts(root, "wps:Languages/wps:Default/ows:Language"))
    supported = texts(root, "wps:Languages/wps:Supported/ows:Language")
    assert default in supported
    assert sorted(supported) == ["en-US", "zh-CN"]


@pytest.mark.requirement("wps-1.0.0/8.3/get-is-post")
def test_both_ways_give_the_same_capabilities(service: Service) -> None:
    inside = "<wps:AcceptVersions><ows:Version>1.0.0</ows:Version></wps:AcceptVersions>"
    document = f'<wps:GetCapabilities {PREFIXES} service="WPS">{inside}</wps:GetCapabilities>'
    assert post(service, document).content == get(service, ONLY_1_0_0).content

"""GetCapabilities (OGC 14-065r2, 9.7, 10.1.1 and 10.2.1; OGC 06-121r9, clause 7)."""

from __future__ import annotations

from functools import cache

import pytest
from lxml import etree

from tests.acceptance.running import Service
from tests.conformance.wps1.asking import ask
from tests.conformance.wps2.asking import document, faults, get, operation, post, text, texts

SERVICE = 'service="WPS"'
OPERATIONS = ["GetCapabilities", "DescribeProcess", "Execute", "GetStatus", "GetResult", "Dismiss"]


@cache
def capabilities(service: Service) -> etree._Element:
    return document(ask(f"{service.wps}?service=WPS&request=GetCapabilities"), "Capabilities")


def sections(root: etree._Element) -> list[str]:
    return [etree.QName(item).localname for item in root]


# --- how it is asked for --------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/A.5.16",
    "wps-2.0/req/service/binding/get-kvp/get-capabilities/request",
    "wps-2.0/req/service/binding/get-kvp/get-capabilities/response-xml",
    "wps-2.0/req/service/binding/get-kvp/case-sensitivity",
    "wps-2.0/req/conceptual-model/discovery/endpoint",
    "wps-2.0/req/conceptual-model/discovery/mechanism",
)
@pytest.mark.parametrize(
    "query",
    [
        "service=WPS&request=GetCapabilities",
        "SERVICE=WPS&REQUEST=GetCapabilities",
        "sErViCe=WPS&Request=GetCapabilities&ACCEPTVERSIONS=2.0.0",
        "service=WPS&request=getcapabilities&version=2.0.0",
    ],
)
def test_capabilities_are_had_by_key_value_pairs(service: Service, query: str) -> None:
    root = document(ask(f"{service.wps}?{query}"), "Capabilities")
    assert etree.tostring(root) == etree.tostring(capabilities(service))


@pytest.mark.requirement(
    "wps-2.0/A.5.9",
    "wps-2.0/req/service/binding/post-xml/get-capabilities/request",
    "wps-2.0/req/service/binding/post-xml/get-capabilities/response",
)
def test_capabilities_are_had_by_xml(service: Service) -> None:
    root = document(post(service, operation("GetCapabilities", attributes=SERVICE)), "Capabilities")
    assert etree.tostring(root) == etree.tostring(capabilities(service))


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-capabilities/request/accept-versions",
    "wps-2.0/req/service/model/get-capabilities/response/version",
)
def test_the_version_is_negotiated(service: Service) -> None:
    assert capabilities(service).get("version") == "2.0.0"
    assert (
        document(get(service, "GetCapabilities", version="", AcceptVersions="3.0.0,2.0.0"), "Capabilities") is not None
    )
    accepted = "<ows:AcceptVersions><ows:Version>2.0.0</ows:Version></ows:AcceptVersions>"
    assert document(post(service, operation("GetCapabilities", accepted, SERVICE)), "Capabilities") is not None
    older = get(service, "GetCapabilities", version="", AcceptVersions="1.0.0")
    assert etree.fromstring(older.content).tag == "{http://www.opengis.net/wps/1.0.0}Capabilities"


@pytest.mark.requirement("wps-2.0/req/service/model/get-capabilities/exception/common")
def test_versions_that_are_not_offered_are_refused(service: Service) -> None:
    answer = get(service, "GetCapabilities", version="", AcceptVersions="3.0.0")
    assert answer.status == 400
    assert b'exceptionCode="VersionNegotiationFailed"' in answer.content


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-capabilities/request/ows",
    "wps-2.0/req/service/model/get-capabilities/exception/common",
)
def test_sections_can_be_chosen(service: Service) -> None:
    everything = ["ServiceIdentification", "ServiceProvider", "OperationsMetadata", "Languages", "Contents"]
    assert sections(capabilities(service)) == everything
    assert sections(document(get(service, "GetCapabilities", Sections="All"), "Capabilities")) == everything
    # The schema demands the contents in any case.
    some = document(get(service, "GetCapabilities", Sections="ServiceProvider,Languages"), "Capabilities")
    assert sections(some) == ["ServiceProvider", "Languages", "Contents"]
    inside = "<ows:Sections><ows:Section>Contents</ows:Section></ows:Sections>"
    one = document(post(service, operation("GetCapabilities", inside, SERVICE)), "Capabilities")
    assert sections(one) == ["Contents"]
    assert faults(get(service, "GetCapabilities", Sections="Maps")) == [("InvalidParameterValue", "Sections")]


@pytest.mark.requirement("wps-2.0/req/service/model/get-capabilities/request/ows")
@pytest.mark.parametrize(
    ("accepted", "given"),
    [
        ("application/xml", "application/xml"),
        ("text/html,application/xml,text/xml", "application/xml"),
        ("text/xml", "text/xml"),
        ("application/json", "text/xml"),
    ],
)
def test_the_format_can_be_chosen(service: Service, accepted: str, given: str) -> None:
    answer = get(service, "GetCapabilities", AcceptFormats=accepted)
    assert answer.headers["content-type"] == f"{given}; charset=utf-8"


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-capabilities/request/ows",
    "wps-2.0/req/service/model/get-capabilities/exception/common",
)
def test_the_language_can_be_chosen(service: Service) -> None:
    assert texts(capabilities(service), "ows:Languages/ows:Language") == ["en-US", "zh-CN"]
    path = "wps:Contents/wps:ProcessSummary[ows:Identifier='gas_flux']/ows:Title"
    english = text(capabilities(service), path)
    chinese = document(get(service, "GetCapabilities", AcceptLanguages="fr,zh-CN,en"), "Capabilities")
    assert text(chinese, f"{path}[@xml:lang='zh-CN']") != english
    inside = "<ows:AcceptLanguages><ows:Language>zh</ows:Language></ows:AcceptLanguages>"
    same = document(post(service, operation("GetCapabilities", inside, SERVICE)), "Capabilities")
    assert etree.tostring(same) == etree.tostring(chinese)
    by_header = ask(
        f"{service.wps}?service=WPS&request=GetCapabilities", headers={"Accept-Language": "zh-CN, en;q=0.5"}
    )
    assert etree.tostring(document(by_header, "Capabilities")) == etree.tostring(chinese)
    assert text(document(get(service, "GetCapabilities", AcceptLanguages="fr,*"), "Capabilities"), path) == english
    refused = get(service, "GetCapabilities", AcceptLanguages="fr")
    assert faults(refused) == [("InvalidParameterValue", "AcceptLanguages")]


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-capabilities/request/ows",
    "wps-2.0/req/service/model/get-capabilities/exception/common",
)
def test_a_client_can_keep_what_has_not_changed(service: Service) -> None:
    current = capabilities(service).get("updateSequence")
    assert current is not None
    unchanged = get(service, "GetCapabilities", updateSequence=current)
    assert unchanged.status == 200
    root = etree.fromstring(unchanged.content)
    assert (root.get("updateSequence"), root.get("version"), len(root)) == (current, "2.0.0", 0)
    older = get(service, "GetCapabilities", updateSequence="2001-01-01T00:00:00Z")
    assert etree.tostring(document(older, "Capabilities")) == etree.tostring(capabilities(service))
    newer = get(service, "GetCapabilities", updateSequence="9999-01-01T00:00:00Z")
    assert faults(newer) == [("InvalidUpdateSequence", None)]


# --- what is in it --------------------------------------------------------------------------------


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-capabilities/response/ows", "wps-2.0/req/conceptual-model/discovery/capabilities"
)
def test_the_service_tells_what_it_is(service: Service) -> None:
    root = capabilities(service)
    assert texts(root, "ows:ServiceIdentification/ows:ServiceType") == ["WPS"]
    assert "2.0.0" in texts(root, "ows:ServiceIdentification/ows:ServiceTypeVersion")
    assert text(root, "ows:ServiceIdentification/ows:Title")
    assert text(root, "ows:ServiceProvider/ows:ProviderName")
    assert root.get("service") == "WPS"


@pytest.mark.requirement(
    "wps-2.0/req/service/profile/basic-wps/binding",
    "wps-2.0/req/service/model/synchronous-wps/operations",
    "wps-2.0/req/service/model/asynchronous-wps/operations",
    "wps-2.0/req/conceptual-model/capabilities/job-control",
)
def test_each_operation_is_there_with_its_bindings(service: Service) -> None:
    root = capabilities(service)
    assert texts(root, "ows:OperationsMetadata/ows:Operation/@name") == OPERATIONS
    for name in OPERATIONS:
        path = f"ows:OperationsMetadata/ows:Operation[@name='{name}']/ows:DCP/ows:HTTP"
        assert texts(root, f"{path}/ows:Post/@xlink:href") == [service.wps]
        assert texts(root, f"{path}/ows:Get/@xlink:href") == ([] if name == "Execute" else [f"{service.wps}?"])


@pytest.mark.requirement(
    "wps-2.0/A.5.7",
    "wps-2.0/req/conceptual-model/process/identifier",
    "wps-2.0/req/conceptual-model/capabilities/process-offering",
    "wps-2.0/req/service/model/get-capabilities/response/process-summary",
)
def test_each_process_is_there_once(service: Service) -> None:
    names = texts(capabilities(service), "wps:Contents/wps:ProcessSummary/ows:Identifier")
    assert {"gas_flux", "echo", "echo_complex", "slow", "boom"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.requirement(
    "wps-2.0/req/service/model/get-capabilities/response/process-summary-properties",
    "wps-2.0/req/service/model/process-offering-properties/attributes",
    "wps-2.0/req/service/model/dismiss/job-control-attribute",
    "wps-2.0/req/service/profile/basic-wps/process-model",
    "wps-2.0/req/conceptual-model/capabilities/process-model-identification",
    "wps-2.0/req/conceptual-model/capabilities/job-control-per-process-offering",
    "wps-2.0/req/conceptual-model/process-execution/mode-per-process-offering",
    "wps-2.0/req/conceptual-model/data-transmission/output-mode-per-process-offering",
)
def test_each_process_says_how_it_can_be_run(service: Service) -> None:
    for summary in capabilities(service).findall("{*}Contents/{*}ProcessSummary"):
        assert summary.get("jobControlOptions") == "sync-execute async-execute dismiss"
        assert summary.get("outputTransmission") == "value reference"
        assert summary.get("processModel") == "native"
        assert summary.get("processVersion")
        for name in ("Title", "Abstract", "Identifier"):
            assert text(summary, f"ows:{name}")

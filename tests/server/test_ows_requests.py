"""What of a request reaches MapServer, and what its errors become."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from gasflux_core.errors import GasFluxError, InputError, MissingInput, TooLarge
from server.errors import Fault, Report, UnknownOperation, UnreadableRequest
from server.ows.errors import MapServerFailed
from server.ows.exceptions import exception_document, read_exception
from server.ows.mapserver import Answer
from server.ows.requests import named_service, read_document, read_query
from tests.server.wps_processes import assert_valid

GETMAP = "SERVICE=WMS&VERSION=1.3.0&REQUEST=GetMap&LAYERS=track&CRS=EPSG:3857&BBOX=0,0,1,1&WIDTH=9&HEIGHT=9"


def kept(query: str) -> dict[str, str]:
    return dict(parse_qsl(read_query(query).query, keep_blank_values=True))


def test_what_the_standard_has_goes_on() -> None:
    assert kept(f"{GETMAP}&STYLES=&FORMAT=image%2Fpng&TRANSPARENT=TRUE") == {
        "service": "WMS",
        "version": "1.3.0",
        "request": "GetMap",
        "layers": "track",
        "crs": "EPSG:3857",
        "bbox": "0,0,1,1",
        "width": "9",
        "height": "9",
        "styles": "",
        "format": "image/png",
        "transparent": "TRUE",
    }


@pytest.mark.parametrize(
    "more",
    [
        "map=/etc/passwd",
        "MAP=%2Fetc%2Fpasswd",
        "map.layer[0].data=/etc/passwd",
        "map_layer_0_data=/etc/passwd",
        "map_imagepath=/tmp",
        "map.web=metadata+x+y",
        "SLD=http://127.0.0.1/secret",
        "sld_body=%3CStyledLayerDescriptor%2F%3E",
        "mode=browse",
        "imgext=1+1+1+1",
        "tile=1",
        "tmp=/etc/passwd",
        "context=/etc/passwd",
        "validate=1",
        "anything=1",
        "remote_ows_url=http://127.0.0.1",
        "remote_ows_type=WFS",
    ],
)
def test_what_it_has_not_goes_no_further(more: str) -> None:
    assert kept(f"{more}&{GETMAP}&{more}") == kept(GETMAP)


def test_parameters_are_those_of_their_service() -> None:
    assert "filter" not in kept(f"{GETMAP}&filter=x")
    assert kept("service=WFS&version=2.0.0&request=GetFeature&typenames=a&filter=x")["filter"] == "x"


def test_the_first_of_two_values_counts_but_subsets_are_several() -> None:
    assert kept(f"{GETMAP}&width=99999")["width"] == "9"
    query = "service=WCS&version=2.0.1&request=GetCoverage&coverageid=a&subset=x(1,2)&subset=y(3,4)"
    assert parse_qsl(read_query(query).query)[-2:] == [("subset", "x(1,2)"), ("subset", "y(3,4)")]


def test_values_are_encoded_again() -> None:
    read = read_query(f"{GETMAP}&styles=a%26map%3D/etc/passwd%00".replace("%00", ""))
    assert "&map=" not in read.query and dict(parse_qsl(read.query))["styles"] == "a&map=/etc/passwd"


@pytest.mark.parametrize("query", ["service=WMS", "SERVICE=wms&VERSION=1.3.0", "service=WMS&request="])
def test_the_bare_address_asks_for_capabilities(query: str) -> None:
    read = read_query(query)
    assert read.service == "WMS" and dict(parse_qsl(read.query))["request"] == "GetCapabilities"


@pytest.mark.parametrize(
    ("query", "error", "parameter"),
    [
        ("request=GetCapabilities", MissingInput, "service"),
        ("service=&request=GetCapabilities", MissingInput, "service"),
        ("service=CSW&request=GetCapabilities", InputError, "service"),
        ("service=WMS&layers=track", MissingInput, "request"),
        ("service=WMS&request=GetMap&layers=a%00b", InputError, "layers"),
        ("&".join(["a=1"] * 101), TooLarge, None),
    ],
)
def test_faults_are_named(query: str, error: type[GasFluxError], parameter: str | None) -> None:
    with pytest.raises(error) as caught:
        read_query(query)
    assert caught.value.parameter == parameter


def test_wms_may_go_without_its_service() -> None:
    assert read_query(GETMAP.replace("SERVICE=WMS&", "")).service == "WMS"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("Service=wfs&Version=2.0.0", ("WFS", "2.0.0")),
        ("request=GetMap", ("WMS", "")),
        ("service=nope", ("", "")),
        ("%ff=%ff&service", ("", "")),
    ],
)
def test_the_form_of_errors_is_told_of_any_request(query: str, named: tuple[str, str]) -> None:
    assert named_service(query) == named


PARAMETERS = st.sampled_from(["service", "request", "version", "layers", "map", "Map_layer", "SLD", "subset", "bbox"])


@given(
    st.lists(st.tuples(PARAMETERS | st.text(), st.sampled_from(["WMS", "WFS", "GetMap", "x"]) | st.text()), max_size=12)
)
def test_whatever_comes_only_known_names_go_on(pairs: list[tuple[str, str]]) -> None:
    try:
        read = read_query(urlencode(pairs))
    except GasFluxError:
        return
    names = [name for name, _ in parse_qsl(read.query, keep_blank_values=True)]
    assert names[0] == "service" and names.count("service") == names.count("request") == 1
    assert not [
        name for name in names if name.startswith(("map", "sld")) and name not in ("map_resolution", "sld_version")
    ]
    assert read.query.isascii() and "\n" not in read.query


# --- documents ------------------------------------------------------------------------------------

GETFEATURE = (
    '<wfs:GetFeature xmlns:wfs="http://www.opengis.net/wfs/2.0" service="WFS" version="2.0.0">'
    '<!-- aside --><wfs:Query typeNames="track"/></wfs:GetFeature>'
)


def test_a_document_goes_on_as_it_was_understood() -> None:
    read = read_document(GETFEATURE.encode("utf-16"))
    assert (read.service, read.version) == ("WFS", "2.0.0")
    assert read.body is not None and b"aside" not in read.body
    assert etree.fromstring(read.body).get("service") == "WFS"


def test_entities_are_refused() -> None:
    document = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + GETFEATURE.replace("track", "&x;")
    with pytest.raises(UnreadableRequest):
        read_document(document.encode())


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ("", UnreadableRequest),
        ("<a", UnreadableRequest),
        ("<a/>", MissingInput),
        ('<a service="CSW"/>', InputError),
        ('<GetMap service="WMS"/>', UnknownOperation),
    ],
)
def test_other_documents_are_refused(document: str, error: type[GasFluxError]) -> None:
    with pytest.raises(error):
        read_document(document.encode())


# --- exceptions -----------------------------------------------------------------------------------

SAID = Report(400, (Fault("InvalidParameterValue", 'A & "B" <c>', "layers"),))


@pytest.mark.parametrize(
    ("service", "version", "root", "code"),
    [
        ("WMS", "1.3.0", "{http://www.opengis.net/ogc}ServiceExceptionReport", "code"),
        ("WMS", "", "{http://www.opengis.net/ogc}ServiceExceptionReport", "code"),
        ("WMS", "1.1.1", "ServiceExceptionReport", "code"),
        ("WCS", "2.0.1", "{http://www.opengis.net/ows/2.0}ExceptionReport", "exceptionCode"),
        ("WCS", "1.1.1", "{http://www.opengis.net/ows/1.1}ExceptionReport", "exceptionCode"),
        ("WCS", "1.0.0", "ServiceExceptionReport", "code"),
        ("WFS", "2.0.0", "{http://www.opengis.net/ows/1.1}ExceptionReport", "exceptionCode"),
        ("WFS", "1.1.0", "{http://www.opengis.net/ows}ExceptionReport", "exceptionCode"),
        ("", "", "{http://www.opengis.net/ows/1.1}ExceptionReport", "exceptionCode"),
        ("WFS", "<>&\x01 a long one", "{http://www.opengis.net/ows/1.1}ExceptionReport", "exceptionCode"),
    ],
)
def test_errors_have_the_form_of_their_service(service: str, version: str, root: str, code: str) -> None:
    document = etree.fromstring(exception_document(SAID, service, version))
    assert document.tag == root
    [fault] = list(document)
    assert fault.get(code) == "InvalidParameterValue" and fault.get("locator") == "layers"
    assert "".join(fault.itertext()) == 'A & "B" <c>'


@pytest.mark.parametrize(
    ("service", "version", "schema"),
    [
        ("", "", "ows/1.1.0/owsExceptionReport.xsd"),
        ("WFS", "2.0.0", "ows/1.1.0/owsExceptionReport.xsd"),
        ("WFS", "2.x", "ows/1.1.0/owsExceptionReport.xsd"),
        ("WCS", "2.0.1", "ows/2.0/owsExceptionReport.xsd"),
        ("WCS", "99<>", "ows/2.0/owsExceptionReport.xsd"),
    ],
)
def test_exception_reports_are_valid(service: str, version: str, schema: str) -> None:
    assert_valid(exception_document(SAID, service, version), schema)


def answer(text: str, status: int = 200, kind: str = "text/xml") -> Answer:
    return Answer(status, {"Content-Type": kind}, text.encode())


def test_an_exception_sent_as_if_all_were_well_is_seen() -> None:
    text = (
        '<?xml version="1.0"?>\n<ServiceExceptionReport xmlns="http://www.opengis.net/ogc">'
        '<ServiceException code="LayerNotDefined">msWMSGetMap(): No layer. A layer might be disabled for this '
        "request. Check the settings.</ServiceException></ServiceExceptionReport>"
    )
    said = read_exception(answer(text))
    assert said == Report(400, (Fault("LayerNotDefined", "No layer."),))


def test_paths_of_the_server_are_not_told() -> None:
    text = (
        '<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception exceptionCode="X" locator="y">'
        "<ows:ExceptionText>Unable to open '/srv/gasflux/maps/a-1-b/plane.tif' for http://www.opengis.net/a/b"
        "</ows:ExceptionText></ows:Exception></ows:ExceptionReport>"
    )
    said = read_exception(answer(text, 404))
    assert said == Report(404, (Fault("X", "Unable to open '…' for http://www.opengis.net/a/b", "y"),))


def test_what_is_no_exception_is_none() -> None:
    assert read_exception(answer("<wfs:WFS_Capabilities xmlns:wfs='w'/>")) is None
    assert read_exception(Answer(200, {"Content-Type": "image/png"}, b"<ServiceExceptionReport")) is None


@pytest.mark.parametrize("broken", [answer("<html>", 200, "text/html"), answer("x", 500)])
def test_what_mapserver_says_to_its_operator_is_not_passed_on(broken: Answer) -> None:
    with pytest.raises(MapServerFailed):
        read_exception(broken)

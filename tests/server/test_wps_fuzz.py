"""Whatever comes to the WPS, the answer is a valid document, and no fault of the service itself."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from werkzeug.test import TestResponse

from tests.server.test_wps_jobs import idle_app
from tests.server.wps_processes import DESCRIPTIONS, EXCEPTIONS, RESPONSE, assert_valid
from tests.server.wps_requests import document, execute_xml, inline, literal, output

FEW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.sampled_from(
    [
        *("", "WPS", "1.0.0", "2.0.0", "ALL", "small", "everything", "text", "told", "true", "zh-CN", "0", "%", "%ff"),
        *("text=a", "flight=a,b", "flight=@xlink:href=http%3A%2F%2F127.0.0.1%2F", "a@b=c;d", "[text=1]"),
        "told@asReference=true",
    ]
)
KEYS = st.sampled_from(
    [
        *("service", "version", "identifier", "language", "DataInputs", "ResponseDocument", "RawDataOutput", "status"),
        *("storeExecuteResponse", "lineage", "AcceptVersions", "updateSequence", "Sections"),
    ]
)
ANY_TEXT = st.text(max_size=12).map(lambda text: quote(text, safe="@;=[]", errors="surrogatepass"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    # Nobody runs the jobs, and nobody waits for them.
    with idle_app(tmp_path_factory.mktemp("fuzz"), GASFLUX_JOBS_SYNC_WAIT="0.001") as app:
        yield app.test_client()


def check(response: TestResponse) -> None:
    assert response.status_code not in (500, 502, 504), response.data
    root = etree.fromstring(response.data)
    if root.tag == "{http://www.opengis.net/ows/1.1}ExceptionReport":
        assert response.status_code >= 400
        assert_valid(response.data, EXCEPTIONS)
    elif root.tag == "{http://www.opengis.net/wps/1.0.0}ExecuteResponse":
        assert_valid(response.data, RESPONSE)
    elif root.tag == "{http://www.opengis.net/wps/1.0.0}ProcessDescriptions":
        assert_valid(response.data, DESCRIPTIONS)
    assert b"Traceback" not in response.data


@FEW
@given(
    st.sampled_from(["DescribeProcess", "Execute", "GetFeature", ""]),
    st.dictionaries(KEYS, WORDS | ANY_TEXT, max_size=8),
    st.booleans(),
)
def test_any_pairs_have_an_answer(client: FlaskClient, operation: str, pairs: dict[str, str], begun: bool) -> None:
    if begun:
        pairs = {"service": "WPS", "version": "1.0.0", "identifier": "small", **pairs}
    query = "&".join(f"{key}={value}" for key, value in pairs.items())
    check(client.get(f"/wps?{query}&request={operation}"))


_DOCUMENT = execute_xml(
    literal("text", "a", 'uom="m"') + inline("a,b"),
    document(output("told", 'asReference="true"'), storeExecuteResponse="true", status="true", lineage="true"),
)


@FEW
@given(
    st.integers(0, len(_DOCUMENT)),
    st.integers(0, 40),
    st.binary(max_size=8) | st.sampled_from([b"<a>", b"</wps:Input>", b"&#0;", b"&#xffff;", b"<!--", b'"', b"<?a?>"]),
)
def test_any_damage_of_a_document_has_an_answer(client: FlaskClient, start: int, length: int, put: bytes) -> None:
    check(client.post("/wps", data=_DOCUMENT[:start] + put + _DOCUMENT[start + length :]))


@FEW
@given(st.data())
def test_any_arrangement_of_elements_has_an_answer(client: FlaskClient, data: st.DataObject) -> None:
    root = etree.fromstring(_DOCUMENT)
    for _ in range(data.draw(st.integers(1, 3))):
        elements = list(root.iter())
        one, other = data.draw(st.sampled_from(elements)), data.draw(st.sampled_from(elements))
        match data.draw(st.sampled_from(["drop", "move", "rename", "text", "attribute"])):
            case "drop" if one.getparent() is not None:
                one.getparent().remove(one)
            case "move" if other not in one.iter() and one not in other.iter():
                other.append(one)
            case "rename":
                one.tag = other.tag
            case "text":
                one.text = data.draw(st.sampled_from(["", "a", "true", "-1", "é"]))
            case "attribute":
                name = data.draw(st.sampled_from(["service", "version", "uom", "mimeType", "encoding", "lineage"]))
                one.set(name, data.draw(st.sampled_from(["", "a", "WPS", "1.0.0", "base64", "text/csv"])))
    check(client.post("/wps", data=etree.tostring(root)))

"""Both wire formats of requests."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasflux_core.errors import GasFluxError, InputError, MissingInput
from server.errors import UnknownOperation, UnreadableRequest
from server.jobs.request import InputItem, OutputRequest
from server.settle import settle
from server.wps.kvp import parse_query, read_pairs
from server.wps.operations import DescribeProcess, Execute, GetCapabilities
from server.wps.parse import parse_document
from server.wps.xml import read_xml
from tests.server.wps_processes import EXECUTE, assert_valid, everything

EXECUTION = "service=WPS&version=1.0.0&request=Execute&identifier=everything"


def query(text: str) -> Execute:
    operation = parse_query(read_pairs(f"{EXECUTION}&{text}"))
    assert isinstance(operation, Execute)
    return operation


def posted(inside: str, *, valid: bool = True) -> Execute:
    content = (
        '<wps:Execute xmlns:wps="http://www.opengis.net/wps/1.0.0" xmlns:ows="http://www.opengis.net/ows/1.1" '
        'xmlns:xlink="http://www.w3.org/1999/xlink" service="WPS" version="1.0.0">'
        f"<ows:Identifier>everything</ows:Identifier>{inside}</wps:Execute>"
    ).encode()
    if valid:
        assert_valid(content, EXECUTE)
    operation = parse_document(read_xml(content))
    assert isinstance(operation, Execute)
    return operation


def inputs(inside: str, identifier: str = "flight") -> str:
    return (
        f"<wps:DataInputs><wps:Input><ows:Identifier>{identifier}</ows:Identifier>{inside}</wps:Input></wps:DataInputs>"
    )


# --- key-value pairs ------------------------------------------------------------------------------


def test_keys_have_no_case_and_operations_do() -> None:
    assert isinstance(parse_query(read_pairs("SeRvIcE=WPS&REQUEST=GetCapabilities")), GetCapabilities)
    described = parse_query(read_pairs("service=WPS&version=1.0.0&request=DescribeProcess&IDENTIFIER=a,%20b"))
    assert described == DescribeProcess(("a", "b"))
    with pytest.raises(UnknownOperation):
        parse_query(read_pairs("service=WPS&request=getcapabilities"))


def test_inputs_with_attributes_and_repeats() -> None:
    request = query("DataInputs=height=2.5@uom=m@dataType=xs:double;words=a%3Bb;words=c%40d%3De").request
    assert request.inputs == {
        "height": [InputItem(text="2.5", unit="m")],
        "words": [InputItem(text="a;b"), InputItem(text="c@d=e")],
    }


@pytest.mark.parametrize("form", ["flight=@xlink:href={}@method=POST@mimeType=text/csv", "flight=@href={}@method=post"])
def test_references_in_a_query(form: str) -> None:
    href = "http://example.org/wfs?a=1&b=2;c#d"
    item = query("DataInputs=" + form.format(quote(href, safe=""))).request.inputs["flight"][0]
    assert (item.href, item.method, item.text) == (href, "POST", None)


def test_square_brackets_around_the_list_are_taken() -> None:
    for text in ("[height=1;count=2]", "%5Bheight=1;count=2%5D", "%5Bheight%3D1%3Bcount%3D2%5D"):
        assert sorted(query(f"DataInputs={text}").request.inputs) == ["count", "height"]


def test_values_may_hold_at_signs_and_equals_signs() -> None:
    request = query("DataInputs=text=me@example.org;words=a=b=c").request
    assert request.inputs["text"][0].text == "me@example.org"
    assert request.inputs["words"][0].text == "a=b=c"


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(min_size=1, max_size=20), min_size=1))
def test_any_text_comes_through_either_encoding(values: dict[str, str]) -> None:
    entries = ";".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
    for text in (entries, quote(entries, safe="")):
        found = query(f"DataInputs={text}").request.inputs
        assert {name: item.text for name, (item,) in found.items()} == values


def test_the_form_of_the_response_in_a_query() -> None:
    operation = query(
        "ResponseDocument=raster@mimeType=image/tiff%3B%20subtype%3Dgeotiff@asReference=true;told"
        "&storeExecuteResponse=TRUE&status=1&lineage=true"
    )
    assert operation.store
    request = operation.request
    assert (request.mode, request.lineage, request.response) == ("async", True, "document")
    assert request.outputs == [
        OutputRequest("raster", by_reference=True, media_type="image/tiff; subtype=geotiff"),
        OutputRequest("told"),
    ]
    raw = query("RawDataOutput=raster@encoding=base64").request
    assert (raw.response, raw.outputs) == ("raw", [OutputRequest("raster", encoding="base64")])
    plain = query("").request
    assert (plain.mode, plain.outputs, plain.inputs) == ("sync", [], {})


@pytest.mark.parametrize(
    ("text", "locator"),
    [
        ("DataInputs==1", "DataInputs"),
        ("DataInputs=height", "height"),
        ("DataInputs=height=1@colour=red", "height"),
        ("DataInputs=flight=a@xlink:href=http://example.org", "flight"),
        ("DataInputs=flight=@xlink:href=http://example.org@method=PUT", "flight"),
        ("ResponseDocument=told=5", "ResponseDocument"),
        ("ResponseDocument=told@asReference=perhaps", "asReference"),
        ("ResponseDocument=a&RawDataOutput=b", "RawDataOutput"),
        ("RawDataOutput=b&storeExecuteResponse=true", "storeExecuteResponse"),
        ("lineage=2", "lineage"),
        ("status=true", "status"),
        ("identifier=everything,small", "identifier"),
        ("DataInputs=height=%ff", None),
    ],
)
def test_faults_of_a_query_name_their_place(text: str, locator: str | None) -> None:
    with pytest.raises(InputError) as caught:
        query(text)
    assert caught.value.parameter == locator


@given(st.text(alphabet=st.characters(max_codepoint=126, min_codepoint=32), max_size=60))
def test_no_query_breaks_the_parser(text: str) -> None:
    for prefix in ("", f"{EXECUTION}&", f"{EXECUTION}&DataInputs="):
        try:
            parse_query(read_pairs(prefix + text))
        except GasFluxError as error:
            assert error.message


# --- XML ------------------------------------------------------------------------------------------


def test_literals_of_a_document() -> None:
    data = '<wps:Data><wps:LiteralData dataType="xs:double" uom="m"> 2.5 </wps:LiteralData></wps:Data>'
    assert posted(inputs(data, "height")).request.inputs == {"height": [InputItem(text=" 2.5 ", unit="m")]}
    cdata = "<wps:Data><wps:LiteralData><![CDATA[a < b]]>&amp;c</wps:LiteralData></wps:Data>"
    assert posted(inputs(cdata, "text")).request.inputs["text"][0].text == "a < b&c"


def test_complex_values_become_files() -> None:
    data = (
        '<wps:Data><wps:ComplexData mimeType="text/csv" schema="http://example.org/s">a,é</wps:ComplexData></wps:Data>'
    )
    operation = posted(inputs(data))
    (item,) = operation.request.inputs["flight"]
    assert item == InputItem(upload="input-1", media_type="text/csv", schema="http://example.org/s")
    assert [(upload.name, upload.content) for upload in operation.uploads] == [("input-1", "a,é".encode())]


def test_an_inline_document_keeps_its_namespaces() -> None:
    data = '<wps:Data><wps:ComplexData><a:b xmlns:a="urn:a" type="xlink:x">1</a:b></wps:ComplexData></wps:Data>'
    (upload,) = posted(inputs(data)).uploads
    assert isinstance(upload.content, bytes)
    assert b'xmlns:a="urn:a"' in upload.content
    assert b'xmlns:xlink="http://www.w3.org/1999/xlink"' in upload.content
    two = "<wps:Data><wps:ComplexData><a/><b/></wps:ComplexData></wps:Data>"
    with pytest.raises(InputError, match="2 elements"):
        posted(inputs(two))


def test_references_with_header_and_body() -> None:
    reference = (
        '<wps:Reference xlink:href=" http://example.org/wfs " method="POST" mimeType="text/csv" encoding="base64">'
        '<wps:Header key="Authorization" value="Bearer x"/><wps:Header key="X-A" value=""/>'
        '<wps:Body><q:GetFeature xmlns:q="urn:q"/></wps:Body></wps:Reference>'
    )
    (item,) = posted(inputs(reference)).request.inputs["flight"]
    assert (item.href, item.method, item.encoding) == ("http://example.org/wfs", "POST", "base64")
    assert item.headers == {"Authorization": "Bearer x", "X-A": ""}
    assert item.body is not None
    assert "<q:GetFeature" in item.body
    body = '<wps:Reference xlink:href="http://a/" method="POST"><wps:Body>x=1&amp;y</wps:Body></wps:Reference>'
    assert posted(inputs(body)).request.inputs["flight"][0].body == "x=1&y"
    by_reference = '<wps:Reference xlink:href="http://a/" method="POST"><wps:BodyReference xlink:href="http://b/"/></wps:Reference>'
    assert posted(inputs(by_reference)).request.inputs["flight"][0].body_href == "http://b/"


def test_the_form_of_the_response_in_a_document() -> None:
    operation = posted(
        '<wps:ResponseForm><wps:ResponseDocument storeExecuteResponse="true" lineage="1">'
        '<wps:Output asReference="false" mimeType="text/csv"><ows:Identifier>copy</ows:Identifier>'
        "<ows:Title>Mine</ows:Title></wps:Output>"
        '<wps:Output uom="MB"><ows:Identifier>size</ows:Identifier></wps:Output>'
        "</wps:ResponseDocument></wps:ResponseForm>"
    )
    assert operation.store
    assert (operation.request.mode, operation.request.lineage) == ("sync", True)
    assert operation.request.outputs == [
        OutputRequest("copy", by_reference=False, media_type="text/csv", title="Mine"),
        OutputRequest("size", unit="MB"),
    ]


@pytest.mark.parametrize(
    ("inside", "locator"),
    [
        ("<wps:DataInputs><wps:Input/></wps:DataInputs>", "DataInputs"),
        (inputs(""), "flight"),
        (inputs('<wps:Reference method="GET"/>'), "flight"),
        (inputs('<wps:Reference xlink:href="http://a/" method="PUT"/>'), "flight"),
        (inputs('<wps:Reference xlink:href="http://a/"><wps:BodyReference/></wps:Reference>'), "flight"),
        (inputs('<wps:Reference xlink:href="http://a/"><wps:Header value="x"/></wps:Reference>'), "flight"),
        (inputs("<wps:Data><wps:BoundingBoxData/></wps:Data>"), "flight"),
        (inputs('<wps:Data><wps:ComplexData encoding="base64">a</wps:ComplexData></wps:Data>'), "flight"),
        ("<wps:ResponseForm><wps:RawDataOutput/></wps:ResponseForm>", "RawDataOutput"),
        ('<wps:ResponseForm><wps:ResponseDocument status="true"/></wps:ResponseForm>', "status"),
    ],
)
def test_faults_of_a_document_name_their_place(inside: str, locator: str) -> None:
    with pytest.raises(InputError) as caught:
        posted(inside, valid=False)
    assert caught.value.parameter == locator


LAUGHS = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]>'


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"text",
        b"<a>",
        b"<a></b>",
        b"\xff\xfe\x00",
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b'<?xml version="1.0" encoding="none-such"?><a/>',
        f'{LAUGHS}<Execute service="WPS">&c;</Execute>'.encode(),
        f'<?xml version="1.0" encoding="UTF-16"?>{LAUGHS}<Execute service="&c;"/>'.encode("utf-16"),
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/x"> %b;]><a/>',
        b"<a>" * 100_000 + b"</a>" * 100_000,
        b"<a>\x00</a>",
    ],
)
def test_what_is_no_safe_xml_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableRequest):
        parse_document(read_xml(content))


@given(st.binary(max_size=200))
def test_no_body_breaks_the_parser(content: bytes) -> None:
    for body in (content, b'<Execute service="WPS" version="1.0.0">' + content + b"</Execute>"):
        with pytest.raises(GasFluxError):
            parse_document(read_xml(body))


def test_an_unknown_element_is_an_unknown_operation() -> None:
    with pytest.raises(UnknownOperation):
        parse_document(read_xml(b'<GetStatus service="WPS"/>'))
    with pytest.raises(MissingInput):
        parse_document(read_xml(b"<GetCapabilities/>"))


# --- values as declared ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("flight=a,b", b"a,b"),
        ("flight=YSxi@encoding=base64", b"a,b"),
        ("flight=YSxi@mimeType=application/vnd.ms-excel", b"a,b"),
        ("flight=YSxi@mimeType=text/csv", b"YSxi"),
    ],
)
def test_text_for_a_complex_input_becomes_a_file(text: str, content: bytes) -> None:
    asked, uploads = settle(query(f"DataInputs={text};text=x").request, (), everything())
    (item,) = asked.inputs["flight"]
    assert (item.text, item.upload) == (None, "input-1")
    assert [upload.content for upload in uploads] == [content]
    assert asked.inputs["text"][0].text == "x"


def test_an_empty_complex_value_stays_no_value() -> None:
    assert settle(query("DataInputs=flight=;text=x").request, (), everything())[1] == ()

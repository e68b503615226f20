"""Reading requests of WPS 2.0."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gasflux_core.errors import GasFluxError, InputError
from processes.declaration import ProcessDeclaration
from server.errors import UnreadableRequest
from server.jobs.request import InputItem
from server.settle import settle
from server.validate import validate
from server.wps.xml import read_xml
from server.wps2.execute import parse_execute
from server.wps2.operations import DescribeProcess, Execute, GetCapabilities, parse_document, parse_query
from tests.server.wps_processes import everything

PREFIXES = (
    'xmlns:wps="http://www.opengis.net/wps/2.0" xmlns:ows="http://www.opengis.net/ows/2.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink"'
)


def read(inside: str, attributes: str = 'mode="sync" response="document"') -> Execute:
    asked = (
        f'<wps:Execute {PREFIXES} service="WPS" version="2.0.0" {attributes}>'
        f"<ows:Identifier>everything</ows:Identifier>{inside}</wps:Execute>"
    )
    return parse_execute(read_xml(asked.encode()), lambda names: [everything()])


def data(name: str, content: str, attributes: str = "") -> str:
    return f'<wps:Input id="{name}"><wps:Data {attributes}>{content}</wps:Data></wps:Input>'


def item(name: str, content: str, attributes: str = "") -> InputItem:
    return read(data(name, content, attributes)).request.inputs[name][0]


@pytest.mark.parametrize(
    ("content", "text", "unit"),
    [
        ("7", "7", None),
        ("7@uom=m", "7", "m"),
        ("7@datatype=http://www.w3.org/2001/XMLSchema#double@uom=http://a.b/m", "7", "http://a.b/m"),
        ("me@home.org", "me@home.org", None),
        ("", "", None),
        ("<wps:LiteralValue uom='m'>me@uom=k</wps:LiteralValue>", "me@uom=k", "m"),
    ],
)
def test_a_literal_has_a_value_and_perhaps_a_unit(content: str, text: str, unit: str | None) -> None:
    assert item("text", content) == InputItem(text=text, unit=unit)


def test_complex_text_is_left_as_it_is() -> None:
    execution = read(data("flight", " a,b@uom=m \n1,2\n", 'mimeType="text/csv" encoding="raw"'))
    assert execution.uploads[0].content == b" a,b@uom=m \n1,2\n"
    assert execution.request.inputs["flight"][0].encoding is None


def referred(inside: str) -> InputItem:
    """A reference with something in it."""
    href = 'xlink:href="http://a.org/?b&amp;c" mimeType="text/csv"'
    came = read(f'<wps:Input id="flight"><wps:Reference {href}>{inside}</wps:Reference></wps:Input>')
    return came.request.inputs["flight"][0]


def test_a_reference_with_a_body_is_a_post() -> None:
    assert referred("") == InputItem(href="http://a.org/?b&c", media_type="text/csv")
    far = referred('<wps:BodyReference xlink:href="http://d.org"/>')
    assert (far.method, far.body_href, far.body) == ("POST", "http://d.org", None)
    near = referred("<wps:Body><q>z</q></wps:Body>")
    assert (near.method, near.body_href) == ("POST", None)
    assert near.body is not None and near.body.endswith(">z</q>")


@pytest.mark.parametrize(("attributes", "mode", "kind"), [
    ('mode="sync" response="raw"', "sync", "sync"),
    ('mode="async" response="raw"', "async", "async"),
    ('mode="auto" response="raw"', "auto", "async"),
    ('response="raw"', "auto", "async"),
])  # fmt: skip
def test_the_service_runs_what_it_may_choose_as_a_job_apart(attributes: str, mode: str, kind: str) -> None:
    execution = read('<wps:Output id="told" transmission="reference"/>', attributes)
    assert (execution.mode, execution.request.mode, execution.request.response) == (mode, kind, "raw")
    assert (execution.request.face, execution.request.outputs[0].by_reference) == ("wps-2.0.0", True)


@pytest.mark.parametrize(
    ("pairs", "operation"),
    [
        ({"acceptlanguages": "de zh"}, GetCapabilities(language="zh-CN")),
        ({"acceptformats": "Application/XML; q=1"}, GetCapabilities(media_type="application/xml")),
        ({"sections": "Contents,All", "updatesequence": "7"}, GetCapabilities(update_sequence="7")),
        ({"sections": "Contents"}, GetCapabilities(sections=("Contents",))),
    ],
)
def test_parameters_of_the_capabilities_are_read(pairs: dict[str, str], operation: GetCapabilities) -> None:
    assert parse_query({"service": "WPS", "request": "GetCapabilities", **pairs}) == operation


def test_parameters_of_a_description_are_read() -> None:
    pairs = {"service": "WPS", "version": "2.0.0", "request": "DescribeProcess", "identifier": "a,b", "lang": "*"}
    assert parse_query(pairs) == DescribeProcess(("a", "b"), "en-US")


# --- anything at all ------------------------------------------------------------------------------

_NAMES = st.sampled_from(
    ["Input", "Output", "Data", "Reference", "Body", "BodyReference", "LiteralValue", "Identifier", "JobID", "Sections"]
)
_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="￾￿"), max_size=12)
_VALUES = st.one_of(_WORDS, st.sampled_from(["flight", "height", "words", "text", "raster", "raw", "base64", "value"]))
_KEYS = st.sampled_from(["id", "mimeType", "encoding", "schema", "transmission", "uom", "xlink:href", "xml:lang"])
_ATTRIBUTES = st.dictionaries(_KEYS, _VALUES, max_size=3)


def _element(name: str, attributes: dict[str, str], inside: list[str]) -> str:
    told = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    return f"<wps:{name}{told}>{''.join(inside)}</wps:{name}>"


_TREES = st.recursive(
    _VALUES.map(escape),
    lambda inner: st.builds(_element, _NAMES, _ATTRIBUTES, st.lists(inner, max_size=3)),
    max_leaves=12,
)


def _find(names: object) -> list[ProcessDeclaration]:
    return [everything()]


@given(
    st.sampled_from(["GetCapabilities", "DescribeProcess", "Execute", "GetStatus", "GetResult", "Dismiss", "Nothing"]),
    st.dictionaries(st.sampled_from(["mode", "response", "updateSequence", "xml:lang"]), _VALUES),
    st.lists(_TREES, max_size=4),
)
def test_any_document_is_read_or_refused_in_words(name: str, attributes: dict[str, str], inside: list[str]) -> None:
    said = {"service": "WPS", "version": "2.0.0", **attributes}
    told = "".join(f" {key}={quoteattr(value)}" for key, value in said.items())
    identifier = "<ows:Identifier>everything</ows:Identifier>"
    root = read_xml(f"<wps:{name} {PREFIXES}{told}>{identifier}{''.join(inside)}</wps:{name}>".encode())
    try:
        if name != "Execute":
            parse_document(root)
            return
        execution = parse_execute(root, _find)
        request, uploads = settle(execution.request, execution.uploads, everything())
        validate(everything(), request, uploads=uploads)
    except GasFluxError as error:
        assert error.message
        # A body can be unreadable as a whole; every other fault is somewhere.
        assert error.parameter or isinstance(error, UnreadableRequest)


@given(
    st.dictionaries(
        st.sampled_from(["service", "version", "request", "sections", "acceptformats", "lang", "jobid", "identifier"]),
        st.one_of(_VALUES, st.sampled_from(["WPS", "2.0.0", "GetResult", "getcapabilities", "DescribeProcess", "ALL"])),
    )
)
def test_any_key_value_pairs_are_read_or_refused_in_words(values: dict[str, str]) -> None:
    try:
        parse_query({"service": "WPS", **values})
    except InputError as error:
        assert error.message
        assert error.parameter

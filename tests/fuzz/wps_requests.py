"""Right requests to both versions of WPS, and what happens to them on the way."""

from __future__ import annotations

import base64
from collections.abc import Callable
from copy import deepcopy
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st
from lxml import etree

Pairs = list[tuple[str, str]]

JOB = "00000000-0000-4000-8000-000000000000"
"""Stands for the id of a job that was successful."""

_FIRST = [("service", "WPS"), ("version", "1.0.0")]
_SECOND = [("service", "WPS"), ("version", "2.0.0")]
_INPUTS = "string=hello;quantity=2@uom=m;repeated=a;repeated=b;boolean=true;integer=7;bounding_box=46,102,47,103"

QUERIES: list[Pairs] = [
    [("service", "WPS"), ("request", "GetCapabilities")],
    [("service", "WPS"), ("request", "GetCapabilities"), ("AcceptVersions", "1.0.0"), ("language", "en-US")],
    [("service", "WPS"), ("request", "GetCapabilities"), ("AcceptVersions", "2.0.0"), ("sections", "Contents")],
    [*_FIRST, ("request", "DescribeProcess"), ("identifier", "echo,echo_complex"), ("language", "zh-CN")],
    [*_FIRST, ("request", "DescribeProcess"), ("identifier", "ALL")],
    [*_FIRST, ("request", "Execute"), ("identifier", "echo"), ("DataInputs", _INPUTS)],
    [*_FIRST, ("request", "Execute"), ("identifier", "echo"), ("DataInputs", "string=hello"), ("lineage", "true"),
     ("ResponseDocument", "string;all@mimeType=application/json@asReference=true")],
    [*_FIRST, ("request", "Execute"), ("identifier", "echo"), ("DataInputs", "string=hello"),
     ("RawDataOutput", "all@mimeType=application/json")],
    [*_FIRST, ("request", "Execute"), ("identifier", "echo"), ("DataInputs", "string=hello"),
     ("storeExecuteResponse", "true"), ("status", "true")],
    [*_FIRST, ("request", "Execute"), ("identifier", "echo_complex"), ("ResponseDocument", "text"),
     ("DataInputs", "text=@xlink:href=http%3A%2F%2F127.0.0.1%3A9%2Fx@mimeType=text/plain@method=GET")],
    [*_SECOND, ("request", "DescribeProcess"), ("identifier", "echo,echo_complex"), ("lang", "zh-CN")],
    [*_SECOND, ("request", "GetStatus"), ("jobId", JOB)],
    [*_SECOND, ("request", "GetResult"), ("jobId", JOB)],
    [*_SECOND, ("request", "Dismiss"), ("jobId", "no-such-job")],
]  # fmt: skip

_NAMES_1 = (
    'xmlns:wps="http://www.opengis.net/wps/1.0.0" xmlns:ows="http://www.opengis.net/ows/1.1" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" service="WPS"'
)
_NAMES_2 = (
    'xmlns:wps="http://www.opengis.net/wps/2.0" xmlns:ows="http://www.opengis.net/ows/2.0" '
    'xmlns:xlink="http://www.w3.org/1999/xlink" service="WPS"'
)
_BYTES = base64.b64encode(b"any \x00 bytes").decode()


def _inputs_1(*inputs: str) -> str:
    return f"<wps:DataInputs>{''.join(f'<wps:Input>{one}</wps:Input>' for one in inputs)}</wps:DataInputs>"


def _execute_1(process: str, inputs: str, form: str = "") -> str:
    head = f'<wps:Execute {_NAMES_1} version="1.0.0"><ows:Identifier>{process}</ows:Identifier>'
    return f"{head}{inputs}{form}</wps:Execute>"


def _execute_2(process: str, parts: str, *, mode: str = "sync", response: str = "document") -> str:
    head = f'<wps:Execute {_NAMES_2} version="2.0.0" response="{response}" mode="{mode}">'
    return f"{head}<ows:Identifier>{process}</ows:Identifier>{parts}</wps:Execute>"


_LITERALS_1 = _inputs_1(
    "<ows:Identifier>string</ows:Identifier><wps:Data><wps:LiteralData>hello</wps:LiteralData></wps:Data>",
    '<ows:Identifier>quantity</ows:Identifier><wps:Data><wps:LiteralData uom="m">2.5</wps:LiteralData></wps:Data>',
    '<ows:Identifier>bounding_box</ows:Identifier><wps:Data><wps:BoundingBoxData crs="EPSG:4326" dimensions="2">'
    "<ows:LowerCorner>46 102</ows:LowerCorner><ows:UpperCorner>47 103</ows:UpperCorner></wps:BoundingBoxData>"
    "</wps:Data>",
)
_FILES_1 = _inputs_1(
    '<ows:Identifier>text</ows:Identifier><wps:Data><wps:ComplexData mimeType="text/plain"><![CDATA[a,b<1]]>'
    "</wps:ComplexData></wps:Data>",
    '<ows:Identifier>binary</ows:Identifier><wps:Data><wps:ComplexData mimeType="application/octet-stream" '
    f'encoding="base64">{_BYTES}</wps:ComplexData></wps:Data>',
    '<ows:Identifier>xml</ows:Identifier><wps:Data><wps:ComplexData mimeType="text/xml"><a b="c">d</a>'
    "</wps:ComplexData></wps:Data>",
)
_REFERENCE_1 = _inputs_1(
    '<ows:Identifier>text</ows:Identifier><wps:Reference xlink:href="http://127.0.0.1:9/x" method="POST" '
    'mimeType="text/plain"><wps:Header key="Accept" value="text/plain"/><wps:Body><q/></wps:Body></wps:Reference>'
)
_DOCUMENT_1 = (
    '<wps:ResponseForm><wps:ResponseDocument lineage="true" storeExecuteResponse="true" status="{status}">'
    '<wps:Output asReference="true"><ows:Identifier>all</ows:Identifier></wps:Output>'
    "<wps:Output><ows:Identifier>bounding_box</ows:Identifier></wps:Output></wps:ResponseDocument></wps:ResponseForm>"
)
_RAW_1 = (
    '<wps:ResponseForm><wps:RawDataOutput mimeType="text/xml"><ows:Identifier>xml</ows:Identifier>'
    "</wps:RawDataOutput></wps:ResponseForm>"
)
_PARTS_2 = (
    '<wps:Input id="string"><wps:Data><wps:LiteralValue>hello</wps:LiteralValue></wps:Data></wps:Input>'
    '<wps:Input id="quantity"><wps:Data>2.5</wps:Data></wps:Input>'
    '<wps:Input id="bounding_box"><wps:Data><ows:BoundingBox crs="EPSG:4326"><ows:LowerCorner>46 102</ows:LowerCorner>'
    "<ows:UpperCorner>47 103</ows:UpperCorner></ows:BoundingBox></wps:Data></wps:Input>"
    '<wps:Output id="string" transmission="value"/>'
    '<wps:Output id="all" transmission="reference" mimeType="application/json"/>'
)
_FILES_2 = (
    f'<wps:Input id="binary"><wps:Data mimeType="application/octet-stream" encoding="base64">{_BYTES}</wps:Data>'
    '</wps:Input><wps:Input id="xml"><wps:Data mimeType="text/xml"><a b="c">d</a></wps:Data></wps:Input>'
    '<wps:Input id="text"><wps:Reference xlink:href="http://127.0.0.1:9/x" mimeType="text/plain"><wps:Body><q/>'
    '</wps:Body></wps:Reference></wps:Input><wps:Output id="xml" transmission="value"/>'
)

DOCUMENTS: list[str] = [
    f'<wps:GetCapabilities {_NAMES_1} language="en-US"><wps:AcceptVersions><ows:Version>1.0.0</ows:Version>'
    "</wps:AcceptVersions></wps:GetCapabilities>",
    f'<wps:DescribeProcess {_NAMES_1} version="1.0.0"><ows:Identifier>echo</ows:Identifier></wps:DescribeProcess>',
    _execute_1("echo", _LITERALS_1),
    _execute_1("echo", _LITERALS_1, _DOCUMENT_1.format(status="false")),
    _execute_1("echo", _LITERALS_1, _DOCUMENT_1.format(status="true")),
    _execute_1("echo_complex", _FILES_1),
    _execute_1("echo_complex", _FILES_1, _RAW_1),
    _execute_1("echo_complex", _REFERENCE_1),
    f'<wps:GetCapabilities {_NAMES_2}><ows:AcceptVersions><ows:Version>2.0.0</ows:Version></ows:AcceptVersions>'
    "<ows:Sections><ows:Section>Contents</ows:Section></ows:Sections></wps:GetCapabilities>",
    f'<wps:DescribeProcess {_NAMES_2} version="2.0.0"><ows:Identifier>echo</ows:Identifier></wps:DescribeProcess>',
    _execute_2("echo", _PARTS_2),
    _execute_2("echo", _PARTS_2, mode="async"),
    _execute_2("echo", '<wps:Input id="string"><wps:Data>x</wps:Data></wps:Input><wps:Output id="string" '
               'transmission="value"/>', response="raw"),
    _execute_2("echo_complex", _FILES_2, mode="auto"),
    f'<wps:GetStatus {_NAMES_2} version="2.0.0"><wps:JobID>{JOB}</wps:JobID></wps:GetStatus>',
    f'<wps:GetResult {_NAMES_2} version="2.0.0"><wps:JobID>{JOB}</wps:JobID></wps:GetResult>',
    f'<wps:Dismiss {_NAMES_2} version="2.0.0"><wps:JobID>no-such-job</wps:JobID></wps:Dismiss>',
]  # fmt: skip

ODD = [
    "", " ", "None", "null", "NaN", "INF", "-1", "0", "9" * 400, "1e309", "a" * 5000, "\x00", "\x07", "￾", "%", "%zz",
    "%00", "%ff", "%E4", "<x/>", "]]>", "&amp;", "&#0;", ";;", "@", "=", "a=@xlink:href=", "a=b@c=d", "../../x", "[]",
    "file:///dev/null", "http://127.0.0.1:9/", "http://[::1", "urn:x", "é中文😀", "1.0.0", "2.0.0", "3", "true", "ALL",
    "echo", "string", "POST", "text/html", "EPSG:4326", "1 2", "90,180,-90,-180", "EPSG:999999999", "{}", "'", '"', "*",
]  # fmt: skip
odd_text = st.sampled_from(ODD) | st.text(max_size=20)


# --- key-value pairs ------------------------------------------------------------------------------


@st.composite
def broken_queries(draw: st.DrawFn) -> bytes:
    """A query as it may come: with pairs dropped, doubled, renamed and changed, and broken bytes."""
    pairs = list(draw(st.sampled_from(QUERIES)))
    for _ in range(draw(st.integers(0, 4))):
        where = draw(st.integers(0, max(len(pairs) - 1, 0)))
        draw(st.sampled_from(_CHANGES))(draw, pairs, where)
    ways = st.sampled_from([str, quote, lambda text: quote(quote(text)), lambda text: text.replace(" ", "+")])
    query = "&".join(f"{draw(ways)(key)}={draw(ways)(value)}" for key, value in pairs).encode("utf-8", "replace")
    return draw(_with_broken_bytes(query))


def _drop(_: st.DrawFn, pairs: Pairs, where: int) -> None:
    del pairs[where : where + 1]


def _double(draw: st.DrawFn, pairs: Pairs, where: int) -> None:
    if pairs:
        key, value = pairs[where]
        pairs.append((key, draw(st.just(value) | odd_text)))


def _rename(draw: st.DrawFn, pairs: Pairs, where: int) -> None:
    if pairs:
        key, value = pairs[where]
        changed = st.sampled_from([key.upper(), key.swapcase(), f" {key}", f"{key}s", key[:-1], ""])
        pairs[where] = (draw(changed | odd_text), value)


def _change(draw: st.DrawFn, pairs: Pairs, where: int) -> None:
    if pairs:
        key, value = pairs[where]
        pairs[where] = (key, draw(odd_text | odd_text.map(lambda text: value + text) | st.just(value.swapcase())))


def _swap_in(draw: st.DrawFn, pairs: Pairs, where: int) -> None:
    pairs.insert(where, draw(st.sampled_from([pair for query in QUERIES for pair in query])))


def _insert(draw: st.DrawFn, pairs: Pairs, where: int) -> None:
    pairs.insert(where, (draw(odd_text), draw(odd_text)))


_CHANGES: list[Callable[[st.DrawFn, Pairs, int], None]] = [_drop, _double, _rename, _change, _swap_in, _insert]


# --- documents ------------------------------------------------------------------------------------


@st.composite
def broken_documents(draw: st.DrawFn) -> bytes:
    """A document as it may come: with elements dropped, doubled, renamed and nested, and broken bytes."""
    root = etree.fromstring(draw(st.sampled_from(DOCUMENTS)))
    for _ in range(draw(st.integers(0, 4))):
        element = draw(st.sampled_from([one for one in root.iter() if isinstance(one.tag, str)]))
        draw(st.sampled_from(_BLOWS))(draw, element)
    encoding = draw(st.sampled_from(["UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII"]))
    content = etree.tostring(root, encoding=encoding, xml_declaration=True)
    return draw(_with_broken_bytes(content))


def _remove(_: st.DrawFn, element: Any) -> None:
    if element.getparent() is not None:
        element.getparent().remove(element)


def _repeat(draw: st.DrawFn, element: Any) -> None:
    if element.getparent() is not None:
        for _ in range(draw(st.sampled_from([1, 2, 30]))):
            element.addnext(_copied(element))


def _nest(draw: st.DrawFn, element: Any) -> None:
    """An element within itself, again and again."""
    inner = element
    for _ in range(draw(st.sampled_from([1, 3, 150, 300]))):
        inner = etree.SubElement(inner, element.tag)
    inner.text = draw(xml_text)


def _rename_element(draw: st.DrawFn, element: Any) -> None:
    space, _, name = element.tag.rpartition("}")
    names = [name.lower(), name.upper(), f"{name}s", "Identifier", "Data", "Reference", "Input", "x"]
    spaces = [
        space, "", "{http://www.opengis.net/wps/1.0.0", "{http://www.opengis.net/wps/2.0", "{http://www.opengis.net/wps",
        "{http://www.opengis.net/ows/1.1", "{http://www.opengis.net/ows/2.0", "{urn:x",
    ]  # fmt: skip
    chosen = draw(st.sampled_from(spaces))
    element.tag = f"{chosen}}}{draw(st.sampled_from([name, *names]))}" if chosen else draw(st.sampled_from(names))


def _rewrite(draw: st.DrawFn, element: Any) -> None:
    element.text = draw(xml_text)


def _set_attribute(draw: st.DrawFn, element: Any) -> None:
    known = [
        "service", "version", "language", "lang", "mimeType", "encoding", "schema", "uom", "id", "mode", "response",
        "crs", "transmission", "asReference", "status", "lineage", "storeExecuteResponse", "method", "dimensions", "x",
        "{http://www.w3.org/1999/xlink}href",
    ]  # fmt: skip
    element.set(draw(st.sampled_from([*element.attrib, *known])), draw(xml_text))


def _unset_attribute(draw: st.DrawFn, element: Any) -> None:
    if element.attrib:
        del element.attrib[draw(st.sampled_from(list(element.attrib)))]


def _annotate(draw: st.DrawFn, element: Any) -> None:
    element.insert(0, draw(st.sampled_from([etree.Comment("a"), etree.ProcessingInstruction("php", "b")])))


def _transplant(draw: st.DrawFn, element: Any) -> None:
    """A part of another document."""
    other = etree.fromstring(draw(st.sampled_from(DOCUMENTS)))
    element.append(_copied(draw(st.sampled_from(list(other.iter())))))


def _copied(element: Any) -> Any:
    copied = deepcopy(element)
    copied.tail = None
    return copied


_BLOWS: list[Callable[[st.DrawFn, Any], None]] = [
    _remove, _repeat, _nest, _rename_element, _rewrite, _rewrite, _set_attribute, _unset_attribute, _annotate,
    _transplant,
]  # fmt: skip

_IN_XML = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="￾￿", include_characters="\t\n")
xml_text = st.sampled_from([text for text in ODD if text.isprintable()]) | st.text(_IN_XML, max_size=20)


@st.composite
def _with_broken_bytes(draw: st.DrawFn, content: bytes) -> bytes:
    """Mostly as they were; else cut off, or with bytes put in or overwritten."""
    kind = draw(st.integers(0, 7))
    where = draw(st.integers(0, len(content)))
    if kind == 5:
        return content[:where]
    if kind == 6:
        return content[:where] + draw(st.sampled_from(_BROKEN) | st.binary(max_size=8)) + content[where:]
    if kind == 7:
        piece = draw(st.binary(min_size=1, max_size=4))
        return content[:where] + piece + content[where + len(piece) :]
    return content


_BROKEN = [
    b"\x00", b"\x08", b"\xff\xfe", b"\xef\xbb\xbf", b"%", b"&", b"&&", b"<", b"]]>", b"&#0;", b"&#xD800;", b"&x;",
    b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///dev/null'>]>", b"<?xml version='1.1'?>", b"<![CDATA[", b"\xc3\x28",
    b"\xed\xa0\x80", b"<!-- -- -->", b"<a xmlns:b=''/>", b"<" + b"a" * 3000 + b"/>",
]  # fmt: skip

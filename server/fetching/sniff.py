"""What fetched content is, by its first bytes, and whether it is the data that was asked for."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from lxml import etree

from server.fetching.exceptions import MARK, exception_text, request_advice
from server.fetching.refusal import Refused, joined
from server.fetching.web import ERROR_BYTES
from server.wps.xml import Element, local_name

_CAPABILITIES = {
    "WFS_Capabilities": "GetFeature request, such as {base}?service=WFS&version=2.0.0&request=GetFeature"
    "&typeNames={layer}",
    "WCS_Capabilities": "GetCoverage request, such as {base}?service=WCS&version=1.0.0&request=GetCoverage"
    "&coverage={layer}&crs=EPSG:4326&bbox=west,south,east,north&resx=...&resy=...&format=image/tiff",
    "WMS_Capabilities": "request for data to a WFS or WCS; a WMS gives pictures only",
    "WMT_MS_Capabilities": "request for data to a WFS or WCS; a WMS gives pictures only",
}
_COVERAGE_OF_2 = (
    "GetCoverage request, such as {base}?service=WCS&version=2.0.1&request=GetCoverage&coverageId={layer}"
    "&format=image/tiff"
)


def root_element(head: bytes) -> Element | None:
    """The root element of an XML document, with its attributes, or None where it is no XML."""
    start = head.removeprefix(MARK).lstrip()
    if not start.startswith(b"<"):
        return None
    parser: Any = etree.XMLPullParser(events=("start",), resolve_entities=False, no_network=True, load_dtd=False)
    # What came before a fault counts.
    with contextlib.suppress(etree.XMLSyntaxError):
        parser.feed(start)
    root = next((element for _, element in parser.read_events()), None)
    # A prefix without a namespace, as in half a document.
    return None if root is None or ":" in root.tag.rpartition("}")[2] else root


def read_document(path: Path) -> Element:
    """Root element of a whole XML document.

    :raises Refused: it is broken, or has a document type declaration.
    """
    # huge_tree lifts the limit on one text, which inline data may pass; what it guards against needs entities
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        # Not by its path: of that lxml would raise errors of the file's.
        root = etree.fromstring(path.read_bytes(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Refused(f"answered with broken XML: {error}") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise Refused("answered with a document type declaration, which is not read")
    return root


def head_of(path: Path) -> bytes:
    """As much of a file as tells what it is."""
    with path.open("rb") as file:
        return file.read(ERROR_BYTES)


def check_content(path: Path, url: str, *, wants_html: bool) -> None:
    """Refuse what is not the data asked for: nothing, an exception, a web page, a service's description of itself.

    :raises Refused: saying what came.
    """
    head = head_of(path)
    if not head:
        raise Refused("has no content")
    said = exception_text(head)
    if said is not None:
        raise Refused(f"answered with an exception: {said}{request_advice(url)}")
    start = head.removeprefix(MARK).lstrip()[:200].lower()
    if not wants_html and start.startswith((b"<!doctype html", b"<html")):
        raise Refused(f"answered with a web page, not with data{request_advice(url)}")
    root = root_element(head)
    if root is not None:
        _refuse_description(root, path, url)
    elif head.startswith(b"{") and b'"links"' in head and len(head) < ERROR_BYTES:
        _refuse_collection(head, url)


def _refuse_collection(content: bytes, url: str) -> None:
    """Say of OGC API – Features' descriptions of itself which address gives the features."""
    try:
        said = json.loads(content)
    except (ValueError, RecursionError):
        return
    if not isinstance(said, dict) or "features" in said or not isinstance(said.get("links"), list):
        return
    links = {str(link.get("rel")): link.get("href") for link in said["links"] if isinstance(link, dict)}
    href = links.get("items")
    if isinstance(href, str):
        items = joined(url, href)
        raise Refused(f"answered with the description of a collection, not with its features; send {items}")
    if isinstance(said.get("collections"), list) or {"data", "conformance"} <= links.keys():
        advice = "send the items of one, .../collections/<name>/items"
        raise Refused(f"answered with the description of an API, not with the features of a collection; {advice}")


def _refuse_description(root: Element, path: Path, url: str) -> None:
    name = etree.QName(root)
    advice = _CAPABILITIES.get(name.localname)
    if name.localname == "Capabilities" and (name.namespace or "").startswith("http://www.opengis.net/wcs/"):
        advice = _COVERAGE_OF_2
    if advice is not None:
        base = url.partition("?")[0]
        text = advice.format(base=base, layer=_first_layer(path) or "...")
        raise Refused(f"answered with the capabilities of a service, not with data; send a {text}")
    if name.localname == "schema" and name.namespace == "http://www.w3.org/2001/XMLSchema":
        raise Refused("answered with a schema (DescribeFeatureType), not with data; send a GetFeature request")


def _first_layer(path: Path) -> str:
    """Name of the first layer or coverage that a capabilities document offers."""
    wanted = ("FeatureType", "CoverageSummary", "CoverageOfferingBrief")
    names = ("Name", "name", "Identifier", "CoverageId")
    tags = [f"{{*}}{name}" for name in wanted]
    with contextlib.suppress(etree.XMLSyntaxError, OSError, ValueError):
        for _, element in etree.iterparse(str(path), tag=tags, resolve_entities=False, no_network=True):
            for child in element:
                if local_name(child) in names and child.text:
                    return str(child.text).strip()
    return ""

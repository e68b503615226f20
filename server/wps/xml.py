"""Reading and writing XML safely, and the names of WPS 1.0.0."""

from __future__ import annotations

import re
from typing import Any
from xml.parsers import expat

from lxml import etree

from server.errors import UnreadableRequest

WPS = "http://www.opengis.net/wps/1.0.0"
OWS = "http://www.opengis.net/ows/1.1"
XLINK = "http://www.w3.org/1999/xlink"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
XML = "http://www.w3.org/XML/1998/namespace"
SCHEMAS = "http://schemas.opengis.net/wps/1.0.0/"
NSMAP = {"wps": WPS, "ows": OWS, "xlink": XLINK, "xsi": XSI}

LANG = f"{{{XML}}}lang"
HREF = f"{{{XLINK}}}href"

Element = Any
"""An element of lxml, which has no types of its own."""

_MAX_DEPTH = 200
_NO_XML_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def wps(name: str) -> str:
    """Qualified name in the namespace of WPS 1.0.0."""
    return f"{{{WPS}}}{name}"


def ows(name: str) -> str:
    """Qualified name in the namespace of OWS 1.1."""
    return f"{{{OWS}}}{name}"


def clean(text: str) -> str:
    """Text with U+FFFD in place of each character that XML can't hold."""
    return _NO_XML_CHARACTER.sub("�", text)


def unit_uri(unit: str | None) -> str | None:
    """A unit as the attribute uom holds it: a URI, in which a bare per cent sign would be a broken escape."""
    return unit.replace("%", "%25") if unit else None


def add(parent: Element, name: str, text: str | None = None, /, **attributes: str | None) -> Element:
    """Append an element; attributes that are None or empty are left out."""
    element = etree.SubElement(parent, name)
    if text is not None:
        element.text = clean(text)
    for key, value in attributes.items():
        if value:
            element.set(key, clean(value))
    return element


def to_bytes(root: Element) -> bytes:
    """A document, in UTF-8 with its declaration."""
    return bytes(etree.tostring(root, encoding="UTF-8", xml_declaration=True))


def read_xml(content: bytes, *, whole: bool = False) -> Element:
    """Root element of a document that came from outside.

    No DTD, so no entities; nothing is fetched; depth is limited. The size of ``content`` is the caller's to limit.

    :param whole: comments and processing instructions within the root stay.
    :raises UnreadableRequest: saying where and why.
    """
    if not content.strip():
        raise UnreadableRequest("The request has no body; an XML document was expected.")
    _scan(content)
    # huge_tree lifts libxml2's limit of 10 MB on one text, which an inline flight may pass. What that limit guards
    # against, entities, can't be there without a DTD; the body's size and the depth are limited apart.
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        remove_comments=not whole,
        remove_pis=not whole,
        huge_tree=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableRequest(f"The request is no well-formed XML: {clean(error.msg or 'unknown fault')}.") from None
    except ValueError as error:
        raise UnreadableRequest(f"The request can't be read as XML: {error}.") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableRequest("The request holds a document type declaration, which is refused.")
    return root


def _scan(content: bytes) -> None:
    """Refuse a DTD before the document is read, and nesting without end while it is scanned."""
    parser = expat.ParserCreate()
    depth = 0

    def doctype(*_: object) -> None:
        raise UnreadableRequest("The request holds a document type declaration, which is refused.")

    def start(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise UnreadableRequest(f"The request is nested deeper than {_MAX_DEPTH} elements.")

    def end(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        where = f"line {error.lineno}, column {error.offset + 1}"
        raise UnreadableRequest(
            f"The request is no well-formed XML ({where}): {expat.ErrorString(error.code)}."
        ) from None
    except (LookupError, ValueError) as error:
        raise UnreadableRequest(f"The request can't be read as XML: {error}.") from None


def local_name(element: Element) -> str:
    """Name of an element without its namespace; empty for what is no element (an entity)."""
    return str(etree.QName(element).localname) if isinstance(element.tag, str) else ""


def namespace(element: Element) -> str:
    """Namespace of an element, empty where it has none."""
    return str(etree.QName(element).namespace or "")


def children(element: Element, name: str) -> list[Element]:
    """Child elements of a local name."""
    return [child for child in element if local_name(child) == name]


def child(element: Element, name: str) -> Element | None:
    """The first child element of a local name, or None."""
    return next(iter(children(element, name)), None)

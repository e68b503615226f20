"""Complex values within an XML document."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from lxml import etree

from gasflux_core.errors import InputError
from server.errors import UnreadableRequest
from server.formats import canonical
from server.settle import decode
from server.wps.xml import Element, add, clean, local_name, read_xml, wps

LARGEST_INLINE = 16 * 1024 * 1024
"""Bytes of complex values that one document may hold: a document is put together in memory, several times over."""

_TEXT_TYPES = ("text/", "application/json", "application/yaml")
_TEXT_SUFFIXES = ("+json", "+xml", "/xml")
_XML_SUFFIXES = ("+xml", "/xml")


def add_complex(
    parent: Element, content: bytes, attributes: Mapping[str, str | None], encoding: str | None = None
) -> None:
    """Append a ComplexData.

    :param attributes: its mimeType and schema.
    :param encoding: ``base64`` makes it base64 in any case.
    """
    fill_complex(add(parent, wps("ComplexData"), **attributes), content, encoding)


def fill_complex(element: Element, content: bytes, encoding: str | None = None) -> None:
    """Put a complex value into an element: XML as it is, other text escaped, and what is no text in base64.

    :param element: with its mimeType; where it becomes base64, it is told so.
    :param encoding: ``base64`` makes it base64 in any case.
    """
    media_type = element.get("mimeType") or ""
    if encoding != "base64" and is_text(media_type):
        if canonical(media_type)[0].endswith(_XML_SUFFIXES) and (root := xml_root(content)) is not None:
            element.append(root)
            return
        if (text := _text(content)) is not None:
            element.text = text
            return
    element.set("encoding", "base64")
    element.text = base64.b64encode(content).decode()


def is_text(media_type: str) -> bool:
    """Whether files of a media type can be read as text; so can those whose type nobody stated."""
    name = canonical(media_type)[0]
    return not name or name.startswith(_TEXT_TYPES) or name.endswith(_TEXT_SUFFIXES)


def xml_root(content: bytes) -> Element | None:
    """The root element of an XML document, to be put into another one; None where it is no document, or has a DTD."""
    try:
        return read_xml(content, whole=True)
    except UnreadableRequest:
        return None


def _text(content: bytes) -> str | None:
    """The content as text that XML can hold without loss, or None."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if clean(text) == text else None


def complex_content(inline: Element, encoding: str | None, identifier: str) -> bytes:
    """What an element holds: one element and all in it, or text (CDATA too).

    :param encoding: as the client states it; base64 is decoded.
    :raises InputError: naming the input that holds several elements, or base64 that is none.
    """
    elements = [item for item in inline if local_name(item)]
    if not elements:
        return decode("".join(inline.itertext()), encoding, identifier)
    if len(elements) > 1:
        raise InputError(f"Input {identifier} holds {len(elements)} elements; a document has one root.", identifier)
    return bytes(etree.tostring(elements[0], encoding="UTF-8", xml_declaration=True, with_tail=False))

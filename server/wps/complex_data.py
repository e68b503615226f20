"""Complex values within an XML document."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from server.formats import canonical
from server.wps.xml import Element, add, clean, wps

_TEXT_TYPES = ("text/", "application/json", "application/yaml")
_TEXT_SUFFIXES = ("+json", "+xml", "/xml")


def add_complex(
    parent: Element, content: bytes, attributes: Mapping[str, str | None], encoding: str | None = None
) -> None:
    """Append a ComplexData: escaped text where the content is text, base64 where not.

    :param attributes: its mimeType and schema.
    :param encoding: ``base64`` makes it base64 in any case.
    """
    text = None if encoding == "base64" or not is_text(attributes.get("mimeType") or "") else _text(content)
    if text is None:
        add(parent, wps("ComplexData"), base64.b64encode(content).decode(), **{**attributes, "encoding": "base64"})
    else:
        add(parent, wps("ComplexData"), text, **attributes)


def is_text(media_type: str) -> bool:
    """Whether files of a media type can be read as text; so can those whose type nobody stated."""
    name = canonical(media_type)[0]
    return not name or name.startswith(_TEXT_TYPES) or name.endswith(_TEXT_SUFFIXES)


def _text(content: bytes) -> str | None:
    """The content as text that XML can hold without loss, or None."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if clean(text) == text else None

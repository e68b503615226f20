"""The names of WPS 2.0, and how its documents begin."""

from __future__ import annotations

from lxml import etree

from server.wps.versions import WPS_2_0 as WPS
from server.wps.xml import XLINK, XSI, Element

VERSION = "2.0.0"
"""As the schema has it; what is implemented is corrigendum 2.0.2 (OGC 14-065r2)."""

OWS = "http://www.opengis.net/ows/2.0"

_NSMAP = {"wps": WPS, "ows": OWS, "xlink": XLINK, "xsi": XSI}
_SCHEMA = "http://schemas.opengis.net/wps/2.0/wps.xsd"


def wps(name: str) -> str:
    """Qualified name in the namespace of WPS 2.0."""
    return f"{{{WPS}}}{name}"


def ows(name: str) -> str:
    """Qualified name in the namespace of OWS 2.0."""
    return f"{{{OWS}}}{name}"


def document_root(name: str) -> Element:
    """Root of a response document."""
    root = etree.Element(wps(name), nsmap=_NSMAP)
    root.set(f"{{{XSI}}}schemaLocation", f"{WPS} {_SCHEMA}")
    return root

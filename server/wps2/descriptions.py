"""The answer to DescribeProcess: the native process model in XML (OGC 14-065r2, clauses 7, 8.1 and 9.8)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from processes.declaration import (
    DataType,
    FormatDeclaration,
    InputDeclaration,
    Kind,
    OutputDeclaration,
    ProcessDeclaration,
)
from server.wps.allowed_values import add_allowed_values
from server.wps.complex_data import is_text
from server.wps.xml import HREF, LANG, XLINK, Element, add, to_bytes
from server.wps2.names import OWS, document_root, ows, wps

JOB_CONTROL = "sync-execute async-execute dismiss"
TRANSMISSION = "value reference"
TEXT_TYPE, XML_TYPE = "text/plain", "text/xml"
VALUE_TYPES = (TEXT_TYPE, XML_TYPE)
"""In which literals and bounding boxes are read and written (OGC 14-065r2, 8.1.1 and 8.2)."""

_DOCUMENTATION = "http://www.opengis.net/spec/wps/2.0/def/process/description/documentation"
_MEGABYTE = 1024 * 1024


def descriptions(
    declarations: Sequence[ProcessDeclaration], language: str, service_root: str, max_input_bytes: int
) -> bytes:
    """What processes take and give.

    :param declarations: already in the language.
    :param service_root: address below which each face has its path.
    :param max_input_bytes: limit on one complex input.
    """
    root = document_root("ProcessOfferings")
    megabytes = str(max(max_input_bytes // _MEGABYTE, 1))
    for declared in declarations:
        offering = add(root, wps("ProcessOffering"))
        set_offering(offering, declared)
        process = add(offering, wps("Process"))
        process.set(LANG, language)
        add_described(process, declared)
        add_page(process, declared, service_root)
        for item in declared.inputs:
            element = add(process, wps("Input"), minOccurs=str(item.min_occurs), maxOccurs=str(item.max_occurs))
            add_described(element, item)
            _data(element, item, megabytes)
        for output in declared.outputs:
            element = add(process, wps("Output"))
            add_described(element, output)
            _data(element, output, None)
    return to_bytes(root)


def set_offering(element: Element, declared: ProcessDeclaration) -> None:
    """Say of a process how it can be run."""
    element.set("jobControlOptions", JOB_CONTROL)
    element.set("outputTransmission", TRANSMISSION)
    # The schema of OWS knows no other form.
    if re.fullmatch(r"\d+\.\d\d?\.\d\d?", declared.version, re.ASCII):
        element.set("processVersion", declared.version)
    element.set("processModel", "native")


def add_described(
    element: Element,
    declared: ProcessDeclaration | InputDeclaration | OutputDeclaration,
    *,
    language: str | None = None,
) -> None:
    """Append title, abstract, keywords and identifier.

    :param language: of the texts, where nothing around them says it.
    """
    texts = [add(element, ows("Title"), declared.title)]
    if declared.abstract:
        texts.append(add(element, ows("Abstract"), declared.abstract))
    if isinstance(declared, ProcessDeclaration) and declared.keywords:
        keywords = add(element, ows("Keywords"))
        texts += [add(keywords, ows("Keyword"), keyword) for keyword in declared.keywords]
    add(element, ows("Identifier"), declared.identifier)
    if language is not None:
        for text in texts:
            text.set(LANG, language)


def add_page(element: Element, declared: ProcessDeclaration, service_root: str) -> None:
    """Append a link to the page on which the process is described for people (OGC 14-065r2, 7.1)."""
    metadata = add(element, ows("Metadata"))
    metadata.set(f"{{{XLINK}}}type", "simple")
    metadata.set(f"{{{XLINK}}}role", _DOCUMENTATION)
    metadata.set(f"{{{XLINK}}}title", declared.title)
    metadata.set(HREF, f"{service_root}/ogcapi/processes/{declared.identifier}?f=html")


def _data(parent: Element, declared: InputDeclaration | OutputDeclaration, megabytes: str | None) -> None:
    if declared.kind == "complex":
        _formats(add(parent, wps("ComplexData")), declared.formats, megabytes)
        return
    element = add(parent, wps("BoundingBoxData" if declared.kind == "bbox" else "LiteralData"))
    for media_type in VALUE_TYPES:
        default = "true" if media_type == default_type(declared.kind) else None
        add(element, wps("Format"), mimeType=media_type, default=default)
    if declared.kind == "bbox":
        for place, system in enumerate(declared.crs):
            add(element, wps("SupportedCRS"), system, default=None if place else "true")
    else:
        # The schema leaves this one element without a namespace.
        _domain(add(element, "LiteralDataDomain", default="true"), declared)


def default_type(kind: Kind) -> str:
    """The form of a literal or a bounding box where a client names none."""
    return XML_TYPE if kind == "bbox" else TEXT_TYPE


def _formats(element: Element, formats: Sequence[FormatDeclaration], megabytes: str | None) -> None:
    for place, declared in enumerate(formats):
        for encoding in _encodings(declared):
            first = place == 0 and encoding == _encodings(declared)[0]
            add(
                element,
                wps("Format"),
                mimeType=declared.media_type,
                encoding=encoding,
                schema=declared.schema,
                maximumMegabytes=megabytes,
                default="true" if first else None,
            )


def _encodings(declared: FormatDeclaration) -> tuple[str, ...]:
    """Binary data are in base64 within a document, and raw where they come by themselves."""
    if declared.encoding == "base64" or not is_text(declared.media_type):
        return ("base64", "raw")
    return ("UTF-8",)


def _domain(domain: Element, declared: InputDeclaration | OutputDeclaration) -> None:
    if isinstance(declared, InputDeclaration):
        add_allowed_values(domain, declared, OWS)
    else:
        add(domain, ows("AnyValue"))
    add(domain, ows("DataType"), declared.data_type).set(ows("reference"), data_type_uri(declared.data_type))
    if declared.unit is not None:
        add(domain, ows("UOM"), declared.unit)
    if isinstance(declared, InputDeclaration) and declared.default is not None:
        add(domain, ows("DefaultValue"), declared.default)


def data_type_uri(data_type: DataType) -> str:
    """The XML Schema type of a literal (OGC 14-065r2, 7.3.2.1, recommended data type URIs)."""
    # What is accepted is a double; clients know the name float.
    return f"http://www.w3.org/2001/XMLSchema#{'double' if data_type == 'float' else data_type}"

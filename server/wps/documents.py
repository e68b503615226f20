"""The capabilities and the descriptions of processes: made once in each language, when the service starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lxml import etree

from processes.declaration import (
    DataType,
    FormatDeclaration,
    InputDeclaration,
    OutputDeclaration,
    ProcessDeclaration,
)
from server.languages import DEFAULT, LANGUAGES
from server.sections import MetadataSection
from server.wps.allowed_values import add_allowed_values
from server.wps.operations import VERSION
from server.wps.service_metadata import add_identification, add_provider
from server.wps.versions import OFFERED
from server.wps.xml import HREF, LANG, NSMAP, OWS, SCHEMAS, WPS, XSI, Element, add, ows, to_bytes, wps

_MEGABYTE = 1024 * 1024


def document_root(name: str, schema: str, language: str) -> Element:
    """Root of a response document of WPS 1.0.0.

    :param language: of its texts.
    """
    root = etree.Element(wps(name), nsmap=NSMAP)
    root.set("service", "WPS")
    root.set("version", VERSION)
    root.set(LANG, language)
    root.set(f"{{{XSI}}}schemaLocation", f"{WPS} {SCHEMAS}{schema}")
    return root


# --- capabilities ---------------------------------------------------------------------------------


def capabilities(
    metadata: MetadataSection,
    url: str,
    declarations: Mapping[str, ProcessDeclaration],
    language: str = DEFAULT,
    sequence: str = "",
) -> bytes:
    """The answer to GetCapabilities.

    :param url: address of the service, as clients see it.
    :param declarations: already in the language.
    :param sequence: says which state of the capabilities this is.
    """
    root = document_root("Capabilities", "wpsGetCapabilities_response.xsd", language)
    if sequence:
        root.set("updateSequence", sequence)
    add_identification(root, metadata, language, sorted(OFFERED), OWS)
    add_provider(root, metadata, OWS)
    _operations(root, url)
    offerings = add(root, wps("ProcessOfferings"))
    for item in declarations.values():
        add_brief(add(offerings, wps("Process")), item)
    languages = add(root, wps("Languages"))
    add(add(languages, wps("Default")), ows("Language"), DEFAULT)
    supported = add(languages, wps("Supported"))
    for name in LANGUAGES:
        add(supported, ows("Language"), name)
    return to_bytes(root)


def unchanged_capabilities(language: str, sequence: str) -> bytes:
    """The answer to a client that has the current capabilities: the root alone (OGC 06-121r3, 7.4.3).

    The schema of WPS 1.0.0 asks for more; its authors had left out the parameter that leads here.
    """
    root = document_root("Capabilities", "wpsGetCapabilities_response.xsd", language)
    root.set("updateSequence", sequence)
    return to_bytes(root)


def _operations(root: Element, url: str) -> None:
    metadata = add(root, ows("OperationsMetadata"))
    for name in ("GetCapabilities", "DescribeProcess", "Execute"):
        http = add(add(add(metadata, ows("Operation"), name=name), ows("DCP")), ows("HTTP"))
        add(http, ows("Get")).set(HREF, f"{url}?")
        add(http, ows("Post")).set(HREF, url)


def add_brief(element: Element, declared: ProcessDeclaration) -> None:
    """Identifier, title, abstract and version of a process, into an element made for them."""
    element.set(wps("processVersion"), declared.version)
    add_described(element, declared)


def add_described(element: Element, declared: ProcessDeclaration | InputDeclaration | OutputDeclaration) -> None:
    """Identifier, title and abstract."""
    add(element, ows("Identifier"), declared.identifier)
    add(element, ows("Title"), declared.title)
    if declared.abstract:
        add(element, ows("Abstract"), declared.abstract)


# --- descriptions ---------------------------------------------------------------------------------


class Descriptions:
    """The descriptions of all processes, ready to be put together in any choice and order.

    :param offered: language → identifier → process in that language.
    :param max_input_bytes: limit on one complex input.
    """

    def __init__(self, offered: Mapping[str, Mapping[str, ProcessDeclaration]], max_input_bytes: int) -> None:
        self._ready = {
            (language, name): _cut(description(declared, language, max_input_bytes))
            for language, declarations in offered.items()
            for name, declared in declarations.items()
        }

    def document(self, identifiers: Sequence[str], language: str) -> bytes:
        """The answer to DescribeProcess.

        :param identifiers: one at least.
        """
        chosen = [self._ready[language, name] for name in identifiers]
        start, _, end = chosen[0]
        return b"".join([start, *(middle for _, middle, _ in chosen), end])


def description(declared: ProcessDeclaration, language: str, max_input_bytes: int) -> bytes:
    """The answer to DescribeProcess for one process."""
    root = document_root("ProcessDescriptions", "wpsDescribeProcess_response.xsd", language)
    # This schema leaves its local elements without a namespace.
    element = add(root, "ProcessDescription", storeSupported="true", statusSupported="true")
    add_brief(element, declared)
    if declared.inputs:
        inputs = add(element, "DataInputs")
        for item in declared.inputs:
            _input(inputs, item, max_input_bytes)
    outputs = add(element, "ProcessOutputs")
    for output in declared.outputs:
        _output(outputs, output)
    return to_bytes(root)


def _cut(document: bytes) -> tuple[bytes, bytes, bytes]:
    """What comes before the one child of a document's root, that child, and what comes after it."""
    start, end = document.index(b"<ProcessDescription "), document.rindex(b"</wps:ProcessDescriptions>")
    return document[:start], document[start:end], document[end:]


def _input(parent: Element, declared: InputDeclaration, max_input_bytes: int) -> None:
    element = add(parent, "Input", minOccurs=str(declared.min_occurs), maxOccurs=str(declared.max_occurs))
    add_described(element, declared)
    if declared.kind == "complex":
        size = str(max(max_input_bytes // _MEGABYTE, 1))
        _formats(add(element, "ComplexData", maximumMegabytes=size), declared.formats)
        return
    if declared.kind == "bbox":
        _systems(add(element, "BoundingBoxData"), declared.crs)
        return
    literal = add(element, "LiteralData")
    _data_type(literal, declared.data_type)
    _units(literal, declared.unit)
    add_allowed_values(literal, declared, OWS)
    if declared.default is not None:
        add(literal, "DefaultValue", declared.default)


def _output(parent: Element, declared: OutputDeclaration) -> None:
    element = add(parent, "Output")
    add_described(element, declared)
    if declared.kind == "complex":
        _formats(add(element, "ComplexOutput"), declared.formats)
        return
    if declared.kind == "bbox":
        _systems(add(element, "BoundingBoxOutput"), declared.crs)
        return
    literal = add(element, "LiteralOutput")
    _data_type(literal, declared.data_type)
    _units(literal, declared.unit)


def _data_type(parent: Element, data_type: DataType) -> None:
    element = add(parent, ows("DataType"), data_type)
    # What is accepted is a double; clients know the name float.
    name = "double" if data_type == "float" else data_type
    element.set(f"{{{OWS}}}reference", f"http://www.w3.org/TR/xmlschema-2/#{name}")


def _units(parent: Element, unit: str | None) -> None:
    if unit is None:
        return
    units = add(parent, "UOMs")
    for name in ("Default", "Supported"):
        add(add(units, name), ows("UOM"), unit)


def _systems(parent: Element, systems: Sequence[str]) -> None:
    add(add(parent, "Default"), "CRS", systems[0])
    supported = add(parent, "Supported")
    for system in systems:
        add(supported, "CRS", system)


def _formats(parent: Element, formats: Sequence[FormatDeclaration]) -> None:
    _format(add(parent, "Default"), formats[0])
    supported = add(parent, "Supported")
    for item in formats:
        _format(supported, item)


def _format(parent: Element, declared: FormatDeclaration) -> None:
    element = add(parent, "Format")
    add(element, "MimeType", declared.media_type)
    if declared.encoding:
        add(element, "Encoding", declared.encoding)
    if declared.schema:
        add(element, "Schema", declared.schema)

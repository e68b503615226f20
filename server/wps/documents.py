"""The capabilities and the descriptions of processes: made once, when the service starts."""

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
from server.sections import MetadataSection
from server.wps.operations import LANGUAGE, VERSION
from server.wps.xml import HREF, LANG, NSMAP, OWS, SCHEMAS, WPS, XSI, Element, add, ows, to_bytes, wps

_MEGABYTE = 1024 * 1024
_ROLE_SPACE = "http://www.isotc211.org/2005/resources/Codelist/gmxCodelists.xml#CI_RoleCode"


def document_root(name: str, schema: str) -> Element:
    """Root of a response document of WPS 1.0.0."""
    root = etree.Element(wps(name), nsmap=NSMAP)
    root.set("service", "WPS")
    root.set("version", VERSION)
    root.set(LANG, LANGUAGE)
    root.set(f"{{{XSI}}}schemaLocation", f"{WPS} {SCHEMAS}{schema}")
    return root


# --- capabilities ---------------------------------------------------------------------------------


def capabilities(metadata: MetadataSection, url: str, declarations: Mapping[str, ProcessDeclaration]) -> bytes:
    """The answer to GetCapabilities.

    :param url: address of the service, as clients see it.
    """
    root = document_root("Capabilities", "wpsGetCapabilities_response.xsd")
    _identification(root, metadata)
    _provider(root, metadata)
    _operations(root, url)
    offerings = add(root, wps("ProcessOfferings"))
    for item in declarations.values():
        add_brief(add(offerings, wps("Process")), item)
    languages = add(root, wps("Languages"))
    for name in ("Default", "Supported"):
        add(add(languages, wps(name)), ows("Language"), LANGUAGE)
    return to_bytes(root)


def _identification(root: Element, metadata: MetadataSection) -> None:
    element = add(root, ows("ServiceIdentification"))
    add(element, ows("Title"), metadata.identification_title)
    add(element, ows("Abstract"), metadata.identification_abstract)
    if metadata.identification_keywords:
        keywords = add(element, ows("Keywords"))
        for keyword in metadata.identification_keywords:
            add(keywords, ows("Keyword"), keyword)
        if metadata.identification_keywords_type:
            add(keywords, ows("Type"), metadata.identification_keywords_type)
    add(element, ows("ServiceType"), "WPS")
    add(element, ows("ServiceTypeVersion"), VERSION)
    add(element, ows("Fees"), metadata.identification_fees)
    add(element, ows("AccessConstraints"), metadata.identification_accessconstraints)


def _provider(root: Element, metadata: MetadataSection) -> None:
    provider = add(root, ows("ServiceProvider"))
    add(provider, ows("ProviderName"), metadata.provider_name)
    if metadata.provider_url:
        add(provider, ows("ProviderSite")).set(HREF, metadata.provider_url)
    contact = add(provider, ows("ServiceContact"))
    _add_given(contact, {"IndividualName": metadata.contact_name, "PositionName": metadata.contact_position})
    info = add(contact, ows("ContactInfo"))
    phone = {"Voice": metadata.contact_phone, "Facsimile": metadata.contact_fax}
    if any(phone.values()):
        _add_given(add(info, ows("Phone")), phone)
    address = {
        "DeliveryPoint": metadata.contact_address,
        "City": metadata.contact_city,
        "AdministrativeArea": metadata.contact_stateorprovince,
        "PostalCode": metadata.contact_postalcode,
        "Country": metadata.contact_country,
        "ElectronicMailAddress": metadata.contact_email,
    }
    if any(address.values()):
        _add_given(add(info, ows("Address")), address)
    if metadata.contact_url:
        add(info, ows("OnlineResource")).set(HREF, metadata.contact_url)
    _add_given(info, {"HoursOfService": metadata.contact_hours, "ContactInstructions": metadata.contact_instructions})
    if not len(info):
        contact.remove(info)
    if metadata.contact_role:
        add(contact, ows("Role"), metadata.contact_role, codeSpace=_ROLE_SPACE)


def _add_given(parent: Element, texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        if text:
            add(parent, ows(name), text)


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


def descriptions(declarations: Sequence[ProcessDeclaration], max_input_bytes: int) -> bytes:
    """The answer to DescribeProcess.

    :param max_input_bytes: limit on one complex input.
    """
    root = document_root("ProcessDescriptions", "wpsDescribeProcess_response.xsd")
    for declared in declarations:
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


def _input(parent: Element, declared: InputDeclaration, max_input_bytes: int) -> None:
    element = add(parent, "Input", minOccurs=str(declared.min_occurs), maxOccurs=str(declared.max_occurs))
    add_described(element, declared)
    if declared.kind == "complex":
        size = str(max(max_input_bytes // _MEGABYTE, 1))
        _formats(add(element, "ComplexData", maximumMegabytes=size), declared.formats)
        return
    literal = add(element, "LiteralData")
    _data_type(literal, declared.data_type)
    _units(literal, declared.unit)
    if declared.allowed:
        allowed = add(literal, ows("AllowedValues"))
        for value in declared.allowed:
            add(allowed, ows("Value"), value)
    elif declared.minimum is not None or declared.maximum is not None:
        _range(add(literal, ows("AllowedValues")), declared)
    else:
        add(literal, ows("AnyValue"))
    if declared.default is not None:
        add(literal, "DefaultValue", declared.default)


def _range(allowed: Element, declared: InputDeclaration) -> None:
    element = add(allowed, ows("Range"))
    low = "open" if declared.minimum_excluded else "closed"
    high = "open" if declared.maximum_excluded else "closed"
    element.set(ows("rangeClosure"), low if low == high else f"{low}-{high}")
    number = int if declared.data_type == "integer" else float
    if declared.minimum is not None:
        add(element, ows("MinimumValue"), str(number(declared.minimum)))
    if declared.maximum is not None:
        add(element, ows("MaximumValue"), str(number(declared.maximum)))


def _output(parent: Element, declared: OutputDeclaration) -> None:
    element = add(parent, "Output")
    add_described(element, declared)
    if declared.kind == "complex":
        _formats(add(element, "ComplexOutput"), declared.formats)
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
